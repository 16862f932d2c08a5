// C: each register on its own; the last values of every host are its last reads.
#include <fmt/format.h>

#include <algorithm>

#include "torture/checkers.h"
#include "torture/linearizable.h"

namespace gemel::torture {

namespace {

using Kind = RegisterOperation::Kind;
using Operations = std::vector<RegisterOperation>;

std::optional<RegisterOperation> operation_of(const Event& event) {
  if (event.outcome == Outcome::refused) return std::nullopt;  // no effect
  const bool is_known = event.outcome == Outcome::acknowledged;
  RegisterOperation operation{.from = event.from, .to = is_known ? event.to : RegisterOperation::never};
  if (event.op == "read") {
    operation.kind = Kind::read;
    if (is_known) operation.value = std::stoll(event.out.at(0));
  } else if (event.op == "write") {
    operation.kind = Kind::write;
    operation.value = event.in.at(1);
  } else {
    operation.kind = Kind::cas;
    operation.expected = event.in.at(1);
    operation.value = event.in.at(2);
    operation.is_swapped = !is_known || event.out.at(0) == "1";
  }
  return operation;
}

std::map<std::int64_t, Operations> operations_by_key(const History& history, const std::vector<Tables>& tables) {
  std::map<std::int64_t, Operations> keys;
  for (const auto& event : history.events) {
    if (event.workload != 'C') continue;
    if (auto operation = operation_of(event)) keys[event.in.at(0)].push_back(*operation);
  }
  for (const auto& node : tables) {
    for (auto& [key, operations] : keys) {
      const auto found = node.registers.find(key);
      operations.push_back({.kind = Kind::read,
                            .value = found == node.registers.end() ? 0 : found->second,
                            .from = history.to + 1,
                            .to = history.to + 2});
    }
  }
  return keys;
}

/// The same history with reads that may be `stale` older.
Operations with_stale_reads(Operations operations, Time stale) {
  for (auto& operation : operations)
    if (operation.kind == Kind::read) operation.from -= stale;
  return operations;
}

/// The history as it was known at `time`: what had not ended yet is open.
Operations known_at(const Operations& operations, Time time) {
  Operations known;
  for (auto operation : operations) {
    if (operation.from > time) continue;
    if (operation.to > time)
      operation = {.kind = operation.kind,
                   .value = operation.value,
                   .expected = operation.expected,
                   .from = operation.from,
                   .to = RegisterOperation::never};
    known.push_back(operation);
  }
  return known;
}

std::string describe(const RegisterOperation& operation) {
  switch (operation.kind) {
    case Kind::read:
      return fmt::format("read of {}", operation.value);
    case Kind::write:
      return fmt::format("write of {}", operation.value);
    case Kind::cas:
      return fmt::format("compare-and-set {} to {} ({})", operation.expected, operation.value,
                         operation.is_swapped ? "swapped" : "not swapped");
  }
  return "?";
}

/// The first operation whose answer no order explains any more.
std::string first_contradiction(const Operations& operations) {
  Operations closed = operations;
  std::erase_if(closed, [](const RegisterOperation& operation) { return operation.is_open(); });
  std::ranges::sort(closed, {}, &RegisterOperation::to);
  const auto bad = std::ranges::partition_point(closed, [&](const RegisterOperation& operation) {
    return judge_register(known_at(operations, operation.to)) == Judgement::linearizable;
  });
  if (bad == closed.end()) return "no single operation";
  return fmt::format("{} from {} to {} us", describe(*bad), bad->from, bad->to);
}

std::string explain(const Operations& operations) {
  for (const Time stale : {10, 30, 100, 300, 1000, 3000, 10'000, 60'000}) {
    if (judge_register(with_stale_reads(operations, 1000 * stale)) == Judgement::linearizable)
      return fmt::format("reads up to {} ms stale would explain it", stale);
  }
  return "stale reads do not explain it: a write is lost or came twice";
}

}  // namespace

Verdict check_registers(const History& history, const std::vector<Tables>& tables, Time stale) {
  Verdict verdict{.checker = "C"};
  for (const auto* op : {"read", "write", "cas"}) count_outcomes(verdict, events_of(history, 'C', op));
  for (const auto& [key, operations] : operations_by_key(history, tables)) {
    ++verdict.counts["registers"];
    const auto allowed = with_stale_reads(operations, stale);
    const auto judgement = judge_register(allowed);
    if (judgement == Judgement::violated)
      verdict.violate(fmt::format("register {}: no order explains the {}; {}", key, first_contradiction(allowed),
                                  explain(operations)));
    if (judgement == Judgement::undecided)
      verdict.leave_undecided(
          fmt::format("register {}: the search over {} operations was given up", key, operations.size()));
  }
  return verdict;
}

}  // namespace gemel::torture
