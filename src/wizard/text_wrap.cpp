#include "wizard/text_wrap.h"

#include <algorithm>

#include "base/text.h"

namespace gemel::wizard {

std::string wrapped(const std::string& text, std::size_t width) {
  std::string result;
  for (const auto& line : split(text, '\n')) {
    std::string rest = line;
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    while (rest.size() > width) {
      auto at = rest.rfind(' ', width);
      // What has no gap is cut.
      const bool is_gap = at != std::string::npos && at > indent;
      if (!is_gap) at = width;
      result += rest.substr(0, at) + "\n";
      rest = std::string(indent, ' ') + rest.substr(is_gap ? at + 1 : at);
    }
    result += rest + "\n";
  }
  result.pop_back();
  return result;
}

}  // namespace gemel::wizard
