// Carries a plan out: every host does its steps in their order, hosts beside each other, each step after what it needs.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "setup/remote.h"
#include "setup/run_log.h"
#include "site/plan.h"

namespace gemel::setup {

/// Something to show: a step began, is done, or failed.
struct Progress {
  enum class Phase { begun, done, failed };
  Phase phase = Phase::begun;
  const site::Step* step = nullptr;
  std::string text;         // why it failed
  std::size_t done = 0;     // steps of this host that are done
  std::size_t of_host = 0;  // steps of this host
};

/// How often and how long checks look.
struct CheckTimes {
  Duration interval = std::chrono::seconds(1);
  Duration limit = std::chrono::seconds(180);
};

/// For tests of interrupted runs: a run stands still where it says and does nothing more until it is ended. It logs
/// "STEP: held" then. Other hosts' steps that do not need the held one go on.
struct Hold {
  enum class Point {
    before,   // the step begins
    between,  // the first half of its commands and the second; never reached by a step of one command
    during,   // its last command, which runs for a moment, or ended if it is quick; what it did is not looked at
    after     // the step is done
  };
  std::string step;  // "db1/files", or "files" for that of every host
  Point point = Point::before;
  bool operator==(const Hold&) const = default;
};
/// Reads "db1/files@between". Pure.
std::optional<Hold> parse_hold(const std::string& text);

/// One run of one plan. Loop thread only; `remote`, `plan` and `log` (may be none) outlive it. Keeps nothing on disk:
/// what a run that was interrupted has done is found by gathering facts and planning again.
class PlanRun {
 public:
  using Sink = std::function<void(const Progress&)>;
  PlanRun(Remote* remote, const site::Plan* plan, std::string site_name, RunLog* log, Sink sink, CheckTimes times = {});
  /// Before run().
  void hold_at(Hold hold) { hold_ = std::move(hold); }

  /// Suspends until every step is done, or one failed and those in flight ended; no step is begun after a failure. The
  /// error is the first failed step's with its id; what that step did is unknown, and doing it again is safe.
  runtime::Task<Status> run();

 private:
  runtime::Task<void> run_host(std::string host);
  runtime::Task<Status> run_step(const site::Step* step);
  runtime::Task<Status> run_check(const site::Step* step, RemoteCommand command);
  [[nodiscard]] bool is_held(const site::Step& step, Hold::Point point) const;
  runtime::Task<void> stand_still_at(const site::Step* step, Hold::Point point);
  runtime::Task<void> say_soon_that_it_is_held(const site::Step* step);
  runtime::Task<void> wait_for_change();
  void notify();
  void log(const std::string& text) const;
  [[nodiscard]] bool is_ready(const site::Step& step) const;
  void report(Progress::Phase phase, const site::Step& step, std::string text = {}) const;

  Remote* remote_;
  const site::Plan* plan_;
  std::string site_name_;
  RunLog* log_;
  Sink sink_;
  CheckTimes times_;
  std::optional<Hold> hold_;
  boost::asio::steady_timer* changed_ = nullptr;  // lives in run()
  runtime::TaskScope* scope_ = nullptr;           // likewise
  std::set<std::string> done_;
  std::map<std::string, std::size_t> done_of_host_;
  std::map<std::string, std::size_t> all_of_host_;
  std::size_t hosts_running_ = 0;
  Status outcome_;
};

}  // namespace gemel::setup
