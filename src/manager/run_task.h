// Runs one coroutine until the loop has nothing left to do. Header only; included by tests alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>

#include "runtime/task_scope.h"

namespace gemel::manager::testing {

template <typename T>
runtime::Task<void> keep(runtime::Task<T> task, std::optional<T>* result) {
  result->emplace(co_await std::move(task));
}

template <typename T>
T run_task(boost::asio::io_context& loop, runtime::Task<T> task) {
  std::optional<T> result;
  runtime::TaskScope scope(loop.get_executor(), "test");
  scope.spawn("test", keep(std::move(task), &result));
  loop.restart();
  loop.run();
  return std::move(result).value();
}

}  // namespace gemel::manager::testing
