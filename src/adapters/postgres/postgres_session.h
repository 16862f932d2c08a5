// Small steps on the local server that several actions share: a fresh session, one answer, waiting for a setting.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "adapters/postgres/postgres_config.h"
#include "adapters/postgres/pq_connection.h"
#include "base/lsn.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::postgres {

/// A session of the superuser by the local socket; its own commits never wait for a standby.
runtime::Task<Result<PqConnection>> open_session(boost::asio::any_io_executor executor, PostgresConfig config,
                                                 std::string database, Duration limit);
/// Polls with new sessions until one shows `value` for the setting `name`. `timed_out` after `limit`.
runtime::Task<Status> wait_for_setting(boost::asio::any_io_executor executor, PostgresConfig config,
                                       std::pair<std::string, std::string> name_and_value, Duration limit);
/// Writes one transactional message, flushed locally on return, and gives the end of its record: at least the insert
/// position at the call, and reachable by a standby without further writes.
runtime::Task<Result<Lsn>> write_mark(std::shared_ptr<PqConnection> session, Duration limit);

/// run_blocking with a result. The value lives on the heap: the pool may outlast a destroyed coroutine.
template <typename T>
runtime::Task<T> blocking(std::function<T()> work) {
  auto box = std::make_shared<std::optional<T>>();
  co_await runtime::run_blocking([box, work = std::move(work)] { box->emplace(work()); });
  co_return std::move(**box);
}

}  // namespace gemel::adapters::postgres
