// gemel add-host: a further manager or standby comes to a site that runs (ADR 0031): into the site file, then by a plan
// like any other, until it does its part.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/site_question.h"
#include "site/host_entry.h"

namespace gemel::cli {
namespace {

/// The site file before and after.
struct Arrival : SiteFileEdit {
  std::string next_text;
  site::Site next;
  bool is_begun = false;  // the file has the host already: an earlier run was stopped, or it was written by hand
};

const site::Host* find(const site::Site& site, const std::string& name) {
  const auto found = std::ranges::find(site.hosts, name, &site::Host::name);
  return found == site.hosts.end() ? nullptr : &*found;
}

/// The site file with the host, sound before and after; or the exit code after everything was complained about.
std::expected<Arrival, ExitCode> read_arrival(const AddHostOptions& options) {
  auto opened = open_site_file(options.setup.site_file, "nothing was changed");
  if (!opened) return std::unexpected(opened.error());
  Arrival arrival{*std::move(opened), {}, {}, false};
  const auto& host = options.host;
  if (find(arrival.former, host.name) != nullptr) {
    if (const auto difference = site::difference_of(arrival.former, host); !difference.empty()) {
      complain(difference + "; nothing was changed");
      return std::unexpected(ExitCode::refused);
    }
    arrival.is_begun = true;
    arrival.next_text = arrival.former_text;
    arrival.next = arrival.former;
    return arrival;
  }
  const auto refused = site::why_no_host_is_added(arrival.former, host.role);
  if (!refused.empty()) complain(refused);
  auto text = site::with_host(arrival.former_text, host);
  if (!text) {
    complain(text.error().message + "; nothing was changed");
    return std::unexpected(exit_code_of(text.error()));
  }
  arrival.next_text = *std::move(text);
  auto next = parse_next(arrival, arrival.next_text);
  if (!next) {
    complain(fmt::format("the site would not be sound with {}; nothing was changed", host.name));
    return std::unexpected(ExitCode::usage);
  }
  arrival.next = *std::move(next);
  const auto moved = site::changed_vote(arrival.former, arrival.next);
  if (refused.empty() && moved.empty()) return arrival;
  if (!moved.empty()) complain(fmt::format("{} would have another vote in the store than now", moved));
  complain("nothing was changed");
  return std::unexpected(ExitCode::refused);
}

class Adding {
 public:
  Adding(SetupSession* session, const Arrival* arrival, const AddHostOptions* options, bool use_colour)
      : session_(session),
        arrival_(arrival),
        options_(options),
        host_(*find(arrival->next, options->host.name)),
        use_colour_(use_colour) {}
  runtime::Task<ExitCode> run();

 private:
  runtime::Task<ExitCode> add();
  runtime::Task<ExitCode> expect_settled_without_it();
  std::expected<void, ExitCode> agree_and_write(const site::Plan& plan);
  runtime::Task<ExitCode> carry_through(site::Plan plan);
  /// Nothing but the rendered files was changed: they are as before again.
  ExitCode leave(ExitCode code);
  ExitCode stopped(ExitCode code) const;

  SetupSession* session_;
  const Arrival* arrival_;
  const AddHostOptions* options_;
  site::Host host_;
  bool use_colour_;
};

ExitCode Adding::leave(ExitCode code) {
  if (arrival_->is_begun) return code;
  const auto back = session_->change_site(arrival_->former);
  return back ? code : give_up(back.error());
}

ExitCode Adding::stopped(ExitCode code) const {
  complain(fmt::format(
      "{0} is in the site file. The same command, or \"gemel apply\", goes on; \"gemel remove-host {0}\" takes "
      "it out again",
      host_.name));
  return code;
}

/// A site that has troubles of its own should not have them with another host in it.
runtime::Task<ExitCode> Adding::expect_settled_without_it() {
  if (const auto former = session_->change_site(arrival_->former); !former) co_return give_up(former.error());
  const auto code = co_await expect_settled(session_, use_colour_);
  if (code != ExitCode::done) co_return code;
  if (const auto next = session_->change_site(arrival_->next); !next) {
    complain(next.error().text + "; nothing was changed");
    co_return leave(next.error().code);
  }
  co_return ExitCode::done;
}

std::expected<void, ExitCode> Adding::agree_and_write(const site::Plan& plan) {
  print(plan_table(session_->site().name, plan, false, use_colour_));
  if (is_blocked(plan)) {
    complain("this stands in the way; nothing was changed");
    return std::unexpected(leave(obstacle_of(plan)));
  }
  if (!plan.steps.empty() && !options_->setup.is_confirmed &&
      !is_confirmed(fmt::format("Add {} ({}, {}) and carry out {}?", host_.name, host_.role, host_.address,
                                counted(plan.steps.size(), "step")))) {
    complain("nothing was changed");
    return std::unexpected(leave(ExitCode::refused));
  }
  if (arrival_->is_begun) return {};
  // From here on an interrupted run is gone on with by `gemel apply`, which reads the file.
  const auto written = write_next(*arrival_, arrival_->next_text, session_->state());
  if (!written) return std::unexpected(leave(give_up(written.error())));
  return {};
}

runtime::Task<ExitCode> Adding::carry_through(site::Plan plan) {
  const auto limit = limit_of(host_, options_->timeout);
  if (!plan.steps.empty()) {
    const auto code = co_await carry_out(session_, &plan, use_colour_, {.limit = limit},
                                         fmt::format("Adding {} ...", host_.name), "");
    if (code != ExitCode::done) co_return stopped(code);
  }
  const auto missing = co_await wait_until_whole(session_, host_, limit);
  if (!missing.empty()) {
    complain(missing);
    co_return stopped(ExitCode::timed_out);
  }
  print(fmt::format("{} does its part.\n", host_.name));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> Adding::add() {
  const auto locked = co_await lock_after_asking(session_, options_->setup.is_confirmed, "gemel add-host");
  if (!locked) co_return leave(locked.error());
  if (!arrival_->is_begun) {
    const auto code = co_await expect_settled_without_it();
    if (code != ExitCode::done) co_return code;
  }
  auto plan = co_await session_->make_plan();
  const auto written = agree_and_write(plan);
  if (!written) co_return written.error();
  const auto code = co_await carry_through(std::move(plan));
  co_return code;
}

runtime::Task<ExitCode> Adding::run() {
  const auto code = co_await add();
  co_await session_->close();
  co_return code;
}

}  // namespace

ExitCode run_add_host(const CommonOptions& common, const AddHostOptions& options) {
  const auto arrival = read_arrival(options);
  if (!arrival) return arrival.error();
  const auto session = SetupSession::open(arrival->next, options.setup);
  if (!session) return give_up(session.error());
  if (const auto refused = exchange_in_the_way(**session)) return give_up(*refused);
  Adding adding(session->get(), &*arrival, &options, common.use_colour);
  return run_loop(adding.run());
}

}  // namespace gemel::cli
