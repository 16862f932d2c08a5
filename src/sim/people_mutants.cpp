// Planted bugs in what the agents do about people: standbys promoted by hand, WAL that is gone, pauses.
#include "sim/mutant_tools.h"

namespace gemel::sim {
namespace {

using core::Decision;
using core::PostgresRun;
using core::State;

/// Every attempt to receive counts, also one that its primary refused.
void count_attempts(State& state, Decision& /*decision*/) {
  if (state.facts.run == PostgresRun::standby && state.facts.is_receiving) state.not_receiving_since = state.now;
}

/// Attempts that several looks in a row met are taken for one stream.
void forget_receivers(core::Input& input, const State& /*state*/) {
  if (auto* seen = std::get_if<core::event::PostgresSeen>(&input.event)) seen->facts.receiver = 0;
}

// ---- R11 ----

void know_the_pause_for_long(State& state, Decision& /*decision*/) {
  if (state.pause && !state.is_holder()) state.pause->known = TimePoint{};
}

void live_by_a_pause_of_before(State& state, Decision& /*decision*/) {
  if (state.pause && state.is_holder() && !state.pause->sent) state.pause->sent = state.pause->known;
}

}  // namespace

std::vector<Mutation> people_mutants() {
  return {
      {.name = "attempts_are_a_stream",
       .what = "R10: a standby that its primary refuses is taken for one that receives",
       .policy = believing(count_attempts)},
      {.name = "attempts_are_one_stream",
       .what = "R10: attempts that several looks in a row met are taken for one stream",
       .before = forget_receivers},
      {.name = "bids_out_of_pause",
       .what = "R11: a member bids out of a pause at once",
       .policy = believing(know_the_pause_for_long)},
      {.name = "restart_keeps_pause",
       .what = "R11: an agent that restarted serves by the pause that the one before it sent",
       .policy = believing(live_by_a_pause_of_before)},
  };
}

}  // namespace gemel::sim
