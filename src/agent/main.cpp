// gemeld: the agent's process. Reads the host's configuration, runs the loop, ends on a signal.
#include <sys/mman.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "agent/agent.h"
#include "runtime/log.h"
#include "runtime/systemd_notify.h"

namespace gemel::agent {
namespace {

/// Exit codes: 0 ended on request, 1 could not start.
struct Outcome {
  int code = 0;
};

runtime::Task<void> serve(boost::asio::io_context* loop, Agent* agent, Outcome* outcome) {
  boost::asio::signal_set signals(*loop, SIGTERM, SIGINT, SIGUSR1);
  if (const auto started = co_await agent->start(); !started) {
    runtime::log_error("cannot start: " + started.error().to_string());
    outcome->code = 1;
    loop->stop();
    co_return;
  }
  runtime::notify_systemd("READY=1");
  boost::system::error_code ignored;
  const int signal = co_await signals.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  runtime::notify_systemd("STOPPING=1");
  if (signal == SIGUSR1) {
    runtime::log_info("leaves; what it runs goes on");
    agent->leave();
  } else {
    co_await agent->stop();
  }
  loop->stop();
}

/// A loop that waits half a second for a processor looks dead to the other hosts. It is idle for 99 % of the time, so
/// that it goes before others costs them nothing. The heartbeat thread asks for more by itself; what the agent starts
/// is ordinary again. A container may refuse: then the agent waits its turn as everybody does.
void go_before_others() {
  constexpr int favoured = -18;
  if (::setpriority(PRIO_PROCESS, 0, favoured) != 0)
    runtime::log_info("runs at ordinary priority: raising it was refused");
}

int run(const std::filesystem::path& file) {
  auto config = site::load_host_config(file);
  if (!config) {
    std::fprintf(stderr, "gemeld: %s\n", config.error().to_string().c_str());
    return 1;
  }
  std::signal(SIGPIPE, SIG_IGN);
  go_before_others();
  boost::asio::io_context loop(1);
  Outcome outcome;
  auto agent = std::make_unique<Agent>(loop.get_executor(), std::move(*config));
  runtime::TaskScope scope(loop.get_executor(), "main");
  scope.spawn("serve", serve(&loop, agent.get(), &outcome));
  loop.run();
  // The kernel takes back the rest: unwinding tasks that wait on a dead loop would only delay the next agent.
  std::_Exit(outcome.code);
}

}  // namespace
}  // namespace gemel::agent

int main(int count, char** arguments) {
  CLI::App app("gemeld: Gemel's agent on one host");
  std::filesystem::path file = "/etc/gemel/host.toml";
  app.add_option("--config", file, "host configuration written by gemel render")->capture_default_str();
  app.set_version_flag("--version", std::string("gemeld " GEMEL_VERSION));
  CLI11_PARSE(app, count, arguments);
  return gemel::agent::run(file);
}
