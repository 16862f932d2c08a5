// What a site file may hold: one table of every section and key, which the reader, `gemel schema`, the commented sample
// and docs/handbook/site-file.md are made from. What the values mean together is checked in site_checks.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gemel::site {

enum class KeyKind : std::uint8_t {
  text,
  whole_number,
  number,  // may have a fraction
  texts    // a list
};
/// "text", "whole number", "number", "list of texts".
std::string_view to_string(KeyKind kind);

/// Whole numbers that a key takes, both ends included.
struct KeyRange {
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
};
inline constexpr KeyRange copies_range{1, 9};
inline constexpr KeyRange timer_range{1, 10L * 60 * 1000};  // milliseconds
inline constexpr KeyRange port_range{1, 65535};

/// What holds when a key is left out, made of the values that the programs themselves use.
struct Standard {
  std::string value;  // as it would stand in the file; empty: no value says it
  std::string words;  // what is not told by a value, or beside it; may be empty
};

struct SchemaKey {
  std::string_view name;
  KeyKind kind = KeyKind::text;
  std::string_view unit;  // "ms"; may be empty
  bool is_required = false;
  std::string_view meaning;  // without a full stop
  std::string_view example;  // as it stands in a file; empty: the standard
  Standard (*standard)(std::string_view key) = nullptr;
  std::vector<std::string_view> (*choices)() = nullptr;  // the only values that are taken; none: see `kind`
  std::optional<KeyRange> range = std::nullopt;
  bool is_shown = false;  // stands in the sample though it may be left out
};

struct SchemaSection {
  std::string_view name;
  bool is_repeated = false;  // [[host]]
  bool is_required = false;
  std::string_view meaning;
  std::span<const SchemaKey> keys;
  /// "[network]", "[[host]]".
  [[nodiscard]] std::string heading() const;
};

/// Every section in the order in which people read them.
std::span<const SchemaSection> site_schema();

/// The key's example, else its standard, as it stands in a file. Never empty.
std::string example_of(const SchemaKey& key);
/// No standard for a key that has none, as a required one.
Standard standard_of(const SchemaKey& key);

/// The names of the sections.
std::vector<std::string_view> section_names();
/// The names of a section's keys. Pre: there is such a section.
std::vector<std::string_view> keys_of_section(std::string_view section);

}  // namespace gemel::site
