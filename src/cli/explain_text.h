// What `gemel explain` says about a recording: which decisions are shown, and their words. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/wall_clock.h"
#include "replay/recording.h"

namespace gemel::cli {

/// Around what the decisions are shown: an epoch's beginning, a time of day (any day), or a moment.
struct Around {
  std::optional<std::uint64_t> epoch;
  std::optional<Milliseconds> time_of_day;
  std::optional<Milliseconds> wall;
};
/// "7", "12:00:03.5", "2026-01-31T12:00:03Z".
std::optional<Around> parse_around(std::string_view text);

struct ExplainFilter {
  std::optional<Around> around;
  Milliseconds window{5000};  // on each side
  std::string rule;           // only steps where this rule matched; empty: all
  bool is_every_step = false;
};

struct ExplainedStep {
  std::string time;    // wall clock, RFC 3339
  double seconds = 0;  // since the start of the stretch
  std::uint64_t epoch = 0;
  std::string input;
  std::string rule;  // the one that decided; its texts:
  std::string protocol, when, then;
  std::vector<std::string> matched;  // rules before it that let it decide too
  std::vector<std::string> starts;
  std::vector<std::uint64_t> cancels;
  std::vector<std::string> notes;  // "level: text", and answers
  std::string difference;
};

struct ExplainedStretch {
  std::string host, version, from, to, end;
  bool is_from_beginning = false;
  std::size_t inputs = 0;
  std::size_t compared = 0;  // inputs whose outcome was recorded
  std::size_t differences = 0;
  std::vector<ExplainedStep> steps;
};

struct Explanation {
  std::vector<ExplainedStretch> stretches;
  std::size_t unreplayable_inputs = 0;
  [[nodiscard]] std::size_t differences() const;
};

/// Replays everything; keeps the steps that the filter shows, and every step that differs from the recording.
Explanation explain(const replay::Recording& recording, const ExplainFilter& filter);

std::string explanation_text(const Explanation& explanation, bool use_colour);
std::string explanation_json(const Explanation& explanation);

}  // namespace gemel::cli
