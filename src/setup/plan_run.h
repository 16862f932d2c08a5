// Carries a plan out: every host does its steps in their order, hosts beside each other, each step after what it needs.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <map>
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

/// One run of one plan. Loop thread only; `remote`, `plan` and `log` (may be none) outlive it. Keeps nothing on disk:
/// what a run that was interrupted has done is found by gathering facts and planning again.
class PlanRun {
 public:
  using Sink = std::function<void(const Progress&)>;
  PlanRun(Remote* remote, const site::Plan* plan, std::string site_name, RunLog* log, Sink sink, CheckTimes times = {});

  /// Suspends until every step is done, or one failed and those in flight ended; no step is begun after a failure. The
  /// error is the first failed step's with its id; what that step did is unknown, and doing it again is safe.
  runtime::Task<Status> run();

 private:
  runtime::Task<void> run_host(std::string host);
  runtime::Task<Status> run_step(const site::Step* step);
  runtime::Task<Status> run_check(const site::Step* step, RemoteCommand command);
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
  boost::asio::steady_timer* changed_ = nullptr;  // lives in run()
  std::set<std::string> done_;
  std::map<std::string, std::size_t> done_of_host_;
  std::map<std::string, std::size_t> all_of_host_;
  std::size_t hosts_running_ = 0;
  Status outcome_;
};

}  // namespace gemel::setup
