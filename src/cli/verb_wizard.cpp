// gemel wizard: asks for everything a site needs, shows what would be done, does it, and says what to write down.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <utility>

#include "base/text.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/wizard_draft.h"
#include "cli/wizard_end.h"
#include "cli/wizard_run.h"
#include "runtime/files.h"
#include "wizard/answers_file.h"
#include "wizard/plain_dialogue.h"
#include "wizard/screens.h"
#include "wizard/site_kind.h"
#include "wizard/site_writer.h"
#include "wizard/summary.h"
#include "wizard/text_wrap.h"

namespace gemel::cli {
namespace {

using Phase = wizard::Runner::Phase;
using wizard::Answers;

/// A password in a file that others read is one they have.
bool is_open_to_others(const std::filesystem::path& file) {
  struct stat facts{};
  return ::stat(file.c_str(), &facts) == 0 && (facts.st_mode & 077U) != 0;
}

std::expected<Answers, ExitCode> answers_from_file(const std::filesystem::path& file, const SetupOptions& options) {
  const auto text = runtime::read_file(file);
  if (!text) return std::unexpected(give_up(text.error().with(file.string())));
  auto read = wizard::read_answers(*text, file.string(),
                                   [&](const Answers& answers) { return running_kind(options, answers); });
  if (read.answers.values.contains(std::string(wizard::password_id)) && is_open_to_others(file))
    read.mistakes.push_back(fmt::format("{}: it holds a password and others can read it: chmod 600", file.string()));
  if (read.mistakes.empty()) return std::move(read.answers);
  std::fputs((join(read.mistakes, "\n") + "\n").c_str(), stderr);
  complain(fmt::format("{}; nothing was changed", counted(read.mistakes.size(), "mistake")));
  return std::unexpected(ExitCode::usage);
}

std::expected<Answers, ExitCode> answers_from_site(const std::filesystem::path& file) {
  const auto text = runtime::read_file(file);
  if (!text && text.error().code == ErrorCode::not_found) return Answers{};
  if (!text) return std::unexpected(give_up(text.error().with(file.string())));
  auto read = wizard::answers_of_site(*text, file.string());
  if (read.mistakes.empty()) {
    // The form asks for whole paths: the site file may be written elsewhere.
    for (auto& [id, value] : read.answers.values) {
      if (id.starts_with(wizard::certificate_fields) && !value.empty()) value = std::filesystem::absolute(value);
    }
    return std::move(read.answers);
  }
  for (const auto& mistake : read.mistakes) std::fputs((to_string(mistake) + "\n").c_str(), stderr);
  complain(fmt::format("{}; nothing was changed", counted(read.mistakes.size(), "mistake")));
  return std::unexpected(ExitCode::usage);
}

/// What is known before anything is asked.
std::expected<Answers, ExitCode> first_answers(const WizardOptions& options, const WizardDraft& draft) {
  if (!options.answers.empty()) return answers_from_file(options.answers, options.setup);
  if (options.is_resumed) {
    auto answers = draft.load();
    if (answers) return *std::move(answers);
    if (answers.error().code == ErrorCode::not_found) {
      complain(fmt::format("there is no draft {}: begin without --resume", draft.path().string()));
      return std::unexpected(ExitCode::not_found);
    }
    return std::unexpected(give_up(answers.error()));
  }
  if (auto status = draft.set_aside(); !status) return std::unexpected(give_up(status.error()));
  return options.setup.site_file.empty() ? Answers{} : answers_from_site(options.setup.site_file);
}

/// Options of the command line stand above what was answered before.
void take_options(Answers& answers, const SetupOptions& options) {
  if (!options.key.empty()) answers.values["ssh.key"] = std::filesystem::absolute(options.key);
  if (!options.packages.empty()) answers.values["ssh.packages"] = std::filesystem::absolute(options.packages);
  if (options.port != SetupOptions{}.port) answers.values["ssh.port"] = std::to_string(options.port);
}

ExitCode stop(const WizardRun& run, const std::string& why) {
  complain(why);
  return run.code();
}

/// From complete answers to the end, line by line.
ExitCode carry_out_plainly(WizardRun& run, const Answers& answers, bool is_agreed) {
  run.begin(answers);
  run.wait();
  if (run.phase() == Phase::keys) {
    print(run.text());
    if (!is_agreed && !is_confirmed("Are these the keys of your hosts?"))
      return stop(run, "the keys were not accepted; nothing was changed");
    run.believe();
    run.wait();
  }
  if (run.phase() == Phase::planned) {
    print(run.text());
    if (!run.is_applicable()) return stop(run, "this stands in the way; nothing was changed");
    if (!run.is_nothing_to_do()) {
      if (!is_agreed && !is_confirmed(fmt::format("{} {}?", run.is_conversion() ? "Convert the site in" : "Carry out",
                                                  counted(run.step_count(), "step"))))
        return stop(run, "nothing was changed");
      print(run.configuring_message() + "\n");
    }
    const bool is_something_to_do = !run.is_nothing_to_do();
    run.apply();
    if (run.phase() == Phase::configuring) print(fmt::format("Log: {}\n", run.text()));
    run.wait();
    if (run.phase() == Phase::done && is_something_to_do) print(run.configured_message() + "\n");
  }
  if (run.phase() != Phase::done) return stop(run, run.text());
  print(fmt::format("\n{}\nThis page, without secrets: {}\n", run.text(), run.summary_file().string()));
  return run.code();
}

/// Why screens cannot be shown here; empty when they can.
std::string why_no_screens() {
  winsize size{};
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return "there is no terminal: use --plain to answer line by line, or --answers FILE";
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      (size.ws_col < wizard::screen_columns || size.ws_row < wizard::screen_rows)) {
    return fmt::format("the terminal has {} columns and {} rows, {} and {} are needed: make it larger, or use --plain",
                       size.ws_col, size.ws_row, wizard::screen_columns, wizard::screen_rows);
  }
  return {};
}

ExitCode run_on_screens(const WizardDraft& draft, Answers answers, WizardRun& run) {
  std::string trouble;
  const auto save = [&](const Answers& now) {
    if (auto status = draft.save(now); !status) trouble = status.error().to_string();
  };
  const auto end = wizard::run_screens(answers, run, save);
  if (!trouble.empty()) complain(trouble);
  if (end == wizard::ScreensEnd::done) {
    print(fmt::format("{}\nWhat to write down: {}\n", run.configured_message(), run.summary_file().string()));
    return ExitCode::done;
  }
  const auto hint = resume_hint(draft.path().string(), "gemel wizard --resume");
  if (end == wizard::ScreensEnd::interrupted) end_as_interrupted(hint);
  complain("left before the end");
  std::fputs(hint.c_str(), stderr);
  return ExitCode::refused;
}

ExitCode run_plainly(const WizardOptions& options, const WizardDraft& draft, Answers answers, WizardRun& run) {
  auto hint = resume_hint(draft.path().string(), "gemel wizard --plain --resume");
  if (options.answers.empty()) {
    end_on_interrupt(hint);
    const auto save = [&](const Answers& now) {
      if (auto status = draft.save(now); !status) complain(status.error().to_string());
    };
    const auto command = [&](const Answers& now) { return run.convert_command(now); };
    wizard::PlainDialogue dialogue(&std::cin, &std::cout, {save, set_echo, command});
    if (dialogue.fill_in(answers) == wizard::PlainDialogue::End::ended) {
      print("\n");
      complain("the input ended; nothing was changed");
      std::fputs(hint.c_str(), stderr);
      return ExitCode::refused;
    }
  } else {
    hint = "The same command goes on from here.\n";
    end_on_interrupt(hint);
    print(wizard::summary_text(answers));
    if (wizard::is_conversion(answers)) {
      print("\n" + wizard::conversion_text(answers, run.convert_command(answers)));
      if (!options.setup.is_confirmed && !is_confirmed("Convert it?")) {
        complain("it is not converted; nothing was changed");
        return ExitCode::refused;
      }
    }
  }
  const auto code = carry_out_plainly(run, answers, options.setup.is_confirmed);
  if (code != ExitCode::done) std::fputs(hint.c_str(), stderr);
  return code;
}

}  // namespace

ExitCode run_wizard(const CommonOptions&, const WizardOptions& options) {
  const bool is_plain = options.is_plain || !options.answers.empty();
  if (const auto reason = is_plain ? std::string() : why_no_screens(); !reason.empty()) {
    complain(reason);
    return ExitCode::usage;
  }
  const auto draft = WizardDraft::open(options.setup);
  if (!draft) return give_up(draft.error());
  auto answers = first_answers(options, *draft);
  if (!answers) return answers.error();
  take_options(*answers, options.setup);
  answers->running = running_kind(options.setup, *answers);
  const auto forget_draft = [&] {
    // A draft that stays offers to go on with what is done: worth no failure.
    if (options.answers.empty()) static_cast<void>(draft->remove());
  };
  if (!is_plain) {
    WizardRun run(options.setup, {{}, wizard::view_width, forget_draft});
    return run_on_screens(*draft, *std::move(answers), run);
  }
  WizardRun run(options.setup, {print, 0, forget_draft});
  return run_plainly(options, *draft, *std::move(answers), run);
}

}  // namespace gemel::cli
