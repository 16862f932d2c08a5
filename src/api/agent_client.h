// The client side of the agents' endpoint: asks all hosts of the site at once over mutual TLS. What the answers mean is
// judged in site_status.h; the messages are host_status.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/site_status.h"
#include "base/error.h"
#include "base/time.h"
#include "runtime/http_client.h"
#include "runtime/task_scope.h"
#include "site/host_config.h"

namespace gemel::api {

/// Which certificate of host.toml's pki directory is shown to the agents: agent.crt (root) or manager-agent.crt.
enum class AgentIdentity { agent, manager };

/// The certificate files of an identity, and the host entries (without answers) of a configuration.
runtime::TlsFiles tls_files(const site::HostConfig& config, AgentIdentity identity);
std::vector<HostEntry> host_entries(const site::HostConfig& config);

/// What one host answered to the question for its events.
struct HostEvents {
  std::string host;
  Result<std::vector<Event>> events;
};

/// A pause as the asker wants it. The agent adds the host of the asker's certificate to `user`.
struct PauseRequest {
  std::string user;
  std::string reason;
  std::chrono::seconds length{0};
};

/// Keeps one connection per host. Loop thread only. Every call suspends, is bounded by `limit` (plus a margin of 0.2 s)
/// and may be cancelled. Reading calls are idempotent.
class AgentClient {
 public:
  /// Loads the certificates: `not_found`, `denied` or `invalid` when they cannot be used. Blocks shortly (files).
  static Result<std::unique_ptr<AgentClient>> create(boost::asio::any_io_executor executor, site::HostConfig config,
                                                     AgentIdentity identity);

  /// Status of every host, and the summary. Never fails: a host that does not answer is part of the answer.
  runtime::Task<SiteStatus> fetch_site(Duration limit);
  /// Events of every host with an id greater than after[host] (absent: all the host still keeps).
  runtime::Task<std::vector<HostEvents>> fetch_events(std::map<std::string, std::uint64_t> after, Duration limit);
  /// The policy table of one host's agent, as JSON text. `not_found`: no such host.
  runtime::Task<Result<std::string>> fetch_rules(std::string host, Duration limit);
  /// What the agent of `host` recorded of its inputs, up to 16 MiB of lines. `not_found`: no such host, or no database.
  runtime::Task<Result<std::string>> fetch_inputs(std::string host, Duration limit);
  /// Asks the agent of `host` for a switchover to `to` (empty: the agent chooses). Success: accepted, now running.
  /// `refused` with the agent's reason; `timed_out` = unknown, observe; `unavailable`/`denied` = certainly not asked.
  runtime::Task<Status> request_switchover(std::string host, std::string to, Duration limit);

  /// Asks the agent of `host` (the record's holder) to pause the site. Outcomes as of request_switchover.
  runtime::Task<Status> request_pause(std::string host, PauseRequest pause, Duration limit);
  /// Asks the agent of `host` (the record's holder) to end the pause. Outcomes as of request_switchover.
  runtime::Task<Status> request_resume(std::string host, std::string user, Duration limit);
  /// Asks the agent of `host` what a take-over by force would lose, or (`is_confirmed`) to take over. Success: the
  /// report; with `is_confirmed` the take-over is now running. Failures as of request_switchover.
  runtime::Task<Result<std::string>> request_force(std::string host, std::string user, bool is_confirmed,
                                                   Duration limit);

  [[nodiscard]] const site::HostConfig& config() const { return config_; }

 private:
  AgentClient(boost::asio::any_io_executor executor, site::HostConfig config,
              std::shared_ptr<runtime::TlsClientContext> tls);
  using Answers = std::vector<Result<runtime::HttpResponse>>;
  /// One request per host, in the order of the configuration, all at once.
  runtime::Task<Answers> ask_all(std::vector<std::string> targets, Duration limit);
  /// The answer to a POST of this JSON text, when it is 200 or 202.
  runtime::Task<Result<runtime::HttpResponse>> command(std::string host, std::string target, std::string body,
                                                       Duration limit);
  std::shared_ptr<runtime::HttpClient> client_of(const std::string& host) const;

  boost::asio::any_io_executor executor_;
  site::HostConfig config_;
  std::vector<std::shared_ptr<runtime::HttpClient>> clients_;  // parallel to config_.hosts
};

}  // namespace gemel::api
