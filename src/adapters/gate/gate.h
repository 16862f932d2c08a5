// The gate: kernel packet filter that lets clients reach PostgreSQL's virtual address only while a set element with a
// time-out is kept fresh. It shuts by itself when the agent is frozen or dead. Rules are in rules.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::gate {

/// Addresses are literals. Without any virtual address the gate has nothing to open and refresh() succeeds.
struct GateConfig {
  std::optional<std::string> vip = {};   // IPv4
  std::optional<std::string> vip6 = {};  // IPv6
  std::uint16_t port = 5432;             // PostgreSQL, on the virtual and on the node addresses
  std::vector<std::string> peers = {};   // IPv4 and IPv6 of the database hosts, the only ones that reach a node address
};

/// What install() does with an element that a former run of the agent left alive.
enum class InstallMode { shut, keep_open };

/// Loop thread only. What it set in the kernel outlives the object and the process: an open gate shuts by its own
/// time-out, a shut one stays shut.
///
/// Covers, while shut: TCP to and from VIP:port in both directions (stateless, so established connections too; they go
/// on when the gate opens again, and a new one is refused at once with a reset), ARP requests and answers for the VIP,
/// neighbour solicitations and advertisements for the IPv6 VIP. Raw frames of an AF_PACKET socket are not seen by these
/// hooks: the announcer must ask before it sends. A host without the address answers TCP to VIP:port that still reaches
/// it with a reset; resets pass a shut gate. Always: TCP to `port` of a node address only from peers and from this
/// host.
class Gate {
 public:
  /// A gate that would live shorter than this is shut at once instead: below one tick of the kernel's clock (10 ms at
  /// HZ=100) older kernels round a time-out to zero, and zero means for ever.
  static constexpr Duration shortest_life = std::chrono::milliseconds(10);

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  virtual ~Gate() = default;

  /// Creates tables, sets and chains in one transaction; replaces older ones without a moment in between. Idempotent.
  /// Errors: `invalid` (an address), `denied` (no CAP_NET_ADMIN), `unavailable`; without effect in every case.
  virtual runtime::Task<Status> install(InstallMode mode) = 0;
  /// The gate is open for `remaining` from now, whatever it was before; at or below `shortest_life` it is shut.
  /// Rounded down to milliseconds. Blocks for well under 2 ms. Restores missing tables (and reports on_lost).
  /// On error the former element stays and ends at its own time.
  virtual Status refresh(Duration remaining) = 0;
  /// As refresh(), but new connections are refused with a reset: who has a session hears its end, who looks for one
  /// asks again at once instead of waiting for a server that ends. Until the next refresh() or shut().
  virtual Status drain(Duration remaining) = 0;
  /// Shut when this returns with success.
  virtual Status shut() = 0;
  /// As the kernel sees it now; also while it drains.
  [[nodiscard]] virtual Result<bool> is_open() const = 0;
  /// `handler` runs on the loop after somebody else changed or removed our tables and they were restored, shut or
  /// with the time that remained. One handler; the last one wins.
  virtual void on_lost(std::function<void()> handler) = 0;
  /// Removes our tables: everything is reachable. For removal of the package and tests.
  virtual runtime::Task<Status> remove() = 0;
};

}  // namespace gemel::adapters::gate
