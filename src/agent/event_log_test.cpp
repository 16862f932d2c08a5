// The events of a host: their order, their ids across a restart, their bounds, and what a damaged file costs.
#include "agent/event_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "agent/testing_folder.h"
#include "runtime/files.h"
#include "runtime/test_loop.h"

namespace gemel::agent {
namespace {

using runtime::LogLevel;

class Events : public ::testing::Test {
 protected:
  [[nodiscard]] EventLog reopened() const {
    EventLog log(file, "db1");
    log.load();
    return log;
  }
  void append(const std::string& text) const { std::ofstream(file, std::ios::binary | std::ios::app) << text; }

  testing::Folder folder;
  std::filesystem::path file = folder / "events.jsonl";
};

TEST_F(Events, come_in_order_with_growing_ids) {
  EventLog log(file, "db1");
  log.add(LogLevel::info, "start", "first", Epoch{3});
  log.add(LogLevel::debug, "start", "not for people");
  log.add(LogLevel::warn, "fence", "second");
  log.add(LogLevel::error, "halt", "third");
  const auto all = log.after(0);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].id, 1U);
  EXPECT_EQ(all[0].host, "db1");
  EXPECT_EQ(all[0].rule, "start");
  EXPECT_EQ(all[0].message, "first");
  EXPECT_EQ(all[0].epoch, 3U);
  EXPECT_EQ(all[0].level, "info");
  EXPECT_EQ(all[1].level, "warn");
  EXPECT_EQ(all[2].level, "error");
  const auto rest = log.after(2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].message, "third");
  EXPECT_TRUE(log.after(3).empty());
}

TEST_F(Events, survive_a_restart_and_ids_go_on) {
  {
    EventLog log = reopened();
    log.add(LogLevel::info, "a", "first");
    log.add(LogLevel::info, "b", "second");
    log.flush();
  }
  EventLog log = reopened();
  ASSERT_EQ(log.after(0).size(), 2U);
  log.add(LogLevel::info, "c", "third");
  log.flush();
  const auto all = reopened().after(0);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].id, 3U);
  EXPECT_EQ(all[2].message, "third");
}

TEST_F(Events, are_written_by_their_task) {
  runtime::TestLoop loop;
  EventLog log = reopened();
  loop.run(
      [](EventLog* events, std::filesystem::path path, boost::asio::any_io_executor executor) -> runtime::Task<void> {
        runtime::TaskScope tasks(executor, "writer");
        tasks.spawn("events", events->keep_writing());
        events->add(LogLevel::info, "a", "first");
        const auto deadline = runtime::boot_now() + std::chrono::seconds(20);
        while (!std::filesystem::exists(path) && runtime::boot_now() < deadline)
          co_await runtime::sleep_for(std::chrono::milliseconds(20));
        co_await tasks.stop(std::chrono::seconds(5));
      }(&log, file, loop.executor()));
  EXPECT_EQ(reopened().after(0).size(), 1U);
}

TEST_F(Events, line_that_was_cut_costs_itself_alone) {
  {
    EventLog log = reopened();
    log.add(LogLevel::info, "a", "whole");
    log.flush();
  }
  append(R"({"id":2,"time":"2026-01-31T12:00)");
  {
    EventLog log = reopened();
    ASSERT_EQ(log.after(0).size(), 1U);
    log.add(LogLevel::info, "b", "after the power loss");
    log.flush();
  }
  const auto all = reopened().after(0);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].message, "whole");
  EXPECT_EQ(all[1].message, "after the power loss");
}

TEST_F(Events, garbage_in_the_file_is_passed_over) {
  append("\n\n[]\nnull\n{\"id\":\"seven\"}\n\xff\xfe\n");
  append(R"({"id":7,"time":"t","host":"db1","level":"info","rule":"r","message":"kept","epoch":1})"
         "\n");
  EventLog log = reopened();
  ASSERT_EQ(log.after(0).size(), 1U);
  log.add(LogLevel::info, "a", "next");
  EXPECT_EQ(log.after(7).at(0).id, 8U);
}

TEST_F(Events, are_bounded_in_memory) {
  EventLog log(file, "db1");
  for (int count = 1; count <= 1500; ++count) log.add(LogLevel::info, "many", std::to_string(count));
  const auto all = log.after(0);
  ASSERT_EQ(all.size(), 1000U);
  EXPECT_EQ(all.front().id, 501U);
  EXPECT_EQ(all.back().message, "1500");
}

TEST_F(Events, are_bounded_on_disk_and_the_newest_stay) {
  constexpr std::size_t limit = 1U << 20;
  EventLog log(file, "db1");
  for (int count = 1; count <= 40; ++count) {
    log.add(LogLevel::info, "long", std::string(100'000, 'x'));
    log.flush();
    EXPECT_LE(std::filesystem::file_size(file), limit);
  }
  EXPECT_LE(std::filesystem::file_size(file.string() + ".1"), limit);
  EXPECT_EQ(reopened().after(0).back().id, 40U);
  EXPECT_GT(reopened().after(0).size(), 9U);
}

TEST_F(Events, stalled_disk_costs_the_file_not_the_memory) {
  EventLog log(file, "db1");
  for (int count = 1; count <= 40; ++count) log.add(LogLevel::info, "long", std::string(100'000, 'x'));
  log.flush();
  EXPECT_LE(std::filesystem::file_size(file), 1U << 20);
  EXPECT_EQ(reopened().after(0).back().id, 40U);
  EXPECT_EQ(log.after(0).size(), 40U);
}

TEST_F(Events, message_in_another_encoding_stays_readable) {
  EventLog log(file, "db1");
  // Two of Latin-1, one well-formed, a surrogate, an overlong slash, one cut at the end.
  log.add(LogLevel::error, "observe", "f\xfcr \xdf ü \xed\xa0\x80 \xc0\xaf \xf0\x9f\x98");
  log.add(LogLevel::info, "observe", "\xf0\x9f\x98\x80 \xe2\x82\xac");
  const auto read = api::parse_events(api::to_json(log.after(0)));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->at(0).message, "f?r ? ü ??? ?? ???");
  EXPECT_EQ(read->at(1).message, "\xf0\x9f\x98\x80 \xe2\x82\xac");
  log.flush();
  EXPECT_EQ(reopened().after(0).size(), 2U);
}

}  // namespace
}  // namespace gemel::agent
