// What a person has answered so far. A plain value: the form, the site file, the draft on disk are made from it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace gemel::wizard {

struct Answers {
  std::map<std::string, std::string> values;  // field id to the text as it was given; absent: not answered yet
  std::map<std::string, std::string> kept;    // keys of an existing site file that nobody is asked about, as
                                              // "timers.hb_ms", to their value in TOML; they are written back
  std::string running = {};  // the kind of site that runs already, as site_kind.h names it; empty: none is known.
                             // No answer, and in no draft: the state directory says it
  bool operator==(const Answers&) const = default;
};

/// The only answer that is a secret: it is in no draft, site file, summary or log.
inline constexpr std::string_view password_id = "database.password";

/// How the ids of the fields with the files of an own certificate begin.
inline constexpr std::string_view certificate_fields = "certificates.";

}  // namespace gemel::wizard
