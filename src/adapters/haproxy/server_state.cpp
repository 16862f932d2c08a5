#include "adapters/haproxy/server_state.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.h"

namespace gemel::adapters::haproxy {
namespace {

/// One line of CSV; a field in double quotes may hold commas, and doubled quotes for a quote.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char letter = line[i];
    if (letter == '"' && is_quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (letter == '"') {
      is_quoted = !is_quoted;
    } else if (letter == ',' && !is_quoted) {
      fields.emplace_back();
    } else {
      fields.back() += letter;
    }
  }
  return fields;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);  // empty means "does not apply": 0
  return value;
}

ServerCondition condition_of(const std::string& status) {
  if (status.starts_with("UP")) return ServerCondition::up;
  if (status.starts_with("DRAIN") || status.starts_with("NOLB")) return ServerCondition::drain;
  if (status.starts_with("MAINT")) return ServerCondition::maintenance;
  if (status == "no check") return ServerCondition::unchecked;
  return ServerCondition::down;
}

}  // namespace

std::string to_string(ServerCondition condition) {
  switch (condition) {
    case ServerCondition::up:
      return "up";
    case ServerCondition::down:
      return "down";
    case ServerCondition::drain:
      return "drain";
    case ServerCondition::maintenance:
      return "maintenance";
    case ServerCondition::unchecked:
      return "unchecked";
  }
  return "";
}

Result<std::vector<ServerState>> parse_server_states(const std::string& csv) {
  if (!csv.starts_with("# ")) return fail(ErrorCode::corrupt, "this is not HAProxy's table of statistics");
  const auto lines = split(csv, '\n');
  const auto header = fields_of(lines.front().substr(2));
  std::map<std::string, std::size_t> column;
  for (std::size_t i = 0; i < header.size(); ++i) column[header[i]] = i;
  for (const auto* name : {"pxname", "svname", "status", "check_status", "scur", "lastchg"}) {
    if (!column.contains(name))
      return fail(ErrorCode::corrupt, std::string("no column \"") + name + "\" in the statistics");
  }
  std::vector<ServerState> states;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (trim(lines[i]).empty()) continue;
    const auto fields = fields_of(lines[i]);
    const auto value = [&](const char* name) {
      const auto at = column.at(name);
      return at < fields.size() ? fields[at] : std::string();
    };
    const auto server = value("svname");
    if (server == "FRONTEND" || server == "BACKEND") continue;
    states.push_back({value("pxname"), server, condition_of(value("status")), value("status"), value("check_status"),
                      number(value("scur")), number(value("lastchg"))});
  }
  return states;
}

}  // namespace gemel::adapters::haproxy
