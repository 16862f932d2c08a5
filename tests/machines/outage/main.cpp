// gemel-outage: inserts rows one after the other through one address, reconnects at once, and says how long the
// longest silence was and whether every acknowledged row is there. JSON on stdout, progress on stderr.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "client/session.h"
#include "outage/journal.h"

namespace gemel::outage {
namespace {

using Clock = std::chrono::steady_clock;
using client::Limits;
using client::Session;
using std::chrono::milliseconds;

volatile std::sig_atomic_t stop_wanted = 0;
void want_stop(int) { stop_wanted = 1; }

struct Options {
  std::string dsn;
  std::string client;
  milliseconds duration{0};  // 0: until SIGINT or SIGTERM
  milliseconds pace{1};      // between an answer and the next insert
  milliseconds pause{5};     // between a failed attempt to connect and the next
  milliseconds settle{30'000};
  Limits limits;
};

void rest(milliseconds time) {
  if (time.count() > 0) poll(nullptr, 0, static_cast<int>(time.count()));
}

constexpr std::string_view insert_row = "INSERT INTO gemel_outage (client, counter) VALUES ($1, $2)";
constexpr std::string_view make_table =
    "CREATE TABLE IF NOT EXISTS gemel_outage (client text NOT NULL, counter bigint NOT NULL, "
    "written_at timestamptz NOT NULL DEFAULT clock_timestamp())";
constexpr std::string_view count_rows = "SELECT counter, count(*) FROM gemel_outage WHERE client = $1 GROUP BY counter";

/// Connects and creates the table; false when it did not work within the settling time.
bool prepare(const Options& options, std::string& error) {
  const auto until = Clock::now() + options.settle;
  while (Clock::now() < until && stop_wanted == 0) {
    auto session = Session::connect(options.dsn, options.limits, error);
    if (session && session->execute(std::string(make_table), {}, error) == Outcome::acknowledged) return true;
    rest(milliseconds(50));
  }
  return false;
}

void run(const Options& options, Journal& journal, std::string& error) {
  const auto start = Clock::now();
  const auto now = [start] { return Clock::now() - start; };
  const auto is_over = [&] { return stop_wanted != 0 || (options.duration.count() > 0 && now() > options.duration); };
  std::optional<Session> session;
  while (!is_over()) {
    if (!session) {
      session = Session::connect(options.dsn, options.limits, error);
      journal.count_attempt(session.has_value());
      if (!session) rest(options.pause);
      continue;
    }
    const auto counter = std::to_string(journal.next_counter());
    const auto outcome = session->execute(std::string(insert_row), {options.client, counter}, error);
    journal.record(outcome, now());
    if (outcome != Outcome::acknowledged) {
      // A refusal may mean "read-only": the address or the role moves, so the next session may be elsewhere.
      session.reset();
      continue;
    }
    if (journal.count(Outcome::acknowledged) == 20) fmt::print(stderr, "ready\n");
    rest(options.pace);
  }
  journal.finish(now());
}

std::optional<Present> read_back(const Options& options, std::string& error) {
  const auto until = Clock::now() + options.settle;
  while (Clock::now() < until) {
    auto session = Session::connect(options.dsn, options.limits, error);
    if (session) {
      if (const auto rows = session->query(std::string(count_rows), {options.client}, milliseconds(20'000), error)) {
        Present present;
        for (const auto& row : *rows) present[std::stoll(row.at(0))] = std::stoll(row.at(1));
        return present;
      }
    }
    rest(milliseconds(50));
  }
  return std::nullopt;
}

constexpr std::string_view usage =
    "Usage: gemel-outage [--dsn DSN] [--client NAME] [--seconds N] [--pace-ms N] [--reach-ms N] [--connect-ms N]\n"
    "                    [--answer-ms N] [--settle-ms N]\n"
    "Inserts until the time is over or SIGINT/SIGTERM; the DSN defaults to $GEMEL_DSN. Prints \"ready\" on stderr "
    "after\n"
    "20 acknowledged rows and one JSON object on stdout at the end. Exit code: 0 clean, 1 rows are lost, doubled or\n"
    "should not be there, 2 usage, 5 not verifiable in time, 6 never connected.\n";

std::optional<Options> parse(int count, char** words) {
  Options options;
  if (const char* dsn = std::getenv("GEMEL_DSN")) options.dsn = dsn;
  options.client = fmt::format("{}-{}", getpid(), std::chrono::system_clock::now().time_since_epoch().count());
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = words[index], value = words[index + 1];
    if (name == "--dsn") {
      options.dsn = value;
      continue;
    }
    if (name == "--client") {
      options.client = value;
      continue;
    }
    int number = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc() || end != value.data() + value.size() || number < 0) return std::nullopt;
    if (name == "--seconds")
      options.duration = std::chrono::seconds(number);
    else if (name == "--pace-ms")
      options.pace = milliseconds(number);
    else if (name == "--reach-ms")
      options.limits.reach = milliseconds(number);
    else if (name == "--connect-ms")
      options.limits.connect = milliseconds(number);
    else if (name == "--answer-ms")
      options.limits.answer = milliseconds(number);
    else if (name == "--settle-ms")
      options.settle = milliseconds(number);
    else
      return std::nullopt;
  }
  if (count % 2 == 0 || options.dsn.empty()) return std::nullopt;
  options.dsn += " application_name=gemel-outage";
  return options;
}

int measure(const Options& options) {
  std::string error;
  if (!prepare(options, error)) {
    fmt::print(stderr, "gemel-outage: the site never took a write: {}\n", error);
    return 6;
  }
  Journal journal;
  run(options, journal, error);
  const auto present = read_back(options, error);
  if (!present) {
    fmt::print("{}\n", journal.to_json(options.client, nullptr));
    fmt::print(stderr, "gemel-outage: the rows could not be read back: {}\n", error);
    return 5;
  }
  const auto verdict = journal.verify(*present);
  fmt::print("{}\n", journal.to_json(options.client, &verdict));
  return verdict.is_clean() ? 0 : 1;
}

}  // namespace
}  // namespace gemel::outage

int main(int count, char** words) {
  std::signal(SIGINT, gemel::outage::want_stop);
  std::signal(SIGTERM, gemel::outage::want_stop);
  std::signal(SIGPIPE, SIG_IGN);
  const auto options = gemel::outage::parse(count, words);
  if (!options) {
    fmt::print(stderr, "{}", gemel::outage::usage);
    return 2;
  }
  return gemel::outage::measure(*options);
}
