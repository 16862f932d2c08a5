// EndpointPool: the voters as the client sees them: a kept connection each, what is known of their health, and races
// of one transaction over all of them. What the answers mean together is decided elsewhere.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/etcd/gateway.h"
#include "adapters/etcd/quorum.h"
#include "adapters/etcd/watch_parser.h"
#include "runtime/http_client.h"

namespace gemel::adapters::etcd {

struct Voter {
  NodeId name;
  runtime::Endpoint endpoint;
};

/// What came of sending to one voter.
struct Reply {
  enum class Kind : std::uint8_t { pending, silent, not_sent, answered };
  Kind kind = Kind::pending;
  TransactionAnswer answer;  // answered
  std::string reason;        // silent, not_sent
};

/// One transaction on its way to all voters; shared between the tasks that send and the caller that waits.
struct Race {
  explicit Race(const boost::asio::any_io_executor& executor) : changed(executor) {}
  std::vector<Reply> replies;
  Revision floor;  // highest revision known when the race started: a linearizable answer cannot be below
  boost::asio::steady_timer changed;
  [[nodiscard]] bool is_over() const;
};

struct PoolTimes {
  Duration probe_every = std::chrono::seconds(2);
  Duration probe_limit = std::chrono::milliseconds(500);
};

/// Loop thread only. Losers of a race are not cancelled: they end by their own deadline, and keep their connections.
///
/// A voter whose answers go backwards (lower revision or raft term than it showed before) serves a view that is not the
/// cluster's any more: that answer is dropped, and nothing is sent there until a probe finds it caught up.
class EndpointPool {
 public:
  EndpointPool(boost::asio::any_io_executor executor, std::vector<Voter> voters,
               std::shared_ptr<runtime::TlsClientContext> tls, PoolTimes times);
  EndpointPool(const EndpointPool&) = delete;
  EndpointPool& operator=(const EndpointPool&) = delete;
  ~EndpointPool();

  /// Starts to probe each voter's status, for quorum(). Once.
  void start_probes();
  /// Sends to every voter that is not put aside or clogged by calls without an answer.
  std::shared_ptr<Race> send(const Transaction& transaction, Duration limit);
  /// Suspends until a reply came or `until`. Check the race afterwards: it may wake for nothing.
  static runtime::Task<void> wait_change(std::shared_ptr<Race> race, TimePoint until);
  /// A watch on one key, on one voter after the other as they break, until the pool is stopped. Once.
  void start_watch(std::string key, Duration idle_limit, std::function<void(const WatchNews&)> on_news);

  [[nodiscard]] Quorum quorum() const;
  /// Cancels everything; names what is late.
  runtime::Task<std::vector<std::string>> stop(Duration limit);

 private:
  struct State;
  std::shared_ptr<State> state_;
  runtime::TaskScope scope_;
};

}  // namespace gemel::adapters::etcd
