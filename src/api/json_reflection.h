// JSON for described structs (Boost.Describe): keys are the member names, in their order. Reading is lenient on
// purpose: a missing key keeps the default and an unknown one is ignored, so that two versions understand each other. A
// value of the wrong type is an error that names the key. Included by the sources of this folder only.
#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11/algorithm.hpp>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace gemel::api::reflection {

template <typename T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename T>
boost::json::value write(const T& source) {
  if constexpr (IsVector<T>::value) {
    boost::json::array array;
    array.reserve(source.size());
    for (const auto& item : source) array.push_back(write(item));
    return array;
  } else if constexpr (IsOptional<T>::value) {
    return source ? write(*source) : boost::json::value(nullptr);
  } else if constexpr (boost::describe::has_describe_members<T>::value) {
    boost::json::object object;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) { object[member.name] = write(source.*member.pointer); });
    return object;
  } else if constexpr (std::same_as<T, std::string>) {
    return boost::json::value(boost::json::string(source));
  } else {
    return boost::json::value(source);
  }
}

inline Status wrong(std::string_view expected) { return fail(ErrorCode::invalid, "must be " + std::string(expected)); }

template <typename T>
Status read_number(const boost::json::value& source, T& target) {
  boost::system::error_code error;
  const T number = source.to_number<T>(error);
  if (error) return wrong("a whole number in range");
  target = number;
  return {};
}

template <typename T>
Status read(const boost::json::value& source, T& target);

template <typename T>
Status read_array(const boost::json::value& source, std::vector<T>& target) {
  if (!source.is_array()) return wrong("an array");
  target.clear();
  for (const auto& item : source.get_array()) {
    T element{};
    if (auto status = read(item, element); !status) return status;
    target.push_back(std::move(element));
  }
  return {};
}

template <typename T>
Status read_object(const boost::json::value& source, T& target) {
  if (!source.is_object()) return wrong("an object");
  Status result;
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    const auto* value = source.get_object().if_contains(member.name);
    if (!result || value == nullptr) return;
    if (auto status = read(*value, target.*member.pointer); !status) {
      result = std::unexpected(status.error().with(member.name));
    }
  });
  return result;
}

template <typename T>
Status read(const boost::json::value& source, T& target) {
  if constexpr (IsVector<T>::value) {
    return read_array(source, target);
  } else if constexpr (IsOptional<T>::value) {
    if (source.is_null()) return target.reset(), Status{};
    return read(source, target.emplace());
  } else if constexpr (boost::describe::has_describe_members<T>::value) {
    return read_object(source, target);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!source.is_string()) return wrong("a string");
    target = std::string(source.get_string());
    return {};
  } else if constexpr (std::same_as<T, bool>) {
    if (!source.is_bool()) return wrong("true or false");
    target = source.get_bool();
    return {};
  } else {
    return read_number(source, target);
  }
}

/// The whole text as a T; `invalid` when it is not JSON or a value has the wrong type. Depth and memory are bounded by
/// the caller's limit on the text; nesting by Boost.JSON's own (32).
template <typename T>
Result<T> parse(const std::string& text) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(text, error);
  if (error) return fail(ErrorCode::invalid, "not JSON: " + error.message());
  T result{};
  if (auto status = read(value, result); !status) return std::unexpected(status.error());
  return result;
}

}  // namespace gemel::api::reflection
