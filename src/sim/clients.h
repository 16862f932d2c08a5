// The clients' side: what each operation was, and what its client was told. Interpreted by the checkers of four
// workloads: append log (A), bank (B), register (C, judged by Checker::read_shows) and stamps (E).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/wal.h"

namespace gemel::sim {

enum class Outcome : std::uint8_t { waiting, done, unknown, given_up };  // given up: done, but lost by force

struct Operation {
  RowKind kind = RowKind::append;
  std::uint8_t client = 0;
  bool is_through_gate = true;
  Outcome outcome = Outcome::waiting;
  std::uint32_t sequence = 0;  // per client, ascending
};

class Clients {
 public:
  explicit Clients(std::size_t count) : sequences_(count) {}

  std::uint32_t begin(RowKind kind, std::uint8_t client, bool is_through_gate);
  [[nodiscard]] const Operation& operation(std::uint32_t number) const { return operations_[number]; }
  void give_up(std::uint32_t number) { operations_[number].outcome = Outcome::unknown; }
  /// The client was told that it is done by the host's service number `service` (E: services of different hosts must
  /// not overlap; numbers grow with every opening).
  void told_done(std::uint32_t number, std::uint64_t service, bool is_exempt, Checker& checker);

  /// A and B over one whole log, after everything has settled: every `done` exactly once, in each client's order.
  void check_log(const WalTree& tree, Log log, const std::string& who, Checker& checker) const;
  /// An operator took over by force with `log`: what it lacks may be lost.
  void forced(const WalTree& tree, Log log);
  [[nodiscard]] std::size_t done() const { return done_; }

 private:
  std::vector<Operation> operations_;
  std::vector<std::uint32_t> sequences_;
  std::uint64_t newest_service_ = 0;
  std::size_t done_ = 0;
};

}  // namespace gemel::sim
