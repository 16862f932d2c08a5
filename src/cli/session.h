// What every verb that talks to the site needs: the configuration of this host, a loop, and the client of the agents;
// and the options that all verbs share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "api/agent_client.h"
#include "cli/exit_code.h"

namespace gemel::cli {

enum class OutputFormat { table, wide, json, yaml };

struct CommonOptions {
  std::filesystem::path config = "/etc/gemel/host.toml";
  OutputFormat output = OutputFormat::table;
  bool use_colour = false;
  std::chrono::milliseconds limit{1000};  // per question to the agents
};

/// One run of the program: a loop and one client. Used by one thread.
class Session {
 public:
  static Result<std::unique_ptr<Session>> open(const CommonOptions& options);
  /// Runs the loop until `task` has ended.
  ExitCode run(runtime::Task<ExitCode> task);
  [[nodiscard]] api::AgentClient& agents() { return *agents_; }

 private:
  Session() = default;
  boost::asio::io_context loop_{1};
  std::unique_ptr<api::AgentClient> agents_;
};

/// "gemel: message" on standard error.
void complain(const std::string& message);
/// Complains and gives the exit code that fits.
ExitCode give_up(const Error& error);
/// Standard output, at once.
void print(const std::string& text);

}  // namespace gemel::cli
