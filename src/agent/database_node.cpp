#include "agent/database_node.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "base/text.h"
#include "runtime/log.h"

namespace gemel::agent {
namespace {

using core::Certainty;
using core::event::ActionEnded;

// Nobody else is asked for long whether he has the address: a failover waits for it.
constexpr auto probe_time = std::chrono::milliseconds(20);
// What the link answered so long ago still holds: a promotion is shorter.
constexpr auto unclaimed_limit = std::chrono::seconds(3);
// An address that somebody else holds is asked for again so often.
constexpr auto address_retry = std::chrono::milliseconds(500);
// PostgreSQL is looked at so often; after an action of its own at once.
constexpr auto observe_interval = std::chrono::milliseconds(250);
// So often while a standby's flush stands still: commits wait for it, and only a look can end that (R2).
constexpr auto stalled_interval = std::chrono::milliseconds(50);
// The clients' side is asked so often, and has so long to answer. Core waits for several looks in a row.
constexpr auto service_interval = std::chrono::milliseconds(500);
// The controller is told what has changed, and every so many looks that nothing has: about once a second.
constexpr int looks_per_word = 2;

runtime::LogLevel level_of(core::NoteLevel level) {
  switch (level) {
    case core::NoteLevel::info:
      return runtime::LogLevel::info;
    case core::NoteLevel::warn:
      return runtime::LogLevel::warn;
    case core::NoteLevel::error:
      return runtime::LogLevel::error;
  }
  return runtime::LogLevel::info;
}

/// Actions after which an earlier observation of what runs is worthless.
bool changes_run(const core::ActionKind& kind) {
  using namespace core::action;
  return std::holds_alternative<Bootstrap>(kind) || std::holds_alternative<StartPostgres>(kind) ||
         std::holds_alternative<Promote>(kind) || std::holds_alternative<StopPostgres>(kind) ||
         std::holds_alternative<KillPostgres>(kind) || std::holds_alternative<Rewind>(kind) ||
         std::holds_alternative<Clone>(kind) || std::holds_alternative<MarkServed>(kind);
}

/// Without these no server can run here.
bool puts_in_order(const core::ActionKind& kind) {
  using namespace core::action;
  return std::holds_alternative<Bootstrap>(kind) || std::holds_alternative<StartPostgres>(kind) ||
         std::holds_alternative<Rewind>(kind) || std::holds_alternative<Clone>(kind);
}

}  // namespace

DatabaseNode::DatabaseNode(boost::asio::any_io_executor executor, NodeId self, core::Config config, std::uint64_t seed,
                           DatabaseParts parts, EventLog& events, InputRing& inputs)
    : executor_(executor),
      controller_(self, config, seed),
      parts_(std::move(parts)),
      gate_(
          *parts_.gate, [] { return runtime::boot_now(); }, config.timers.gate / 2),
      events_(events),
      inputs_(inputs),
      wake_(executor),
      look_(executor),
      tasks_(executor, "database") {
  inputs_.begin(self, config, seed);
}

DatabaseNode::~DatabaseNode() = default;

void DatabaseNode::start() {
  parts_.postgres->on_exit([this] { feed(core::event::PostgresExited{}); });
  parts_.heartbeat->on_heard([this](adapters::heartbeat::Heard heard) {
    feed(core::Heard{heard.from, heard.beat, heard.confirmed_send_time, parts_.heartbeat->last_confirmation(),
                     std::max(runtime::boot_now() - heard.heard_at, Duration{0})});
  });
  parts_.gate->on_lost([this] {
    events_.add(runtime::LogLevel::warn, "gate_lost",
                "somebody changed or removed the gate's packet filter; it was restored at once", Epoch{state().opened});
  });
  parts_.address->on_conflict([this](adapters::address::Conflict conflict) {
    events_.add(runtime::LogLevel::error, "address_conflict",
                "another machine claims " + conflict.address.address + " (MAC " +
                    adapters::address::to_string(conflict.claimant) + "); find and stop it",
                state().opened);
  });
  parts_.store->watch([this](core::StoreView view) {
    if (view.record) feed(core::event::StoreHint{view.record->revision, std::move(view.record->record)});
  });
  tasks_.spawn("observe", observe());
  tasks_.spawn("tick", tick());
  if (parts_.service) tasks_.spawn("service", watch_service());
}

void DatabaseNode::feed(core::Event event) {
  if (is_over_) return;
  if (is_stepping_) {  // an action that ended at once, or news that are being collected: after the present step
    waiting_.push_back(std::move(event));
    return;
  }
  is_stepping_ = true;
  parts_.heartbeat->collect();
  waiting_.push_back(std::move(event));
  while (!waiting_.empty()) {
    core::Event next = std::move(waiting_.front());
    waiting_.pop_front();
    step(std::move(next));
  }
  is_stepping_ = false;
}

void DatabaseNode::step(core::Event event) {
  const core::Input input{runtime::boot_now(), std::move(event)};
  const core::Output output = controller_.step(input);
  phases_.step(input, output, state());
  carry_out(output);
  report_failover();
  inputs_.add(input, output, controller_.state());
  wake_.expires_after(std::max(output.wake_at - runtime::boot_now(), Duration{std::chrono::milliseconds(1)}));
}

void DatabaseNode::report_failover() {
  if (const auto report = phases_.take_report())
    events_.add(runtime::LogLevel::info, "failover", report->text(), report->epoch, report->times());
}

void DatabaseNode::carry_out(const core::Output& output) {
  for (const auto& id : output.cancel) {
    if (const auto task = running_.find(id); task != running_.end()) {
      task->second->cancel();
      running_.erase(task);
    }
  }
  for (const auto& action : output.start) begin(action);
  for (const auto& note : output.notes) events_.add(level_of(note.level), note.rule, note.text, note.epoch);
  for (const auto& answer : output.answers) answers_[answer.ask] = answer;
}

void DatabaseNode::begin(const core::Action& action) {
  const auto slot = core::slot_of(action.kind);
  if (!slot) return at_once(action.kind);
  runtime::log_debug("begins " + core::describe(action.kind));
  prepare(action.kind);
  auto scope = std::make_shared<runtime::TaskScope>(executor_, core::describe(action.kind));
  running_[action.id] = scope;
  // A new PostgreSQL action waits until the cancelled one before it has let go.
  auto before = *slot == core::Slot::postgres ? std::exchange(last_postgres_, scope) : nullptr;
  scope->spawn("action", run(action, std::move(before)));
}

/// What a step that is sure to follow will need, begun beside the present one. Changes nothing that anybody can see.
void DatabaseNode::prepare(const core::ActionKind& kind) {
  if (std::holds_alternative<core::action::QuiesceHeartbeat>(kind)) parts_.postgres->expect_promotion();
  if (!std::holds_alternative<core::action::Promote>(kind)) return;
  for (const auto& address : parts_.addresses) tasks_.spawn("ask for " + address.address, ask_for_address(address));
}

void DatabaseNode::at_once(const core::ActionKind& kind) {
  using namespace core::action;
  if (const auto* refresh = std::get_if<RefreshGate>(&kind)) {
    report_gate(refresh->admits_new ? gate_.refresh(refresh->until) : gate_.drain(refresh->until), "refreshed");
  } else if (std::holds_alternative<ShutGate>(kind)) {
    report_gate(gate_.shut(), "shut");
  } else if (const auto* take = std::get_if<TakeAddress>(&kind)) {
    is_address_wanted_ = true;
    address_epoch_ = take->epoch;
    for (const auto& address : parts_.addresses)
      tasks_.spawn("take " + address.address, take_address(address, take->epoch));
  } else if (std::holds_alternative<DropAddress>(kind)) {
    drop_address();
  } else if (const auto* say = std::get_if<Say>(&kind)) {
    parts_.heartbeat->say(say->beat);
  } else if (const auto* resume = std::get_if<ResumeHeartbeat>(&kind)) {
    parts_.heartbeat->resume(resume->lowest);
  }
}

void DatabaseNode::report_gate(const GateKeeper::Outcome& outcome, const char* what) {
  if (outcome.open_until) feed(core::event::GateFailed{*outcome.open_until});
  const auto& status = outcome.status;
  if (status.has_value() == !is_gate_broken_) return;
  is_gate_broken_ = !status;
  if (status) {
    events_.add(runtime::LogLevel::info, "gate_repaired", "the gate answers again", state().opened);
  } else {
    events_.add(runtime::LogLevel::error, "gate_broken",
                std::string("the gate cannot be ") + what + ": " + status.error().to_string(), state().opened);
  }
}

/// Told once, shown until it is over: a person may have to help.
void DatabaseNode::report_obstacle(const core::ActionKind& kind, const ActionEnded& ended) {
  if (!puts_in_order(kind)) return;
  const auto before = std::exchange(
      obstacle_, ended.certainty == Certainty::done ? std::string() : core::describe(kind) + ": " + ended.reason);
  if (!obstacle_.empty() && obstacle_ != before) events_.add(runtime::LogLevel::warn, "obstacle", obstacle_);
}

runtime::Task<void> DatabaseNode::run(core::Action action, std::shared_ptr<runtime::TaskScope> before) {
  if (before) co_await before->stop(std::chrono::milliseconds(500));
  const bool is_changing = changes_run(action.kind);
  if (is_changing) {
    ++run_changes_;
    ++run_changing_;
  }
  struct Done {
    DatabaseNode& node;
    bool is_changing;
    ~Done() {
      if (is_changing) {
        ++node.run_changes_;
        --node.run_changing_;
      }
      node.look_.cancel();
    }
  };
  ActionEnded ended;
  {
    const Done done{*this, is_changing};
    switch (*core::slot_of(action.kind)) {
      case core::Slot::store:
        ended = co_await perform_store(action);
        break;
      case core::Slot::postgres:
        ended = co_await perform_postgres(action);
        break;
      case core::Slot::heartbeat:
        ended = co_await perform_heartbeat(action);
        break;
    }
  }
  report_obstacle(action.kind, ended);
  if (ended.certainty != Certainty::done) {
    events_.add(
        runtime::LogLevel::debug, "action",
        core::describe(action.kind) + ": " + std::string(core::to_string(ended.certainty)) + ": " + ended.reason);
  }
  // The scope must outlive this frame: it is let go from the loop, not from here.
  if (const auto entry = running_.find(action.id); entry != running_.end()) {
    auto scope = entry->second;
    running_.erase(entry);
    tasks_.spawn(
        "ended",
        [](DatabaseNode* node, ActionEnded what, std::shared_ptr<runtime::TaskScope> keep) -> runtime::Task<void> {
          (void)keep;
          node->feed(std::move(what));
          co_return;
        }(this, std::move(ended), std::move(scope)));
  }
}

runtime::Task<void> DatabaseNode::observe() {
  std::string last_error;
  while (true) {
    const auto changes = run_changes_;
    const auto facts = co_await parts_.postgres->observe();
    if (!facts) {
      const auto text = facts.error().to_string();
      if (text != last_error) events_.add(runtime::LogLevel::error, "observe", "cannot observe PostgreSQL: " + text);
      last_error = text;
    } else if (changes == run_changes_ && run_changing_ == 0) {
      last_error.clear();
      feed(core::event::PostgresSeen{*facts});
    }
    const Duration pause = state().is_waiting_for_flush() ? Duration(stalled_interval)
                                                          : runtime::next_beat(observe_interval) - runtime::boot_now();
    look_.expires_after(pause);
    boost::system::error_code ignored;
    co_await look_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
}

runtime::Task<void> DatabaseNode::tick() {
  wake_.expires_after(std::chrono::milliseconds(1));
  while (true) {
    boost::system::error_code interrupted;
    co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, interrupted));
    if (!interrupted) feed(core::event::Tick{});
  }
}

runtime::Task<void> DatabaseNode::watch_service() {
  std::vector<std::string> before;
  std::vector<std::string> reported;
  int untold = looks_per_word;
  while (true) {
    if (const auto look = parts_.service->look()) {
      if (look->silent.size() != before.size() || ++untold >= looks_per_word) {
        untold = 0;
        feed(core::event::ServiceSeen{static_cast<std::uint16_t>(look->reachable()),
                                      static_cast<std::uint16_t>(look->total)});
      }
      // Said when it is the same twice: a single lost packet is nothing that a person should read.
      if (look->silent == before && look->silent != reported) {
        reported = look->silent;
        events_.add(reported.empty() ? runtime::LogLevel::info : runtime::LogLevel::warn, "service_side",
                    fmt::format("{} of {} targets on the clients' side answer{}", look->reachable(), look->total,
                                reported.empty() ? "" : "; silent: " + join(reported, ", ")));
      }
      before = look->silent;
    }
    co_await runtime::sleep_to_beat(service_interval);
  }
}

runtime::Task<void> DatabaseNode::ask_for_address(adapters::address::Address address) {
  const TimePoint begin = runtime::boot_now();
  unclaimed_.erase(address);
  // Somebody answers, or it could not be asked: it is asked for again when it is taken, and then reported.
  if (co_await parts_.address->ask(address, probe_time)) unclaimed_[address] = begin;
}

runtime::Task<void> DatabaseNode::take_address(adapters::address::Address address, Epoch epoch) {
  std::string reported;
  while (true) {
    const auto asked = unclaimed_.extract(address);
    const bool is_unclaimed = asked && runtime::boot_now() - asked.mapped() < unclaimed_limit;
    const auto taken =
        co_await parts_.address->acquire(address, epoch, is_unclaimed ? Duration::zero() : Duration{probe_time});
    // Given up again while it was asked for: no trouble.
    if (!is_address_wanted_ || address_epoch_ != epoch) co_return;
    if (taken) {
      taken_.insert(address);
      if (is_address_held()) phases_.address_is_here(runtime::boot_now());
      report_failover();
      if (!reported.empty())
        events_.add(runtime::LogLevel::info, "address", address.address + " is here at last", epoch);
      co_return;
    }
    if (const auto text = taken.error().to_string(); text != reported) {
      reported = text;
      events_.add(runtime::LogLevel::error, "address", "cannot take " + address.address + ": " + text, epoch);
    }
    // A primary nobody reaches is worthless: it is asked for again until it is free.
    co_await runtime::sleep_for(address_retry);
  }
}

runtime::Task<void> DatabaseNode::end_actions(Duration limit) {
  std::vector<std::shared_ptr<runtime::TaskScope>> scopes;
  for (const auto& [id, scope] : running_) scopes.push_back(scope);
  // One that was cancelled is no longer listed, and may still be on its way out.
  if (last_postgres_) scopes.push_back(last_postgres_);
  for (const auto& scope : scopes) scope->cancel();
  for (const auto& scope : scopes) {
    for (const auto& late : co_await scope->stop(limit)) runtime::log_warn("still running at the end: " + late);
  }
  running_.clear();
}

void DatabaseNode::drop_address() {
  is_address_wanted_ = false;
  taken_.clear();
  for (const auto& address : parts_.addresses) {
    if (const auto released = parts_.address->release(address); !released) {
      events_.add(runtime::LogLevel::error, "address",
                  "cannot give up " + address.address + ": " + released.error().to_string());
    }
  }
}

template <typename Asked>
core::Answer DatabaseNode::ask(Asked asked) {
  const auto number = next_ask_++;
  asked.ask = number;
  feed(std::move(asked));
  auto answer = answers_.extract(number);
  return answer ? answer.mapped()
                : core::Answer{number, false, "busy", "the agent could not take the request now; ask again"};
}

core::Answer DatabaseNode::switch_over(NodeId to) { return ask(core::event::SwitchoverAsked{0, std::move(to)}); }
core::Answer DatabaseNode::pause(core::event::PauseAsked asked) { return ask(std::move(asked)); }
core::Answer DatabaseNode::resume(std::string by) { return ask(core::event::ResumeAsked{0, std::move(by)}); }
core::Answer DatabaseNode::force(std::string by, bool confirmed_fenced) {
  return ask(core::event::ForceAsked{0, std::move(by), confirmed_fenced});
}

std::string DatabaseNode::doing() const {
  const auto busy = state().slots.find(core::Slot::postgres);
  return busy == state().slots.end() ? "" : core::describe(busy->second.kind);
}

runtime::Task<void> DatabaseNode::stop(Duration limit) {
  feed(core::event::StopAsked{});
  const TimePoint deadline = runtime::boot_now() + limit;
  while (!is_over_ && runtime::boot_now() < deadline && !state().has_stopped()) {
    co_await runtime::sleep_for(std::chrono::milliseconds(20));
  }
  // Heartbeats go on being heard: nothing may be decided any more by what they say.
  is_over_ = true;
  co_await end_actions(std::chrono::seconds(1));
  co_await tasks_.stop(std::chrono::seconds(1));
  drop_address();
  (void)gate_.shut();
  co_await parts_.postgres->close();
}

}  // namespace gemel::agent
