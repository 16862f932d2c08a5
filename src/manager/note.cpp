// Validation and JSON of notes.
#include "manager/note.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"

namespace gemel::manager {
namespace {

/// Length of the well-formed UTF-8 sequence at the beginning; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t index) -> unsigned {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto follows = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool is_overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool is_surrogate = first == 0xED && byte(1) > 0x9F;
    return follows(1) && follows(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool is_overlong = first == 0xF0 && byte(1) < 0x90;
    const bool is_too_large = first == 0xF4 && byte(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !is_overlong && !is_too_large ? 4 : 0;
  }
  return 0;
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

Result<std::string> read_text(const boost::json::object& object, std::string_view key, std::size_t max_length) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return fail(ErrorCode::invalid, fmt::format("\"{}\" is missing", key));
  if (!value->is_string()) return fail(ErrorCode::invalid, fmt::format("\"{}\" must be a string", key));
  std::string text(value->get_string());
  if (!is_storable_text(text)) return fail(ErrorCode::invalid, fmt::format("\"{}\" must be UTF-8 without NUL", key));
  if (trim(text).empty()) return fail(ErrorCode::invalid, fmt::format("\"{}\" must not be empty", key));
  if (code_points(text) > max_length) {
    return fail(ErrorCode::invalid,
                fmt::format("\"{}\" must have at most {} characters, it has {}", key, max_length, code_points(text)));
  }
  return text;
}

boost::json::object to_object(const Note& note) {
  return {{"id", note.id},     {"written_at", note.written_at},           {"author", note.author},
          {"text", note.text}, {"idempotency_key", note.idempotency_key}, {"manager", note.manager}};
}

}  // namespace

bool is_storable_text(const std::string& text) {
  for (std::string_view rest = text; !rest.empty();) {
    const auto length = sequence_length(rest);
    if (length == 0 || rest.front() == '\0') return false;
    rest.remove_prefix(length);
  }
  return true;
}

Status check_idempotency_key(const std::string& key) {
  if (key.empty()) {
    return fail(
        ErrorCode::invalid,
        "the header Idempotency-Key is missing: choose a new random value for each note, and send the same value again "
        "when you repeat a request, so that nothing is written twice");
  }
  const bool is_visible = std::ranges::all_of(key, [](char byte) { return byte > 0x20 && byte < 0x7F; });
  if (key.size() > max_key_length || !is_visible) {
    return fail(ErrorCode::invalid,
                fmt::format("Idempotency-Key must be 1 to {} visible ASCII characters", max_key_length));
  }
  return {};
}

Result<NewNote> parse_new_note(const std::string& body, const std::string& idempotency_key) {
  if (auto status = check_idempotency_key(idempotency_key); !status) return std::unexpected(status.error());
  boost::system::error_code error;
  const auto document = boost::json::parse(body, error);
  if (error) return fail(ErrorCode::invalid, "the body is not JSON: " + error.message());
  if (!document.is_object())
    return fail(ErrorCode::invalid, R"(the body must be an object: {"author": "...", "text": "..."})");
  const auto& object = document.get_object();
  for (const auto& member : object) {
    if (member.key() != "author" && member.key() != "text") {
      return fail(ErrorCode::invalid,
                  fmt::format("unknown member {}; only \"author\" and \"text\" are allowed",
                              boost::json::serialize(boost::json::value(member.key().substr(0, 40)))));
    }
  }
  auto author = read_text(object, "author", max_author_length);
  if (!author) return std::unexpected(author.error());
  auto text = read_text(object, "text", max_text_length);
  if (!text) return std::unexpected(text.error());
  return NewNote{std::move(*author), std::move(*text), idempotency_key};
}

std::string to_json(const Note& note) { return boost::json::serialize(to_object(note)); }

std::string to_json(const std::vector<Note>& notes) {
  boost::json::array array;
  for (const auto& note : notes) array.push_back(to_object(note));
  return boost::json::serialize(boost::json::object{{"notes", std::move(array)}});
}

}  // namespace gemel::manager
