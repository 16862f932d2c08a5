// Small text functions that more than one layer needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace gemel {

/// The parts between separators; "a,,b" gives three parts, "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
/// Without white space at both ends.
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// "{db1, db2}", for people.
std::string to_string(const NodeSet& nodes);

}  // namespace gemel
