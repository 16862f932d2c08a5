#include "setup/fake_remote.h"

#include <utility>

namespace gemel::setup {
namespace {

class FakeHold : public RemoteHold {
 public:
  FakeHold(std::multiset<std::string>* held, std::string host) : held_(held), place_(held->insert(std::move(host))) {}
  ~FakeHold() override { end(); }
  runtime::Task<void> let_go() override {
    end();
    co_return;
  }

 private:
  void end() {
    if (held_ != nullptr) held_->erase(place_);
    held_ = nullptr;
  }
  std::multiset<std::string>* held_;
  std::multiset<std::string>::iterator place_;
};

}  // namespace

runtime::Task<Result<HoldOutcome>> FakeRemote::hold(std::string host, RemoteCommand command) {
  const auto answer = co_await run(host, std::move(command));
  if (!answer) co_return std::unexpected(answer.error());
  HoldOutcome outcome;
  if (answer->exit_code == 0) {
    outcome.hold = std::make_unique<FakeHold>(&held_, host);
  } else {
    outcome.ended = *answer;
  }
  co_return outcome;
}

runtime::Task<Result<runtime::CommandResult>> FakeRemote::run(std::string host, RemoteCommand command) {
  const Call call{std::move(host), std::move(command)};
  calls_.push_back(call);
  // A real host answers later: others run meanwhile.
  co_await runtime::sleep_for(std::chrono::microseconds(1));
  if (!answer_) co_return runtime::CommandResult{0, ""};
  co_return answer_(call);
}

}  // namespace gemel::setup
