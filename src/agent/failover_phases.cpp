#include "agent/failover_phases.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace gemel::agent {
namespace {

using core::SwapPurpose;

// A mark older than this belongs to another story.
constexpr Duration story_limit = std::chrono::seconds(30);

std::int64_t milliseconds(Duration duration) { return std::chrono::round<std::chrono::milliseconds>(duration).count(); }

template <typename Kind>
const Kind* find_started(const core::Output& output) {
  for (const auto& action : output.start) {
    if (const auto* kind = std::get_if<Kind>(&action.kind)) return kind;
  }
  return nullptr;
}

bool is_bid(const core::action::SwapRecord* swap) { return swap != nullptr && swap->purpose == SwapPurpose::bid; }

bool is_resigned_here(const core::State& state) {
  return state.is_holder() && state.record()->state == core::RecordState::resigned && !state.pending;
}

}  // namespace

Duration FailoverReport::total() const {
  Duration sum{0};
  for (const auto& phase : phases) sum += phase.length;
  return sum;
}

std::string FailoverReport::text() const {
  std::string parts;
  for (const auto& phase : phases)
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", phase.name, milliseconds(phase.length));
  return fmt::format("{} took {} ms: {}", part, milliseconds(total()), parts);
}

std::vector<api::PhaseTime> FailoverReport::times() const {
  std::vector<api::PhaseTime> times;
  for (const auto& phase : phases) times.push_back({std::string(phase.name), milliseconds(phase.length)});
  return times;
}

bool FailoverPhases::Course::has(std::string_view name) const {
  return std::ranges::any_of(ends, [&](const auto& end) { return end.first == name; });
}

void FailoverPhases::Course::end(std::string_view name, TimePoint when) {
  if (!has(name)) ends.emplace_back(name, when);
}

void FailoverPhases::step(const core::Input& input, const core::Output& output, const core::State& after) {
  if (after.hinted > hinted_) hint_at_ = after.now;
  hinted_ = std::max(hinted_, after.hinted);
  if (std::holds_alternative<core::event::PostgresExited>(input.event) && after.is_crash_unclean) {
    exit_at_ = after.now;
    if (was_serving_) giving_ = Course{after.now, after.record()->epoch, {}};
  }
  if (after.hand_over && !giving_) giving_ = Course{after.now, after.record()->epoch, {}};
  follow_giving(output, after);
  follow_taking(output, after);
  was_serving_ = after.is_serving();
}

void FailoverPhases::follow_giving(const core::Output& output, const core::State& after) {
  if (!giving_) return;
  const bool is_other_story = after.record() == nullptr || after.record()->epoch != giving_->epoch;
  if (is_other_story || after.now - giving_->begun > story_limit) return giving_.reset();
  if (find_started<core::action::StopPostgres>(output) != nullptr && after.now > giving_->begun)
    giving_->end("checkpoint", after.now);
  if (after.facts.run == core::PostgresRun::stopped) giving_->end("stop", after.now);
  if (is_resigned_here(after)) {
    giving_->end("resign", after.now);
    finish("hand_over", giving_);
  } else if (!after.hand_over && after.is_serving()) {
    giving_.reset();  // it was called off
  }
}

TimePoint FailoverPhases::begin_of_taking(const core::State& after) const {
  const core::Record& record = *after.record();
  const auto is_recent = [&](const std::optional<TimePoint>& mark) { return mark && after.now - *mark < story_limit; };
  if (record.holder == after.self) return is_recent(exit_at_) ? *exit_at_ : after.now;
  if (record.state == core::RecordState::resigned) {
    const TimePoint read = after.resigned_at.value_or(after.now);
    return is_recent(hint_at_) ? std::min(*hint_at_, read) : read;
  }
  const auto peer = after.peers.find(record.holder);
  return peer == after.peers.end() ? after.now : peer->second.heard_at;
}

void FailoverPhases::follow_taking(const core::Output& output, const core::State& after) {
  const auto* swap = find_started<core::action::SwapRecord>(output);
  if (is_bid(swap) && (!taking_ || taking_->epoch != swap->next.epoch)) {
    taking_ = Course{begin_of_taking(after), swap->next.epoch, {}};
    taking_->end("detect", after.now);
  }
  if (!taking_) return;
  const bool is_won = after.has_won() && after.won == taking_->epoch;
  if (after.now - taking_->begun > story_limit || (taking_->has("bid") && !is_won)) return taking_.reset();
  if (!is_won) {
    if (after.record() != nullptr && after.record()->epoch >= taking_->epoch) taking_.reset();  // somebody else won
    return;
  }
  taking_->end("bid", after.now);
  if (find_started<core::action::Promote>(output) != nullptr) taking_->end("prepare", after.now);
  if (after.promoted != after.won) return;
  taking_->end("promote", after.now);
  if (!after.is_cut) return;
  taking_->end("cut", after.now);
  if (after.names == after.other_members()) taking_->end("names", after.now);
  if (after.opened == after.won) taking_->end("open", after.now);
  finish_taking();
}

void FailoverPhases::address_is_here(TimePoint now) {
  if (!taking_ || !taking_->has("open")) return;
  taking_->end("address", now);
  finish_taking();
}

void FailoverPhases::finish_taking() {
  if (taking_ && taking_->has("open") && taking_->has("names") && taking_->has("address")) finish("take_over", taking_);
}

void FailoverPhases::finish(std::string_view part, std::optional<Course>& course) {
  FailoverReport report{part, course->epoch, {}};
  TimePoint before = course->begun;
  for (const auto& [name, end] : course->ends) report.phases.push_back({name, end - std::exchange(before, end)});
  course.reset();
  std::erase_if(last_, [&](const FailoverReport& old) { return old.part == part; });
  last_.push_back(report);
  report_ = std::move(report);
}

std::optional<FailoverReport> FailoverPhases::take_report() { return std::exchange(report_, std::nullopt); }

}  // namespace gemel::agent
