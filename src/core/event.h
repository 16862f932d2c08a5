// What the controller is told: time, observations, ends of actions, wishes of an operator. And what it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/action.h"

namespace gemel::core {

/// done = it happened; refused = certainly no effect; unknown = it may have happened or may still happen.
enum class Certainty : std::uint8_t { done, refused, unknown };
std::string_view to_string(Certainty certainty);

namespace payload {
struct Swapped {
  Revision revision;
  bool operator==(const Swapped&) const = default;
};
struct IntentOwner {
  std::string owner;
  bool operator==(const IntentOwner&) const = default;
};
struct Promoted {
  std::uint32_t timeline = 0;
  Lsn switch_lsn;
  bool operator==(const Promoted&) const = default;
};
struct Mark {
  Lsn lsn;
  bool operator==(const Mark&) const = default;
};  // SetNames with barrier; StopPostgres: WAL end
struct LastConfirmation {
  TimePoint at;
  bool operator==(const LastConfirmation&) const = default;
};
}  // namespace payload
using Payload = std::variant<std::monostate, StoreView, payload::Swapped, payload::IntentOwner, payload::Promoted,
                             payload::Mark, payload::LastConfirmation>;

namespace event {
struct Tick {};
struct PostgresSeen {
  PostgresFacts facts;
};
struct PostgresExited {};  // the postmaster ended (pidfd)
/// A watch saw the record change: worth a read. The record as it was at that revision comes with it when the watch
/// showed it; it may be older than what etcd holds now, it was never different. When it comes is no measure of
/// anything.
struct StoreHint {
  Revision revision;
  std::optional<Record> record;
};
struct StopAsked {};  // the agent itself must end: hand over if possible, stop PostgreSQL
struct SwitchoverAsked {
  std::uint64_t ask = 0;
  NodeId to;
};  // `to` empty: the best standby
/// Pause: nobody takes over, nothing is started or restarted; the holder serves without permits (R11). Ask the holder.
/// Asked again while paused it replaces the present pause. Refused with: not_primary, bad_length, no_name, no_reason,
/// busy. Accepted: the swap follows; the record shows it.
struct PauseAsked {
  std::uint64_t ask = 0;
  std::string by;
  std::string reason;
  Duration length{0};
  std::string until;  // wall time for people
};
/// Ends the pause before its time. Ask the holder. Refused with: not_primary, not_paused, no_name. It takes effect when
/// all members confirm heartbeats again.
struct ResumeAsked {
  std::uint64_t ask = 0;
  std::string by = {};
};
/// How many of the service-side targets answer this agent, sent when that changed and about every second. A look
/// older than 3 s does not count.
struct ServiceSeen {
  std::uint16_t reachable = 0;
  std::uint16_t total = 0;  // 0: none are configured
};
/// Operator force: this host, not in S, takes over with what it has. Without `confirmed_fenced` it is refused with
/// `needs_confirmation` and the text reports what may be lost. `confirmed_fenced`: the operator states that the old
/// holder and all members are powered off or cut from clients. Refused otherwise with: no_record, is_holder, is_member,
/// no_data, wrong_database, busy, holder_alive, member_alive, record_changing, store_unknown, stopping.
struct ForceAsked {
  std::uint64_t ask = 0;
  std::string by;
  bool confirmed_fenced = false;
};
/// Shutting the gate (or making it shorter) failed; what is open by itself ends at `until` (own boot clock). A
/// resignation waits for that while PostgreSQL runs. Sent before any other event once the step that asked for it is
/// over; not at all, or with a moment in the past, when it worked.
struct GateFailed {
  TimePoint until;
};
struct ActionEnded {
  ActionId id;
  Certainty certainty = Certainty::unknown;
  Payload payload;
  std::string reason;  // for a person
};
}  // namespace event
using Event = std::variant<event::Tick, Heard, event::PostgresSeen, event::PostgresExited, event::StoreHint,
                           event::StopAsked, event::SwitchoverAsked, event::ActionEnded, event::PauseAsked,
                           event::ResumeAsked, event::ServiceSeen, event::ForceAsked, event::GateFailed>;

struct Input {
  TimePoint now;  // never goes backwards
  Event event;
};

enum class NoteLevel : std::uint8_t { info, warn, error };

/// A change of decision: for the log, the API and the replay.
struct Note {
  NoteLevel level = NoteLevel::info;
  std::string rule;  // id in the policy table
  std::string text;
  Epoch epoch;
};

/// Answer to an operator's wish. `reason` is an id; text is for a person.
struct Answer {
  std::uint64_t ask = 0;
  bool accepted = false;
  std::string reason;
  std::string text;
};

struct Output {
  std::vector<Action> start;     // independent of each other, in this order
  std::vector<ActionId> cancel;  // do these before `start`; their ends are not awaited any more
  std::vector<Note> notes;
  std::vector<Answer> answers;
  std::vector<std::string_view> rules;  // ids of the rules that matched, in order; the last one decided
  TimePoint wake_at;                    // a Tick is wanted then at the latest
};

}  // namespace gemel::core
