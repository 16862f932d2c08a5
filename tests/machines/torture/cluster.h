// Asks every database host: its state, sums over its rows, and what its tables hold of one run.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "torture/checkers.h"
#include "torture/endstate.h"

namespace gemel::torture {

using Nodes = std::vector<std::pair<std::string, std::string>>;  // name and DSN

/// The host's state now; `problem` says why it could not be had. Blocks, a few seconds at most without sums.
HostState observe_host(const std::string& name, const std::string& dsn, bool with_sums);

struct Convergence {
  std::vector<std::string> missing;  // empty: converged
  double seconds = 0;                // until then, or until it was given up
};
/// Looks again until nothing is missing or `limit` passed. The primary is asked before the standbys, so that these must
/// hold at least what it held; rows are summed only once the rest is well.
Convergence await_endstate(const Nodes& nodes, std::int64_t max_wal_bytes, std::chrono::seconds limit);

/// What the tables of the host hold of `run`; `unavailable` when it could not be read within `limit`.
Result<Tables> read_tables(const std::string& name, const std::string& dsn, const History& history,
                           std::chrono::seconds limit);
/// The client and counter in the key of a note of `run`; false for a note of somebody else.
bool parse_note_key(const std::string& run, const std::string& key, NumberedRow& row);

}  // namespace gemel::torture
