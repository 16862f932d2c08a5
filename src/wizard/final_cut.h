// The one door to FINAL CUT, the library of the screens: only what the screens use, because it is heavy, and not its
// list view, which no compiler takes as C++23. No other file includes <final/...>.
#pragma once

// The library wants to be included as a whole and asks for this name.
#define USE_FINAL_H
#include <final/dialog/fdialog.h>
#include <final/fapplication.h>
#include <final/fevent.h>
#include <final/widget/fbutton.h>
#include <final/widget/flabel.h>
#include <final/widget/flineedit.h>
#include <final/widget/flistbox.h>
#include <final/widget/ftextview.h>
#undef USE_FINAL_H
