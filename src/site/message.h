// One thing to say about a file that a person wrote: where, what, and what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gemel::site {

enum class MistakeCode : std::uint8_t {
  unreadable,  // not TOML
  unknown_key,
  missing_key,
  wrong_type,
  out_of_range,
  bad_name,
  bad_address,
  duplicate_host,
  duplicate_address,
  outside_network,
  vip_in_use,
  vip_not_usable,  // network or broadcast address
  unknown_role,
  role_not_available,  // the role exists, but not for high availability
  missing_role,
  too_many_of_role,
  voters,  // their number is too small or even
  timers,
  external_database,     // has no meaning beside an external database, or is missing with one
  same_zone,             // warning
  no_address_of_family,  // warning
};

/// Tests and programs compare `code` and the position; `text` is for people and says what to do.
struct Message {
  std::string file;
  unsigned line = 0;    // from 1
  unsigned column = 0;  // from 1
  MistakeCode code = MistakeCode::unreadable;
  std::string text;
};
using Messages = std::vector<Message>;

/// "site.toml:12:8: text", as compilers print it.
std::string to_string(const Message& message);

}  // namespace gemel::site
