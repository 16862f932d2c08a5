// The order of the screens: which page follows which.
#include "wizard/screens.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string>

#include "wizard/choice_page.h"
#include "wizard/form_check.h"
#include "wizard/form_page.h"
#include "wizard/menu_page.h"
#include "wizard/page.h"
#include "wizard/progress_page.h"
#include "wizard/site_kind.h"
#include "wizard/summary.h"
#include "wizard/text_wrap.h"

namespace gemel::wizard {
namespace {

enum Choice : int { to_menu, go_on, leave };
using Phase = Runner::Phase;

class Course {
 public:
  Course(Terminal& terminal, Answers& answers, Runner& runner, const std::function<void(const Answers&)>& save)
      : terminal_(terminal), answers_(answers), runner_(runner), save_(save) {}

  ScreensEnd run();

 private:
  int choose();
  /// From a screen on, as long as "next" is chosen; true when the summary was reached.
  bool fill_in(std::size_t at);
  FormPage::Choice show(const Screen& screen);
  bool is_kind_agreed(const Answers& before);
  bool summarise();
  ScreensEnd set_up();
  Choice ask(const std::string& title, const std::string& text, const std::string& yes);
  void wait(Page& page, Phase while_in, const std::function<void()>& update);
  void look();
  ScreensEnd failed();
  ScreensEnd configure();

  Terminal& terminal_;
  Answers& answers_;
  Runner& runner_;
  const std::function<void(const Answers&)>& save_;
  std::size_t at_ = 0;  // where the menu stands
  std::string focus_;   // the field that is mended
  bool is_again_ = false;
};

/// The terminal takes one page at a time: the menu is gone before what it led to comes.
int Course::choose() { return MenuPage(&terminal_, answers_, at_).choose(); }

FormPage::Choice Course::show(const Screen& screen) {
  if (screen.fields.size() == 1 && !screen.fields.front().choice_texts.empty())
    return ChoicePage(&terminal_, screen, answers_, save_).choose();
  FormPage page(&terminal_, screen, answers_, save_, focus_);
  return page.fill_in();
}

/// A site that runs is converted only by who has read what that means; else the answer is taken back.
bool Course::is_kind_agreed(const Answers& before) {
  if (!is_conversion(answers_) || is_conversion(before)) return true;
  const auto text = conversion_text(answers_, runner_.convert_command(answers_));
  if (ask("This site runs already", text, "&Yes, convert it") == go_on) return true;
  answers_ = before;
  save_(answers_);
  return false;
}

bool Course::fill_in(std::size_t at) {
  while (true) {
    const auto screens = screens_of(answers_);
    at_ = at;
    if (at >= screens.size()) return true;
    const auto before = answers_;
    const auto choice = show(screens[at]);
    focus_.clear();
    if (!terminal_.is_interrupted() && !is_kind_agreed(before)) return false;
    if (choice == FormPage::menu || terminal_.is_interrupted()) return false;
    if (choice == FormPage::back) {
      if (at == 0) return false;
      --at;
      continue;
    }
    // An answer may call for other fields of the same screen.
    const auto now = screens_of(answers_);
    if (now.at(at).fields.size() == screens[at].fields.size()) ++at;
  }
}

Choice Course::ask(const std::string& title, const std::string& text, const std::string& yes) {
  TextPage page(&terminal_, title, wrapped(text, view_width));
  if (!yes.empty()) page.add_button(yes, go_on);
  page.add_button("&Menu", to_menu);
  page.set_way_out(to_menu);
  return static_cast<Choice>(page.run());
}

/// True when it is agreed to.
bool Course::summarise() {
  const auto mistakes = judge(answers_).mistakes;
  if (mistakes.empty()) return ask("Summary", summary_text(answers_), "&Look at the hosts") == go_on;
  std::string text = "This does not fit together yet:\n\n";
  for (const auto& mistake : mistakes) {
    text +=
        fmt::format("{}: {}\n", mistake.field.empty() ? "The site" : place_of(answers_, mistake.field), mistake.text);
  }
  if (ask("Summary", text, "Mend the &first") == go_on) {
    focus_ = mistakes.front().field;
    at_ = screen_of(answers_, focus_);
    is_again_ = true;
  }
  return false;
}

void Course::wait(Page& page, Phase while_in, const std::function<void()>& update) {
  terminal_.set_turn([&] {
    runner_.poll();
    if (update) update();
    if (runner_.phase() != while_in) page.finish(go_on);
  });
  if (page.run() == ProgressPage::stop) terminal_.interrupt();
  terminal_.set_turn({});
}

void Course::look() {
  if (runner_.phase() != Phase::looking) return;
  TextPage page(&terminal_, "Plan",
                runner_.text() +
                    "\n\nEach is asked for its system, clock, memory, disk, addresses and "
                    "package sources.\nNothing is changed.");
  wait(page, Phase::looking, {});
}

ScreensEnd Course::failed() {
  TextPage page(&terminal_, "Stopped",
                wrapped(runner_.text() + "\n\nWhat is done stays done. \"Menu\" and the summary go on "
                                         "from here; so does gemel wizard --resume.",
                        view_width));
  page.add_button("&Menu", to_menu);
  page.add_button("&Quit", leave);
  page.set_way_out(to_menu);
  is_again_ = page.run() == to_menu;
  return ScreensEnd::quit;
}

ScreensEnd Course::configure() {
  runner_.apply();
  if (runner_.phase() == Phase::configuring) {
    ProgressPage page(&terminal_, runner_.configuring_message(), runner_);
    wait(page, Phase::configuring, [&] { page.update(); });
    if (terminal_.is_interrupted()) return ScreensEnd::interrupted;
  }
  if (runner_.phase() != Phase::done) return failed();
  TextPage page(&terminal_, runner_.configured_message(), wrapped(runner_.text(), view_width));
  page.add_button("&Finish", go_on);
  page.run();
  return ScreensEnd::done;
}

/// `quit` with is_again_: back to the menu.
ScreensEnd Course::set_up() {
  is_again_ = true;
  runner_.begin(answers_);
  look();
  if (terminal_.is_interrupted()) return ScreensEnd::interrupted;
  if (runner_.phase() == Phase::keys) {
    const auto text = runner_.text() +
                      "\nCompare them with what the hosts themselves show: ssh-keygen -l -f "
                      "/etc/ssh/ssh_host_ed25519_key.pub. No other key is believed afterwards.";
    if (ask("Are these the keys of your hosts?", text, "&Yes, they are") != go_on) return ScreensEnd::quit;
    runner_.believe();
    look();
    if (terminal_.is_interrupted()) return ScreensEnd::interrupted;
  }
  if (runner_.phase() == Phase::failed) return failed();
  if (ask("Plan", runner_.text(),
          !runner_.is_applicable()  ? ""
          : runner_.is_conversion() ? "&Convert"
                                    : "&Set up") != go_on)
    return ScreensEnd::quit;
  std::string text =
      "The plan is carried out on the hosts now. It can be stopped and taken up again; no data directory is deleted or "
      "moved.";
  if (runner_.is_conversion()) text += " There is no way back to a site without high availability.";
  const auto sure = runner_.is_conversion() ? ask("Convert the site?", text, "&Yes, convert it")
                                            : ask("Set up?", text, "&Yes, set up");
  if (sure != go_on) return ScreensEnd::quit;
  return configure();
}

ScreensEnd Course::run() {
  at_ = first_open_screen(answers_);
  while (!terminal_.is_interrupted()) {
    bool is_summary = false;
    if (is_again_ && !focus_.empty()) {
      is_again_ = false;
      is_summary = fill_in(at_);
    } else {
      const auto chosen = choose();
      if (terminal_.is_interrupted()) break;
      if (chosen == MenuPage::quit) return ScreensEnd::quit;
      is_summary = fill_in(static_cast<std::size_t>(chosen));
    }
    is_again_ = false;
    if (!is_summary || !summarise()) continue;
    const auto end = set_up();
    if (end != ScreensEnd::quit || !is_again_) return end;
    if (terminal_.is_interrupted()) break;
    is_again_ = false;
    runner_.forget();
  }
  return ScreensEnd::interrupted;
}

}  // namespace

ScreensEnd run_screens(Answers& answers, Runner& runner, const std::function<void(const Answers&)>& save) {
  // The library reads options of its own from the command line: it gets none.
  std::string name = "gemel";
  std::array<char*, 2> arguments{name.data(), nullptr};
  int count = 1;
  Terminal terminal(count, arguments.data());
  return Course(terminal, answers, runner, save).run();
}

}  // namespace gemel::wizard
