// Reads values out of a TOML document and collects what is wrong with it, with positions. For this folder and
// src/wizard.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "site/message.h"
#include "site/site_schema.h"

namespace gemel::site {

enum class Need : std::uint8_t { optional, required };

/// One table of the document and its name for messages ("[site]", "[[host]] 3").
struct TableView {
  const toml::table* table = nullptr;
  std::string name;
  toml::source_position position{1, 1};
  std::vector<std::string_view> known{};  // set by refuse_unknown_keys(): no other key may be read; empty: any
};

/// Collects; never throws, never stops at the first mistake. A reading function that finds a mistake notes it and
/// returns nullopt, and returns nullopt without a note for an absent optional key.
class TomlReader {
 public:
  explicit TomlReader(std::string file) : file_(std::move(file)) {}

  /// Parses; a line that is no TOML is noted and left out, so that the rest is checked too. Nullopt when that is
  /// hopeless.
  std::optional<toml::table> parse(const std::string& text);
  /// Notes each key of `view` that is not in `known`, with the closest known one as a suggestion. From then on another
  /// key is never read from `view`, checked: what is read is what is known.
  void refuse_unknown_keys(TableView& view, std::vector<std::string_view> known);

  std::optional<TableView> table(const TableView& parent, std::string_view key, Need need);
  std::optional<std::string> string(const TableView& view, std::string_view key, Need need);
  std::optional<bool> boolean(const TableView& view, std::string_view key, Need need);
  std::optional<std::int64_t> integer(const TableView& view, std::string_view key, KeyRange range, Need need);
  std::optional<double> number(const TableView& view, std::string_view key, Need need);
  const toml::array* array(const TableView& view, std::string_view key, Need need);

  /// Where the value of `key` stands; the table itself when it is absent.
  static toml::source_position position_of(const TableView& view, std::string_view key);
  void mistake(MistakeCode code, toml::source_position position, std::string text);
  void warning(MistakeCode code, toml::source_position position, std::string text);
  [[nodiscard]] bool has_mistakes() const { return !mistakes_.empty(); }
  /// True when lines were left out: what seems to be missing may stand in them.
  [[nodiscard]] bool is_partial() const { return is_partial_; }
  /// In the order of the file. Empties the reader.
  Messages take_mistakes();
  Messages take_warnings();

 private:
  const toml::node* find(const TableView& view, std::string_view key, Need need);
  void wrong_type(const TableView& view, std::string_view key, std::string_view wanted, const toml::node& found);
  std::string file_;
  bool is_partial_ = false;
  Messages mistakes_;
  Messages warnings_;
};

/// The member of `known` closest to `word` when it is close enough to be meant (at most a third of the letters differ).
std::optional<std::string> closest(std::string_view word, std::span<const std::string_view> known);
/// " Did you mean \"x\"?" or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace gemel::site
