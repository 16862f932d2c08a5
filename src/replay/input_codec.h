// The lines of a recording: what a controller was made of, each input with a digest of what was decided on it, and now
// and then the whole state, so that a recording whose beginning was overwritten can be replayed from there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "core/controller.h"

namespace gemel::replay {

/// Which program wrote a line, when. A replay needs the same version of the rules.
struct Stamp {
  std::string version;  // of Gemel
  TimePoint at;         // the recording host's boot clock at ...
  std::string wall;     // ... this wall-clock time, RFC 3339 UTC; for people
  bool operator==(const Stamp&) const = default;
};

/// What a controller was made of.
struct RunBegin {
  Stamp stamp;
  NodeId self;
  core::Config config;
  std::uint64_t seed = 0;
};

/// What was decided on one input.
struct Outcome {
  std::string digest;                // of the rules that matched and of all actions, in 16 hexadecimal digits
  std::vector<std::string> actions;  // those with an end, described
  bool operator==(const Outcome&) const = default;
};
Outcome outcome_of(const core::Output& output);

struct Step {
  core::Input input;
  std::optional<Outcome> outcome;  // empty: not recorded
};

/// The state after the step before this line.
struct Snapshot {
  Stamp stamp;
  core::State state;
};

/// {"begin": {…}}, without a line end.
std::string encode_begin(const RunBegin& begin);
/// The reverse; `invalid` for any other line.
Result<RunBegin> decode_begin(const std::string& line);

/// {"t": nanoseconds since boot, "e": [index of the event kind, {…}], "o": digest, "a": [actions]}; "o" and "a" only
/// with an outcome, "a" only with actions.
std::string encode_step(const Step& step);
/// The reverse; `invalid` for anything encode_step does not write.
Result<Step> decode_step(const std::string& line);

/// {"snapshot": {…}}.
std::string encode_snapshot(const Stamp& stamp, const core::State& state);
/// The reverse; `invalid` for any other line.
Result<Snapshot> decode_snapshot(const std::string& line);

}  // namespace gemel::replay
