// B: money is neither made nor lost, in any snapshot, on any host.
#include <fmt/format.h>

#include <set>

#include "torture/checkers.h"
#include "torture/workload.h"

namespace gemel::torture {

namespace {

constexpr std::int64_t total = account_count * opening_balance;

void check_snapshots(Verdict& verdict, const std::vector<const Event*>& snapshots) {
  std::set<std::string> started;  // sources that have shown the accounts; a server's each life is one
  for (const auto* event : snapshots) {
    if (event->outcome != Outcome::acknowledged) continue;
    const auto& source = event->out.at(0);
    const auto accounts = event->out.size() - 1;
    // A standby shows the accounts when it has replayed them; once it had them they stay, until it crashes: it begins
    // again where everything on its disk agrees, which may be before the run.
    if (accounts == 0 && source != "service" && !started.contains(source)) continue;
    std::int64_t sum = 0;
    for (std::size_t index = 1; index < event->out.size(); ++index) sum += std::stoll(event->out[index]);
    if (accounts != account_count || sum != total)
      verdict.violate(fmt::format("snapshot from {} at {} us: {} accounts with {} in all, not {} with {}", source,
                                  event->from, accounts, sum, account_count, total));
    started.insert(source);
    ++verdict.counts["snapshots " + source.substr(0, source.find(' '))];
  }
}

void check_books(Verdict& verdict, const Tables& node) {
  std::map<int, std::int64_t> expected;
  for (int account = 0; account < account_count; ++account) expected[account] = opening_balance;
  for (const auto& row : node.ledger) {
    expected[static_cast<int>(row.source)] -= row.amount;
    expected[static_cast<int>(row.target)] += row.amount;
  }
  for (const auto& [account, balance] : expected) {
    const auto found = node.balances.find(account);
    if (found == node.balances.end())
      verdict.violate(fmt::format("{}: account {} is gone", node.node, account));
    else if (found->second != balance)
      verdict.violate(
          fmt::format("{}: account {} holds {}, its ledger says {}", node.node, account, found->second, balance));
  }
}

}  // namespace

Verdict check_bank(const History& history, const std::vector<Tables>& tables) {
  Verdict verdict{.checker = "B"};
  const auto transfers = events_of(history, 'B', "transfer");
  count_outcomes(verdict, transfers);
  check_snapshots(verdict, events_of(history, 'B', "snapshot"));
  for (const auto& node : tables) {
    std::vector<NumberedRow> rows;
    for (const auto& row : node.ledger) rows.push_back({row.client, row.counter, row.counter});
    check_rows(verdict, node.node, transfers, rows);
    check_books(verdict, node);
  }
  return verdict;
}

}  // namespace gemel::torture
