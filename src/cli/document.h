// JSON text as people like to read it, and the same as YAML. Pure.
#pragma once

#include <string>

namespace gemel::cli {

/// Two blanks per level, ends with a newline. Text that is not JSON is given back unchanged.
std::string pretty_json(const std::string& json);
/// Block style; strings are always quoted (so no word turns into a number or a truth value).
std::string to_yaml(const std::string& json);

}  // namespace gemel::cli
