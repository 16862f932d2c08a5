// The wizard's way to the hosts: the same session, plan and steps as gemel plan and gemel apply, advanced by polling.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/setup_session.h"
#include "runtime/task_scope.h"
#include "setup/run_log.h"
#include "wizard/runner.h"

namespace gemel::cli {

class WizardRun : public wizard::Runner {
 public:
  struct Hooks {
    std::function<void(const std::string&)> line = {};  // a line of progress, with its end
    std::size_t plan_width = 0;                         // of the plan as a list; 0: it is a table
    std::function<void()> finished = {};                // everything is done, before `done` is shown
  };
  WizardRun(SetupOptions options, Hooks hooks);
  ~WizardRun() override;

  void begin(const wizard::Answers& answers) override;
  void believe() override;
  void apply() override;
  void forget() override;
  void poll() override;
  /// Blocks until there is something to ask or to show.
  void wait();

  [[nodiscard]] Phase phase() const override { return phase_; }
  [[nodiscard]] const std::string& text() const override { return text_; }
  [[nodiscard]] bool is_applicable() const override { return phase_ == Phase::planned && !is_blocked_; }
  [[nodiscard]] const std::vector<Host>& hosts() const override { return hosts_; }
  [[nodiscard]] std::string convert_command(const wizard::Answers& answers) const override;
  [[nodiscard]] bool is_conversion() const override { return is_conversion_; }
  [[nodiscard]] std::string configuring_message() const override;
  [[nodiscard]] std::string configured_message() const override;

  /// Planned: whether there is anything to do.
  [[nodiscard]] bool is_nothing_to_do() const { return plan_.steps.empty(); }
  [[nodiscard]] std::size_t step_count() const { return plan_.steps.size(); }
  /// What the program should end with, as things are.
  [[nodiscard]] ExitCode code() const { return code_; }
  /// Where the last page was written too; empty before.
  [[nodiscard]] const std::filesystem::path& summary_file() const { return summary_file_; }

 private:
  void fail_with(const Refusal& refusal);
  std::expected<void, Refusal> open(const wizard::Answers& answers);
  Status write_site_file(const std::string& text);
  void spawn(const char* name, runtime::Task<void> task);
  runtime::Task<void> look();
  runtime::Task<void> plan();
  runtime::Task<void> carry_out();
  runtime::Task<void> close_session(bool* is_closed);
  void note(const setup::Progress& progress, std::size_t name_width);
  void finish(const std::filesystem::path& log);

  SetupOptions options_;
  Hooks hooks_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<runtime::TaskScope> scope_;  // one per session: a cancelled one takes no more
  std::unique_ptr<SetupSession> session_;
  std::unique_ptr<setup::RunLog> log_;
  std::vector<setup::HostKey> new_keys_;
  site::Plan plan_;
  bool is_blocked_ = false;
  bool is_conversion_asked_ = false;  // by who knows of a site that runs
  bool is_conversion_ = false;        // as the hosts say
  std::filesystem::path site_file_;
  std::filesystem::path summary_file_;
  std::string settings_;  // the answers for people, for the summary file
  Phase phase_ = Phase::idle;
  ExitCode code_ = ExitCode::failed;
  std::string text_;
  std::vector<Host> hosts_;
};

/// What kind of site of these answers the state directory knows to run, as src/wizard/site_kind.h names it; empty:
/// none. Blocks.
std::string running_kind(const SetupOptions& options, const wizard::Answers& answers);

/// The options of a run with what the answers say of SSH and the password.
SetupOptions options_of(SetupOptions options, const wizard::Answers& answers);

}  // namespace gemel::cli
