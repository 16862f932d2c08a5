// gemel rotate certificates, gemel rotate heartbeat-key: what every host must change in step (ADR 0027).
#include <fmt/format.h>

#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"

namespace gemel::cli {
namespace {

using site::ExchangeStage;

std::string_view sentence_of(ExchangeStage stage) {
  switch (stage) {
    case ExchangeStage::trusting:
      return "Every host learns to trust the next ones, too";
    case ExchangeStage::issuing:
      return "Every host shows the next ones";
    case ExchangeStage::withdrawing:
      return "Every host stops to trust the former ones";
    case ExchangeStage::none:
      break;
  }
  return "";
}

site::Exchanged what_of(const ExchangeOptions& options) {
  if (options.subject == ExchangeSubject::heartbeat_key) return {{}, true};
  site::Exchanged what{{site::Authority::agent, site::Authority::etcd, site::Authority::db}, false};
  if (options.is_web_included) what.authorities.insert(site::Authority::web);
  return what;
}

std::string_view question_of(const ExchangeOptions& options) {
  return options.subject == ExchangeSubject::heartbeat_key
             ? "Give the database hosts a new key for their heartbeats, and restart their agents three times?"
             : "Give every host new certificates, and restart its agent and manager three times?";
}

class Exchange {
 public:
  Exchange(SetupSession* session, const ExchangeOptions& options, bool is_confirmed, bool use_colour)
      : session_(session), options_(options), is_confirmed_(is_confirmed), use_colour_(use_colour) {}
  runtime::Task<ExitCode> run();

 private:
  bool may_begin(const site::Plan& plan);
  runtime::Task<ExitCode> let_every_host_have(ExchangeStage stage);
  void say_done();

  SetupSession* session_;
  ExchangeOptions options_;
  bool is_confirmed_;
  bool use_colour_;
  bool was_begun_before_ = false;
};

bool Exchange::may_begin(const site::Plan& plan) {
  if (!was_begun_before_ && !plan.steps.empty()) {
    print(plan_table(session_->site().name, plan, false, use_colour_));
    complain("the site is not as its file says: `gemel apply` first; nothing was changed");
    return false;
  }
  const std::string question(was_begun_before_ ? "Go on with the exchange that was begun before?"
                                               : question_of(options_));
  if (is_confirmed_ || cli::is_confirmed(question)) return true;
  complain("nothing was changed");
  return false;
}

/// Whoever goes on to the next stage relies on this: no program still reads the files of the one before.
runtime::Task<ExitCode> Exchange::let_every_host_have(ExchangeStage stage) {
  auto plan = co_await session_->make_plan();
  if (!is_blocked(plan) && !plan.steps.empty()) {
    const auto code = co_await carry_out(session_, &plan, use_colour_, {}, fmt::format("{} ...", sentence_of(stage)));
    if (code != ExitCode::done) co_return code;
    plan = co_await session_->make_plan();
  }
  if (plan.steps.empty() && !is_blocked(plan)) co_return ExitCode::done;
  print(plan_table(session_->site().name, plan, false, use_colour_));
  complain(
      "stopped: not every host has its files yet. Former and next certificates are both valid; the same command "
      "goes on from here");
  co_return is_blocked(plan) ? obstacle_of(plan) : ExitCode::failed;
}

runtime::Task<ExitCode> Exchange::run() {
  const auto plan = co_await lock_and_plan_after_asking(session_, is_confirmed_, "gemel rotate");
  if (!plan) co_return plan.error();
  if (is_blocked(*plan)) {
    print(plan_table(session_->site().name, *plan, false, use_colour_));
    complain("this stands in the way; nothing was changed");
    co_return obstacle_of(*plan);
  }
  auto stage = session_->exchange_stage();
  if (!stage) co_return give_up(stage.error());
  was_begun_before_ = *stage != ExchangeStage::none;
  if (!may_begin(*plan)) co_return ExitCode::refused;
  do {
    if (*stage != ExchangeStage::none) {
      const auto code = co_await let_every_host_have(*stage);
      if (code != ExitCode::done) co_return code;
    }
    stage = session_->advance_exchange(what_of(options_));
    if (!stage) co_return give_up(stage.error());
  } while (*stage != ExchangeStage::none);
  say_done();
  co_return ExitCode::done;
}

void Exchange::say_done() {
  const auto& name = session_->site().name;
  if (was_begun_before_) {
    print(fmt::format("The exchange of \"{}\" that was begun before is done; the former ones are refused.\n", name));
    return;
  }
  print(fmt::format("The {} of \"{}\" {} exchanged; the former {} refused.\n",
                    options_.subject == ExchangeSubject::heartbeat_key ? "heartbeat key" : "certificates", name,
                    options_.subject == ExchangeSubject::heartbeat_key ? "is" : "are",
                    options_.subject == ExchangeSubject::heartbeat_key ? "one is" : "ones are"));
  if (options_.is_web_included) {
    print(fmt::format("Browsers and programs that trust the web authority need the new one: {}\n",
                      (session_->state() / "rendered" / "ca" / "web-ca.crt").string()));
  }
}

runtime::Task<ExitCode> exchange_and_close(SetupSession* session, ExchangeOptions options, bool is_confirmed,
                                           bool use_colour) {
  Exchange exchange(session, options, is_confirmed, use_colour);
  const auto code = co_await exchange.run();
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_rotate_in_stages(const CommonOptions& common, const SetupOptions& options,
                              const ExchangeOptions& exchange) {
  const auto session = open_session(options);
  if (!session) return session.error();
  if (exchange.subject == ExchangeSubject::heartbeat_key && (*session)->site().database.external) {
    complain("the database is external: without database hosts there are no heartbeats; nothing was changed");
    return ExitCode::refused;
  }
  return run_loop(exchange_and_close(session->get(), exchange, options.is_confirmed, common.use_colour));
}

}  // namespace gemel::cli
