// The checkers: a history and the final tables of every host in, a verdict out. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "torture/history.h"
#include "torture/verdict.h"

namespace gemel::torture {

/// A row that carries the number of the operation which wrote it. `position` grows with the order of writing, where the
/// table has one.
struct NumberedRow {
  int client = 0;
  std::int64_t counter = 0;
  std::int64_t position = 0;
};

struct LedgerRow {
  int client = 0;
  std::int64_t counter = 0, source = 0, target = 0, amount = 0;
};

struct NoteRow {
  NumberedRow row;
  bool is_intact = true;  // author and text are what was posted
};

/// What the tables of one host hold of one run.
struct Tables {
  std::string node;
  std::vector<NumberedRow> appends = {};
  std::map<int, std::int64_t> balances = {};
  std::vector<LedgerRow> ledger = {};
  std::map<std::int64_t, std::int64_t> registers = {};
  std::vector<NoteRow> notes = {};
};

/// Every acknowledged row exactly once, none twice, none that was refused or never sent, positions in each client's
/// order.
Verdict check_append(const History& history, const std::vector<Tables>& tables);
/// The sum in every snapshot; the ledger as an append log; balances that follow from the ledger.
Verdict check_bank(const History& history, const std::vector<Tables>& tables);
/// Every register linearizable; a read may return what was current up to `stale` microseconds before it was sent.
Verdict check_registers(const History& history, const std::vector<Tables>& tables, Time stale = 0);
/// One node per timeline, disjoint times of service, timelines that never go back in real time.
Verdict check_stamps(const History& history);
/// Notes as an append log, each with its text.
Verdict check_notes(const History& history, const std::vector<Tables>& tables);

/// The operations of one workload and kind.
std::vector<const Event*> events_of(const History& history, char workload, std::string_view op);
/// Adds the number of ok, failed and unknown operations to the verdict's counts.
void count_outcomes(Verdict& verdict, const std::vector<const Event*>& events);
/// The rules of an append log for one host's rows; `what` names the rows in findings.
void check_rows(Verdict& verdict, const std::string& what, const std::vector<const Event*>& events,
                const std::vector<NumberedRow>& rows);

}  // namespace gemel::torture
