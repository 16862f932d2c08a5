// KernelAddress: order of asking, adding, announcing and defending. Bytes are in frames.cpp, sockets in link.cpp.
#include "adapters/address/kernel_address.h"

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "adapters/address/link.h"
#include "runtime/log.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::address {

namespace {

using std::chrono::milliseconds;

// Gaps between announcements: at 0, 50, 200 and 1000 ms, then every 30 s, so that a neighbour that missed all of the
// first ones is repaired.
constexpr std::array<Duration, 4> first_gaps = {milliseconds(0), milliseconds(50), milliseconds(150),
                                                milliseconds(800)};
constexpr Duration steady_gap = std::chrono::seconds(30);
constexpr Duration defence_interval = std::chrono::seconds(10);  // RFC 5227 DEFEND_INTERVAL

struct Target {
  Address address;
  Ip ip;
  std::uint8_t prefix = 0;
};

Result<Target> read_target(const Address& address) {
  const auto ip = Ip::parse(address.address);
  if (!ip) return fail(ErrorCode::invalid, "\"" + address.address + "\" is not an address");
  const std::uint8_t whole = ip->is_v4() ? 32 : 128;
  if (address.prefix > whole) return fail(ErrorCode::invalid, "the prefix of " + address.address + " is too long");
  return Target{address, *ip, address.prefix == 0 ? whole : address.prefix};
}

struct Keeper;

// One address we hold: the socket on which claims of others are heard and announcements leave, and their timer.
struct Holding {
  Holding(const boost::asio::any_io_executor& executor, Target held, Interface found, int socket)
      : target(std::move(held)), interface(found), frames(executor, socket), timer(executor) {}
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;
  /// The kernel waits 10 to 30 ms for all processors before it closes a packet socket. A failover does not.
  ~Holding() {
    runtime::leave_blocking([socket = frames.release()] { ::close(socket); });
  }
  Target target;
  Interface interface;
  boost::asio::posix::stream_descriptor frames;
  boost::asio::steady_timer timer;
  std::size_t announced = 0;
  std::optional<TimePoint> defended_at;
};

struct Keeper {
  explicit Keeper(RouteSocket route_socket) : route(std::move(route_socket)) {}
  RouteSocket route;
  std::function<bool()> may_announce;
  std::function<void(Conflict)> conflict;
  std::map<Address, std::shared_ptr<Holding>> holdings;
  std::map<Address, std::uint64_t> releases;  // counts, so that an acquisition under way notices
  Epoch highest;
};

void send_announcement(Keeper& keeper, Holding& holding) {
  if (keeper.may_announce && !keeper.may_announce()) return;
  for (const auto& frame : announcement_frames(holding.target.ip, holding.interface.mac))
    if (auto sent = send_frame(holding.frames.native_handle(), frame); !sent)
      // Safe to go on: the next announcement follows, and neighbours ask by themselves when they must.
      runtime::log_warn("announcing " + holding.target.address.address + ": " + sent.error().to_string());
}

void announce(const std::weak_ptr<Keeper>& owner, const std::weak_ptr<Holding>& held) {
  auto keeper = owner.lock();
  auto holding = held.lock();
  if (!keeper || !holding) return;
  const Duration gap = holding->announced < first_gaps.size() ? first_gaps[holding->announced] : steady_gap;
  holding->timer.expires_after(gap);
  holding->timer.async_wait([owner, held](const boost::system::error_code& error) {
    auto live_keeper = owner.lock();
    auto live_holding = held.lock();
    if (error || !live_keeper || !live_holding) return;
    ++live_holding->announced;
    send_announcement(*live_keeper, *live_holding);
    announce(owner, held);
  });
}

void take_claims(Keeper& keeper, Holding& holding) {
  std::optional<Mac> claimant;
  while (auto frame = receive_frame(holding.frames.native_handle())) {
    const auto claim = read_claim(*frame, holding.target.ip);
    if (claim && !claim->is_probe && claim->mac != holding.interface.mac) claimant = claim->mac;
  }
  if (!claimant) return;
  const TimePoint now = runtime::boot_now();
  if (!holding.defended_at || now - *holding.defended_at >= defence_interval) {
    holding.defended_at = now;
    send_announcement(keeper, holding);
  }
  // Copies: the handler may release the address.
  if (auto handler = keeper.conflict) handler({holding.target.address, *claimant});
}

void watch_claims(const std::weak_ptr<Keeper>& owner, const std::weak_ptr<Holding>& held) {
  auto holding = held.lock();
  if (!holding) return;
  holding->frames.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [owner, held](const boost::system::error_code& error) {
                               auto keeper = owner.lock();
                               auto live = held.lock();
                               if (error || !keeper || !live) return;
                               take_claims(*keeper, *live);
                               watch_claims(owner, held);
                             });
}

// The MAC of somebody else who has, or is about to take, the address. Asks twice within `time`.
runtime::Task<std::optional<Mac>> ask_link(std::shared_ptr<Holding> holding, Duration time) {
  for (int round = 0; round < 2; ++round) {
    const auto& [target, interface] = std::tie(holding->target, holding->interface);
    // A probe that cannot be sent finds nobody; the announcement that follows reports the link's state.
    static_cast<void>(send_frame(holding->frames.native_handle(), probe_frame(target.ip, interface.mac)));
    co_await runtime::sleep_for(time / 2);
    while (auto frame = receive_frame(holding->frames.native_handle())) {
      const auto claim = read_claim(*frame, target.ip);
      if (claim && claim->mac != interface.mac) co_return claim->mac;
    }
  }
  co_return std::nullopt;
}

class KernelAddress final : public AddressKeeper {
 public:
  KernelAddress(boost::asio::any_io_executor executor, std::shared_ptr<Keeper> keeper)
      : executor_(std::move(executor)), keeper_(std::move(keeper)) {}

  runtime::Task<Status> ask(Address address, Duration time) override {
    auto opened = look_at(address);
    if (!opened) co_return std::unexpected(opened.error());
    auto holding = std::move(*opened);
    if (!holding->interface.has_neighbours) co_return Status{};
    const auto other = co_await ask_link(holding, time);
    if (other) co_return fail(ErrorCode::conflict, address.address + " is held by " + to_string(*other));
    co_return Status{};
  }

  runtime::Task<Status> acquire(Address address, Epoch epoch, Duration probe) override {
    auto keeper = keeper_;
    auto opened = begin(address, epoch);
    if (!opened) co_return std::unexpected(opened.error());
    auto holding = std::move(*opened);
    const auto releases = keeper->releases[address];
    if (probe > Duration(0) && holding->interface.has_neighbours && !keeper->holdings.contains(address)) {
      const auto other = co_await ask_link(holding, probe);
      if (other) co_return fail(ErrorCode::conflict, address.address + " is held by " + to_string(*other));
      if (epoch < keeper->highest || keeper->releases[address] != releases)
        co_return fail(ErrorCode::refused, address.address + " was given up while the link was asked");
    }
    auto added = keeper->route.add(holding->target.ip, holding->target.prefix, holding->interface.index);
    if (!added) co_return std::unexpected(added.error().with("add " + address.address));
    keeper->holdings[address] = holding;
    if (holding->interface.has_neighbours) {
      announce(keeper, holding);
      watch_claims(keeper, holding);
    }
    co_return Status{};
  }

  Status release(Address address) override {
    ++keeper_->releases[address];
    keeper_->holdings.erase(address);  // first, so that nothing is announced any more
    auto target = read_target(address);
    if (!target) return std::unexpected(target.error());
    auto interface = keeper_->route.find_interface(address.interface);
    if (!interface) return std::unexpected(interface.error());
    auto removed = keeper_->route.remove(target->ip, target->prefix, interface->index);
    if (!removed) return std::unexpected(removed.error().with("remove " + address.address));
    return {};
  }

  Result<bool> held(const Address& address) const override {
    auto target = read_target(address);
    if (!target) return std::unexpected(target.error());
    auto interface = keeper_->route.find_interface(address.interface);
    if (!interface) return std::unexpected(interface.error());
    return keeper_->route.has(target->ip, interface->index);
  }

  void on_conflict(std::function<void(Conflict)> handler) override { keeper_->conflict = std::move(handler); }

 private:
  Result<std::shared_ptr<Holding>> begin(const Address& address, Epoch epoch) {
    if (epoch < keeper_->highest)
      return fail(ErrorCode::refused, "epoch " + std::to_string(epoch.value) + " is over, " +
                                          std::to_string(keeper_->highest.value) + " was seen");
    keeper_->highest = epoch;
    return look_at(address);
  }

  Result<std::shared_ptr<Holding>> look_at(const Address& address) {
    auto target = read_target(address);
    if (!target) return std::unexpected(target.error());
    auto interface = keeper_->route.find_interface(address.interface);
    if (!interface) return std::unexpected(interface.error());
    auto socket = open_frame_socket(target->ip, interface->index);
    if (!socket) return std::unexpected(socket.error());
    return std::make_shared<Holding>(executor_, std::move(*target), *interface, *socket);
  }

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Keeper> keeper_;
};

}  // namespace

Result<std::unique_ptr<AddressKeeper>> open_kernel_address(boost::asio::any_io_executor executor,
                                                           std::function<bool()> may_announce) {
  auto route = RouteSocket::open();
  if (!route) return std::unexpected(route.error());
  auto keeper = std::make_shared<Keeper>(std::move(*route));
  keeper->may_announce = std::move(may_announce);
  return std::make_unique<KernelAddress>(std::move(executor), std::move(keeper));
}

}  // namespace gemel::adapters::address
