// Write-ahead logs as branches of one tree: every run of a primary writes a branch of its own, which left another one
// at some position. So the log of a host is a branch and an end, and "holds everything that ..." costs a few
// comparisons.
#pragma once

#include <cstdint>
#include <vector>

namespace gemel::sim {

/// What one record of the log means to the workloads. Half a transfer is worth nothing without its other half.
enum class RowKind : std::uint8_t { marker, append, debit, credit, put };
struct Row {
  RowKind kind = RowKind::marker;
  std::uint32_t operation = 0;  // index in Clients
};

/// The log up to (not including) record number `end`, seen from `branch`.
struct Log {
  std::uint32_t branch = 0;
  std::uint64_t end = 0;
  bool operator==(const Log&) const = default;
};

class WalTree {
 public:
  WalTree() { branches_.push_back({0, 0, {}}); }

  /// A new branch that leaves `log` at its end.
  Log fork(Log log) {
    log = normal(log);
    branches_.push_back({log.branch, log.end, {}});
    return {static_cast<std::uint32_t>(branches_.size() - 1), log.end};
  }
  /// Adds a record at the end. Pre: `log` is at the end of its branch, or rows after it are on no disk any more.
  void append(Log& log, Row row) {
    Branch& branch = branches_[log.branch];
    branch.rows.resize(log.end - branch.start);
    branch.rows.push_back(row);
    ++log.end;
  }
  /// `log` begins with all of `part`.
  [[nodiscard]] bool contains(Log log, Log part) const {
    part = normal(part);
    while (log.branch != part.branch) {
      if (log.branch == 0) return false;
      const Branch& branch = branches_[log.branch];
      log = {branch.parent, branch.start < log.end ? branch.start : log.end};
    }
    return log.end >= part.end;
  }
  /// The longest log that both begin with.
  [[nodiscard]] Log common(Log a, Log b) const {
    a = normal(a);
    b = normal(b);
    while (a.branch != b.branch) {
      // A branch is younger than its parent: the younger of the two cannot be on the other's way to the root.
      Log& younger = a.branch > b.branch ? a : b;
      const Branch& branch = branches_[younger.branch];
      younger = normal({branch.parent, branch.start < younger.end ? branch.start : younger.end});
    }
    return {a.branch, a.end < b.end ? a.end : b.end};
  }
  [[nodiscard]] std::uint32_t parent_of(std::uint32_t branch) const { return branches_[branch].parent; }
  [[nodiscard]] std::uint64_t start_of(std::uint32_t branch) const { return branches_[branch].start; }

  /// Calls visit(Row) for the records of the log's own branch from number `from` on.
  template <typename Visit>
  void for_each_from(Log log, std::uint64_t from, Visit visit) const {
    const Branch& branch = branches_[log.branch];
    for (std::uint64_t at = from < branch.start ? branch.start : from; at < log.end; ++at)
      visit(branch.rows[at - branch.start]);
  }
  /// Calls visit(Row) for every record, oldest first.
  template <typename Visit>
  void for_each(Log log, Visit visit) const {
    std::vector<Log> parts;
    for (;;) {
      parts.push_back(log);
      if (log.branch == 0) break;
      const Branch& branch = branches_[log.branch];
      log = {branch.parent, branch.start < log.end ? branch.start : log.end};
    }
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      const Branch& branch = branches_[part->branch];
      for (std::uint64_t at = branch.start; at < part->end; ++at) visit(branch.rows[at - branch.start]);
    }
  }

 private:
  struct Branch {
    std::uint32_t parent = 0;
    std::uint64_t start = 0;
    std::vector<Row> rows;
  };
  /// The same log, named by the branch that really holds its last record.
  [[nodiscard]] Log normal(Log log) const {
    while (log.branch != 0 && log.end <= branches_[log.branch].start) log.branch = branches_[log.branch].parent;
    return log;
  }
  std::vector<Branch> branches_;
};

}  // namespace gemel::sim
