// The rule set of the gate, as messages for one transaction. Pure: builds batches, talks to nobody.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "adapters/gate/gate.h"
#include "adapters/gate/netfilter.h"

namespace gemel::adapters::gate {

inline constexpr const char* table_name = "gemel_gate";

/// GateConfig with its addresses in network byte order.
struct ParsedConfig {
  using V4 = std::array<std::uint8_t, 4>;
  using V6 = std::array<std::uint8_t, 16>;
  std::optional<V4> vip;
  std::optional<V6> vip6;
  std::uint16_t port = 0;
  std::vector<V4> peers4;
  std::vector<V6> peers6;
};

/// `invalid` naming the text that is not an address.
Result<ParsedConfig> parse(const GateConfig& config);

/// Deletes the tables if they exist and creates them anew, with the element when `life` is given.
Batch replace_tables(const ParsedConfig& config, std::optional<std::chrono::milliseconds> life);
/// Empties the open sets and, when `life` is given, adds the addresses with that time-out: in one transaction, so no
/// packet meets an empty set in between.
Batch set_open(const ParsedConfig& config, std::optional<std::chrono::milliseconds> life);
/// Deletes the tables, existing or not.
Batch delete_tables();

/// The sets that hold the element. Family, name.
struct OpenSet {
  std::uint16_t family;
  const char* name;
};
std::vector<OpenSet> open_sets(const ParsedConfig& config);

}  // namespace gemel::adapters::gate
