#include "site/toml_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "site/timer_profile.h"

namespace gemel::site {
namespace {

/// The profile's values; single values of the section come over them.
void read_profile(TomlReader& reader, const TableView& view, core::Timers& timers) {
  const auto wanted = reader.string(view, profile_key, Need::optional);
  if (!wanted) return;
  std::vector<std::string_view> names;
  for (const auto& profile : timer_profiles) {
    if (profile.name == *wanted) {
      timers = profile.timers;
      return;
    }
    names.push_back(profile.name);
  }
  reader.mistake(MistakeCode::out_of_range, TomlReader::position_of(view, profile_key),
                 fmt::format("[timers]: there is no profile \"{}\".{} Known: {}.", *wanted,
                             did_you_mean(*wanted, names), fmt::join(names, ", ")));
}

}  // namespace

void read_timers(TomlReader& reader, const TableView& root, core::Timers& timers) {
  auto view = reader.table(root, "timers", Need::optional);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("timers"));
  read_profile(reader, *view, timers);
  for (const auto& key : timer_keys) {
    const auto value = reader.integer(*view, key.name, timer_range, Need::optional);
    if (value) timers.*key.member = std::chrono::milliseconds(*value);
  }
  const auto rate = reader.number(*view, clock_rate_error_key, Need::optional);
  if (rate) timers.clock_rate_error = *rate;
  for (auto& sentence : core::check_timers(timers)) {
    reader.mistake(MistakeCode::timers, view->position, "[timers]: " + std::move(sentence));
  }
}

void read_ports(TomlReader& reader, const TableView& root, Ports& ports) {
  auto view = reader.table(root, "ports", Need::optional);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("ports"));
  for (const auto& key : port_keys) {
    const auto value = reader.integer(*view, key.name, port_range, Need::optional);
    if (value) ports.*key.member = static_cast<std::uint16_t>(*value);
  }
}

}  // namespace gemel::site
