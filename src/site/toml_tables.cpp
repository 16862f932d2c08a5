#include "site/toml_tables.h"

namespace gemel::site {
namespace {

constexpr std::int64_t longest_timer_ms = 10L * 60 * 1000;

}  // namespace

void read_timers(TomlReader& reader, const TableView& root, core::Timers& timers) {
  const auto view = reader.table(root, "timers", Need::optional);
  if (!view) return;
  std::vector<std::string_view> known;
  for (const auto& key : timer_keys) known.push_back(key.name);
  known.push_back(clock_rate_error_key);
  reader.refuse_unknown_keys(*view, known);
  for (const auto& key : timer_keys) {
    const auto value = reader.integer(*view, key.name, {1, longest_timer_ms}, Need::optional);
    if (value) timers.*key.member = std::chrono::milliseconds(*value);
  }
  const auto rate = reader.number(*view, clock_rate_error_key, Need::optional);
  if (rate) timers.clock_rate_error = *rate;
  for (auto& sentence : core::check_timers(timers)) {
    reader.mistake(MistakeCode::timers, view->position, "[timers]: " + std::move(sentence));
  }
}

void read_ports(TomlReader& reader, const TableView& root, Ports& ports) {
  const auto view = reader.table(root, "ports", Need::optional);
  if (!view) return;
  std::vector<std::string_view> known;
  for (const auto& key : port_keys) known.push_back(key.name);
  reader.refuse_unknown_keys(*view, known);
  for (const auto& key : port_keys) {
    const auto value = reader.integer(*view, key.name, {1, 65535}, Need::optional);
    if (value) ports.*key.member = static_cast<std::uint16_t>(*value);
  }
}

}  // namespace gemel::site
