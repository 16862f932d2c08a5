// The policy table as a chart for documentation.
#pragma once

#include <string>

namespace gemel::cli {

/// Mermaid source (https://mermaid.js.org, flowchart): the subjects in their order, in each its rules in theirs. Ends
/// with a line feed.
std::string rules_chart();

}  // namespace gemel::cli
