// What a site file may hold, as a table, as JSON, and as the handbook's page. Pure.
#pragma once

#include <string>

namespace gemel::cli {

/// One row per key. `is_wide`: with examples.
std::string schema_table(bool is_wide, bool use_colour);

/// {"api_version", "sections": [{"name", "heading", "is_repeated", "is_required", "meaning", "keys": [{"name", "kind",
/// "unit", "is_required", "standard": value or null, "standard_in_words", "choices": list or null, "lowest", "highest":
/// number or null, "meaning", "example"}]}]}.
std::string schema_json();

/// docs/handbook/site-file.md, the sample included.
std::string schema_markdown();

}  // namespace gemel::cli
