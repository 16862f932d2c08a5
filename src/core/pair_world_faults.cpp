// The world of pair_world.cpp from outside: faults, questions, and the checks of the invariants after every event.
#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "core/pair_world.h"

namespace gemel::core::testing {

using std::chrono::milliseconds;

// ---- faults ----

void PairWorld::kill_postgres(const std::string& name) {
  Host& host = hosts_[NodeId{name}];
  if (host.run != PostgresRun::primary && host.run != PostgresRun::standby) return;
  end_server(host);
  feed(NodeId{name}, event::PostgresExited{});
}

void PairWorld::power_off(const std::string& name) {
  Host& host = hosts_[NodeId{name}];
  end_server(host);
  host.controller.reset();
  ++host.incarnation;
  host.beat.reset();
  host.gate_until = TimePoint{};
  host.has_address = false;
}

void PairWorld::power_on(const std::string& name) { boot(NodeId{name}); }

void PairWorld::restart_agent(const std::string& name) { boot(NodeId{name}); }

void PairWorld::freeze_agent(const std::string& name, Duration time) {
  hosts_[NodeId{name}].frozen_until = now_ + time;
}

void PairWorld::calm() {
  heal();
  is_store_up_ = true;
  lose_answer_ = are_heartbeats_cut_ = false;
  delay_transaction_.reset();
  failing_.clear();
  conditions_.heartbeat_loss_percent = 0;
  conditions_.heartbeat_delay = milliseconds(1);
  conditions_.procedure_time = Conditions{}.procedure_time;
  conditions_.store_time = Conditions{}.store_time;
}

void PairWorld::tell(const std::string& line) {
  story_.push_back(std::to_string(now_.since_boot / milliseconds(1)) + " " + line);
}

Answer PairWorld::ask(const std::string& name, Event event) {
  answers_.clear();
  feed(NodeId{name}, std::move(event));
  GEMEL_CHECK(answers_.size() == 1);
  return answers_.front();
}

Answer PairWorld::switch_over(const std::string& from, const std::string& to) {
  return ask(from, event::SwitchoverAsked{1, NodeId{to}});
}

Answer PairWorld::pause(const std::string& holder, Duration length) {
  return ask(holder, event::PauseAsked{1, "ann", "maintenance", length, "later"});
}

Answer PairWorld::resume(const std::string& holder) { return ask(holder, event::ResumeAsked{1, "operator"}); }

Answer PairWorld::force(const std::string& name, bool is_confirmed) {
  return ask(name, event::ForceAsked{1, "ann", is_confirmed});
}

std::string PairWorld::primary() const {
  for (const auto& [node, host] : hosts_) {
    if (is_open(host) && host.has_address) return node.name;
  }
  return "";
}

Duration PairWorld::take_longest_gap() {
  const Duration gap = std::max(longest_gap_, now_ - last_acknowledged_);
  longest_gap_ = Duration::zero();
  last_acknowledged_ = now_;
  return gap;
}

bool PairWorld::is_whole() const {
  const std::string first = primary();
  if (first.empty() || !store_.record || members().size() != 2) return false;
  const Host& host = this->host(first);
  return std::ranges::any_of(host.flushed, [&](const auto& entry) { return entry.second + 1 >= host.log.size(); });
}

void PairWorld::violated(std::string what) {
  if (violation_.empty()) violation_ = std::to_string(now_.since_boot / milliseconds(1)) + " VIOLATED " + what;
  story_.push_back(violation_);
}

void PairWorld::check() {
  const auto open = std::ranges::count_if(hosts_, [&](const auto& entry) { return is_open(entry.second); });
  if (open > 1) violated("I5: two open gates");
  // I1 whenever the record changed, and now and then; a log is in ascending order.
  const bool is_due = now_ - checked_at_ >= milliseconds(50) || checked_revision_ != revision_;
  if (!store_.record || !is_due) return;
  checked_at_ = now_;
  checked_revision_ = revision_;
  for (const auto& node : store_.record->record.members) {
    Host& host = hosts_.at(node);
    for (; host.verified < acknowledged_.size(); ++host.verified) {
      const int row = acknowledged_[host.verified];
      if (std::ranges::binary_search(host.log, row)) continue;
      return violated("I1: " + node.name + " in S lacks row " + std::to_string(row));
    }
  }
}

}  // namespace gemel::core::testing
