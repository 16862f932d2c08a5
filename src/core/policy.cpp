// The order of the rules. Safety first: what must not go on, then what is given away, then what is known, then what a
// holder does, then who may become one, then everybody else.
#include "core/policy.h"

#include <array>
#include <vector>

#include "base/check.h"
#include "core/rules.h"

namespace gemel::core {

std::span<const Subject> policy_subjects() {
  static const std::array subjects{
      Subject{"fence", "What must not go on", rules::fence()},
      Subject{"operator", "What an operator asked for", rules::operators()},
      Subject{"hand_over", "Giving the service away", rules::hand_over()},
      Subject{"store", "Knowing the record", rules::store()},
      Subject{"holder", "The holder, from winning to serving", rules::holder()},
      Subject{"bid", "Taking over", rules::bid()},
      Subject{"member", "Everybody else: follow and come back", rules::member()},
  };
  return subjects;
}

std::span<const Rule> policy_table() {
  static const std::vector<Rule> table = [] {
    std::vector<Rule> all;
    for (const auto& subject : policy_subjects()) all.insert(all.end(), subject.rules.begin(), subject.rules.end());
    return all;
  }();
  return table;
}

void Decision::start(ActionKind kind) {
  const ActionId id{state_.next_action++};
  if (const auto slot = slot_of(kind)) {
    GEMEL_CHECK(!state_.slots.contains(*slot));
    state_.slots.emplace(*slot, InFlight{id, kind});
  }
  output_.start.push_back({id, std::move(kind)});
}

void Decision::preempt(ActionKind kind) {
  const auto slot = slot_of(kind);
  GEMEL_CHECK(slot.has_value());
  if (const auto busy = state_.slots.find(*slot); busy != state_.slots.end()) {
    output_.cancel.push_back(busy->second.id);
    state_.slots.erase(busy);
  }
  start(std::move(kind));
}

void Decision::note(NoteLevel level, std::string text) {
  // The same rule deciding again and again is said once.
  if (state_.last_rule == rule_) return;
  output_.notes.push_back(
      {level, std::string(rule_), std::move(text), state_.record() != nullptr ? state_.record()->epoch : Epoch{}});
}

}  // namespace gemel::core
