#include "sim/world_mutants.h"

namespace gemel::sim {

const std::vector<Mutation>& world_mutants() {
  static const std::vector<Mutation> list{
      {.name = "model_no_names",
       .what = "commits do not wait for standbys (I1)",
       .model = BrokenModel::acknowledges_without_names},
      {.name = "model_promotion_forgets_names",
       .what = "promotion forgets the names (I1)",
       .model = BrokenModel::promotes_without_names},
      {.name = "model_gate_never_shuts",
       .what = "the gate has no time-out (I5)",
       .model = BrokenModel::gate_never_shuts},
      {.name = "model_cancel_counts",
       .what = "a cancelled wait counts as done (A)",
       .model = BrokenModel::cancel_counts_as_done},
      {.name = "model_half_transfers", .what = "half a transfer is visible (B)", .model = BrokenModel::half_transfers},
      {.name = "model_bad_clocks", .what = "clocks drift beyond rho (I5)", .model = BrokenModel::clocks_beyond_rho},
      {.name = "model_disk_forgets",
       .what = "flushed WAL is lost with the power (I1)",
       .model = BrokenModel::loses_flushed_wal},
      {.name = "model_old_reads", .what = "a read shows the past (C)", .model = BrokenModel::serves_old_reads},
      {.name = "model_repeats_rows",
       .what = "a statement is carried out twice (A)",
       .model = BrokenModel::repeats_rows},
  };
  return list;
}

}  // namespace gemel::sim
