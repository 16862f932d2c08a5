#include "cli/wizard_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "cli/applied_site.h"
#include "cli/conversion.h"
#include "cli/plan_text.h"
#include "cli/progress_text.h"
#include "runtime/files.h"
#include "wizard/form.h"
#include "wizard/site_kind.h"
#include "wizard/site_writer.h"
#include "wizard/summary.h"

namespace gemel::cli {
namespace {

constexpr mode_t site_file_mode = 0644;  // it holds no secret
constexpr mode_t private_mode = 0600;

/// Two site files are the same when every host is told the same and users see the same certificate.
bool is_same_site(const site::Site& left, const site::Site& right) {
  const auto told = [](const site::Site& site) {
    return site::to_toml(site::host_config(site, site.id, site.hosts.front()));
  };
  return told(left) == told(right) && left.own_certificate == right.own_certificate;
}

}  // namespace

SetupOptions options_of(SetupOptions options, const wizard::Answers& answers) {
  const auto value = [&](std::string_view id) {
    const auto field = wizard::find_field(answers, id);
    return field ? wizard::value_of(answers, *field) : std::string();
  };
  options.key = value("ssh.key");
  options.packages = value("ssh.packages");
  const auto port = value("ssh.port");
  std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (const auto password = value(wizard::password_id); !password.empty()) options.application_password = password;
  return options;
}

std::string running_kind(const SetupOptions& options, const wizard::Answers& answers) {
  const auto name = wizard::find_field(answers, "site.name");
  const auto wanted = wizard::value_of(answers, *name);
  const auto applied = applied_site(state_directory(options, wanted));
  if (!applied || (applied->site != wanted && answers.values.contains(name->id))) return {};
  site::Site site;
  site.hosts = applied->hosts;
  return std::string(wizard::word_of(wizard::kind_of(site)));
}

WizardRun::WizardRun(SetupOptions options, Hooks hooks) : options_(std::move(options)), hooks_(std::move(hooks)) {}

WizardRun::~WizardRun() { forget(); }

void WizardRun::spawn(const char* name, runtime::Task<void> task) {
  loop_.restart();
  if (!scope_) scope_ = std::make_unique<runtime::TaskScope>(loop_.get_executor(), "wizard");
  scope_->spawn(name, std::move(task));
}

void WizardRun::fail_with(const Refusal& refusal) {
  phase_ = Phase::failed;
  code_ = refusal.code;
  text_ = refusal.text;
}

Status WizardRun::write_site_file(const std::string& text) {
  if (const auto old = runtime::read_file(site_file_)) {
    const auto before = site::parse_site(*old, site_file_.string()).site;
    // A file that says the same already keeps its comments.
    if (before && is_same_site(*before, session_->site())) return {};
    // What it was converted from is worth more than any other earlier text: there is no way back.
    if (before && before->is_standalone() && !session_->site().is_standalone()) {
      auto status = runtime::write_file_durably(site_file_.string() + ".standalone", *old, site_file_mode);
      if (!status) return status;
    }
  }
  return runtime::write_file_durably(site_file_, text, site_file_mode);
}

std::expected<void, Refusal> WizardRun::open(const wizard::Answers& answers) {
  const auto written = wizard::write_site(answers);
  auto parsed = site::parse_site(written.text, "site.toml");
  if (!parsed.site)
    return std::unexpected(Refusal{ExitCode::usage, "the answers make no site: " + parsed.mistakes.front().text});
  auto session = SetupSession::open(*std::move(parsed.site), options_of(options_, answers));
  if (!session) return std::unexpected(session.error());
  session_ = *std::move(session);
  site_file_ =
      options_.site_file.empty() ? session_->state() / "site.toml" : std::filesystem::absolute(options_.site_file);
  if (auto status = write_site_file(written.text); !status)
    return std::unexpected(Refusal{exit_code_of(status.error()), status.error().to_string()});
  settings_ = wizard::summary_text(answers);
  return {};
}

void WizardRun::begin(const wizard::Answers& answers) {
  forget();
  is_conversion_asked_ = wizard::is_conversion(answers);
  if (const auto opened = open(answers); !opened) return fail_with(opened.error());
  phase_ = Phase::looking;
  text_ = "Looking at the hosts ...";
  spawn("look", look());
}

runtime::Task<void> WizardRun::look() {
  auto keys = co_await session_->new_host_keys();
  if (!keys) {
    fail_with(keys.error());
    co_return;
  }
  new_keys_ = *std::move(keys);
  if (new_keys_.empty()) {
    co_await plan();
    co_return;
  }
  auto lines = fingerprints(new_keys_);
  if (!lines) {
    fail_with({exit_code_of(lines.error()), lines.error().to_string()});
    co_return;
  }
  text_ = "Hosts that are met for the first time show these keys:\n" + *lines;
  phase_ = Phase::keys;
}

void WizardRun::believe() {
  GEMEL_CHECK(phase_ == Phase::keys);
  if (const auto believed = session_->believe(new_keys_); !believed) return fail_with(believed.error());
  phase_ = Phase::looking;
  text_ = "Looking at the hosts ...";
  spawn("plan", plan());
}

runtime::Task<void> WizardRun::plan() {
  const auto locked = co_await session_->lock_hosts("gemel wizard");
  if (!locked) {
    fail_with(locked.error());
    co_return;
  }
  plan_ = co_await session_->make_plan();
  is_blocked_ = is_blocked(plan_);
  code_ = is_blocked_ ? obstacle_of(plan_) : ExitCode::refused;
  const auto& name = session_->site().name;
  if (is_conversion_asked_ && !is_blocked_ && !is_running(session_->input()))
    co_return fail_with({ExitCode::refused, std::string(nothing_to_convert)});
  is_conversion_ = is_growing(session_->input());
  if (const auto refused = is_conversion_ ? exchange_in_the_way(*session_) : std::nullopt)
    co_return fail_with(*refused);
  text_ = hooks_.plan_width > 0 ? plan_list(name, plan_, hooks_.plan_width) : plan_table(name, plan_, false, false);
  if (is_conversion_) {
    text_ = fmt::format(
        "The site runs without high availability. This plan converts it in place, with its data, as \"gemel convert\" "
        "does.\n\n{}",
        text_);
  }
  phase_ = Phase::planned;
}

void WizardRun::apply() {
  GEMEL_CHECK(is_applicable());
  if (is_nothing_to_do()) return finish({});
  auto log = setup::RunLog::create(session_->state());
  if (!log) return fail_with({exit_code_of(log.error()), log.error().to_string()});
  log_ = *std::move(log);
  text_ = log_->path().string();
  hosts_.clear();
  for (const auto& host : session_->site().hosts) {
    const auto steps = std::ranges::count(plan_.steps, host.name, &site::Step::host);
    if (steps > 0) hosts_.push_back({host.name, 0, static_cast<std::size_t>(steps), "waits"});
  }
  phase_ = Phase::configuring;
  spawn("apply", carry_out());
}

void WizardRun::note(const setup::Progress& progress, std::size_t name_width) {
  const auto& step = *progress.step;
  const auto host = std::ranges::find(hosts_, step.host, &Host::name);
  if (host != hosts_.end()) {
    const auto name = step.id.substr(step.id.find('/') + 1);
    host->done = progress.done;
    const bool is_at_end = progress.phase == setup::Progress::Phase::done && host->done == host->steps;
    host->doing = progress.phase == setup::Progress::Phase::failed ? name + " FAILED" : is_at_end ? "done" : name;
  }
  if (hooks_.line) {
    if (const auto line = progress_line(progress, name_width, false); !line.empty()) hooks_.line(line);
  }
}

runtime::Task<void> WizardRun::carry_out() {
  std::size_t width = 0;
  for (const auto& host : hosts_) width = std::max(width, host.name.size());
  auto sink = [this, width](const setup::Progress& progress) { note(progress, width); };
  auto outcome = co_await session_->carry_out(
      &plan_, log_.get(), sink, is_conversion_ ? setup::CheckTimes{.limit = copy_limit} : setup::CheckTimes{});
  co_await session_->close();
  if (outcome) {
    finish(log_->path());
  } else {
    fail_with({outcome.error().code, fmt::format("{}\nLog: {}", outcome.error().text, log_->path().string())});
  }
}

void WizardRun::finish(const std::filesystem::path& log) {
  const auto& state = session_->state();
  text_ = wizard::final_text(session_->site(), {site_file_, state, log});
  // Also without a conversion just now: it may have been stopped in the middle, or the name still leads elsewhere.
  if (const auto way = way_of_users(session_->input()); !way.empty()) text_ += "\n" + way;
  const auto file = state / "summary.txt";
  if (auto status = runtime::write_file_durably(file, text_ + "\n" + settings_, private_mode); !status)
    return fail_with({exit_code_of(status.error()), status.error().to_string()});
  summary_file_ = file;
  if (hooks_.finished) hooks_.finished();
  phase_ = Phase::done;
  code_ = ExitCode::done;
}

std::string WizardRun::convert_command(const wizard::Answers& answers) const {
  // Where the key and the packages are is asked last: what is not known yet is left out.
  auto options = options_of(options_, answers);
  const auto name = wizard::value_of(answers, *wizard::find_field(answers, "site.name"));
  const auto file = options.site_file.empty() ? state_directory(options, name) / "site.toml" : options.site_file;
  return cli::convert_command(options, std::filesystem::absolute(file));
}

std::string WizardRun::configuring_message() const {
  return std::string(session_ ? configuring_message_of(session_->site()) : cli::configuring_message);
}

std::string WizardRun::configured_message() const {
  return std::string(session_ ? configured_message_of(session_->site()) : cli::configured_message);
}

void WizardRun::poll() {
  loop_.restart();
  loop_.poll();
}

void WizardRun::wait() {
  loop_.restart();
  while ((phase_ == Phase::looking || phase_ == Phase::configuring) && loop_.run_one() > 0) {
  }
}

runtime::Task<void> WizardRun::close_session(bool* is_closed) {
  co_await session_->close();
  *is_closed = true;
}

void WizardRun::forget() {
  if (session_) {
    // What still runs refers to the session: it ends first.
    if (scope_) scope_->cancel();
    loop_.restart();
    while (scope_ && scope_->size() > 0 && loop_.run_one() > 0) {
    }
    scope_.reset();
    bool is_closed = false;
    runtime::TaskScope closing(loop_.get_executor(), "closing");
    closing.spawn("close", close_session(&is_closed));
    loop_.restart();
    while (!is_closed && loop_.run_one() > 0) {
    }
    session_.reset();
  }
  plan_ = {};
  new_keys_.clear();
  hosts_.clear();
  is_conversion_ = false;
  text_.clear();
  phase_ = Phase::idle;
  code_ = ExitCode::refused;
}

}  // namespace gemel::cli
