#include "setup/fake_remote.h"

#include <utility>

namespace gemel::setup {

runtime::Task<Result<runtime::CommandResult>> FakeRemote::run(std::string host, RemoteCommand command) {
  const Call call{std::move(host), std::move(command)};
  calls_.push_back(call);
  // A real host answers later: others run meanwhile.
  co_await runtime::sleep_for(std::chrono::microseconds(1));
  if (!answer_) co_return runtime::CommandResult{0, ""};
  co_return answer_(call);
}

}  // namespace gemel::setup
