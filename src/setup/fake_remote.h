// A Remote without hosts, for tests: notes every command and answers as it is told.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "setup/remote.h"

namespace gemel::setup {

class FakeRemote : public Remote {
 public:
  struct Call {
    std::string host;
    RemoteCommand command;
  };
  using Answer = std::function<Result<runtime::CommandResult>(const Call&)>;

  /// Outlives what it holds. `answer` is asked for every command; without one each succeeds and prints nothing.
  explicit FakeRemote(Answer answer = {}) : answer_(std::move(answer)) {}

  runtime::Task<Result<runtime::CommandResult>> run(std::string host, RemoteCommand command) override;
  /// Noted as a call too; goes on when the answer has exit code 0.
  runtime::Task<Result<HoldOutcome>> hold(std::string host, RemoteCommand command) override;
  /// The hosts on which a command is held now.
  [[nodiscard]] const std::multiset<std::string>& held() const { return held_; }
  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }

 private:
  Answer answer_;
  std::vector<Call> calls_;
  std::multiset<std::string> held_;
};

}  // namespace gemel::setup
