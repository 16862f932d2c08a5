// A few PostgreSQL connections shared by the requests of one loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/postgres/pq_connection.h"

namespace gemel::manager {

/// Loop thread only; must outlive the leases.
class ConnectionPool {
 public:
  using Connection = adapters::postgres::PqConnection;

  /// A connection for one caller. Goes back to the pool with the object, unless it is lost or still busy.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// libpq's connection strings, tried in this order; asked for anew at each connection, because a password may have
  /// been rotated, or a name lead elsewhere. Told how long it may take.
  using Conninfos = std::function<runtime::Task<Result<std::vector<std::string>>>(Duration limit)>;

  ConnectionPool(boost::asio::any_io_executor executor, Conninfos conninfos, std::size_t max_connections);
  /// An idle connection, or a new one, or the next one that is given back. `unavailable` when there is none in time.
  runtime::Task<Result<Lease>> acquire(Duration limit);

 private:
  void give_back(std::unique_ptr<Connection> connection);
  runtime::Task<Result<Connection>> connect(TimePoint deadline, Duration limit);

  boost::asio::any_io_executor executor_;
  Conninfos conninfos_;
  std::size_t max_connections_;
  std::size_t leased_ = 0;  // seats taken: connections with callers, and connections being opened
  std::vector<std::unique_ptr<Connection>> idle_;
  boost::asio::steady_timer returned_;  // a waiter is woken when a seat becomes free
};

}  // namespace gemel::manager
