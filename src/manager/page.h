// The one page of the manager, as the files page.html, page.css and page.js were at build time.
#pragma once

#include <string_view>

namespace gemel::manager {

std::string_view page_html();
std::string_view page_css();
std::string_view page_js();

}  // namespace gemel::manager
