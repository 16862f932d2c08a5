#include "torture/judge.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "torture/checkers.h"
#include "torture/cluster.h"
#include "torture/gaps.h"

namespace gemel::torture {

namespace {

Verdict await_z(const Options& options) {
  Verdict verdict{.checker = "Z"};
  const auto end = await_endstate(options.nodes, std::int64_t{options.max_wal_mb} << 20, options.converge);
  for (const auto& missing : end.missing) verdict.violate(missing);
  verdict.counts["ms until it held"] = static_cast<std::int64_t>(1000 * end.seconds);
  return verdict;
}

/// The tables of all hosts that answer; those that do not leave every checker that needs them undecided.
std::vector<Tables> gather(const Options& options, const History& history, std::vector<std::string>& problems) {
  Nodes nodes = options.nodes;
  if (nodes.empty()) nodes.emplace_back("service", options.dsn);
  std::vector<Tables> tables;
  for (const auto& [name, dsn] : nodes) {
    // The wait for the end state has taken its time already.
    auto read =
        read_tables(name, dsn, history,
                    options.with_endstate && !options.nodes.empty() ? std::chrono::seconds(5) : options.converge);
    if (read)
      tables.push_back(std::move(*read));
    else
      problems.push_back(read.error().message);
  }
  return tables;
}

void judge_history(Report& report, const Options& options, const History& history) {
  std::vector<std::string> problems;
  const auto tables = gather(options, history, problems);
  for (const auto& node : tables) report.nodes.push_back(node.node);
  const auto has = [&](char letter) { return history.workloads.find(letter) != std::string::npos; };
  const auto add = [&](Verdict verdict, bool needs_tables) {
    if (needs_tables)
      for (const auto& problem : problems) verdict.leave_undecided("not compared with " + problem);
    if (verdict.counts["ok"] == 0) verdict.leave_undecided("no operation was ever acknowledged");
    report.verdicts.push_back(std::move(verdict));
  };
  const auto stale = std::chrono::microseconds(options.stale_read).count();
  if (has('A')) add(check_append(history, tables), true);
  if (has('B')) add(check_bank(history, tables), true);
  if (has('C')) add(check_registers(history, tables, stale), true);
  if (has('E')) add(check_stamps(history), false);
  if (has('F')) add(check_notes(history, tables), true);
  if (!has('G')) return;
  const auto intervals = measure_gaps(history);
  report.intervals = to_json(intervals);
  report.verdicts.push_back(check_probes(history, intervals, std::chrono::microseconds(options.max_gap).count()));
}

int publish(const Report& report) {
  fmt::print("{}\n", report.to_json());
  fmt::print(stderr, "{}", report.to_table());
  return report.exit_code();
}

}  // namespace

int check(const Options& options) {
  const auto history = read_history(options.folder);
  if (!history) {
    fmt::print(stderr, "gemel-torture: {}\n", history.error().to_string());
    return 4;
  }
  Report report{.run = history->run, .nodes = {}, .verdicts = {}};
  const bool with_endstate = options.with_endstate && !options.nodes.empty();
  Verdict z;
  if (with_endstate) z = await_z(options);
  judge_history(report, options, *history);
  if (with_endstate) report.verdicts.push_back(std::move(z));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen((options.folder / "verdict.json").c_str(), "we"), std::fclose);
  if (!file || std::fputs((report.to_json() + "\n").c_str(), file.get()) < 0) {
    fmt::print(stderr, "gemel-torture: cannot write verdict.json\n");
    return 4;
  }
  return publish(report);
}

int endstate(const Options& options) {
  Report report{.run = "", .nodes = {}, .verdicts = {await_z(options)}};
  for (const auto& [name, dsn] : options.nodes) report.nodes.push_back(name);
  return publish(report);
}

}  // namespace gemel::torture
