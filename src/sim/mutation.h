// Mutation: one planted bug, wrapped around the controllers of a simulated site or put into the models below them. Only
// the simulator knows it; no product code does. The list of the controllers' mutants is in mutants.h, that of the
// models' own in world_mutants.h.
//
// How a mutant is registered: add an entry to the list in mutants.cpp, for instance
//
//   {.name = "relax_first", .what = "R2: the names shrink before S does", .policy = with_rule("remove_member", ...)}
//
// and fill only the hooks it needs. `gemel-sim --mutant relax_first --seeds 1..2000` runs it; run_trial() of trial.h
// does the same from a test.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/controller.h"

namespace gemel::sim {

/// Ways to break the models themselves, so that the checkers are known to be able to fail.
enum class BrokenModel : std::uint8_t {
  none,
  acknowledges_without_names,  // commits do not wait for standbys
  promotes_without_names,      // promotion forgets the names in the configuration file
  gate_never_shuts,            // the kernel forgets the time-out of the gate
  cancel_counts_as_done,       // a client takes the answer to a cancelled commit wait for a success
  half_transfers,              // a transaction is torn: half of a bank transfer is visible
  clocks_beyond_rho,           // clocks drift further than the timers allow
  loses_flushed_wal,           // a disk forgets what it said it had written
  serves_old_reads,            // a read is answered from a past state
  repeats_rows,                // a retried statement is carried out twice
};

/// Value; must outlive the worlds that use it. Every hook may be empty. Hooks must be deterministic functions of their
/// arguments: worlds of several seeds run on several threads at once, and each seed is repeated.
struct Mutation {
  std::string name;  // stable, for --mutant
  std::string what;  // one line for people: the rule that is weakened, and how
  /// Changes what a controller is told at its start (also each time it starts again). Unsound timers are accepted here.
  std::function<void(core::Config&)> config = {};
  /// The table the controllers decide by; empty: core::policy_table(). A rule may change anything in the State it is
  /// given, so a rule put first, with `go_on` and a condition that always holds, can also forget or invent facts.
  std::vector<core::Rule> policy = {};
  /// Before each step: may change or replace the input (an event::Tick in its place drops it). `now` must not go back.
  std::function<void(core::Input&, const core::State&)> before = {};
  /// After each step: may drop, change, reorder or add what is to be done.
  std::function<void(core::Output&, const core::State&)> after = {};
  BrokenModel model = BrokenModel::none;
};

}  // namespace gemel::sim
