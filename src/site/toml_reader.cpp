#include "site/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "base/text.h"

namespace gemel::site {
namespace {

constexpr int most_unreadable_lines = 50;

std::string_view name_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

/// Edits (insert, remove, replace, swap of neighbours) between two words, upper and lower case alike.
std::size_t distance(std::string_view left, std::string_view right) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  std::vector<std::vector<std::size_t>> cost(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
  for (std::size_t i = 0; i <= left.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= right.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replace = cost[i - 1][j - 1] + (same(left[i - 1], right[j - 1]) ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && same(left[i - 1], right[j - 2]) && same(left[i - 2], right[j - 1])) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[left.size()][right.size()];
}

bool may_read(const TableView& view, std::string_view key) {
  return view.known.empty() || std::ranges::find(view.known, key) != view.known.end();
}

bool is_before(const Message& left, const Message& right) {
  return std::pair{left.line, left.column} < std::pair{right.line, right.column};
}

}  // namespace

std::string to_string(const Message& message) {
  return fmt::format("{}:{}:{}: {}", message.file, message.line, message.column, message.text);
}

std::optional<std::string> closest(std::string_view word, std::span<const std::string_view> known) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto candidate : known) {
    const auto steps = distance(word, candidate);
    if (steps < best_distance) {
      best_distance = steps;
      best = std::string(candidate);
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const auto meant = closest(word, known);
  return meant ? fmt::format(" Did you mean \"{}\"?", *meant) : std::string();
}

std::optional<toml::table> TomlReader::parse(const std::string& text) {
  auto lines = split(text, '\n');
  for (int attempt = 0; attempt < most_unreadable_lines; ++attempt) {
    auto result = toml::parse(join(lines, "\n"), file_);
    if (result) return std::move(result).table();
    const auto& error = result.error();
    const auto position = error.source().begin;
    mistake(MistakeCode::unreadable, position, fmt::format("this is not TOML: {}", error.description()));
    is_partial_ = true;
    if (position.line == 0 || position.line > lines.size()) return std::nullopt;
    auto& line = lines[position.line - 1];
    // A broken header or the end of a text that was never closed: what follows cannot be understood.
    if (trim(line).empty() || trim(line).front() == '[') return std::nullopt;
    line.clear();
  }
  return std::nullopt;
}

void TomlReader::refuse_unknown_keys(TableView& view, std::vector<std::string_view> known) {
  for (const auto& [key, value] : *view.table) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    mistake(MistakeCode::unknown_key, key.source().begin,
            fmt::format("{} has no key \"{}\".{} Known: {}.", view.name, key.str(), did_you_mean(key.str(), known),
                        fmt::join(known, ", ")));
  }
  view.known = std::move(known);
}

const toml::node* TomlReader::find(const TableView& view, std::string_view key, Need need) {
  GEMEL_CHECK(may_read(view, key));
  const auto* node = view.table->get(key);
  if (node == nullptr && need == Need::required && !is_partial_) {
    mistake(MistakeCode::missing_key, view.position, fmt::format("{} lacks \"{}\": add it.", view.name, key));
  }
  return node;
}

void TomlReader::wrong_type(const TableView& view, std::string_view key, std::string_view wanted,
                            const toml::node& found) {
  mistake(MistakeCode::wrong_type, found.source().begin,
          fmt::format("\"{}\" of {} must be {}, this is {}.", key, view.name, wanted, name_of(found)));
}

std::optional<TableView> TomlReader::table(const TableView& parent, std::string_view key, Need need) {
  GEMEL_CHECK(may_read(parent, key));
  const auto* node = parent.table->get(key);
  if (node == nullptr) {
    if (need == Need::required && !is_partial_) {
      mistake(MistakeCode::missing_key, {1, 1}, fmt::format("the section [{}] is missing: add it.", key));
    }
    return std::nullopt;
  }
  if (!node->is_table()) {
    mistake(MistakeCode::wrong_type, node->source().begin,
            fmt::format("\"{}\" must be a section [{}], this is {}.", key, key, name_of(*node)));
    return std::nullopt;
  }
  return TableView{node->as_table(), fmt::format("[{}]", key), node->source().begin};
}

std::optional<std::string> TomlReader::string(const TableView& view, std::string_view key, Need need) {
  const auto* node = find(view, key, need);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) {
    wrong_type(view, key, "a text in quotes", *node);
    return std::nullopt;
  }
  return node->as_string()->get();
}

std::optional<bool> TomlReader::boolean(const TableView& view, std::string_view key, Need need) {
  const auto* node = find(view, key, need);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) {
    wrong_type(view, key, "true or false", *node);
    return std::nullopt;
  }
  return node->as_boolean()->get();
}

std::optional<std::int64_t> TomlReader::integer(const TableView& view, std::string_view key, KeyRange range,
                                                Need need) {
  const auto* node = find(view, key, need);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) {
    wrong_type(view, key, "a whole number", *node);
    return std::nullopt;
  }
  const auto value = node->as_integer()->get();
  if (value < range.lowest || value > range.highest) {
    mistake(MistakeCode::out_of_range, node->source().begin,
            fmt::format("\"{}\" of {} must be between {} and {}, this is {}.", key, view.name, range.lowest,
                        range.highest, value));
    return std::nullopt;
  }
  return value;
}

std::optional<double> TomlReader::number(const TableView& view, std::string_view key, Need need) {
  const auto* node = find(view, key, need);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) {
    wrong_type(view, key, "a number", *node);
    return std::nullopt;
  }
  return node->value<double>();
}

const toml::array* TomlReader::array(const TableView& view, std::string_view key, Need need) {
  const auto* node = find(view, key, need);
  if (node == nullptr) return nullptr;
  if (!node->is_array()) {
    wrong_type(view, key, "a list", *node);
    return nullptr;
  }
  return node->as_array();
}

toml::source_position TomlReader::position_of(const TableView& view, std::string_view key) {
  const auto* node = view.table->get(key);
  return node == nullptr ? view.position : node->source().begin;
}

void TomlReader::mistake(MistakeCode code, toml::source_position position, std::string text) {
  mistakes_.push_back({file_, position.line, position.column, code, std::move(text)});
}

void TomlReader::warning(MistakeCode code, toml::source_position position, std::string text) {
  warnings_.push_back({file_, position.line, position.column, code, std::move(text)});
}

Messages TomlReader::take_mistakes() {
  std::stable_sort(mistakes_.begin(), mistakes_.end(), is_before);
  return std::exchange(mistakes_, {});
}

Messages TomlReader::take_warnings() {
  std::stable_sort(warnings_.begin(), warnings_.end(), is_before);
  return std::exchange(warnings_, {});
}

}  // namespace gemel::site
