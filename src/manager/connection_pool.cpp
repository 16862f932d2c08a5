// Handing out and taking back connections.
#include "manager/connection_pool.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/text.h"

namespace gemel::manager {
namespace {

/// Frees the seat when opening the connection fails or is cancelled.
class SeatGuard {
 public:
  SeatGuard(std::size_t& leased, boost::asio::steady_timer& returned) : leased_(&leased), returned_(&returned) {
    ++leased;
  }
  SeatGuard(const SeatGuard&) = delete;
  SeatGuard& operator=(const SeatGuard&) = delete;
  ~SeatGuard() {
    if (leased_ == nullptr) return;
    --*leased_;
    returned_->cancel_one();
  }
  void keep() { leased_ = nullptr; }

 private:
  std::size_t* leased_;
  boost::asio::steady_timer* returned_;
};

}  // namespace

ConnectionPool::ConnectionPool(boost::asio::any_io_executor executor, Conninfos conninfos, std::size_t max_connections)
    : executor_(std::move(executor)),
      conninfos_(std::move(conninfos)),
      max_connections_(max_connections),
      returned_(executor_, boost::asio::steady_timer::time_point::max()) {}

runtime::Task<Result<ConnectionPool::Connection>> ConnectionPool::connect(TimePoint deadline, Duration limit) {
  const auto conninfos = co_await conninfos_(limit / 2);
  if (!conninfos) co_return std::unexpected(conninfos.error());
  Result<Connection> connected = fail(ErrorCode::unavailable, "no way to connect is known");
  std::vector<std::string> reasons;  // one for each way: the last one alone would say little of a name's addresses
  for (const auto& conninfo : *conninfos) {
    // Half of the time: a first packet that was sent to a dead primary is not repeated for a second, a new attempt is.
    const Duration left = deadline - runtime::boot_now();
    if (left <= Duration::zero()) break;
    connected = co_await Connection::connect(executor_, conninfo, std::min(left, limit / 2));
    if (connected) co_return connected;
    if (std::ranges::count(reasons, connected.error().message) == 0) reasons.push_back(connected.error().message);
  }
  if (reasons.size() > 1) co_return fail(connected.error().code, join(reasons, "; "));
  co_return connected;
}

runtime::Task<Result<ConnectionPool::Lease>> ConnectionPool::acquire(Duration limit) {
  const auto deadline = runtime::boot_now() + limit;
  while (leased_ >= max_connections_) {
    boost::asio::steady_timer patience(executor_, deadline - runtime::boot_now());
    patience.async_wait([this](boost::system::error_code error) {
      if (!error) returned_.cancel();  // wakes all waiters; those with time left wait again
    });
    const auto [ignored] = co_await returned_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    static_cast<void>(ignored);
    if (runtime::boot_now() >= deadline) co_return fail(ErrorCode::unavailable, "all database connections are busy");
  }
  SeatGuard seat(leased_, returned_);
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_connection_lost() || connection->has_unread()) continue;
    seat.keep();
    co_return Lease(*this, std::move(connection));
  }
  auto connected = co_await connect(deadline, limit);
  if (!connected) co_return std::unexpected(connected.error().with("connecting to the database"));
  seat.keep();
  co_return Lease(*this, std::make_unique<Connection>(std::move(*connected)));
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  --leased_;
  if (connection->is_connection_lost() || connection->is_busy()) {
    idle_.clear();
  } else {
    idle_.push_back(std::move(connection));
  }
  returned_.cancel_one();
}

}  // namespace gemel::manager
