// Every checker passes a good history and finds each kind of damage it is there for.
#include "torture/checkers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torture/cluster.h"
#include "torture/endstate.h"
#include "torture/gaps.h"
#include "torture/options.h"

namespace gemel::torture {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto ok = Outcome::acknowledged;
constexpr auto failed = Outcome::refused;
constexpr auto unknown = Outcome::unknown;

Event append(std::int64_t counter, Outcome outcome, int client = 1) {
  return {'A', client, "append", {counter}, {}, counter * 10, counter * 10 + 5, outcome, ""};
}

void expect_finding(const Verdict& verdict, const std::string& text) {
  EXPECT_EQ(verdict.state, State::violated);
  EXPECT_THAT(verdict.findings, Contains(HasSubstr(text)));
}

History appends() {
  return {.run = "r",
          .workloads = "",
          .events = {append(1, ok), append(2, ok), append(3, failed), append(4, unknown), append(5, unknown),
                     append(6, ok), append(1, ok, 2)},
          .marks = {}};
}

TEST(AppendChecker, accepts_unknown_rows_that_are_there_or_not) {
  const auto verdict =
      check_append(appends(), {{.node = "db1", .appends = {{1, 1, 1}, {1, 2, 2}, {2, 1, 3}, {1, 4, 9}, {1, 6, 8}}}});
  EXPECT_EQ(verdict.state, State::ok) << testing::PrintToString(verdict.findings);
  EXPECT_EQ(verdict.counts.at("unknown and there (db1)"), 1);
}

TEST(AppendChecker, finds_each_kind_of_damage_on_any_host) {
  const std::vector<NumberedRow> good{{1, 1, 1}, {1, 2, 2}, {2, 1, 3}, {1, 6, 8}};
  const auto damaged = [&](auto damage) {
    auto rows = good;
    damage(rows);
    return check_append(appends(), {{.node = "db1", .appends = good}, {.node = "db2", .appends = rows}});
  };
  EXPECT_EQ(damaged([](auto&) {}).state, State::ok);
  expect_finding(damaged([](auto& rows) { rows.erase(rows.begin() + 1); }),
                 "db2: row 2 of client 1 was acknowledged and is lost");
  expect_finding(damaged([](auto& rows) { rows.push_back({1, 2, 20}); }), "is there 2 times");
  expect_finding(damaged([](auto& rows) { rows.push_back({1, 3, 20}); }), "row 3 of client 1 was refused and is there");
  expect_finding(damaged([](auto& rows) { rows.push_back({1, 7, 20}); }), "row 7 of client 1 was never sent");
  expect_finding(damaged([](auto& rows) { rows.push_back({3, 1, 20}); }), "row 1 of client 3 was never sent");
  expect_finding(damaged([](auto& rows) { std::swap(rows[0].position, rows[1].position); }), "acknowledged first");
  expect_finding(damaged([](auto& rows) { rows.insert(rows.end(), {{1, 4, 20}, {1, 4, 21}}); }),
                 "row 4 of client 1 is there 2 times");
}

Event snapshot(const std::string& source, std::int64_t first) {
  Event event{'B', 9, "snapshot", {0}, {source, std::to_string(first)}, 1, 2, ok, ""};
  for (int account = 1; account < 8; ++account) event.out.emplace_back("1000");
  return event;
}

Event transfer(std::int64_t counter, Outcome outcome) {
  return {'B', 1, "transfer", {counter, 0, 1, 5}, {}, 1, 2, outcome, ""};
}

Tables books() {
  Tables tables{.node = "db1"};
  for (int account = 0; account < 8; ++account) tables.balances[account] = 1000;
  tables.balances[0] = 995;
  tables.balances[1] = 1005;
  tables.ledger = {{1, 1, 0, 1, 5}};
  return tables;
}

TEST(BankChecker, accepts_books_that_agree_and_a_standby_that_has_nothing_yet) {
  const Event nothing_yet{'B', 9, "snapshot", {0}, {"db2"}, 1, 2, ok, ""};
  const History history{.run = "r",
                        .workloads = "",
                        .events = {transfer(1, ok), transfer(2, failed), transfer(3, unknown),
                                   snapshot("service", 1000), nothing_yet, snapshot("db2", 1000)},
                        .marks = {}};
  const auto verdict = check_bank(history, {books()});
  EXPECT_EQ(verdict.state, State::ok) << testing::PrintToString(verdict.findings);
}

TEST(BankChecker, accepts_that_a_standby_goes_back_before_the_run_when_it_crashes) {
  const Event nothing_again{'B', 9, "snapshot", {0}, {"db2 since 30.2"}, 1, 2, ok, ""};
  const History history{.run = "r",
                        .workloads = "",
                        .events = {transfer(1, ok), snapshot("db2 since 20.1", 1000), nothing_again},
                        .marks = {}};
  EXPECT_EQ(check_bank(history, {books()}).state, State::ok);
}

TEST(BankChecker, finds_each_kind_of_damage) {
  const auto judge = [](std::vector<Event> events, const Tables& tables) {
    return check_bank({.run = "r", .workloads = "", .events = std::move(events), .marks = {}}, {tables});
  };
  EXPECT_EQ(judge({transfer(1, ok)}, books()).state, State::ok);
  expect_finding(judge({transfer(1, ok), snapshot("db2", 995)}, books()), "snapshot from db2");
  expect_finding(
      judge({transfer(1, ok), snapshot("db2", 1000), {'B', 9, "snapshot", {0}, {"db2"}, 1, 2, ok, ""}}, books()),
      "0 accounts");
  expect_finding(judge({transfer(1, ok), transfer(2, ok)}, books()), "row 2 of client 1 was acknowledged and is lost");
  expect_finding(judge({transfer(1, failed)}, books()), "was refused and is there");
  auto torn = books();
  torn.balances[1] = 1000;
  expect_finding(judge({transfer(1, ok)}, torn), "account 1 holds 1000, its ledger says 1005");
  auto twice = books();
  twice.ledger.push_back(twice.ledger.front());
  expect_finding(judge({transfer(1, ok)}, twice), "is there 2 times");
}

Event on_register(const char* op, std::vector<std::int64_t> in, std::vector<std::string> out, Time from,
                  Outcome outcome = ok) {
  return {'C', 1, op, std::move(in), std::move(out), from, from + 5, outcome, ""};
}

TEST(RegisterChecker, takes_the_last_value_of_every_host_as_a_read) {
  const History history{.run = "r",
                        .workloads = "",
                        .to = 100'000,
                        .events = {on_register("write", {4, 1}, {}, 10), on_register("cas", {4, 1, 2}, {"1"}, 20),
                                   on_register("write", {4, 3}, {}, 30, unknown), on_register("read", {5}, {"0"}, 30),
                                   on_register("write", {5, 9}, {}, 40, failed)},
                        .marks = {}};
  EXPECT_EQ(
      check_registers(history, {{.node = "db1", .registers = {{4, 2}}}, {.node = "db2", .registers = {{4, 2}}}}).state,
      State::ok);
  EXPECT_EQ(check_registers(history, {{.node = "db1", .registers = {{4, 3}}}}).state, State::ok);
  expect_finding(
      check_registers(history, {{.node = "db1", .registers = {{4, 2}}}, {.node = "db2", .registers = {{4, 1}}}}),
      "register 4");
  expect_finding(check_registers(history, {{.node = "db1", .registers = {{4, 2}, {5, 9}}}}), "register 5");  // refused
}

TEST(RegisterChecker, tells_stale_reads_from_lost_writes) {
  History history{.run = "r",
                  .workloads = "",
                  .to = 900'000,
                  .events = {on_register("write", {4, 1}, {}, 10'000), on_register("write", {4, 2}, {}, 100'000),
                             on_register("read", {4}, {"1"}, 120'000)},
                  .marks = {}};
  const std::vector<Tables> tables{{.node = "db1", .registers = {{4, 2}}}};
  expect_finding(check_registers(history, tables),
                 "no order explains the read of 1 from 120000 to 120005 us; reads up to 30 ms stale");
  EXPECT_EQ(check_registers(history, tables, 30'000).state, State::ok);
  EXPECT_EQ(check_registers(history, tables, 10'000).state, State::violated);
  history.events.push_back(on_register("cas", {4, 1, 3}, {"1"}, 130'000));
  expect_finding(check_registers(history, tables), "a write is lost or came twice");
}

Event stamp(const std::string& node, std::int64_t timeline, Time from, Time to) {
  return {'E', 1, "stamp", {1}, {node, std::to_string(timeline), "then"}, from, to, ok, ""};
}

Verdict judge_stamps(std::vector<Event> events) {
  return check_stamps({.run = "r", .workloads = "", .events = std::move(events), .marks = {}});
}

TEST(StampChecker, accepts_one_reign_after_the_other_and_a_restart_in_place) {
  const auto verdict = judge_stamps({stamp("db1", 1, 0, 5), stamp("db1", 1, 10, 30), stamp("db2", 2, 20, 35),
                                     stamp("db2", 2, 40, 50), stamp("db1", 3, 60, 70)});
  EXPECT_EQ(verdict.state, State::ok) << testing::PrintToString(verdict.findings);
  EXPECT_EQ(verdict.counts.at("reigns"), 3);
}

TEST(StampChecker, finds_two_that_serve_at_once) {
  expect_finding(judge_stamps({stamp("db1", 1, 0, 5), stamp("db2", 2, 10, 15), stamp("db1", 1, 20, 25)}),
                 "served at the same time");
  expect_finding(judge_stamps({stamp("db1", 1, 0, 5), stamp("db2", 1, 10, 15)}),
                 "timeline 1 was served by db1 and by db2");
  expect_finding(judge_stamps({stamp("db2", 2, 0, 5), stamp("db1", 1, 10, 15)}), "after db2 had on timeline 2");
}

TEST(NotesChecker, finds_lost_doubled_and_altered_notes) {
  const auto note = [](std::int64_t counter, Outcome outcome) {
    return Event{'F', 1, "note", {counter}, {std::to_string(counter + 100), "1"}, 1, 2, outcome, ""};
  };
  const History history{
      .run = "r", .workloads = "", .events = {note(1, ok), note(2, ok), note(3, unknown)}, .marks = {}};
  const auto judge = [&](std::vector<NoteRow> rows) {
    return check_notes(history, {{.node = "db1", .notes = std::move(rows)}});
  };
  EXPECT_EQ(judge({{{1, 1, 101}}, {{1, 2, 102}}}).state, State::ok);
  expect_finding(judge({{{1, 1, 101}}}), "row 2 of client 1 was acknowledged and is lost");
  expect_finding(judge({{{1, 1, 101}}, {{1, 2, 102}}, {{1, 2, 103}}}), "is there 2 times");
  expect_finding(judge({{{1, 1, 101}}, {{1, 2, 102}, false}}), "another author or text");
  expect_finding(judge({{{1, 1, 101}}, {{1, 2, 105}}}), "another id than was acknowledged");
}

TEST(NotesChecker, knows_its_own_keys) {
  NumberedRow row;
  EXPECT_TRUE(parse_note_key("run-1", "run-1-2-33", row));
  EXPECT_EQ(row.client, 2);
  EXPECT_EQ(row.counter, 33);
  for (const auto* other : {"run-1-2", "run-1-2-3-4", "run-1-2-", "run-1-a-3", "run-2-2-3", "run-1"})
    EXPECT_FALSE(parse_note_key("run-1", other, row)) << other;
}

Event probe(Time to, Outcome outcome) { return {'G', 1, "write", {1}, {}, to - 1000, to, outcome, ""}; }

TEST(Gaps, belong_to_the_interval_of_their_beginning_with_some_grace) {
  History history{.run = "r",
                  .workloads = "",
                  .to = 3'000'000,
                  .events = {},
                  .marks = {{"start", 0}, {"poweroff", 1'000'000}, {"boot", 1'300'000}}};
  for (Time time = 10'000; time <= 990'000; time += 10'000) history.events.push_back(probe(time, ok));
  history.events.push_back(probe(1'200'000, unknown));
  for (Time time = 1'600'000; time <= 2'900'000; time += 10'000) history.events.push_back(probe(time, ok));
  const auto intervals = measure_gaps(history);
  ASSERT_EQ(intervals.size(), 3);
  EXPECT_EQ(intervals[0].write.gap_max, 10'000);
  EXPECT_EQ(intervals[1].write.gap_max, 610'000);
  EXPECT_EQ(intervals[1].write.gap_max_from, 990'000);
  EXPECT_EQ(intervals[1].write.outcomes.at(unknown), 1);
  EXPECT_EQ(intervals[2].write.gap_max, 100'000);  // cut off by the end of the run
  EXPECT_EQ(intervals[2].write.gap_p50, 10'000);
  EXPECT_EQ(intervals[2].write.gap_p99, 10'000);
  expect_finding(check_probes(history, intervals, 0), "no read probe was ever acknowledged");
  expect_finding(check_probes(history, intervals, 600'000), "poweroff: no write for 610.0 ms");
}

std::vector<HostState> healthy() {
  return {{.name = "db1",
           .has_checksums = true,
           .system = "7",
           .streaming = 1,
           .position = 500,
           .has_sums = true,
           .sums = {{"t", {"2", "33"}}}},
          {.name = "db2",
           .is_in_recovery = true,
           .has_checksums = true,
           .system = "7",
           .is_receiving = true,
           .position = 500,
           .has_sums = true,
           .sums = {{"t", {"2", "33"}}}}};
}

TEST(EndState, accepts_a_healthy_pair_and_finds_each_kind_of_damage) {
  EXPECT_THAT(judge_endstate(healthy(), 1000, true), IsEmpty());
  const auto damaged = [](auto damage) {
    auto hosts = healthy();
    damage(hosts[0], hosts[1]);
    return judge_endstate(hosts, 1000, true);
  };
  EXPECT_THAT(damaged([](auto&, auto& b) { b.problem = "away"; }), ElementsAre("db2: cannot be asked: away"));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.is_in_recovery = false; }),
              ElementsAre("2 hosts are not in recovery, not 1"));
  EXPECT_THAT(damaged([](auto& a, auto&) { a.is_in_recovery = true; }),
              ElementsAre("0 hosts are not in recovery, not 1"));
  EXPECT_THAT(damaged([](auto& a, auto&) { a.streaming = 0; }), ElementsAre(HasSubstr("0 standbys stream")));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.is_receiving = false; }), ElementsAre("db2: does not stream"));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.position = 400; }), ElementsAre("db2: 100 bytes behind db1"));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.system = "8"; }), ElementsAre(HasSubstr("system identifier")));
  EXPECT_THAT(damaged([](auto& a, auto&) { a.has_checksums = false; }), ElementsAre("db1: data checksums are off"));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.checksum_failures = 2; }),
              ElementsAre(HasSubstr("failed their checksum")));
  EXPECT_THAT(damaged([](auto& a, auto&) { a.idle_slots = 1; }), ElementsAre(HasSubstr("used by nobody")));
  EXPECT_THAT(damaged([](auto& a, auto&) { a.wal_bytes = 2000; }), ElementsAre(HasSubstr("of WAL")));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.sums["t"].hash = "34"; }), ElementsAre(HasSubstr("rows of t differ")));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.sums.clear(); }), ElementsAre("db2: has no table t"));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.sums["u"] = {}; }), ElementsAre(HasSubstr("table u of its own")));
  EXPECT_THAT(damaged([](auto&, auto& b) { b.has_sums = false; }), ElementsAre(HasSubstr("could not be read")));
}

TEST(HistoryLines, come_back_as_they_were) {
  const Event event{'E', 3, "stamp", {4, -5}, {"db\"1\n", "7"}, 10, 20, unknown, "no \\ answer"};
  EXPECT_EQ(parse_event(to_line(event)).value(), event);
  const Mark mark{"power\toff", 77};
  EXPECT_EQ(parse_mark(to_line(mark)).value(), mark);
  for (const auto* bad :
       {"", "{}", "[]", R"({"w":"A","client":1,"op":"x","in":[],"out":[],"from_us":1,"to_us":2,"outcome":"good"})"})
    EXPECT_FALSE(parse_event(bad)) << bad;
}

TEST(Report, is_only_clean_when_everything_was_decided) {
  Report report{.run = "r", .nodes = {}, .verdicts = {{.checker = "A"}, {.checker = "B"}}};
  EXPECT_EQ(report.exit_code(), 0);
  report.verdicts[0].leave_undecided("away");
  EXPECT_EQ(report.exit_code(), 5);
  report.verdicts[1].violate("lost");
  EXPECT_EQ(report.exit_code(), 1);
  report.verdicts[1].leave_undecided("and away");
  EXPECT_EQ(report.verdicts[1].state, State::violated);
  EXPECT_THAT(report.to_json(), HasSubstr(R"("is_clean":false,"state":"violated")"));
}

TEST(Options, are_read_and_refused) {
  const auto options = parse_options({"run", "d", "--dsn", "host=x", "--url", "https://y", "--node",
                                      "db1=host=z port=1", "--append-rate", "7", "--answer-ms", "9"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->nodes.at(0), std::pair(std::string("db1"), std::string("host=z port=1")));
  EXPECT_EQ(options->rates.append, 7);
  EXPECT_EQ(options->limits.answer.count(), 9);
  for (const auto& wrong : std::vector<std::vector<std::string>>{{},
                                                                 {"walk"},
                                                                 {"run", "--dsn", "x"},
                                                                 {"run", "d", "--dsn", "x", "--append-rate", "0"},
                                                                 {"run", "d", "--dsn", "x", "--node", "db1"},
                                                                 {"run", "d", "--dsn", "x", "--run", "a'b"},
                                                                 {"run", "d", "--dsn", "x", "--workloads", "AD"},
                                                                 {"run", "d", "--dsn"},
                                                                 {"endstate", "--dsn", "x"}})
    EXPECT_FALSE(parse_options(wrong)) << testing::PrintToString(wrong);
}

}  // namespace
}  // namespace gemel::torture
