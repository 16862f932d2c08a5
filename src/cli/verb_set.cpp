// gemel set: one setting of a site that runs, from the site file to the hosts, and back when the site does not take it
// well.
#include <fmt/format.h>

#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/site_question.h"
#include "runtime/files.h"
#include "site/setting.h"

namespace gemel::cli {
namespace {

constexpr auto health_limit = std::chrono::seconds(60);  // a standby is counted again 2 s after it streams

/// The site file before and after.
struct Edit : SiteFileEdit {
  site::Setting setting;
  std::string next_text;
  site::Site next;
};

class Change {
 public:
  Change(SetupSession* session, const Edit* edit, bool is_confirmed, bool use_colour)
      : session_(session), edit_(edit), is_confirmed_(is_confirmed), use_colour_(use_colour) {}
  runtime::Task<ExitCode> run();

 private:
  runtime::Task<ExitCode> begin();
  runtime::Task<ExitCode> change();
  runtime::Task<std::string> make_it_so(site::Plan plan, std::string heading);
  runtime::Task<ExitCode> go_back(std::string why);
  ExitCode leave(ExitCode code);
  void show(const site::Plan& plan) { print(plan_table(session_->site().name, plan, false, use_colour_)); }

  SetupSession* session_;
  const Edit* edit_;
  bool is_confirmed_;
  bool use_colour_;
};

runtime::Task<ExitCode> Change::begin() {
  const auto locked = co_await lock_after_asking(session_, is_confirmed_, "gemel set");
  if (!locked) co_return locked.error();
  const auto code = co_await expect_settled(session_, use_colour_);
  co_return code;
}

/// Nothing but the rendered files was changed: they are as before again.
ExitCode Change::leave(ExitCode code) {
  const auto back = session_->change_site(edit_->former);
  return back ? code : give_up(back.error());
}

/// What went wrong; empty when the hosts are as the plan wants them and the site is healthy.
runtime::Task<std::string> Change::make_it_so(site::Plan plan, std::string heading) {
  if (!plan.steps.empty()) {
    const auto code = co_await carry_out(session_, &plan, use_colour_, {}, std::move(heading), "");
    if (code != ExitCode::done) co_return "not every step was done";
  }
  auto missing = co_await wait_until_healthy(session_, health_limit);
  if (!missing.empty()) co_return missing;
  const auto left = co_await session_->make_plan();
  co_return left.steps.empty() && !is_blocked(left) ? "" : "not every host has the setting";
}

runtime::Task<ExitCode> Change::go_back(std::string why) {
  complain(fmt::format("{}; the former value comes back", why));
  const auto written = runtime::write_file_durably(edit_->file, edit_->former_text, edit_->mode);
  if (!written) co_return give_up(written.error());
  if (const auto back = session_->change_site(edit_->former); !back) co_return give_up(back.error());
  const auto plan = co_await session_->make_plan();
  const auto missing = is_blocked(plan) ? problems_text(plan) : co_await make_it_so(plan, "Going back ...");
  if (missing.empty()) {
    complain(fmt::format("{} has its former value, in the site file and on every host; the site is healthy",
                         edit_->setting.name()));
  } else {
    complain(
        fmt::format("{}\nthe site file has the former value; \"gemel apply\" brings it back to the hosts", missing));
  }
  co_return ExitCode::failed;
}

runtime::Task<ExitCode> Change::change() {
  if (const auto changed = session_->change_site(edit_->next); !changed) {
    complain(changed.error().text + "; nothing was changed");
    co_return leave(changed.error().code);
  }
  const auto plan = co_await session_->make_plan();
  show(plan);
  if (is_blocked(plan)) {
    complain("this stands in the way; nothing was changed");
    co_return leave(obstacle_of(plan));
  }
  const auto question = fmt::format(
      "Set {} = {} and carry out {}? If the site is not healthy then, the former value "
      "comes back.",
      edit_->setting.name(), edit_->setting.value, counted(plan.steps.size(), "step"));
  if (!is_confirmed_ && !is_confirmed(question)) {
    complain("nothing was changed");
    co_return leave(ExitCode::refused);
  }
  // From here on an interrupted run is gone on with by `gemel apply`, which reads the file.
  const auto written = write_next(*edit_, edit_->next_text, session_->state());
  if (!written) co_return leave(give_up(written.error()));
  const auto missing = co_await make_it_so(plan, fmt::format("Setting {} ...", edit_->setting.name()));
  if (!missing.empty()) {
    const auto code = co_await go_back(missing);
    co_return code;
  }
  print(fmt::format("{} = {}; the site is healthy.\n", edit_->setting.name(), edit_->setting.value));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> Change::run() {
  auto code = co_await begin();
  if (code == ExitCode::done) code = co_await change();
  co_await session_->close();
  co_return code;
}

/// The site file with the setting, sound before and after; or the exit code after everything was complained about.
std::expected<Edit, ExitCode> read_edit(const SetOptions& options) {
  auto setting = site::parse_setting(options.setting);
  if (!setting) {
    complain(setting.error().message + "; nothing was changed");
    return std::unexpected(exit_code_of(setting.error()));
  }
  auto opened = open_site_file(options.setup.site_file, "nothing was changed");
  if (!opened) return std::unexpected(opened.error());
  Edit edit{*std::move(opened), *std::move(setting), {}, {}};
  const auto next = site::with_setting(edit.former_text, edit.setting);
  if (!next) {
    complain(next.error().message + "; nothing was changed");
    return std::unexpected(exit_code_of(next.error()));
  }
  edit.next_text = *next;
  auto parsed = parse_next(edit, edit.next_text);
  if (!parsed) {
    complain(fmt::format("the site would not be sound with {} = {}; nothing was changed", edit.setting.name(),
                         edit.setting.value));
    return std::unexpected(ExitCode::usage);
  }
  edit.next = *std::move(parsed);
  return edit;
}

}  // namespace

ExitCode run_set(const CommonOptions& common, const SetOptions& options) {
  const auto edit = read_edit(options);
  if (!edit) return edit.error();
  if (edit->next_text == edit->former_text) {
    print(fmt::format("The site file says {} = {} already; \"gemel apply\" looks whether the hosts have it.\n",
                      edit->setting.name(), edit->setting.value));
    return ExitCode::done;
  }
  const auto session = SetupSession::open(edit->former, options.setup);
  if (!session) return give_up(session.error());
  if (const auto refused = exchange_in_the_way(**session)) return give_up(*refused);
  Change change(session->get(), &*edit, options.setup.is_confirmed, common.use_colour);
  return run_loop(change.run());
}

}  // namespace gemel::cli
