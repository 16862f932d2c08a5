// Strong identities that cross every layer: which node, which epoch, which revision of the record.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>

namespace gemel {

/// A host by its name in the site file. Empty means "none".
struct NodeId {
  std::string name;
  auto operator<=>(const NodeId&) const = default;
  [[nodiscard]] bool empty() const { return name.empty(); }
};
using NodeSet = std::set<NodeId>;

/// The fencing token: grows by one with every take-over. 0 means "none yet".
struct Epoch {
  std::uint64_t value = 0;
  auto operator<=>(const Epoch&) const = default;
};

/// etcd's mod_revision of the record: what a compare-and-swap compares. 0 means "the key does not exist".
struct Revision {
  std::int64_t value = 0;
  auto operator<=>(const Revision&) const = default;
};

}  // namespace gemel
