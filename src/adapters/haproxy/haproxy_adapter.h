// HaproxyAdapter: runs this host's HAProxy, changes its configuration without losing a connection, and talks to it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/haproxy/balancer_config.h"
#include "adapters/haproxy/server_state.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::haproxy {

using runtime::Task;

struct HaproxyOptions {
  std::filesystem::path program = "/usr/sbin/haproxy";
  std::filesystem::path run_directory = "/run/gemel/haproxy";  // made (0700) when missing; haproxy.cfg, admin.sock, …
  std::optional<std::filesystem::path> cgroup = {};            // its own cgroup2 directory; empty: ours
  std::optional<std::filesystem::path> output = {};            // its log; empty: our standard output
};

enum class ServerOrder : std::uint8_t { ready, drain, maintenance };

/// Runs `haproxy -W -db`: one master in the foreground, one worker. Restarted with growing pauses when it ends.
///
/// Loop thread only. Destroying it leaves HAProxy running: the next agent adopts it. One apply() or stop() at a time.
class HaproxyAdapter {
 public:
  HaproxyAdapter(boost::asio::any_io_executor executor, HaproxyOptions options);
  HaproxyAdapter(const HaproxyAdapter&) = delete;
  HaproxyAdapter& operator=(const HaproxyAdapter&) = delete;
  ~HaproxyAdapter();

  /// Makes `config` the running configuration: rendered (its admin_socket is set to the run directory's), checked by
  /// `haproxy -c`, written; then HAProxy is started, adopted or reloaded. Returns when the new worker answers.
  /// Idempotent: the same configuration again does nothing to a running HAProxy.
  ///
  /// `invalid` = cannot be rendered; `refused` = HAProxy's check said no (its words in the message), nothing changed;
  /// `unavailable`/`timed_out` = it does not come up. In the last two, after a reload, the former configuration is back
  /// in place and the former worker still serves; at a first start it is tried again with pauses until stop().
  Task<Status> apply(BalancerConfig config);
  /// Lets open connections end for half of `limit`, then terminates, then kills. Not restarted any more, until apply().
  Task<Status> stop(Duration limit);

  [[nodiscard]] bool is_running() const;
  [[nodiscard]] pid_t pid() const;   // of the master, 0 when not running
  [[nodiscard]] int starts() const;  // successful ones, adoption included

  /// The answer to one command of the run-time API. `invalid`, `unavailable`, `timed_out` (effect unknown).
  Task<Result<std::string>> run_time_command(std::string command);
  Task<Result<std::vector<ServerState>>> server_states();
  /// For every backend that has the server: `ready`, `drain` (no new sessions) or `maintenance`. Idempotent; lost by a
  /// restart of HAProxy, not by a fault of the server. `not_found` when no backend has it.
  Task<Status> order_server(std::string server, ServerOrder order);

 private:
  struct State;
  std::shared_ptr<State> state_;
  runtime::TaskScope scope_;
};

/// How long to wait before the next start after a run of `uptime`: 100 ms, doubled with each short run up to 5 s; from
/// the beginning again after a run of 30 s.
Duration next_pause(Duration last_pause, Duration uptime);

}  // namespace gemel::adapters::haproxy
