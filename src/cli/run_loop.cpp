#include "cli/run_loop.h"

#include <boost/asio/io_context.hpp>
#include <utility>

namespace gemel::cli {
namespace {

runtime::Task<void> keep_result(runtime::Task<ExitCode> task, ExitCode* result, boost::asio::io_context* loop) {
  *result = co_await std::move(task);
  loop->stop();
}

}  // namespace

ExitCode run_loop(runtime::Task<ExitCode> task) {
  ExitCode result = ExitCode::failed;
  boost::asio::io_context loop{1};
  runtime::TaskScope scope(loop.get_executor(), "command");
  scope.spawn("command", keep_result(std::move(task), &result, &loop));
  loop.run();
  return result;
}

}  // namespace gemel::cli
