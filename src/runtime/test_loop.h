// Runs one coroutine on a loop of its own, for tests: GoogleTest bodies are ordinary functions.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <utility>

#include "runtime/task_scope.h"

namespace gemel::runtime {

class TestLoop {
 public:
  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }

  /// Runs `task` until it ended and nothing else is left to do; fails the test after 30 s.
  void run(Task<void> task) {
    bool is_done = false;
    TaskScope scope(executor(), "test");
    scope.spawn("body", finish(std::move(task), &is_done));
    context_.restart();
    context_.run_for(std::chrono::seconds(30));
    EXPECT_TRUE(is_done) << "the test's coroutine did not end in 30 s";
    EXPECT_TRUE(context_.stopped()) << "something is left running on the loop";
  }

 private:
  static Task<void> finish(Task<void> task, bool* is_done) {
    co_await std::move(task);
    *is_done = true;
  }
  boost::asio::io_context context_{1};
};

}  // namespace gemel::runtime
