// EtcdMember: runs this host's etcd, and speaks with it about its own state and the raft leadership.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/etcd/gateway.h"
#include "adapters/etcd/member_config.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::etcd {

using runtime::Task;

/// How long to wait before the next start, after a run of `uptime`: 100 ms, doubled with each short run up to 5 s; from
/// the beginning again after a run of 30 s.
Duration next_pause(Duration last_pause, Duration uptime);

/// Starts, restarts and stops the member. Loop thread only. Destroying it leaves etcd running: the next agent adopts it
/// by its cgroup, and replaces it when its command line is another.
class EtcdMember {
 public:
  /// `invalid` with all mistakes of the configuration; errors of the client's certificates.
  static Result<std::unique_ptr<EtcdMember>> create(boost::asio::any_io_executor executor, MemberConfig config);
  EtcdMember(const EtcdMember&) = delete;
  EtcdMember& operator=(const EtcdMember&) = delete;
  ~EtcdMember();

  /// Begins to keep it running: keys copied, adopted or started, restarted with a pause whenever it ends. Once.
  void start();
  /// SIGTERM, then SIGKILL to the whole cgroup when `limit` has passed. Not restarted any more.
  Task<Status> stop(Duration limit);
  [[nodiscard]] bool is_running() const;
  [[nodiscard]] int starts() const;  // successful ones, adoption included
  [[nodiscard]] pid_t pid() const;   // 0 when not running

  /// The local member's own view. `unavailable`, `timed_out`, `denied`, `corrupt`.
  Task<Result<MemberStatus>> local_status(Duration limit);
  /// If the local member leads: hands the leadership to another voter, the first by name that is not in `avoid`.
  /// Success without effect when it does not lead; `not_found` when nobody is left. Whether and when is the caller's
  /// decision.
  Task<Status> move_leader_away(NodeSet avoid, Duration limit);

 private:
  struct State;
  explicit EtcdMember(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  runtime::TaskScope scope_;
};

}  // namespace gemel::adapters::etcd
