// What a checker found, and the report of all of them as JSON and as a table. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gemel::torture {

/// undecided: what would decide it could not be had (a host was away, a search too large). Never counted as ok.
enum class State : std::uint8_t { ok, violated, undecided };

struct Verdict {
  static constexpr std::size_t most_findings = 20;

  std::string checker = {};  // a letter
  State state = State::ok;
  std::map<std::string, std::int64_t> counts = {};
  std::vector<std::string> findings = {};

  /// Something that must hold does not; the sentence is kept unless there are twenty already.
  void violate(std::string finding);
  void leave_undecided(std::string finding);
};

struct Report {
  std::string run;
  std::vector<std::string> nodes;
  std::vector<Verdict> verdicts;
  std::string intervals = "[]";  // JSON of the gaps
  [[nodiscard]] State state() const;
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] std::string to_table() const;
  /// 0, 1 or 5.
  [[nodiscard]] int exit_code() const;
};

std::string_view name_of(State state);

}  // namespace gemel::torture
