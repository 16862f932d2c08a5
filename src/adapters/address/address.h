// The virtual address on this host: taken, announced, defended, released. Real one: kernel_address.h (netlink and raw
// frames, no child process); in memory: fake_address.h.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::address {

using Mac = std::array<std::uint8_t, 6>;
std::string to_string(const Mac& mac);  // "02:00:5e:00:53:01"

struct Address {
  std::string address;      // IPv4 or IPv6 literal
  std::uint8_t prefix = 0;  // 0: the whole length (32 or 128), which leaves routing untouched; recommended
  std::string interface;    // e.g. "eth0"
  auto operator<=>(const Address&) const = default;
};

/// Somebody else on the link claims an address that we hold.
struct Conflict {
  Address address;
  Mac claimant{};
};

/// Loop thread only. An address that was taken stays in the kernel when the process ends; announcements end with it.
///
/// Announcements are gratuitous ARP (a request and a reply) or unsolicited neighbour advertisements with the override
/// flag, as raw frames: 0, 50, 200 and 1000 ms after taking and every 30 s while held. Raw frames pass the gate's ARP
/// and neighbour hooks unseen, therefore each one asks `may_announce` first: a host that was frozen and runs again must
/// not call the clients back.
class AddressKeeper {
 public:
  AddressKeeper() = default;
  AddressKeeper(const AddressKeeper&) = delete;
  AddressKeeper& operator=(const AddressKeeper&) = delete;
  virtual ~AddressKeeper() = default;

  /// Asks the link for `time` long whether somebody else has the address, and changes nothing. Success: nobody
  /// answered. The gate may be shut (raw frames pass it). Suspends for `time`. Errors: `conflict` (the message names
  /// the MAC), `not_found`, `invalid`, `denied`.
  virtual runtime::Task<Status> ask(Address address, Duration time) = 0;
  /// Asks the link for `probe` long whether somebody else has the address (two probes, RFC 5227 and RFC 4862 with
  /// shortened times), then adds it and announces it. With probe 0 nobody is asked, because the
  /// caller did so just before. Already held: announces again.
  /// The gate must be open before (it drops neighbour traffic for the address).
  /// Suspends for `probe`; cancelling while it asks leaves the address as it was.
  /// Errors: `refused` (an epoch lower than one seen before, or released while asking), `conflict` (somebody answers;
  /// the message names the MAC), `not_found` (no such interface), `invalid`, `denied`: all without effect;
  /// `timed_out` (netlink lost): unknown, look with held().
  virtual runtime::Task<Status> acquire(Address address, Epoch epoch, Duration probe) = 0;
  /// Stops announcing and removes the address; success when it was not there. Always allowed, whatever the epoch.
  virtual Status release(Address address) = 0;
  /// Whether the kernel has the address on the interface now.
  [[nodiscard]] virtual Result<bool> held(const Address& address) const = 0;
  /// `handler` runs on the loop when somebody else claims an address we hold. We announce it again at once, at most
  /// once in ten seconds (RFC 5227 section 2.4), and keep it: who serves is decided by the record, not by ARP.
  virtual void on_conflict(std::function<void(Conflict)> handler) = 0;
};

}  // namespace gemel::adapters::address
