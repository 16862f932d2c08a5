#include "wizard/plain_dialogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/text.h"
#include "wizard/form_check.h"
#include "wizard/site_kind.h"
#include "wizard/summary.h"

namespace gemel::wizard {

std::vector<PlainDialogue::Place> PlainDialogue::places_of(const Answers& answers) {
  std::vector<Place> places;
  for (const auto& screen : screens_of(answers)) {
    for (const auto& field : screen.fields) places.push_back({screen, field, &field == &screen.fields.front()});
  }
  return places;
}

void PlainDialogue::show_help(const Field& field) {
  *out_ << field.help << "\n";
  if (!field.choices.empty()) *out_ << "Choices: " << join(field.choices, ", ") << "\n";
  *out_ << "Enter alone takes what is in brackets" << (field.is_optional ? ", - empties it" : "")
        << "; < goes back; Ctrl-C stops, and nothing is lost.\n";
}

bool PlainDialogue::read_line(const Field& field, std::string& line) {
  const bool is_secret = field.kind == FieldKind::secret;
  if (is_secret && hooks_.set_echo) hooks_.set_echo(false);
  const bool is_read = static_cast<bool>(std::getline(*in_, line));
  if (is_secret && hooks_.set_echo) {
    hooks_.set_echo(true);
    *out_ << "\n";
  }
  return is_read;
}

/// A site that runs is converted only by who has read what that means.
bool PlainDialogue::is_kind_agreed(const Answers& answers, const std::string& kind) {
  auto asked = answers;
  asked.values[std::string(kind_id)] = kind;
  if (!is_conversion(asked) || is_conversion(answers)) return true;
  *out_ << "\n"
        << conversion_text(asked, hooks_.convert_command ? hooks_.convert_command(asked) : "gemel convert")
        << "\nConvert it? (yes/no) " << std::flush;
  std::string line;
  return std::getline(*in_, line) && trim(line) == "yes";
}

PlainDialogue::Move PlainDialogue::ask(Answers& answers, const Place& place) {
  const auto& field = place.field;
  if (shown_screen_ != place.screen.id) {
    shown_screen_ = place.screen.id;
    *out_ << "\n" << place.screen.title << "\n";
    if (!place.screen.text.empty()) *out_ << place.screen.text << "\n";
    for (std::size_t i = 0; i < field.choice_texts.size(); ++i)
      *out_ << fmt::format("  {:<10}  {}\n", field.choices.at(i), field.choice_texts[i]);
  }
  while (true) {
    const auto offered = value_of(answers, field);
    const bool is_secret = field.kind == FieldKind::secret;
    *out_ << field.label << (is_secret ? offered.empty() ? " [random]" : " [typed]" : " [" + offered + "]") << ": "
          << std::flush;
    std::string line;
    if (!read_line(field, line)) return Move::ended;
    std::string value(trim(line));
    if (value == "?") {
      show_help(field);
      continue;
    }
    if (value == "<") return Move::back;
    if (value.empty()) value = offered;
    if (value == "-" && field.is_optional) value.clear();
    if (const auto reason = check_value(answers, field, value); !reason.empty()) {
      *out_ << "  Not taken: " << reason << "\n";
      continue;
    }
    if (field.id == kind_id && !is_kind_agreed(answers, value)) {
      *out_ << "  Not taken.\n";
      continue;
    }
    answers.values[field.id] = value;
    if (hooks_.save) hooks_.save(answers);
    return Move::next;
  }
}

/// Says every mistake, and gives the place of the first.
std::optional<std::size_t> PlainDialogue::first_mistake(const Answers& answers) {
  const auto mistakes = judge(answers).mistakes;
  if (mistakes.empty()) return std::nullopt;
  const auto places = places_of(answers);
  auto first = places.size() - 1;
  *out_ << "\nThis does not fit together yet:\n";
  for (const auto& mistake : mistakes) {
    *out_ << "  " << (mistake.field.empty() ? std::string("The site") : place_of(answers, mistake.field)) << ": "
          << mistake.text << "\n";
    for (std::size_t at = 0; at < first; ++at) {
      if (places[at].field.id == mistake.field) first = at;
    }
  }
  return first;
}

/// The place of the first field without an answer; their number when all have one.
std::size_t PlainDialogue::first_unanswered(const Answers& answers) {
  const auto places = places_of(answers);
  const auto is_unanswered = [&](const Place& place) { return !answers.values.contains(place.field.id); };
  return static_cast<std::size_t>(std::ranges::find_if(places, is_unanswered) - places.begin());
}

/// Which fields there are depends on the answers, so the place is looked up anew after each of them.
PlainDialogue::End PlainDialogue::ask_from(Answers& answers, std::size_t at) {
  while (true) {
    const auto places = places_of(answers);
    if (at >= places.size()) return End::agreed;
    switch (ask(answers, places[at])) {
      case Move::next:
        at = first_unanswered(answers);
        break;
      case Move::back:
        at = at == 0 ? 0 : at - 1;
        break;
      case Move::ended:
        return End::ended;
    }
  }
}

PlainDialogue::End PlainDialogue::fill_in(Answers& answers) {
  auto at = first_unanswered(answers);
  *out_ << "? explains a field, < goes back to the one before.\n";
  while (true) {
    if (ask_from(answers, at) == End::ended) return End::ended;
    if (const auto mistaken = first_mistake(answers)) {
      at = *mistaken;
      continue;
    }
    *out_ << "\nSummary\n" << summary_text(answers);
    *out_ << "Is this your site? (yes, < for the last field, or the name of a field as ha.dns_name) " << std::flush;
    std::string line;
    if (!std::getline(*in_, line)) return End::ended;
    const std::string word(trim(line));
    if (word == "yes") return End::agreed;
    shown_screen_.clear();
    const auto places = places_of(answers);
    const auto named = std::ranges::find_if(places, [&](const Place& place) { return place.field.id == word; });
    at = word == "<" ? places.size() - 1 : static_cast<std::size_t>(named - places.begin());
    if (at == places.size()) *out_ << fmt::format("There is no field \"{}\": nothing was changed.\n", word);
  }
}

}  // namespace gemel::wizard
