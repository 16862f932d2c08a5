// One setting of a site that runs: which keys of the site file may be changed there alone, and the site file with
// another value for one. Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "site/site_schema.h"

namespace gemel::site {

struct Setting {
  std::string section;  // "database"
  std::string key;      // "min_copies"
  std::string value;    // as it stands in a site file: "2", "\"eth1\""
  /// "database.min_copies".
  [[nodiscard]] std::string name() const { return section + "." + key; }
};

/// Reads "database.min_copies=2". Texts need no quotes, a list may be given as "a,b". `invalid`: no such key, or a
/// value of another kind; `refused`: the key is not changed alone while the site runs, with the verb or page that
/// helps. Whether the value is a good one, parse_site() says of the whole file.
Result<Setting> parse_setting(const std::string& text);

/// The keys that parse_setting() takes, as "database.min_copies".
std::vector<std::string> settable_keys();

/// The text of a site file with this setting and without any other difference: comments, order and layout stay. A key
/// that is not there comes at the end of its section, a section that is not there at the end of the file. `invalid`:
/// the text is not TOML, or is written in a way that leaves no place for it.
Result<std::string> with_setting(const std::string& text, const Setting& setting);

}  // namespace gemel::site
