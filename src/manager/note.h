// One entry of the operators' shift log, the checks on a new one, and their JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace gemel::manager {

/// As it stands in the database.
struct Note {
  std::int64_t id = 0;     // grows; gaps are possible
  std::string written_at;  // RFC 3339 UTC, the database's clock
  std::string author;
  std::string text;
  std::string idempotency_key;
  std::string manager;  // the host name of the manager that wrote it
};

/// What a client asks to write. Valid when it comes from parse_new_note().
struct NewNote {
  std::string author;
  std::string text;
  std::string idempotency_key;
};

inline constexpr std::size_t max_author_length = 100;  // code points
inline constexpr std::size_t max_text_length = 4000;   // code points
inline constexpr std::size_t max_key_length = 200;     // visible ASCII

/// Reads {"author": …, "text": …}; `invalid` with what is wrong and what to do, for a person.
Result<NewNote> parse_new_note(const std::string& body, const std::string& idempotency_key);
/// The checks on the header alone; `invalid` when missing or malformed.
Status check_idempotency_key(const std::string& key);
/// True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates) without NUL.
bool is_storable_text(const std::string& text);

std::string to_json(const Note& note);
/// {"notes": […]}
std::string to_json(const std::vector<Note>& notes);

}  // namespace gemel::manager
