#include "adapters/address/command_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/log.h"

namespace gemel::adapters::address {
namespace {

namespace asio = boost::asio;
using runtime::Task;

constexpr std::size_t longest_word = 300;  // of what the program printed, for a message

/// One address that is wanted here. Shared with the task that runs the program, which may end after the keeper did.
struct Claim {
  Claim(const asio::any_io_executor& executor, Epoch epoch_)
      : epoch(epoch_), changed(executor, asio::steady_timer::time_point::max()) {}
  Epoch epoch;
  std::optional<Status> first;  // outcome of the first call
  bool is_over = false;         // released, or taken anew
  asio::steady_timer changed;
};

/// ... and that task's owner.
struct Work {
  std::shared_ptr<Claim> claim;
  std::unique_ptr<runtime::TaskScope> tasks;

  Work(std::shared_ptr<Claim> claim_, const asio::any_io_executor& executor)
      : claim(std::move(claim_)), tasks(std::make_unique<runtime::TaskScope>(executor, "address command")) {}
  Work(Work&&) = default;
  Work& operator=(Work&&) = delete;
  ~Work() {
    if (!claim) return;
    claim->is_over = true;
    claim->changed.cancel();
  }
};

Task<Status> call(std::string program, std::string verb, Address address, Epoch epoch, Duration limit) {
  runtime::ChildSpec spec;
  spec.arguments = {program, std::move(verb), address.address, std::to_string(epoch.value), address.interface};
  spec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  const auto result = co_await runtime::run_command(std::move(spec), limit);
  if (!result) co_return std::unexpected(result.error().with(program));
  if (result->exit_code == 0) co_return Status{};
  const auto said = trim(result->output);
  co_return fail(ErrorCode::unavailable, fmt::format("{} ended with {}: {}", program, result->exit_code,
                                                     said.substr(said.size() - std::min(said.size(), longest_word))));
}

/// Runs the program until it succeeded, then again and again; a failure of the first call ends it, for the caller to
/// try anew.
Task<void> keep(std::shared_ptr<Claim> claim, std::string program, Address address, CommandTimes times) {
  std::string reported;
  while (true) {
    auto outcome = co_await call(program, "take", address, claim->epoch, times.limit);
    if (claim->is_over) co_return;
    if (!claim->first) {
      claim->first = outcome;
      claim->changed.cancel();
      if (!outcome) co_return;
    } else if (const auto text = outcome ? std::string() : outcome.error().to_string(); text != reported) {
      reported = text;
      if (text.empty()) {
        runtime::log_info("the network leads " + address.address + " here again");
      } else {
        runtime::log_error("whether the network leads " + address.address + " here is not known: " + text);
      }
    }
    co_await runtime::sleep_for(times.again);
  }
}

/// Never ends by itself.
Task<void> check(std::string program, std::vector<Address> addresses, CommandTimes times) {
  std::map<Address, std::string> reported;
  while (true) {
    for (const auto& address : addresses) {
      const auto outcome = co_await call(program, "check", address, Epoch{0}, times.limit);
      const auto text = outcome ? std::string() : outcome.error().to_string();
      if (std::exchange(reported[address], text) == text) continue;
      if (text.empty()) {
        runtime::log_info("the network would lead " + address.address + " here");
      } else {
        runtime::log_error("the network would not lead " + address.address + " here: " + text);
      }
    }
    co_await runtime::sleep_for(times.check);
  }
}

class CommandAddress final : public AddressKeeper {
 public:
  CommandAddress(asio::any_io_executor executor, std::unique_ptr<AddressKeeper> kernel, std::filesystem::path program,
                 CommandTimes times, std::vector<Address> checked)
      : executor_(std::move(executor)),
        kernel_(std::move(kernel)),
        program_(std::move(program)),
        times_(times),
        checks_(executor_, "address check") {
    if (!checked.empty()) checks_.spawn("check", check(program_.string(), std::move(checked), times_));
  }
  Task<Status> ask(Address /*address*/, Duration /*time*/) override { co_return Status{}; }

  Task<Status> acquire(Address address, Epoch epoch, Duration /*probe*/) override {
    auto added = co_await kernel_->acquire(address, epoch, Duration::zero());
    if (!added) co_return added;
    const auto claim = std::make_shared<Claim>(executor_, epoch);
    works_.erase(address);
    const auto& work = works_.emplace(address, Work(claim, executor_)).first->second;
    work.tasks->spawn("take " + address.address, keep(claim, program_.string(), address, times_));
    while (!claim->first && !claim->is_over) {
      const auto [ignored] = co_await claim->changed.async_wait(asio::as_tuple(asio::use_awaitable));
      static_cast<void>(ignored);
    }
    if (claim->is_over) co_return fail(ErrorCode::refused, "released while the network was told");
    co_return *claim->first;
  }

  Status release(Address address) override {
    works_.erase(address);
    return kernel_->release(address);
  }

  [[nodiscard]] Result<bool> held(const Address& address) const override { return kernel_->held(address); }
  void on_conflict(std::function<void(Conflict)> /*handler*/) override {}

 private:
  asio::any_io_executor executor_;
  std::unique_ptr<AddressKeeper> kernel_;
  std::filesystem::path program_;
  CommandTimes times_;
  std::map<Address, Work> works_;
  runtime::TaskScope checks_;
};

}  // namespace

std::unique_ptr<AddressKeeper> open_command_address(asio::any_io_executor executor,
                                                    std::unique_ptr<AddressKeeper> kernel,
                                                    std::filesystem::path program, CommandTimes times,
                                                    std::vector<Address> checked) {
  return std::make_unique<CommandAddress>(std::move(executor), std::move(kernel), std::move(program), times,
                                          std::move(checked));
}

}  // namespace gemel::adapters::address
