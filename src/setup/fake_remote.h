// A Remote without hosts, for tests: notes every command and answers as it is told.
#pragma once

#include <functional>
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

  /// `answer` is asked for every command; without one each succeeds and prints nothing.
  explicit FakeRemote(Answer answer = {}) : answer_(std::move(answer)) {}

  runtime::Task<Result<runtime::CommandResult>> run(std::string host, RemoteCommand command) override;
  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }

 private:
  Answer answer_;
  std::vector<Call> calls_;
};

}  // namespace gemel::setup
