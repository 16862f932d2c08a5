// A database host's working part over fakes: that it carries out what the controller decides, tells it what happened
// and nothing else, and ends in good order.
#include "agent/database_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/testing_pair.h"
#include "base/text.h"
#include "replay/replay.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

using core::PostgresRun;
using runtime::Task;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HeldPostgres;
using testing::TestNode;
using ::testing::UnorderedElementsAre;

const adapters::address::Mac stranger{6, 6, 6, 6, 6, 6};

/// A recorded run, read back from the disk.
struct Recorded {
  replay::RunBegin begin;
  std::vector<core::Input> inputs;
};

Recorded recorded_by(const TestNode& host) {
  host.inputs->flush();
  Recorded result;
  auto lines = split(runtime::read_file(host.inputs_file).value_or(""), '\n');
  std::erase(lines, "");
  if (lines.empty()) {
    ADD_FAILURE() << "nothing recorded";
    return result;
  }
  const auto begin = replay::decode_begin(lines.front());
  EXPECT_TRUE(begin) << lines.front();
  result.begin = begin.value_or(replay::RunBegin{});
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const auto step = replay::decode_step(*line);
    EXPECT_TRUE(step) << *line;
    if (step) result.inputs.push_back(step->input);
  }
  return result;
}

std::vector<core::Output> replayed(const Recorded& recorded, std::uint64_t seed) {
  core::Controller controller(recorded.begin.self, recorded.begin.config, seed);
  std::vector<core::Output> outputs;
  for (const auto& input : recorded.inputs) outputs.push_back(controller.step(input));
  return outputs;
}

/// The name under which FakePostgres lists the call of this action; empty for actions of other slots.
std::string call_of(const core::ActionKind& kind) {
  using namespace core::action;
  if (std::holds_alternative<Bootstrap>(kind)) return "bootstrap";
  if (std::holds_alternative<StartPostgres>(kind)) return "start";
  if (std::holds_alternative<Follow>(kind)) return "follow";
  if (std::holds_alternative<Promote>(kind)) return "promote";
  if (std::holds_alternative<SetNames>(kind)) return "set_names";
  if (std::holds_alternative<Checkpoint>(kind)) return "checkpoint";
  if (std::holds_alternative<StopPostgres>(kind)) return "stop";
  if (std::holds_alternative<KillPostgres>(kind)) return "kill";
  if (std::holds_alternative<Rewind>(kind)) return "rewind";
  if (std::holds_alternative<Clone>(kind)) return "clone";
  if (std::holds_alternative<MarkServed>(kind)) return "mark_served";
  return "";
}

/// Whether an input says that an action of this id ended.
bool has_ended(const Recorded& recorded, core::ActionId id) {
  return std::ranges::any_of(recorded.inputs, [&](const core::Input& input) {
    const auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
    return ended != nullptr && ended->id == id;
  });
}

bool saw_mark(const Recorded& recorded) {
  return std::ranges::any_of(recorded.inputs, [](const core::Input& input) {
    const auto* seen = std::get_if<core::event::PostgresSeen>(&input.event);
    return seen != nullptr && seen->facts.write_probe_age == HeldPostgres::mark;
  });
}

/// Part and phases of the newest failover that the host has reported.
std::vector<std::string> phases_of(const TestNode& host) {
  std::vector<std::string> names;
  for (const auto& event : host.events->after(0)) {
    if (event.rule != "failover") continue;
    names = {event.message.substr(0, event.message.find(' '))};
    for (const auto& phase : event.phases) names.push_back(phase.phase);
  }
  return names;
}

class Nodes : public testing::Pair {
 protected:
  [[nodiscard]] Epoch epoch() const { return backend->view.record ? backend->view.record->record.epoch : Epoch{}; }

  Task<void> bootstraps() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_EQ(epoch(), Epoch{1});
    const auto& first = db1.server().calls;
    EXPECT_THAT(first, Contains("bootstrap"));
    EXPECT_EQ(first.front(), "bootstrap");
    EXPECT_EQ(std::ranges::count(first, "promote"), 1);
    EXPECT_THAT(first, Contains("mark_served"));
    EXPECT_GE(db2.server().calls.size(), 2U);
    EXPECT_EQ(db2.server().calls.at(0), "clone");
    EXPECT_EQ(db2.server().calls.at(1), "start");
    EXPECT_TRUE(db1.server().write(1000)) << "acknowledged by both";
    EXPECT_TRUE(db1.address->held(vip).value());
    EXPECT_TRUE(db1.node->is_address_held());
    EXPECT_FALSE(db2.gate->is_open().value());
    EXPECT_FALSE(db2.address->held(vip).value());
    EXPECT_EQ(db1.node->doing(), "");
  }

  Task<void> survives_crash() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_TRUE(db1.server().write(500));
    const auto before = runtime::boot_now();
    db1.server().crash();
    EXPECT_FALSE(db1.gate->is_open().value()) << "shut in the same step";
    EXPECT_TRUE(co_await until([this] { return db2.is_primary(); }));
    // Handed over by resigning: nobody waited for the grace period.
    EXPECT_LT(runtime::boot_now() - before, timers().grace);
    EXPECT_EQ(epoch(), Epoch{2});
    EXPECT_TRUE(co_await becomes_whole("db2")) << "the old primary came back as a standby";
    EXPECT_THAT(db1.server().calls, Contains("kill"));
    EXPECT_FALSE(db1.address->held(vip).value());
    EXPECT_TRUE(db2.address->held(vip).value());
    EXPECT_TRUE(db2.server().write(500));
    EXPECT_GE(db1.count("resign_crashed"), 1U);
    EXPECT_THAT(phases_of(db1), ElementsAre("hand_over", "stop", "resign"));
    EXPECT_THAT(phases_of(db2), UnorderedElementsAre("take_over", "detect", "bid", "prepare", "promote", "cut", "open",
                                                     "address", "names"));
  }

  Task<void> switches_over() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_EQ(db2.node->switch_over({}).reason, "not_primary");
    EXPECT_EQ(db1.node->switch_over(NodeId{"db1"}).reason, "already_there");
    EXPECT_EQ(db1.node->switch_over(NodeId{"db9"}).reason, "no_such_host");
    db1.postgres->hold("checkpoint");
    const auto answer = db1.node->switch_over(NodeId{"db2"});
    EXPECT_TRUE(answer.accepted) << answer.text;
    EXPECT_EQ(db1.node->switch_over(NodeId{"db2"}).reason, "already_running");
    EXPECT_TRUE(db1.is_primary()) << "the checkpoint costs no service";
    db1.postgres->let_go("checkpoint");
    EXPECT_TRUE(co_await becomes_whole("db2"));
    EXPECT_EQ(epoch(), Epoch{2});
    EXPECT_THAT(db1.server().calls, Contains("stop")) << "stopped, not killed";
    EXPECT_THAT(phases_of(db1), ElementsAre("hand_over", "checkpoint", "stop", "resign"));
    EXPECT_EQ(db2.count("failover"), 1U);
    EXPECT_TRUE(db2.node->switch_over({}).accepted) << "without a name: the best standby";
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_EQ(epoch(), Epoch{3});
  }

  Task<void> pauses() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    core::event::PauseAsked asked{0, "ops@db1", "new switch", std::chrono::hours(1), "2026-01-31T13:00:00.000Z"};
    EXPECT_EQ(db2.node->pause(asked).reason, "not_primary");
    EXPECT_TRUE(db1.node->pause(asked).accepted);
    EXPECT_TRUE(co_await until([this] { return db1.state().is_paused() && db2.state().is_paused(); }));
    EXPECT_EQ(db2.state().record()->pause->by, "ops@db1");
    EXPECT_EQ(db1.node->switch_over({}).reason, "paused");
    EXPECT_EQ(db2.node->force("ops@db2", true).reason, "is_member");
    EXPECT_EQ(db1.count("pause"), 1U);
    EXPECT_TRUE(db1.node->resume("ops@db1").accepted);
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_EQ(epoch(), Epoch{1});
    EXPECT_EQ(db1.count("resume"), 1U);
    EXPECT_EQ(db1.node->resume("ops@db1").reason, "not_paused");
  }

  Task<void> yields_service() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_TRUE(co_await until([this] { return db1.state().has_service_view() && db2.state().has_service_view(); }));
    EXPECT_FALSE(db1.state().is_service_poor());
    db1.service->set_silent({"192.0.2.1", "192.0.2.2"});
    EXPECT_TRUE(co_await until([this] { return db2.is_primary(); }));
    EXPECT_TRUE(co_await becomes_whole("db2"));
    EXPECT_THAT(db1.server().calls, Contains("stop")) << "handed over as planned";
    EXPECT_EQ(db1.count("yield_service"), 1U);
    EXPECT_EQ(db1.count("service_side"), 1U) << "said once, not with every look";
  }

  Task<void> tells_of_a_gate_that_stays_open() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_TRUE(co_await until([this] { return db1.gate->is_open().value(); }));
    db1.gate->break_with(Error{ErrorCode::denied, "no netlink"});
    const auto broken = runtime::boot_now();
    db1.server().crash();  // shuts the gate in the same step
    EXPECT_GT(db1.state().gate_failed_until, broken);
    EXPECT_LE(db1.state().gate_failed_until, broken + timers().lease + timers().gate);
    db1.gate->break_with(std::nullopt);
    EXPECT_TRUE(co_await becomes_whole("db2"));
  }

  Task<void> hands_over_at_stop() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    co_await db1.node->stop(std::chrono::seconds(10));
    EXPECT_EQ(db1.server().calls.back(), "stop");
    EXPECT_FALSE(db1.gate->is_open().value());
    EXPECT_FALSE(db1.address->held(vip).value());
    EXPECT_TRUE(co_await until([this] { return db2.is_primary(); }));
    EXPECT_EQ(epoch(), Epoch{2});
    // It is still talked to, and decides nothing any more.
    const auto inputs = recorded_by(db1).inputs.size();
    const auto calls = db1.server().calls.size();
    const auto heard = db1.node->parts().heartbeat->stats().heard;
    EXPECT_TRUE(co_await until([&] { return db1.node->parts().heartbeat->stats().heard >= heard + 5; }));
    EXPECT_EQ(recorded_by(db1).inputs.size(), inputs);
    EXPECT_EQ(db1.server().calls.size(), calls);
    EXPECT_EQ(db1.node->switch_over({}).reason, "busy");
  }

  Task<void> ends_actions_at_stop() {
    EXPECT_TRUE(co_await until([this] { return db1.is_primary(); }));
    db2.postgres->hold("clone");
    EXPECT_TRUE(co_await until([this] { return db2.postgres->is_waiting("clone"); }));
    EXPECT_THAT(db2.node->doing(), HasSubstr("clone"));
    co_await db2.node->stop(std::chrono::milliseconds(50));
    EXPECT_FALSE(db2.postgres->is_any_waiting()) << "a copy still runs although stop() came back";
  }

  Task<void> reports_gate() {
    EXPECT_TRUE(co_await until([this] { return db1.is_primary(); }));
    EXPECT_EQ(db1.count("gate_lost"), 0U);
    db1.gate->lose();
    EXPECT_EQ(db1.count("gate_lost"), 1U);
    EXPECT_EQ(db1.events->after(0).back().epoch, 1U);
    const auto refreshes = db1.gate->refreshes();
    db1.gate->break_with(Error{ErrorCode::denied, "no netlink"});
    EXPECT_TRUE(co_await until([this] { return db1.count("gate_broken") > 0; }));
    db1.gate->break_with(std::nullopt);
    EXPECT_TRUE(co_await until([this] { return db1.count("gate_repaired") > 0; }));
    EXPECT_TRUE(co_await until([&] { return db1.gate->refreshes() > refreshes + 10; }));
    EXPECT_EQ(db1.count("gate_broken"), 1U) << "said once, not with every refresh";
    EXPECT_EQ(db1.count("gate_repaired"), 1U);
    EXPECT_TRUE(db1.is_primary());
  }

  Task<void> reports_address() {
    EXPECT_TRUE(co_await until([this] { return db1.count("address") > 0; })) << "somebody else has the address";
    const auto all = db1.events->after(0);
    const auto refusal = std::ranges::find(all, "address", &api::Event::rule);
    EXPECT_THAT(refusal->message, HasSubstr("06:06:06:06:06:06"));
    EXPECT_FALSE(db1.node->is_address_held()) << "not what is wanted: what is";
    link.set_stranger(vip.address, std::nullopt);
    EXPECT_TRUE(co_await until([this] { return db1.node->is_address_held(); })) << "asked for again";
    EXPECT_TRUE(db1.address->held(vip).value());
    EXPECT_EQ(db1.count("address"), 2U) << "the refusal once, and that it is here";
    link.set_stranger(vip.address, stranger);
    EXPECT_EQ(db1.count("address_conflict"), 1U);
    EXPECT_TRUE(db1.address->held(vip).value()) << "defended";
  }

  Task<void> drops_preempted_end() {
    db1.postgres->hold("set_names");
    EXPECT_TRUE(co_await until([this] { return db1.postgres->is_waiting("set_names"); }));
    const auto slot = db1.state().slots.find(core::Slot::postgres);
    EXPECT_TRUE(slot != db1.state().slots.end());
    if (slot == db1.state().slots.end()) co_return;
    const auto preempted = slot->second.id;
    EXPECT_TRUE(std::holds_alternative<core::action::SetNames>(slot->second.kind));
    db1.postgres->hold("kill");
    db1.server().crash();  // the cancelled call comes back with an error of its own
    EXPECT_TRUE(co_await until([this] { return db1.postgres->is_waiting("kill"); }));
    db1.postgres->let_go("set_names");
    const auto killing = db1.state().slots.at(core::Slot::postgres).id;
    db1.postgres->let_go("kill");
    EXPECT_TRUE(co_await becomes_whole("db1"));
    const auto recorded = recorded_by(db1);
    EXPECT_TRUE(has_ended(recorded, killing));
    EXPECT_FALSE(has_ended(recorded, preempted));
  }

  Task<void> drops_old_observation() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    // Without an action beside it a late observation counts.
    db2.postgres->hold("observe");
    EXPECT_TRUE(co_await until([this] { return db2.postgres->is_waiting("observe"); }));
    db2.postgres->let_go("observe");
    EXPECT_TRUE(co_await until([this] { return db2.state().facts.write_probe_age == HeldPostgres::mark; }));
    // "It is a primary", seen before the crash, told after what remained was killed.
    db1.postgres->hold("observe");
    EXPECT_TRUE(co_await until([this] { return db1.postgres->is_waiting("observe"); }));
    db1.server().crash();
    EXPECT_TRUE(co_await until([this] { return db2.is_primary(); }));
    EXPECT_THAT(db1.server().calls, Contains("kill"));
    db1.postgres->let_go("observe");
    EXPECT_TRUE(co_await becomes_whole("db2"));
    EXPECT_FALSE(saw_mark(recorded_by(db1)));
    EXPECT_TRUE(saw_mark(recorded_by(db2)));
  }

  Task<void> passes_failures_on() {
    EXPECT_TRUE(co_await becomes_whole("db1")) << "tried again";
    EXPECT_EQ(db1.node->obstacle() + db2.node->obstacle(), "") << "over";
    EXPECT_EQ(db1.count("obstacle") + db2.count("obstacle"), 2U) << "each told once";
    EXPECT_EQ(std::ranges::count(db1.server().calls, "bootstrap"), 2);
    EXPECT_EQ(std::ranges::count(db2.server().calls, "clone"), 2);
    std::vector<core::Certainty> ends;
    for (const auto& input : recorded_by(db2).inputs) {
      if (const auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
          ended != nullptr && ended->certainty != core::Certainty::done)
        ends.push_back(ended->certainty);
    }
    EXPECT_THAT(ends, Contains(core::Certainty::unknown)) << "a time-out is no refusal";
  }

  Task<void> resolves_lost_answer() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    db2.store->fail_next(adapters::etcd::FakeFault::lose_answer);
    db1.server().crash();
    EXPECT_TRUE(co_await becomes_whole("db2"));
    EXPECT_EQ(epoch(), Epoch{2}) << "the bid counted once";
  }

  Task<void> can_be_replayed() {
    EXPECT_TRUE(co_await becomes_whole("db1"));
    EXPECT_TRUE(db1.node->switch_over(NodeId{"db2"}).accepted);
    EXPECT_TRUE(co_await becomes_whole("db2"));
    db2.server().crash();
    EXPECT_TRUE(co_await becomes_whole("db1"));
    for (const auto& [name, host] : hosts) compare_with_replay(host);
  }

  void compare_with_replay(const TestNode& host) {
    const auto recorded = recorded_by(host);
    EXPECT_GT(recorded.inputs.size(), 50U);
    const auto recording = replay::parse_recording(InputRing::read(host.inputs_file));
    ASSERT_TRUE(recording) << recording.error().to_string();
    ASSERT_EQ(recording->stretches.size(), 1U);
    EXPECT_EQ(recording->stretches[0].steps.size(), recorded.inputs.size());
    replay::replay(recording->stretches[0], [](const replay::ReplayedStep& step) {
      EXPECT_TRUE(step.step.outcome);
      EXPECT_EQ(step.difference, "") << step.input;
    });
    std::vector<std::string> calls;
    std::vector<std::string> said;
    std::set<std::string> tokens;
    std::size_t refreshes = 0;
    for (const auto& output : replayed(recorded, recorded.begin.seed)) {
      for (const auto& [id, kind] : output.start) {
        if (const auto call = call_of(kind); !call.empty()) calls.push_back(call);
        if (const auto* swap = std::get_if<core::action::SwapRecord>(&kind)) tokens.insert(swap->next.token);
        if (std::holds_alternative<core::action::RefreshGate>(kind)) ++refreshes;
        if (std::holds_alternative<core::action::ShutGate>(kind)) ++refreshes;
      }
      for (const auto& note : output.notes) said.push_back(note.rule + ": " + note.text);
    }
    std::vector<std::string> heard;
    for (const auto& event : host.events->after(0))
      if (event.rule != "failover") heard.push_back(event.rule + ": " + event.message);
    EXPECT_EQ(calls, host.server().calls);
    EXPECT_EQ(said, heard);
    EXPECT_LE(refreshes, host.gate->refreshes()) << "a call that came late is repeated";
    const auto& record = backend->view.record->record;
    if (record.writer != recorded.begin.self) return;
    EXPECT_TRUE(tokens.contains(record.token));
    for (const auto& output : replayed(recorded, recorded.begin.seed + 1)) {
      for (const auto& action : output.start) {
        if (const auto* swap = std::get_if<core::action::SwapRecord>(&action.kind))
          EXPECT_NE(swap->next.token, record.token) << "the seed decides nothing";
      }
    }
  }
};

TEST_F(Nodes, bootstrap_open_and_add_the_second_host) { run(bootstraps()); }
TEST_F(Nodes, crash_of_postgresql_is_handed_over) { run(survives_crash()); }
TEST_F(Nodes, switchover_goes_there_and_back) { run(switches_over()); }
TEST_F(Nodes, pause_is_asked_for_seen_and_ended) { run(pauses()); }
TEST_F(Nodes, dead_network_to_the_clients_is_handed_over) { run(yields_service()); }
TEST_F(Nodes, gate_that_could_not_be_shut_is_told_to_the_controller) { run(tells_of_a_gate_that_stays_open()); }
TEST_F(Nodes, stop_hands_over_and_then_nothing_runs) { run(hands_over_at_stop()); }
TEST_F(Nodes, stop_waits_for_the_action_it_cancels) { run(ends_actions_at_stop()); }
TEST_F(Nodes, lost_and_broken_gate_is_reported_once) { run(reports_gate()); }
TEST_F(Nodes, address_in_other_hands_is_reported_and_asked_for_again) {
  link.set_stranger(vip.address, stranger);
  run(reports_address());
}
TEST_F(Nodes, preempted_action_does_not_report_its_end) { run(drops_preempted_end()); }
TEST_F(Nodes, observation_across_a_change_of_what_runs_is_dropped) { run(drops_old_observation()); }
TEST_F(Nodes, failures_are_passed_on_with_their_certainty) {
  db1.server().fail_next("bootstrap", Error{ErrorCode::unavailable, "no space left"});
  db2.server().fail_next("clone", Error{ErrorCode::timed_out, "too slow"});
  run(passes_failures_on());
}
TEST_F(Nodes, lost_answer_of_the_store_is_resolved) { run(resolves_lost_answer()); }
TEST_F(Nodes, recorded_run_gives_the_same_actions_again) { run(can_be_replayed()); }

}  // namespace
}  // namespace gemel::agent
