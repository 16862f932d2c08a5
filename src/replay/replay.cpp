#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "replay/event_text.h"

namespace gemel::replay {
namespace {

std::string list(const std::vector<std::string>& actions) {
  return actions.empty() ? "no action" : "\"" + join(actions, "\", \"") + "\"";
}

std::string difference(const Step& step, const core::Output& output) {
  if (!step.outcome) return {};
  const auto replayed = outcome_of(output);
  if (replayed == *step.outcome) return {};
  if (replayed.actions == step.outcome->actions)
    return "the actions with an end are the same, but a rule, a note, a time or another action is not";
  return fmt::format("recorded {}, replayed {}", list(step.outcome->actions), list(replayed.actions));
}

/// An action with an end; but the reads of every two seconds decide nothing: what they bring does.
bool has_slot_action(const core::Output& output) {
  return std::ranges::any_of(output.start, [](const auto& action) {
    return core::slot_of(action.kind) && !std::holds_alternative<core::action::ReadStore>(action.kind);
  });
}

}  // namespace

std::size_t replay(const Stretch& stretch, const std::function<void(const ReplayedStep&)>& visit) {
  core::Controller controller(stretch.start);
  std::size_t differences = 0;
  for (const auto& step : stretch.steps) {
    const std::string rule_before = controller.state().last_rule;
    const auto revision_before = controller.state().revision();
    std::string input = describe(step.input, controller.state());
    const auto output = controller.step(step.input);
    const auto& after = controller.state();
    ReplayedStep replayed{step, std::move(input), output, after, after.last_rule, false, difference(step, output)};
    replayed.is_change = after.last_rule != rule_before || after.revision() != revision_before ||
                         has_slot_action(output) || !output.notes.empty() || !output.answers.empty();
    if (!replayed.difference.empty()) ++differences;
    visit(replayed);
  }
  return differences;
}

}  // namespace gemel::replay
