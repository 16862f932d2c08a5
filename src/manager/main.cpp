// The program `gemel-manager`: reads host.toml, serves until SIGTERM or SIGINT.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "manager/server.h"
#include "runtime/log.h"
#include "runtime/systemd_notify.h"

namespace {

using namespace gemel;

runtime::Task<void> serve_until_signal(boost::asio::io_context* loop, manager::Server* server) {
  boost::asio::signal_set signals(*loop, SIGTERM, SIGINT);
  runtime::notify_systemd("READY=1\nSTATUS=serving");
  runtime::log_info("serving");
  const auto [error, number] = co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  static_cast<void>(error);
  static_cast<void>(number);
  runtime::notify_systemd("STOPPING=1\nSTATUS=draining");
  runtime::log_info("draining, then stopping");
  co_await server->shut_down();
  loop->stop();
}

int run(const std::string& config_path) {
  auto config = site::load_host_config(config_path);
  if (!config) {
    runtime::log_error(config.error().to_string());
    return 2;
  }
  boost::asio::io_context loop(1);
  manager::Server server(loop.get_executor(), std::move(*config));
  if (auto status = server.start(); !status) {
    runtime::log_error(status.error().to_string());
    return 1;
  }
  runtime::TaskScope tasks(loop.get_executor(), "main");
  tasks.spawn("serve", serve_until_signal(&loop, &server));
  loop.run();
  runtime::log_info("stopped");
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::string config = "/etc/gemel/host.toml";
  if (argument_count == 3 && std::string_view(arguments[1]) == "--config") {
    config = arguments[2];
  } else if (argument_count == 2 && std::string_view(arguments[1]) == "--version") {
    std::puts("gemel-manager " GEMEL_VERSION);
    return 0;
  } else if (argument_count != 1) {
    std::fputs("usage: gemel-manager [--config PATH] [--version]\n", stderr);
    return 2;
  }
  try {
    return run(config);
  } catch (const std::exception& error) {
    runtime::log_error(error.what());
    return 1;
  }
}
