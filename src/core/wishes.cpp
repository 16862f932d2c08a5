#include "core/wishes.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"

namespace gemel::core {
namespace {

using Refusal = std::pair<std::string_view, std::string>;  // id and text; an empty id: allowed

std::string where_to_ask(const State& state) {
  const bool is_known = state.record() != nullptr && !state.is_holder();
  return "this host is not the primary; ask " + (is_known ? state.record()->holder.name : std::string("the primary"));
}

std::string_view refuse_switchover(const State& state, const NodeId& to) {
  if (!state.is_holder() || !state.is_serving()) return "not_primary";
  if (state.record()->state == RecordState::paused) return "paused";
  if (state.hand_over) return "already_running";
  if (to == state.self) return "already_there";
  if (to.empty()) return state.best_successor() ? "" : "no_candidate";
  if (!state.config.databases.contains(to)) return "no_such_host";
  if (!state.is_member(to)) return "not_synchronous";
  if (!state.is_fresh(to) || state.peers.at(to).beat.run != PostgresRun::standby) return "not_reachable";
  return "";
}

std::string explain_refusal(std::string_view reason, const NodeId& to) {
  if (reason == "not_primary") return "this host is not the serving primary; ask the primary";
  if (reason == "paused") return "the site is paused; resume it first";
  if (reason == "already_running") return "a switchover is already running";
  if (reason == "already_there") return "'" + to.name + "' is the primary already";
  if (reason == "no_candidate") return "no synchronous standby is ready to take over";
  if (reason == "no_such_host") return "'" + to.name + "' is not a database host of this site";
  if (reason == "not_synchronous")
    return "'" + to.name + "' is not a synchronous standby now; wait until status shows it as one";
  if (reason == "not_reachable") return "'" + to.name + "' does not answer or its PostgreSQL is not a running standby";
  return "accepted";
}

Refusal refuse_pause(const State& state, const event::PauseAsked& asked) {
  if (!state.is_holder() || !state.is_serving()) return {"not_primary", where_to_ask(state)};
  if (asked.length < shortest_pause || asked.length > longest_pause)
    return {"bad_length", "a pause lasts at least 10 s and at most 7 days"};
  if (asked.by.empty()) return {"no_name", "say who asks for the pause"};
  if (asked.reason.empty()) return {"no_reason", "say why: everybody sees it while the site is paused"};
  if (state.hand_over || state.is_stopping) return {"busy", "a hand-over is running; ask again when it is done"};
  return {};
}

Refusal refuse_resume(const State& state, const event::ResumeAsked& asked) {
  if (!state.is_holder()) return {"not_primary", where_to_ask(state)};
  if (state.record()->state != RecordState::paused) return {"not_paused", "the site is not paused"};
  if (asked.by.empty()) return {"no_name", "say who ends the pause"};
  return {};
}

/// Empty when this host has been silent for everybody of S for long enough.
Refusal refuse_while_others_live(const State& state) {
  const Duration silence = state.timers().grace;
  for (const auto& node : state.record()->members) {
    const auto peer = state.peers.find(node);
    if (peer == state.peers.end() || state.now - peer->second.heard_at > silence) continue;
    const bool is_holder = node == state.record()->holder;
    return {is_holder ? "holder_alive" : "member_alive",
            "'" + node.name + "' of the synchronous set still answers: it holds every acknowledged write, use it"};
  }
  return {};
}

Refusal refuse_force(const State& state) {
  const Record* record = state.record();
  if (state.is_stopping) return {"stopping", "this agent is stopping"};
  if (record == nullptr) return {"no_record", "there is no record to take over"};
  if (state.is_holder()) return {"is_holder", "this host is the holder already: it starts by itself"};
  if (state.is_member(state.self))
    return {"is_member", "this host is in the synchronous set: it takes over by itself, and loses nothing"};
  const auto run = state.facts.run;
  if (run != PostgresRun::standby && run != PostgresRun::stopped)
    return {"no_data", "this host has no database that could be promoted"};
  if (state.facts.system_id.empty() || state.facts.system_id != record->system_id ||
      record->cluster_id != state.config.cluster_id)
    return {"wrong_database", "the data directory here is not of this site's database"};
  if (state.is_busy(Slot::postgres) || state.is_crash_unclean || state.pending)
    return {"busy", "something is being done with PostgreSQL here; ask again in a moment"};
  if (auto alive = refuse_while_others_live(state); !alive.first.empty()) return alive;
  const bool is_read = state.store_read_at && state.now - *state.store_read_at <= std::chrono::seconds(3);
  if (!state.is_store_known || !is_read)
    return {"store_unknown", "etcd has not answered in the last 3 s: a take-over needs it"};
  if (state.now - state.record_since <= state.timers().grace)
    return {"record_changing", "somebody changed the record a moment ago: look at the status again"};
  return {};
}

/// What may be lost, as far as this host can know.
std::string report_loss(const State& state) {
  std::string text = fmt::format("this host '{}' has the database up to {} on timeline {}", state.self.name,
                                 to_string(state.facts.wal_end), state.facts.timeline);
  if (state.is_diverged()) text += ", with writes of its own that the present primary left behind";
  for (const auto& node : state.record()->members) {
    const auto peer = state.peers.find(node);
    if (peer == state.peers.end()) {
      text += fmt::format("; '{}' was never heard since this agent started: how much is missing is unknown", node.name);
      continue;
    }
    const auto& beat = peer->second.beat;
    const auto missing =
        beat.wal_end > state.facts.wal_end ? beat.wal_end.value - state.facts.wal_end.value : std::uint64_t{0};
    text += fmt::format("; '{}' was last heard {} s ago with {} on timeline {}: at least {} bytes are missing here",
                        node.name,
                        std::chrono::duration_cast<std::chrono::seconds>(state.now - peer->second.heard_at).count(),
                        to_string(beat.wal_end), beat.timeline, missing);
  }
  return text + ". Acknowledged writes that only those hosts hold will be lost.";
}

}  // namespace

void ask_switchover(State& state, const event::SwitchoverAsked& asked, Output& output) {
  const auto reason = refuse_switchover(state, asked.to);
  output.answers.push_back({asked.ask, reason.empty(), std::string(reason), explain_refusal(reason, asked.to)});
  if (!reason.empty()) return;
  const NodeId to = asked.to.empty() ? *state.best_successor() : asked.to;
  state.hand_over = HandOver{to, HandOverStage::checkpoint, state.now, Cause::switchover};
  state.add.reset();
}

void ask_pause(State& state, const event::PauseAsked& asked, Output& output) {
  const auto [reason, text] = refuse_pause(state, asked);
  output.answers.push_back({asked.ask, reason.empty(), std::string(reason), reason.empty() ? "accepted" : text});
  if (reason.empty()) state.pause_wish = PauseWish{asked, state.now};
}

void ask_resume(State& state, const event::ResumeAsked& asked, Output& output) {
  const auto [reason, text] = refuse_resume(state, asked);
  output.answers.push_back({asked.ask, reason.empty(), std::string(reason), reason.empty() ? "accepted" : text});
  if (!reason.empty()) return;
  output.notes.push_back({NoteLevel::info, "resume", asked.by + " asks to end the pause", state.record()->epoch});
  state.wants_resume = true;
}

void ask_force(State& state, const event::ForceAsked& asked, Output& output) {
  const auto [reason, text] = refuse_force(state);
  if (!reason.empty()) {
    output.answers.push_back({asked.ask, false, std::string(reason), text});
  } else if (!asked.confirmed_fenced) {
    output.answers.push_back({asked.ask, false, "needs_confirmation", report_loss(state)});
  } else {
    output.answers.push_back({asked.ask, true, "", report_loss(state)});
    state.force_wish = ForceWish{asked.by, state.revision()};
  }
}

}  // namespace gemel::core
