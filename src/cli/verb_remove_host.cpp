// gemel remove-host: a manager or standby leaves a site that goes on (ADR 0031). The order is setup/host_removal.h's.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "base/text.h"
#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/site_question.h"
#include "cli/stamp.h"
#include "setup/host_removal.h"
#include "site/host_entry.h"

namespace gemel::cli {
namespace {

using setup::Removability;

// The primary gives a silent standby up within seconds, and takes another one into its place within some more.
constexpr auto settle_limit = std::chrono::seconds(60);
constexpr auto look_interval = std::chrono::seconds(1);

/// The site file before and after.
struct Departure : SiteFileEdit {
  site::Host host;
  std::string next_text;
  site::Site next;
};

/// The site file without the host, sound before and after; or the exit code after everything was complained about.
std::expected<Departure, ExitCode> read_departure(const RemoveHostOptions& options) {
  auto opened = open_site_file(options.setup.site_file, "nothing was changed");
  if (!opened) return std::unexpected(opened.error());
  Departure departure{*std::move(opened), {}, {}, {}};
  const auto host = std::ranges::find(departure.former.hosts, options.host, &site::Host::name);
  if (host == departure.former.hosts.end()) {
    complain(fmt::format("the site file has no host \"{}\"", options.host));
    return std::unexpected(ExitCode::not_found);
  }
  departure.host = *host;
  auto text = site::without_host(departure.former_text, options.host);
  if (!text) {
    complain(text.error().message + "; nothing was changed");
    return std::unexpected(exit_code_of(text.error()));
  }
  departure.next_text = *std::move(text);
  auto next = parse_next(departure, departure.next_text);
  const auto stays = site::why_host_stays(departure.former, next ? &*next : nullptr, options.host);
  if (!stays.empty()) complain(stays);
  if (!next || !stays.empty()) {
    complain(fmt::format("the site cannot do without {}; nothing was changed", options.host));
    return std::unexpected(stays.empty() ? ExitCode::usage : ExitCode::refused);
  }
  departure.next = *std::move(next);
  return departure;
}

/// The setup keeps the site's keys below what is moved aside on the host.
bool is_here(const CommonOptions& common, const std::string& site_id, const std::string& host) {
  const auto own = site::load_host_config(common.config);
  return own && own->site_id == site_id && own->self_name == host;
}

class Removing {
 public:
  Removing(SetupSession* session, const Departure* departure, const RemoveHostOptions* options, bool use_colour)
      : session_(session), departure_(departure), options_(options), use_colour_(use_colour) {}
  runtime::Task<ExitCode> run();

 private:
  runtime::Task<ExitCode> remove();
  ExitCode expect_answer_or_none();
  runtime::Task<ExitCode> wait_until_removable();
  runtime::Task<ExitCode> plan_and_agree();
  [[nodiscard]] bool is_agreed(const site::Plan& plan) const;
  [[nodiscard]] bool is_name_typed() const;
  runtime::Task<ExitCode> carry_through();
  runtime::Task<Status> change_others();
  Status forget();
  void say_what_is_left() const;
  /// Nothing but the rendered files was changed: they are as before again.
  ExitCode leave(ExitCode code);
  [[nodiscard]] const site::Host& host() const { return departure_->host; }

  SetupSession* session_;
  const Departure* departure_;
  const RemoveHostOptions* options_;
  bool use_colour_;
  ExitCode code_ = ExitCode::failed;  // of what was complained about already
};

ExitCode Removing::leave(ExitCode code) {
  const auto back = session_->change_site(departure_->former);
  return back ? code : give_up(back.error());
}

/// Whoever says that a host is lost must not be wrong about it, and who does not say it wants it stopped. Pre: a plan.
ExitCode Removing::expect_answer_or_none() {
  const auto& facts = session_->input().facts.at(host().name);
  const bool is_silent = !facts.is_reachable && facts.obstacle == site::Obstacle::no_answer;
  if (options_->is_lost && !is_silent) {
    complain(
        fmt::format("something answers at {} ({}): when that is {}, leave --lost out and it is stopped in order; "
                    "nothing was changed",
                    host().address, facts.is_reachable ? "and lets us in" : facts.why_unreachable, host().name));
    return ExitCode::refused;
  }
  if (options_->is_lost || facts.is_reachable) return ExitCode::done;
  complain(
      fmt::format("{} cannot be reached: {}; let this host in there, or say --lost when it is gone for good; nothing "
                  "was changed",
                  host().name, facts.why_unreachable));
  return ExitCode::unreachable;
}

runtime::Task<ExitCode> Removing::wait_until_removable() {
  const auto deadline = runtime::boot_now() + settle_limit;
  bool is_told = false;
  while (true) {
    const auto status = co_await ask_site(session_, host().name);
    if (!status) co_return give_up(status.error().with("no host could say how the site is"));
    const auto answer = setup::removability_of(host(), *status, options_->is_lost);
    if (answer.verdict == Removability::Verdict::possible) co_return ExitCode::done;
    if (answer.verdict == Removability::Verdict::refused || runtime::boot_now() >= deadline) {
      complain(answer.why + "; nothing was changed");
      co_return ExitCode::refused;
    }
    if (!is_told) print(fmt::format("Waiting: {}\n", answer.why));
    is_told = true;
    co_await runtime::sleep_for(look_interval);
  }
}

/// A database host has a copy of everything: a person says its name.
bool Removing::is_name_typed() const {
  const auto& name = host().name;
  if (!options_->phrase.empty()) return options_->phrase == name;
  print(fmt::format(
      "The copy of the database on {0} is given up (it is moved aside, not deleted).\nType \"{0}\" to go on: ", name));
  std::string line;
  return std::getline(std::cin, line) && trim(line) == name;
}

bool Removing::is_agreed(const site::Plan& plan) const {
  if (host().concepts.database) return is_name_typed();
  return options_->setup.is_confirmed ||
         is_confirmed(fmt::format("Carry out {} on the others, and take {} out of the site?",
                                  counted(plan.steps.size(), "step"), host().name));
}

runtime::Task<ExitCode> Removing::plan_and_agree() {
  const auto former = session_->input().manifest;
  if (const auto next = session_->change_site(departure_->next, host().name); !next) {
    complain(next.error().text + "; nothing was changed");
    co_return leave(next.error().code);
  }
  const auto plan = co_await session_->make_plan();
  print(plan_table(session_->site().name, plan, false, use_colour_));
  if (is_blocked(plan)) {
    complain("this stands in the way; nothing was changed");
    co_return leave(obstacle_of(plan));
  }
  if (const auto more = site::what_else_changes(plan, session_->input().facts, former); !more.empty()) {
    complain(fmt::format("the site is not as its file says ({}): \"gemel apply\" first; nothing was changed", more));
    co_return leave(ExitCode::refused);
  }
  print(options_->is_lost ? fmt::format("{} itself is left alone.\n", host().name)
                          : fmt::format("{0} itself is stopped{1}; what it has is moved to /var/lib/gemel-kept.\n",
                                        host().name, host().concepts.database ? " first" : " last"));
  if (is_agreed(plan)) co_return ExitCode::done;
  complain("not confirmed; nothing was changed");
  co_return leave(ExitCode::refused);
}

/// Planned anew: since the plan that was agreed to, a standby may have become the primary.
runtime::Task<Status> Removing::change_others() {
  const auto plan = co_await session_->make_plan();
  code_ = is_blocked(plan) ? obstacle_of(plan) : ExitCode::done;
  if (code_ != ExitCode::done) {
    complain(problems_text(plan));
  } else if (!plan.steps.empty()) {
    code_ = co_await carry_out(session_, &plan, use_colour_, {}, fmt::format("Removing {} ...", host().name), "");
  }
  if (code_ != ExitCode::done) co_return fail(ErrorCode::cancelled, "the other hosts are not all changed");
  auto missing = co_await wait_until_healthy(session_, settle_limit);
  if (missing.empty()) co_return Status{};
  co_return fail(ErrorCode::timed_out, std::move(missing));
}

Status Removing::forget() {
  auto written = write_next(*departure_, departure_->next_text, session_->state());
  if (!written) return written;
  const auto forgotten = session_->forget_key(host().name);
  if (!forgotten) complain(forgotten.error().text);  // an old key is believed of a host that is no more
  return {};
}

void Removing::say_what_is_left() const {
  print(fmt::format("{} is no host of the site any more.\n", host().name));
  if (options_->is_lost) {
    print(fmt::format(
        "Never let that machine come back with its disk: it would still take itself for a host of the site. Install it "
        "anew; \"gemel add-host\" takes it then.\n"));
  }
  print(
      "It still has the site's certificates and secrets: \"gemel rotate certificates\", \"heartbeat-key\" and "
      "\"password\" make them worthless.\n");
}

runtime::Task<ExitCode> Removing::carry_through() {
  setup::RemovalParts parts;
  parts.ask = [this] { return ask_site(session_, host().name); };
  parts.change_others = [this] { return change_others(); };
  parts.forget = [this] { return forget(); };
  parts.say = [](const std::string& line) { print(line + "\n"); };
  const setup::RemovalInput input{&departure_->former, session_->site_id(), now_stamp()};
  const auto outcome = co_await setup::take_out(session_->changer(), input, host(), options_->is_lost, std::move(parts),
                                                {.interval = look_interval, .limit = settle_limit});
  if (outcome) {
    say_what_is_left();
    co_return ExitCode::done;
  }
  complain(outcome.error().to_string());
  complain(fmt::format("stopped; the site file still has {}. The same command goes on; \"gemel apply\" takes it back",
                       host().name));
  co_return code_ == ExitCode::done || code_ == ExitCode::failed ? exit_code_of(outcome.error()) : code_;
}

runtime::Task<ExitCode> Removing::remove() {
  const auto locked = co_await lock_after_asking(session_, options_->setup.is_confirmed, "gemel remove-host");
  if (!locked) co_return locked.error();
  static_cast<void>(co_await session_->make_plan());  // for the facts
  auto code = expect_answer_or_none();
  if (code == ExitCode::done) code = co_await wait_until_removable();
  if (code == ExitCode::done) code = co_await plan_and_agree();
  if (code != ExitCode::done) co_return code;
  // Minutes may have gone by while a person was asked.
  code = co_await wait_until_removable();
  if (code != ExitCode::done) co_return leave(code);
  code = co_await carry_through();
  co_return code;
}

runtime::Task<ExitCode> Removing::run() {
  const auto code = co_await remove();
  co_await session_->close();
  co_return code;
}

}  // namespace

ExitCode run_remove_host(const CommonOptions& common, const RemoveHostOptions& options) {
  const auto departure = read_departure(options);
  if (!departure) return departure.error();
  const auto session = SetupSession::open(departure->former, options.setup);
  if (!session) return give_up(session.error());
  if (const auto refused = exchange_in_the_way(**session)) return give_up(*refused);
  if (is_here(common, (*session)->site_id(), options.host)) {
    complain(fmt::format(
        "this is {}: say it on another host, with the state directory of the site; nothing was changed", options.host));
    return ExitCode::refused;
  }
  Removing removing(session->get(), &*departure, &options, common.use_colour);
  return run_loop(removing.run());
}

}  // namespace gemel::cli
