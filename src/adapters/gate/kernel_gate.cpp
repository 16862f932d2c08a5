// KernelGate: transactions for opening and shutting, and the watch over everybody else's changes to our tables.
#include "adapters/gate/kernel_gate.h"

#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "adapters/gate/netfilter.h"
#include "adapters/gate/rules.h"
#include "runtime/log.h"

namespace gemel::adapters::gate {

namespace {

using std::chrono::milliseconds;

struct State {
  ParsedConfig config;
  NetfilterSocket commands;
  NetfilterSocket events;
  boost::asio::posix::stream_descriptor watch;  // owns a duplicate of the events' descriptor
  std::optional<TimePoint> open_until;
  bool admits_new = true;
  std::function<void()> lost;
  bool is_installed = false;
};

std::optional<milliseconds> usable_life(Duration remaining) {
  if (remaining <= Gate::shortest_life) return std::nullopt;
  return std::chrono::duration_cast<milliseconds>(remaining);
}

// The shortest time that a live element of the sets has left; none when there is no element.
Result<std::optional<milliseconds>> read_life(NetfilterSocket& socket, const std::vector<AddressSet>& sets) {
  std::optional<milliseconds> shortest;
  for (const auto& open : sets) {
    std::unique_ptr<nftnl_set, decltype(&nftnl_set_free)> set(nftnl_set_alloc(), &nftnl_set_free);
    nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, open.family);
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_name);
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, open.name);
    auto asked = socket.dump(
        NFT_MSG_GETSETELEM, open.family,
        [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); },
        [&](const nlmsghdr* answer) { nftnl_set_elems_nlmsg_parse(answer, set.get()); });
    if (!asked) return std::unexpected(asked.error());
    std::unique_ptr<nftnl_set_elems_iter, decltype(&nftnl_set_elems_iter_destroy)> elements(
        nftnl_set_elems_iter_create(set.get()), &nftnl_set_elems_iter_destroy);
    while (auto* element = nftnl_set_elems_iter_next(elements.get())) {
      const milliseconds left(nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION));
      shortest = shortest ? std::min(*shortest, left) : left;
    }
  }
  return shortest;
}

Status replace(State& state, const Opening& opening) {
  auto replaced = state.commands.commit(replace_tables(state.config, opening));
  if (!replaced) return std::unexpected(replaced.error().with("install the gate"));
  state.is_installed = true;
  return {};
}

Status restore(State& state) {
  auto life = state.open_until ? usable_life(*state.open_until - runtime::boot_now()) : std::nullopt;
  return replace(state, {life, state.admits_new});
}

void report_loss(State& state) {
  // A copy: the handler may set another one.
  if (auto handler = state.lost) handler();
}

// A change of one of our tables that did not come from our own socket. All nftables messages name their table in
// attribute 1; the generation counter does not.
bool is_foreign_change(const State& state, const nlmsghdr* header) {
  if (NFNL_SUBSYS_ID(header->nlmsg_type) != NFNL_SUBSYS_NFTABLES) return false;
  if (NFNL_MSG_TYPE(header->nlmsg_type) == NFT_MSG_NEWGEN || header->nlmsg_pid == state.commands.port()) return false;
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(nfgenmsg)));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(header));
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) != NFTA_TABLE_NAME) continue;
    return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 &&
           std::strcmp(mnl_attr_get_str(attribute), table_name) == 0;
  }
  return false;
}

void handle_events(State& state) {
  bool is_changed = false;
  const bool is_complete =
      state.events.drain([&](const nlmsghdr* header) { is_changed = is_foreign_change(state, header) || is_changed; });
  // Dropped notifications are treated as a loss: restoring is harmless, missing a flush is not.
  if (!state.is_installed || (is_complete && !is_changed)) return;
  if (auto restored = restore(state); !restored)
    runtime::log_error("gate: rule set was changed by somebody and restoring failed: " + restored.error().to_string());
  report_loss(state);
}

void watch_events(std::weak_ptr<State> owner) {
  auto state = owner.lock();
  if (!state) return;
  state->watch.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [owner](const boost::system::error_code& error) {
                            auto alive = owner.lock();
                            if (error || !alive) return;
                            handle_events(*alive);
                            watch_events(owner);
                          });
}

class KernelGate final : public Gate {
 public:
  explicit KernelGate(std::shared_ptr<State> state) : state_(std::move(state)) { watch_events(state_); }
  ~KernelGate() override {
    boost::system::error_code ignored;  // closing an epoll descriptor cannot fail in a way that matters
    state_->watch.close(ignored);
  }

  runtime::Task<Status> install(InstallMode mode) override {
    Opening opening;
    if (mode == InstallMode::keep_open) {
      const auto left = read_life(state_->commands, open_sets(state_->config));
      if (left && *left) opening.life = usable_life(**left);
      const auto admitted = read_life(state_->commands, admit_sets(state_->config));
      opening.admits_new = !admitted || *admitted;  // tables of an older version do not know the difference
    }
    auto installed = replace(*state_, opening);
    if (installed) remember(opening, runtime::boot_now());
    co_return installed;
  }

  Status refresh(Duration remaining) override { return set({usable_life(remaining), true}); }
  Status drain(Duration remaining) override { return set({usable_life(remaining), false}); }
  Status shut() override { return set({}); }

  Result<bool> is_open() const override {
    auto left = read_life(state_->commands, open_sets(state_->config));
    if (left) return left->has_value();
    if (left.error().system_error == ENOENT) return fail(ErrorCode::not_found, "the gate is not installed");
    return std::unexpected(left.error().with("look at the gate"));
  }

  void on_lost(std::function<void()> handler) override { state_->lost = std::move(handler); }

  runtime::Task<Status> remove() override {
    state_->is_installed = false;
    state_->open_until.reset();
    co_return state_->commands.commit(delete_tables());
  }

 private:
  Status set(const Opening& opening) {
    const TimePoint begin = runtime::boot_now();
    auto changed = state_->commands.commit(set_open(state_->config, opening));
    if (!changed && changed.error().system_error == ENOENT && state_->is_installed) {
      changed = replace(*state_, opening);
      if (changed) remember(opening, begin);
      report_loss(*state_);
      return changed;
    }
    if (!changed) return std::unexpected(changed.error().with(opening.life ? "open the gate" : "shut the gate"));
    remember(opening, begin);
    return {};
  }

  void remember(const Opening& opening, TimePoint begin) {
    state_->open_until = opening.life ? std::optional(begin + *opening.life) : std::nullopt;
    state_->admits_new = opening.admits_new;
  }

  std::shared_ptr<State> state_;
};

}  // namespace

Result<std::unique_ptr<Gate>> open_kernel_gate(boost::asio::any_io_executor executor, const GateConfig& config) {
  auto parsed = parse(config);
  if (!parsed) return std::unexpected(parsed.error());
  auto commands = NetfilterSocket::open(false);
  if (!commands) return std::unexpected(commands.error());
  auto events = NetfilterSocket::open(true);
  if (!events) return std::unexpected(events.error());
  if (auto ignored = events->ignore(commands->port()); !ignored) return std::unexpected(ignored.error());
  const int watched = ::dup(events->descriptor());
  if (watched < 0) return fail_errno(errno, "watch netfilter events");
  auto state = std::make_shared<State>(State{std::move(*parsed),
                                             std::move(*commands),
                                             std::move(*events),
                                             boost::asio::posix::stream_descriptor(executor, watched),
                                             {},
                                             true,
                                             {},
                                             false});
  return std::make_unique<KernelGate>(std::move(state));
}

}  // namespace gemel::adapters::gate
