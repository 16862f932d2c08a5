#include "core/action.h"

#include <fmt/format.h>

#include "base/text.h"
#include "core/event.h"

namespace gemel::core {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

std::string nobody_or(const NodeId& node) { return node.empty() ? "nobody" : node.name; }

std::string describe_swap(const action::SwapRecord& swap) {
  return fmt::format("swap_record {} at revision {}: epoch {} holder {} members {} {}", to_string(swap.purpose),
                     swap.expected.value, swap.next.epoch.value, swap.next.holder.name, to_string(swap.next.members),
                     to_string(swap.next.state));
}

}  // namespace

std::string_view to_string(SwapPurpose purpose) {
  switch (purpose) {
    case SwapPurpose::create:
      return "create";
    case SwapPurpose::bid:
      return "bid";
    case SwapPurpose::claim:
      return "claim";
    case SwapPurpose::cut:
      return "cut";
    case SwapPurpose::remove:
      return "remove";
    case SwapPurpose::add:
      return "add";
    case SwapPurpose::resign:
      return "resign";
    case SwapPurpose::pause:
      return "pause";
    case SwapPurpose::resume:
      return "resume";
    case SwapPurpose::force:
      return "force";
  }
  return "claim";
}

std::string_view to_string(Certainty certainty) {
  switch (certainty) {
    case Certainty::done:
      return "done";
    case Certainty::refused:
      return "refused";
    case Certainty::unknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<Slot> slot_of(const ActionKind& kind) {
  return std::visit(Overloaded{
                        [](const action::ReadStore&) -> std::optional<Slot> { return Slot::store; },
                        [](const action::ClaimIntent&) -> std::optional<Slot> { return Slot::store; },
                        [](const action::SwapRecord&) -> std::optional<Slot> { return Slot::store; },
                        [](const action::CompleteHistory&) -> std::optional<Slot> { return Slot::store; },
                        [](const action::QuiesceHeartbeat&) -> std::optional<Slot> { return Slot::heartbeat; },
                        [](const action::ResumeHeartbeat&) -> std::optional<Slot> { return std::nullopt; },
                        [](const action::Say&) -> std::optional<Slot> { return std::nullopt; },
                        [](const action::RefreshGate&) -> std::optional<Slot> { return std::nullopt; },
                        [](const action::ShutGate&) -> std::optional<Slot> { return std::nullopt; },
                        [](const action::TakeAddress&) -> std::optional<Slot> { return std::nullopt; },
                        [](const action::DropAddress&) -> std::optional<Slot> { return std::nullopt; },
                        [](const auto&) -> std::optional<Slot> { return Slot::postgres; },
                    },
                    kind);
}

std::string describe(const ActionKind& kind) {
  return std::visit(
      Overloaded{
          [](const action::ReadStore&) { return std::string("read_store"); },
          [](const action::ClaimIntent& a) { return "claim_intent " + a.name; },
          [](const action::SwapRecord& a) { return describe_swap(a); },
          [](const action::CompleteHistory& a) {
            return fmt::format("complete_history epoch {} timeline {} at {}", a.entry.epoch.value, a.entry.timeline,
                               to_string(a.entry.switch_lsn));
          },
          [](const action::Bootstrap&) { return std::string("bootstrap"); },
          [](const action::StartPostgres& a) {
            return fmt::format("start_postgres following {} names {}", nobody_or(a.upstream), to_string(a.names));
          },
          [](const action::Follow& a) { return "follow " + nobody_or(a.upstream); },
          [](const action::Promote& a) { return "promote names " + to_string(a.names); },
          [](const action::SetNames& a) {
            return fmt::format("set_names {}{}", to_string(a.names), a.with_barrier ? " with barrier" : "");
          },
          [](const action::Checkpoint&) { return std::string("checkpoint"); },
          [](const action::StopPostgres&) { return std::string("stop_postgres"); },
          [](const action::KillPostgres&) { return std::string("kill_postgres"); },
          [](const action::Rewind& a) { return "rewind from " + a.source.name; },
          [](const action::Clone& a) { return "clone from " + a.source.name; },
          [](const action::MarkServed& a) { return fmt::format("mark_served {}", a.epoch.value); },
          [](const action::QuiesceHeartbeat&) { return std::string("quiesce_heartbeat"); },
          [](const action::ResumeHeartbeat& a) {
            return fmt::format("resume_heartbeat from epoch {}", a.lowest.value);
          },
          [](const action::Say& a) {
            return fmt::format("say epoch {} holder {} {}", a.beat.epoch.value, nobody_or(a.beat.holder),
                               to_string(a.beat.run));
          },
          [](const action::RefreshGate& a) {
            return fmt::format("refresh_gate until {} ms{}",
                               std::chrono::duration_cast<std::chrono::milliseconds>(a.until.since_boot).count(),
                               a.admits_new ? "" : ", new connections refused");
          },
          [](const action::ShutGate&) { return std::string("shut_gate"); },
          [](const action::TakeAddress& a) { return fmt::format("take_address epoch {}", a.epoch.value); },
          [](const action::DropAddress&) { return std::string("drop_address"); },
      },
      kind);
}

}  // namespace gemel::core
