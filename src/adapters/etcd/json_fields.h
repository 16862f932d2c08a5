// Reading fields of the gateway's JSON, where a zero field is absent and 64-bit numbers are strings. Only for sources
// of this folder.
#pragma once

#include <boost/json.hpp>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

namespace gemel::adapters::etcd {

/// The member `name` when `value` is an object that has it, else null.
inline const boost::json::value* field_of(const boost::json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

/// Absent or unreadable: 0.
template <typename Number>
Number number_of(const boost::json::value& value, std::string_view name) {
  Number result = 0;
  const auto* field = field_of(value, name);
  if (field == nullptr) return result;
  if (const auto* text = field->if_string()) {
    const auto end = std::from_chars(text->data(), text->data() + text->size(), result);
    return end.ec == std::errc() && end.ptr == text->data() + text->size() ? result : Number{0};
  }
  boost::system::error_code bad;
  if (field->is_number()) result = field->to_number<Number>(bad);
  return bad ? Number{0} : result;
}

inline std::string text_of(const boost::json::value& value, std::string_view name) {
  const auto* field = field_of(value, name);
  const auto* text = field == nullptr ? nullptr : field->if_string();
  return text == nullptr ? std::string{} : std::string(text->data(), text->size());
}

/// The texts of a list; empty when there is none.
inline std::vector<std::string> texts_of(const boost::json::value& value, std::string_view name) {
  std::vector<std::string> texts;
  const auto* field = field_of(value, name);
  const auto* list = field == nullptr ? nullptr : field->if_array();
  if (list == nullptr) return texts;
  for (const auto& each : *list)
    if (const auto* text = each.if_string()) texts.emplace_back(text->data(), text->size());
  return texts;
}

inline bool flag_of(const boost::json::value& value, std::string_view name) {
  const auto* field = field_of(value, name);
  return field != nullptr && field->is_bool() && field->get_bool();
}

}  // namespace gemel::adapters::etcd
