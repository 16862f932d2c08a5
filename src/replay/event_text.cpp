#include "replay/event_text.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"

namespace gemel::replay {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

std::string milliseconds(Duration duration) {
  return fmt::format("{:.0f} ms", std::chrono::duration<double, std::milli>(duration).count());
}

std::string server_text(core::PostgresRun run, std::uint32_t timeline, Lsn wal_end) {
  std::string text(core::to_string(run));
  if (timeline != 0) text += fmt::format(", timeline {}, WAL {}", timeline, to_string(wal_end));
  return text;
}

std::string heard_text(const core::Heard& heard, TimePoint now) {
  const auto& beat = heard.beat;
  std::string text = fmt::format("heard {}: {}, epoch {}", heard.from.name,
                                 server_text(beat.run, beat.timeline, beat.wal_end), beat.epoch.value);
  if (!beat.holder.empty()) text += fmt::format(" {} of {}", core::to_string(beat.state), beat.holder.name);
  if (!heard.confirmed) return text + "; it confirmed nothing of ours";
  return text + fmt::format("; it confirmed what we sent {} ago", milliseconds(now - *heard.confirmed));
}

std::string facts_text(const core::PostgresFacts& facts) {
  std::string text = "PostgreSQL seen: " + server_text(facts.run, facts.timeline, facts.wal_end);
  if (!facts.is_answering) text += ", gave no answer";
  if (!facts.upstream.empty())
    text += fmt::format(", {} {}", facts.is_receiving ? "receives from" : "does not receive from", facts.upstream.name);
  for (const auto& link : facts.standbys) {
    text += fmt::format(", {} {} at {}", link.node.name, link.is_streaming ? "streams" : "does not stream",
                        to_string(link.flush_lsn));
  }
  if (facts.write_probe_age > Duration::zero())
    text += ", write probe unanswered for " + milliseconds(facts.write_probe_age);
  return text;
}

std::string view_text(const core::StoreView& view) {
  if (!view.record) return "no record";
  const auto& record = view.record->record;
  return fmt::format("revision {}: epoch {} {} of {} members {}", view.record->revision.value, record.epoch.value,
                     core::to_string(record.state), record.holder.name, to_string(record.members));
}

std::string payload_text(const core::Payload& payload) {
  return std::visit(
      Overloaded{[](const std::monostate&) { return std::string(); },
                 [](const core::StoreView& it) { return ", " + view_text(it); },
                 [](const core::payload::Swapped& it) { return fmt::format(", revision {}", it.revision.value); },
                 [](const core::payload::IntentOwner& it) { return ", owned by " + it.owner; },
                 [](const core::payload::Promoted& it) {
                   return fmt::format(", timeline {} from {}", it.timeline, to_string(it.switch_lsn));
                 },
                 [](const core::payload::Mark& it) { return it.lsn.value == 0 ? "" : ", WAL " + to_string(it.lsn); },
                 [](const core::payload::LastConfirmation& it) {
                   return fmt::format(", last confirmation at {}", milliseconds(it.at.since_boot));
                 }},
      payload);
}

std::string ended_text(const core::event::ActionEnded& ended, const core::State& before) {
  std::string what = "an action that was given up";
  for (const auto& [slot, busy] : before.slots) {
    if (busy.id == ended.id) what = core::describe(busy.kind);
  }
  return fmt::format("{} {}: {}{}{}", ended.id.value, what, core::to_string(ended.certainty),
                     ended.reason.empty() ? "" : " (" + ended.reason + ")", payload_text(ended.payload));
}

}  // namespace

std::string describe(const core::Input& input, const core::State& before) {
  // Every kind by name: a new one does not compile until it has its words.
  return std::visit(
      Overloaded{
          [](const core::event::Tick&) { return std::string("time passed"); },
          [&](const core::Heard& it) { return heard_text(it, input.now); },
          [](const core::event::PostgresSeen& it) { return facts_text(it.facts); },
          [](const core::event::PostgresExited&) { return std::string("PostgreSQL's postmaster ended"); },
          [](const core::event::StoreHint& it) {
            if (it.record) return "etcd shows " + view_text({core::VersionedRecord{*it.record, it.revision}, {}});
            return fmt::format("etcd speaks of revision {}", it.revision.value);
          },
          [](const core::event::StopAsked&) { return std::string("the agent is asked to stop"); },
          [](const core::event::SwitchoverAsked& it) {
            return "an operator asks for a switchover to " + (it.to.empty() ? "the best standby" : it.to.name);
          },
          [&](const core::event::ActionEnded& it) { return ended_text(it, before); },
          [](const core::event::PauseAsked& it) { return fmt::format("{} asks for a pause: {}", it.by, it.reason); },
          [](const core::event::ResumeAsked& it) { return it.by + " ends the pause"; },
          [](const core::event::ServiceSeen& it) {
            return fmt::format("{} of {} service-side targets answer", it.reachable, it.total);
          },
          [](const core::event::ForceAsked& it) {
            return fmt::format("{} {} that this host takes over with what it has", it.by,
                               it.confirmed_fenced ? "confirms" : "asks");
          },
          [](const core::event::GateFailed&) { return std::string("the gate could not be shut"); },
      },
      input.event);
}

}  // namespace gemel::replay
