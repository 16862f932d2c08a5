#include "cli/explain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdlib>

#include "base/text.h"
#include "cli/table.h"
#include "core/policy.h"
#include "replay/replay.h"

namespace gemel::cli {
namespace {

namespace json = boost::json;

constexpr Milliseconds one_day = std::chrono::hours(24);

/// The wall clock of a stretch at a moment of its boot clock.
Milliseconds wall_at(const replay::Stamp& stamp, TimePoint at) {
  const auto since = std::chrono::duration_cast<Milliseconds>(at - stamp.at);
  return parse_wall(stamp.wall).value_or(Milliseconds{0}) + since;
}

/// When an epoch was first known in this stretch.
std::optional<TimePoint> first_known(const replay::Stretch& stretch, std::uint64_t epoch) {
  std::optional<TimePoint> found;
  replay::replay(stretch, [&](const replay::ReplayedStep& step) {
    const auto* record = step.after.record();
    if (!found && record != nullptr && record->epoch.value == epoch) found = step.step.input.now;
  });
  return found;
}

/// What `--around` means in one stretch.
class Window {
 public:
  Window(const replay::Stretch& stretch, const ExplainFilter& filter) : stamp_(stretch.stamp), filter_(filter) {
    if (filter.around && filter.around->epoch) epoch_begin_ = first_known(stretch, *filter.around->epoch);
  }
  [[nodiscard]] bool contains(TimePoint at) const {
    if (!filter_.around) return true;
    if (filter_.around->epoch) return epoch_begin_ && is_near(std::chrono::abs(at - *epoch_begin_));
    const auto wall = wall_at(stamp_, at);
    if (filter_.around->wall) return is_near(std::chrono::abs(wall - *filter_.around->wall));
    const auto distance = std::chrono::abs(wall % one_day - *filter_.around->time_of_day);
    return is_near(std::min(distance, one_day - distance));
  }

 private:
  [[nodiscard]] bool is_near(Duration distance) const { return distance <= filter_.window; }
  const replay::Stamp& stamp_;
  const ExplainFilter& filter_;
  std::optional<TimePoint> epoch_begin_;
};

bool is_shown(const replay::ReplayedStep& step, const ExplainFilter& filter, const Window& window) {
  if (!step.difference.empty()) return true;
  if (!window.contains(step.step.input.now)) return false;
  if (!filter.rule.empty()) {
    if (std::ranges::count(step.output.rules, filter.rule) == 0) return false;
    // Rules that let others decide too match with every heartbeat: only where something came of it.
    if (step.rule != filter.rule && !step.is_change && !filter.is_every_step) return false;
  }
  return filter.is_every_step || step.is_change;
}

/// What is done with every heartbeat is left out unless every step is wanted.
bool is_routine(const core::ActionKind& kind) {
  return std::holds_alternative<core::action::RefreshGate>(kind) || std::holds_alternative<core::action::Say>(kind);
}

void add_rule_texts(ExplainedStep& step) {
  for (const auto& rule : core::policy_table()) {
    if (rule.id != step.rule) continue;
    step.protocol = rule.protocol;
    step.when = rule.when;
    step.then = rule.then;
  }
}

std::string level_text(core::NoteLevel level) {
  return level == core::NoteLevel::error ? "error" : level == core::NoteLevel::warn ? "warn" : "info";
}

ExplainedStep explained(const replay::Stretch& stretch, const replay::ReplayedStep& step, bool is_every_step) {
  ExplainedStep result;
  const auto at = step.step.input.now;
  result.time = wall_text(wall_at(stretch.stamp, at));
  result.seconds = std::chrono::duration<double>(at - stretch.stamp.at).count();
  result.epoch = step.after.record() != nullptr ? step.after.record()->epoch.value : 0;
  result.input = step.input;
  result.rule = step.rule;
  add_rule_texts(result);
  for (const auto rule : step.output.rules) {
    if (rule != step.rule && std::ranges::count(result.matched, rule) == 0) result.matched.emplace_back(rule);
  }
  for (const auto& action : step.output.start) {
    if (is_every_step || !is_routine(action.kind))
      result.starts.push_back(fmt::format("{} {}", action.id.value, core::describe(action.kind)));
  }
  for (const auto& id : step.output.cancel) result.cancels.push_back(id.value);
  for (const auto& note : step.output.notes)
    result.notes.push_back(fmt::format("{} {}: {}", level_text(note.level), note.rule, note.text));
  for (const auto& answer : step.output.answers)
    result.notes.push_back(
        fmt::format("answer: {}", answer.accepted ? "accepted" : answer.reason + ", " + answer.text));
  result.difference = step.difference;
  return result;
}

std::string step_text(const ExplainedStep& step, bool use_colour) {
  std::string text =
      coloured(fmt::format("{}  +{:.3f} s  epoch {}", step.time, step.seconds, step.epoch), Colour::faint, use_colour) +
      "\n";
  const auto line = [&](const char* what, const std::string& value) {
    text += fmt::format("  {:<8}{}\n", what, printable(value));
  };
  line("input", step.input);
  line("rule", fmt::format("{} ({}): {} -> {}", step.rule, step.protocol, step.when, step.then));
  if (!step.matched.empty()) line("also", join(step.matched, ", "));
  for (const auto id : step.cancels) line("cancels", std::to_string(id));
  for (const auto& action : step.starts) line("starts", action);
  for (const auto& note : step.notes) line("says", note);
  if (!step.difference.empty())
    text += coloured("  DIFFERS " + printable(step.difference), Colour::bad, use_colour) + "\n";
  return text;
}

std::string verdict_text(const ExplainedStretch& stretch) {
  if (stretch.compared == 0) return "nothing to compare with: no outcomes are recorded in it";
  const std::string scope =
      stretch.compared == stretch.inputs
          ? fmt::format("all {} steps", stretch.inputs)
          : fmt::format("{} of {} steps were recorded with their outcome,", stretch.compared, stretch.inputs);
  if (stretch.differences == 0) return fmt::format("{} decided as recorded", scope);
  std::string text = fmt::format("{} of {} steps differ from what was recorded", stretch.differences, stretch.compared);
  if (stretch.version != GEMEL_VERSION)
    text += fmt::format("; it was recorded by version {}, this is {}: other rules decide otherwise", stretch.version,
                        GEMEL_VERSION);
  return text;
}

std::string stretch_text(const ExplainedStretch& stretch, bool use_colour) {
  std::string text =
      coloured(fmt::format("== {}, {} to {}, {}", printable(stretch.host), stretch.from, stretch.to,
                           stretch.is_from_beginning ? "from the start of the agent" : "from a kept state"),
               Colour::none, use_colour) +
      "\n";
  for (const auto& step : stretch.steps) text += step_text(step, use_colour);
  return text + fmt::format("-- {} decisions shown; {}; {}\n", stretch.steps.size(), verdict_text(stretch),
                            printable(stretch.end));
}

template <typename T>
json::array array_of(const std::vector<T>& items) {
  json::array array;
  for (const auto& item : items) array.emplace_back(item);
  return array;
}

json::object json_of(const ExplainedStep& step) {
  return {{"time", step.time},
          {"seconds", step.seconds},
          {"epoch", step.epoch},
          {"input", step.input},
          {"rule", step.rule},
          {"protocol", step.protocol},
          {"when", step.when},
          {"then", step.then},
          {"matched", array_of(step.matched)},
          {"starts", array_of(step.starts)},
          {"cancels", array_of(step.cancels)},
          {"says", array_of(step.notes)},
          {"difference", step.difference}};
}

}  // namespace

std::optional<Around> parse_around(std::string_view text) {
  Around around;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    around.epoch = number;
  } else if (const auto time = parse_time_of_day(text)) {
    around.time_of_day = time;
  } else if (const auto wall = parse_wall(text)) {
    around.wall = wall;
  } else {
    return std::nullopt;
  }
  return around;
}

std::size_t Explanation::differences() const {
  std::size_t count = 0;
  for (const auto& stretch : stretches) count += stretch.differences;
  return count;
}

Explanation explain(const replay::Recording& recording, const ExplainFilter& filter) {
  Explanation result;
  result.unreplayable_inputs = recording.unreplayable_steps;
  for (const auto& stretch : recording.stretches) {
    const Window window(stretch, filter);
    ExplainedStretch told;
    told.host = stretch.start.self.name;
    told.version = stretch.stamp.version;
    told.from = wall_text(wall_at(stretch.stamp, stretch.steps.front().input.now));
    told.to = wall_text(wall_at(stretch.stamp, stretch.steps.back().input.now));
    told.end = stretch.end;
    told.is_from_beginning = stretch.is_from_beginning;
    told.inputs = stretch.steps.size();
    told.compared = static_cast<std::size_t>(
        std::ranges::count_if(stretch.steps, [](const auto& step) { return step.outcome.has_value(); }));
    told.differences = replay::replay(stretch, [&](const replay::ReplayedStep& step) {
      if (is_shown(step, filter, window)) told.steps.push_back(explained(stretch, step, filter.is_every_step));
    });
    result.stretches.push_back(std::move(told));
  }
  return result;
}

std::string explanation_text(const Explanation& explanation, bool use_colour) {
  std::string text;
  if (explanation.unreplayable_inputs > 0)
    text += fmt::format("{} older inputs cannot be replayed: the state before them is no longer kept.\n",
                        explanation.unreplayable_inputs);
  for (const auto& stretch : explanation.stretches) text += stretch_text(stretch, use_colour);
  return text;
}

std::string explanation_json(const Explanation& explanation) {
  json::array stretches;
  for (const auto& stretch : explanation.stretches) {
    json::array steps;
    for (const auto& step : stretch.steps) steps.push_back(json_of(step));
    stretches.push_back({{"host", stretch.host},
                         {"version", stretch.version},
                         {"from", stretch.from},
                         {"to", stretch.to},
                         {"is_from_beginning", stretch.is_from_beginning},
                         {"inputs", stretch.inputs},
                         {"compared", stretch.compared},
                         {"differences", stretch.differences},
                         {"end", stretch.end},
                         {"decisions", std::move(steps)}});
  }
  return json::serialize(json::object{{"api_version", "v1"},
                                      {"unreplayable_inputs", explanation.unreplayable_inputs},
                                      {"differences", explanation.differences()},
                                      {"stretches", std::move(stretches)}});
}

}  // namespace gemel::cli
