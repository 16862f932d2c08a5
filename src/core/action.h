// What the controller wants done. Each action belongs to a slot; a slot does one thing at a time, and the end of an
// action comes back as ActionEnded with one of three outcomes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/beat.h"

namespace gemel::core {

enum class Slot : std::uint8_t { store, postgres, heartbeat };

/// Why a compare-and-swap is made; decides what its success means.
/// create, bid, claim and force make this run the holder; pause and resume change the state only.
enum class SwapPurpose : std::uint8_t { create, bid, claim, cut, remove, add, resign, pause, resume, force };
std::string_view to_string(SwapPurpose purpose);

namespace action {
// store
struct ReadStore {
  bool operator==(const ReadStore&) const = default;
};
struct ClaimIntent {
  std::string name;
  bool operator==(const ClaimIntent&) const = default;
};
struct SwapRecord {
  SwapPurpose purpose{};
  Revision expected;  // 0: create
  Record next;
  std::optional<HistoryEntry> history;
  bool operator==(const SwapRecord&) const = default;
};
struct CompleteHistory {
  HistoryEntry entry;
  bool operator==(const CompleteHistory&) const = default;
};
// postgres
struct Bootstrap {
  bool operator==(const Bootstrap&) const = default;
};
struct StartPostgres {
  NodeId upstream;
  NodeSet names;
  bool operator==(const StartPostgres&) const = default;
};
struct Follow {
  NodeId upstream;
  bool operator==(const Follow&) const = default;
};
struct Promote {
  NodeSet names;
  bool operator==(const Promote&) const = default;
};
struct SetNames {
  NodeSet names;
  bool with_barrier = false;
  bool operator==(const SetNames&) const = default;
};
struct Checkpoint {
  bool operator==(const Checkpoint&) const = default;
};
struct StopPostgres {
  Duration limit{};
  bool operator==(const StopPostgres&) const = default;
};
struct KillPostgres {
  bool operator==(const KillPostgres&) const = default;
};
struct Rewind {
  NodeId source;
  bool operator==(const Rewind&) const = default;
};
struct Clone {
  NodeId source;
  bool operator==(const Clone&) const = default;
};
struct MarkServed {
  Epoch epoch;
  bool operator==(const MarkServed&) const = default;
};
// heartbeat
struct QuiesceHeartbeat {
  bool operator==(const QuiesceHeartbeat&) const = default;
};
// Without an end: carried out at once by the shell, trouble comes back as an observation.
struct ResumeHeartbeat {
  Epoch lowest;
  bool operator==(const ResumeHeartbeat&) const = default;
};
struct Say {
  Beat beat;
  bool operator==(const Say&) const = default;
};
struct RefreshGate {
  TimePoint until;
  Epoch epoch;
  bool admits_new = true;  // false: connections that exist may end, new ones are refused
  bool operator==(const RefreshGate&) const = default;
};
struct ShutGate {
  bool operator==(const ShutGate&) const = default;
};
struct TakeAddress {
  Epoch epoch;
  bool operator==(const TakeAddress&) const = default;
};
struct DropAddress {
  bool operator==(const DropAddress&) const = default;
};
}  // namespace action

using ActionKind =
    std::variant<action::ReadStore, action::ClaimIntent, action::SwapRecord, action::CompleteHistory, action::Bootstrap,
                 action::StartPostgres, action::Follow, action::Promote, action::SetNames, action::Checkpoint,
                 action::StopPostgres, action::KillPostgres, action::Rewind, action::Clone, action::MarkServed,
                 action::QuiesceHeartbeat, action::ResumeHeartbeat, action::Say, action::RefreshGate, action::ShutGate,
                 action::TakeAddress, action::DropAddress>;

struct ActionId {
  std::uint64_t value = 0;
  auto operator<=>(const ActionId&) const = default;
};

struct Action {
  ActionId id;
  ActionKind kind;
  bool operator==(const Action&) const = default;
};

/// The slot of an action; empty for those without an end.
std::optional<Slot> slot_of(const ActionKind& kind);
/// One line for logs, notes and golden transcripts.
std::string describe(const ActionKind& kind);

}  // namespace gemel::core
