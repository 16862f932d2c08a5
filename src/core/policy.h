// The policy: an ordered table of rules. The first rule whose condition holds decides; rules marked `go_on` act and let
// the rules below decide too. `gemel rules` prints this table.
#pragma once

#include <span>
#include <string_view>

#include "core/state.h"

namespace gemel::core {

/// Collects what a rule decides. Starting an action in a busy slot is a bug; `preempt` cancels what is there.
class Decision {
 public:
  Decision(State& state, Output& output) : state_(state), output_(output) {}
  void start(ActionKind kind);
  void preempt(ActionKind kind);
  void note(NoteLevel level, std::string text);
  void set_rule(std::string_view id) { rule_ = id; }

 private:
  State& state_;
  Output& output_;
  std::string_view rule_;
};

struct Rule {
  std::string_view id;        // stable
  std::string_view protocol;  // R1 … R10 of the protocol, or the procedure
  std::string_view when;      // condition, for people
  std::string_view then;      // decision, for people
  bool go_on;                 // the rules below may decide too
  bool (*matches)(const State&);
  void (*decide)(State&, Decision&);
};

/// The rules of one subject, `src/core/rules_<id>.cpp`.
struct Subject {
  std::string_view id;
  std::string_view title;  // for people
  std::span<const Rule> rules;
};

/// The subjects in their order: their rules one after another are the table.
std::span<const Subject> policy_subjects();
/// The whole table, in order.
std::span<const Rule> policy_table();

}  // namespace gemel::core
