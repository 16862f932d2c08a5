// Sessions of the agent on its own server.
#include "adapters/postgres/postgres_session.h"

#include "adapters/postgres/configuration_files.h"

namespace gemel::adapters::postgres {
using runtime::Task;
namespace {
constexpr Duration poll_step = std::chrono::milliseconds(3);
}

Task<Result<PqConnection>> open_session(boost::asio::any_io_executor executor, PostgresConfig config,
                                        std::string database, Duration limit) {
  co_return co_await PqConnection::connect(executor, local_conninfo(config, database), limit);
}

Task<Status> wait_for_setting(boost::asio::any_io_executor executor, PostgresConfig config,
                              std::pair<std::string, std::string> name_and_value, Duration limit) {
  const TimePoint deadline = runtime::boot_now() + limit;
  std::string last = "no session";
  while (runtime::boot_now() < deadline) {
    auto session = co_await open_session(executor, config, "postgres", deadline - runtime::boot_now());
    if (session) {
      auto shown =
          co_await session->query("select current_setting($1)", {name_and_value.first}, deadline - runtime::boot_now());
      if (shown && shown->first() == name_and_value.second) co_return Status{};
      if (shown) last = shown->first();
    } else if (session.error().code == ErrorCode::cancelled) {
      co_return std::unexpected(session.error());
    }
    co_await runtime::sleep_for(poll_step);
  }
  co_return fail(ErrorCode::timed_out, name_and_value.first + " is not in effect: " + last);
}

Task<Result<Lsn>> write_mark(std::shared_ptr<PqConnection> session, Duration limit) {
  auto rows = co_await session->query("select pg_logical_emit_message(true, 'gemel', 'mark')", {}, limit);
  if (!rows) co_return std::unexpected(rows.error().with("write a mark"));
  co_return parse_lsn(rows->first());
}

}  // namespace gemel::adapters::postgres
