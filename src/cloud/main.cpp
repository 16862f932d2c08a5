// The program `gemel-address`: tells a cloud that a floating address belongs to this host. It fulfils the contract of
// "address_command" (docs/handbook/addresses.md), so that the agent needs to know nothing of clouds.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "base/text.h"
#include "cloud/aws_mover.h"
#include "cloud/openstack_mover.h"
#include "runtime/files.h"
#include "site/host_config.h"
#include "site/network_address.h"

namespace {

using namespace gemel;
using runtime::Task;

// The agent kills the program after 10 s; what it has to say must be said before.
constexpr Duration whole_limit = std::chrono::milliseconds(9'000);

// As the command line's exit codes (docs/handbook).
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_refused = 3;
constexpr int exit_not_found = 4;
constexpr int exit_timed_out = 5;
constexpr int exit_unreachable = 6;
constexpr int exit_denied = 7;

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::refused:
    case ErrorCode::conflict:
      return exit_refused;
    case ErrorCode::not_found:
      return exit_not_found;
    case ErrorCode::timed_out:
      return exit_timed_out;
    case ErrorCode::unavailable:
      return exit_unreachable;
    case ErrorCode::denied:
      return exit_denied;
    case ErrorCode::invalid:
      return exit_usage;
    default:
      return exit_failed;
  }
}

struct Arguments {
  std::filesystem::path config = "/etc/gemel/host.toml";
  cloud::Order order;
};

/// "[--config FILE] take|check ADDRESS EPOCH INTERFACE"
Result<Arguments> read_arguments(std::vector<std::string> words) {
  Arguments arguments;
  if (words.size() > 2 && words[0] == "--config") {
    arguments.config = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.size() != 4 || (words[0] != "take" && words[0] != "check"))
    return fail(ErrorCode::invalid, "usage: gemel-address [--config FILE] take|check ADDRESS EPOCH INTERFACE");
  arguments.order.verb = words[0] == "take" ? cloud::Verb::take : cloud::Verb::check;
  arguments.order.address = words[1];
  arguments.order.epoch = words[2];
  arguments.order.interface = words[3];
  if (!site::parse_address(words[1])) return fail(ErrorCode::invalid, words[1] + " is no address");
  const auto is_digit = [](unsigned char letter) { return std::isdigit(letter) != 0; };
  if (words[2].empty() || !std::ranges::all_of(words[2], is_digit))
    return fail(ErrorCode::invalid, words[2] + " is no epoch");
  if (words[3].empty() || words[3].contains('/') || words[3].starts_with('.'))
    return fail(ErrorCode::invalid, words[3] + " is no interface");
  return arguments;
}

Task<Status> move_address(boost::asio::any_io_executor executor, site::AddressSettings settings, cloud::Order order) {
  if (settings.provider == site::AddressProvider::aws) {
    cloud::AwsMover mover(executor, std::move(settings.aws), std::move(order));
    auto done = co_await mover.run();
    co_return done;
  }
  cloud::OpenStackMover mover(executor, std::move(settings.openstack), std::move(order));
  auto done = co_await mover.run();
  co_return done;
}

Task<void> finish(boost::asio::any_io_executor executor, site::AddressSettings settings, cloud::Order order,
                  Status* outcome) {
  *outcome = co_await move_address(executor, std::move(settings), std::move(order));
}

/// Says how it ended, and ends the process at once: a name service that hangs holds a thread of the resolver, which an
/// orderly end would wait for.
[[noreturn]] void end(const Status& outcome) {
  if (!outcome) std::fprintf(stderr, "gemel-address: %s\n", outcome.error().to_string().c_str());
  std::fflush(nullptr);
  _exit(outcome ? 0 : exit_code(outcome.error().code));
}

/// What is asked for, by whom, or why it cannot be done.
Result<site::AddressSettings> prepare(Arguments& arguments) {
  auto& order = arguments.order;
  const auto config = site::load_host_config(arguments.config);
  if (!config) return std::unexpected(config.error());
  const auto provider = config->address.provider;
  if (provider != site::AddressProvider::aws && provider != site::AddressProvider::openstack) {
    return fail(ErrorCode::invalid, fmt::format("{}: the site's address provider is \"{}\", which is not this program",
                                                arguments.config.string(), to_string(provider)));
  }
  const auto mac = runtime::read_file("/sys/class/net/" + order.interface + "/address");
  if (!mac) return std::unexpected(mac.error().with("interface " + order.interface));
  order.mac = trim(*mac);
  order.host_address = config->self().address;
  order.notes = config->directories.run / "address";
  return config->address;
}

[[noreturn]] void run(const std::vector<std::string>& words) {
  const auto begin = runtime::boot_now();
  auto arguments = read_arguments(words);
  if (!arguments) end(std::unexpected(arguments.error()));
  arguments->order.until = begin + whole_limit;
  const auto settings = prepare(*arguments);
  if (!settings) end(std::unexpected(settings.error()));
  boost::asio::io_context loop(1);
  Status outcome = fail(ErrorCode::timed_out, fmt::format("no end after {} s", whole_limit / std::chrono::seconds(1)));
  runtime::TaskScope tasks(loop.get_executor(), "address");
  tasks.spawn("move", finish(loop.get_executor(), *settings, arguments->order, &outcome));
  // Every wait inside has a limit within the order's; this one is for what has none.
  loop.run_for(whole_limit);
  end(outcome);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + argument_count);
  if (words.size() == 1 && words[0] == "--version") {
    std::puts("gemel-address " GEMEL_VERSION);
    return 0;
  }
  try {
    run(words);
  } catch (const std::exception& error) {
    end(fail(ErrorCode::corrupt, error.what()));
  }
}
