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

/// For how long the gate is open and whether new connections pass. Without `life` it is shut.
struct Opening {
  std::optional<std::chrono::milliseconds> life = {};
  bool admits_new = true;
};

/// Deletes the tables if they exist and creates them anew, with the elements that `opening` asks for.
Batch replace_tables(const ParsedConfig& config, const Opening& opening);
/// Empties the sets of the virtual addresses and adds what `opening` asks for: in one transaction, so no packet meets
/// an empty set in between.
Batch set_open(const ParsedConfig& config, const Opening& opening);
/// Deletes the tables, existing or not.
Batch delete_tables();

/// A set that holds a virtual address while something is allowed.
struct AddressSet {
  std::uint16_t family;
  const char* name;
  bool is_v6;
};
/// The gate is open while they hold the address.
std::vector<AddressSet> open_sets(const ParsedConfig& config);
/// New connections pass while they hold the address.
std::vector<AddressSet> admit_sets(const ParsedConfig& config);

}  // namespace gemel::adapters::gate
