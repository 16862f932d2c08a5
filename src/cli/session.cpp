// Loading the configuration and running one task.
#include "cli/session.h"

#include <cstdio>
#include <utility>

namespace gemel::cli {
namespace {

runtime::Task<void> keep_result(runtime::Task<ExitCode> task, ExitCode* result, boost::asio::io_context* loop) {
  *result = co_await std::move(task);
  loop->stop();
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const CommonOptions& options) {
  auto config = site::load_host_config(options.config);
  if (!config) {
    return std::unexpected(config.error().with("this command needs the file of a site's host (see --config)"));
  }
  auto session = std::unique_ptr<Session>(new Session);
  auto agents = api::AgentClient::create(session->loop_.get_executor(), std::move(*config), api::AgentIdentity::agent);
  if (!agents) return std::unexpected(agents.error());
  session->agents_ = std::move(*agents);
  return session;
}

ExitCode Session::run(runtime::Task<ExitCode> task) {
  ExitCode result = ExitCode::failed;
  runtime::TaskScope scope(loop_.get_executor(), "command");
  scope.spawn("command", keep_result(std::move(task), &result, &loop_));
  loop_.restart();
  loop_.run();
  return result;
}

void complain(const std::string& message) {
  std::fflush(stdout);
  std::fputs(("gemel: " + message + "\n").c_str(), stderr);
}

ExitCode give_up(const Error& error) {
  complain(error.to_string());
  return exit_code_of(error);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace gemel::cli
