#include "sim/clients.h"

#include <algorithm>

namespace gemel::sim {

std::uint32_t Clients::begin(RowKind kind, std::uint8_t client, bool is_through_gate) {
  operations_.push_back({kind, client, is_through_gate, Outcome::waiting, ++sequences_[client]});
  return static_cast<std::uint32_t>(operations_.size() - 1);
}

void Clients::told_done(std::uint32_t number, std::uint64_t service, bool is_exempt, Checker& checker) {
  Operation& operation = operations_[number];
  if (operation.outcome != Outcome::waiting) return;  // its client has given up
  operation.outcome = Outcome::done;
  ++done_;
  if (!operation.is_through_gate) return;
  if (service < newest_service_ && !is_exempt)
    checker.violate("E: a commit is answered by service " + std::to_string(service) + " after one of service " +
                    std::to_string(newest_service_));
  newest_service_ = std::max(newest_service_, service);
}

void Clients::forced(const WalTree& tree, Log log) {
  std::vector<bool> is_kept(operations_.size());
  tree.for_each(log, [&](Row row) {
    if (row.kind != RowKind::marker && row.kind != RowKind::debit) is_kept[row.operation] = true;
  });
  for (std::size_t number = 0; number < operations_.size(); ++number) {
    Operation& operation = operations_[number];
    if (operation.outcome == Outcome::done && !is_kept[number]) operation.outcome = Outcome::given_up;
  }
}

void Clients::check_log(const WalTree& tree, Log log, const std::string& who, Checker& checker) const {
  std::vector<std::uint8_t> found(operations_.size());
  std::vector<std::uint32_t> last(sequences_.size());
  std::vector<std::uint8_t> halves(operations_.size());
  tree.for_each(log, [&](Row row) {
    if (row.kind == RowKind::marker) return;
    // A transfer counts at its second half, which carries the commit; its first half must be there too.
    if (row.kind == RowKind::debit) {
      halves[row.operation] = 1;
      return;
    }
    if (row.kind == RowKind::credit && halves[row.operation] == 0) checker.violate("B: half a transfer at " + who);
    const Operation& operation = operations_[row.operation];
    if (++found[row.operation] > 1) checker.violate("A: a row of " + who + " is there twice");
    if (operation.sequence <= last[operation.client])
      checker.violate("A: rows of a client at " + who + " are out of order");
    last[operation.client] = operation.sequence;
  });
  for (std::size_t number = 0; number < operations_.size(); ++number) {
    if (operations_[number].outcome == Outcome::done && found[number] == 0)
      return checker.violate("A: an acknowledged row is missing at " + who);
  }
}

}  // namespace gemel::sim
