#include "wizard/form_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <set>
#include <utility>

#include "base/text.h"
#include "site/secrets.h"
#include "site/site.h"
#include "site/toml_reader.h"
#include "wizard/site_kind.h"
#include "wizard/site_writer.h"

namespace gemel::wizard {
namespace {

using site::MistakeCode;

std::string number_mistake(const Field& field, const std::string& value) {
  unsigned number = 0;
  const auto* end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  const bool is_whole = error == std::errc{} && rest == end && (value.front() != '0' || value.size() == 1);
  if (is_whole && number >= field.lowest && number <= field.highest) return {};
  return fmt::format("\"{}\" does not fit: give a whole number from {} to {}.", value, field.lowest, field.highest);
}

std::string choice_mistake(const Field& field, const std::string& value) {
  if (std::ranges::count(field.choices, value) != 0) return {};
  const std::vector<std::string_view> known(field.choices.begin(), field.choices.end());
  return fmt::format("\"{}\" is no choice.{} Choices: {}.", value, site::did_you_mean(value, known),
                     fmt::join(field.choices, ", "));
}

/// What a site that runs does not become, and what must not be decided by a default there.
std::string kind_mistake(const Answers& answers, const std::string& value, bool is_answered) {
  if (auto text = why_not_kind(answers, value); !text.empty()) return text;
  if (is_answered || answers.running.empty() || value == answers.running) return {};
  return fmt::format("The site runs as \"{}\" already: answer it so, or \"{}\" to have it converted.", answers.running,
                     value);
}

/// What the value alone shows.
std::string own_mistake(const Field& field, const std::string& value) {
  if (value.empty()) {
    if (field.is_optional) return {};
    return "An answer is needed here.";
  }
  const bool has_control = std::ranges::any_of(value, [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || static_cast<unsigned char>(letter) == 0x7f;
  });
  if (has_control) return "There is a control character in it: type it again.";
  switch (field.kind) {
    case FieldKind::number:
      return number_mistake(field, value);
    case FieldKind::choice:
      return choice_mistake(field, value);
    case FieldKind::secret:
      return site::why_no_password(value);
    case FieldKind::text:
      break;
  }
  if (field.id.starts_with(certificate_fields) && value.front() != '/')
    return fmt::format("\"{}\" is not a whole path: it begins with /.", value);
  // A host name is what the mission's page allows here; its reader would only say that it is no address.
  if (field.id == "database.address" && !value.contains(':') &&
      std::ranges::any_of(value, [](unsigned char letter) { return std::isalpha(letter) != 0; })) {
    return fmt::format(
        "\"{}\" is a name: give the address itself, as 10.0.0.100. It moves to the other host at once; "
        "what a name means is remembered too long.",
        value);
  }
  return {};
}

/// Messages of the site file's reader point at lines of a file that the person has not written: fields instead.
std::string with_places(std::string text, const Answers& answers, const std::map<unsigned, std::string>& fields) {
  static const std::string mark = "line ";
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    unsigned line = 0;
    const auto* begin = text.data() + at + mark.size();
    const auto [rest, error] = std::from_chars(begin, text.data() + text.size(), line);
    const auto field = fields.find(line);
    if (error != std::errc{} || field == fields.end()) continue;
    const auto length = mark.size() + static_cast<std::size_t>(rest - begin);
    text.replace(at, length, fmt::format("\"{}\"", place_of(answers, field->second)));
  }
  return text;
}

struct Found {
  std::vector<FieldMistake> mistakes;
  std::vector<MistakeCode> codes;  // one per mistake
  std::vector<FieldMistake> warnings;
};

/// What src/site says of the site file that these answers make, by fields.
Found site_mistakes(const Answers& answers) {
  const auto written = write_site(answers);
  const auto outcome = site::parse_site(written.text, "site.toml");
  const auto brought_back = [&](const site::Message& message) {
    const auto field = written.fields.find(message.line);
    return FieldMistake{field == written.fields.end() ? std::string() : field->second,
                        with_places(message.text, answers, written.fields)};
  };
  Found found;
  for (const auto& message : outcome.mistakes) {
    found.mistakes.push_back(brought_back(message));
    found.codes.push_back(message.code);
  }
  for (const auto& message : outcome.warnings) found.warnings.push_back(brought_back(message));
  return found;
}

bool is_about_two_fields(MistakeCode code) {
  return code == MistakeCode::duplicate_host || code == MistakeCode::duplicate_address ||
         code == MistakeCode::vip_in_use;
}

bool is_among(const std::vector<FieldMistake>& mistakes, const FieldMistake& mistake) {
  return std::ranges::any_of(
      mistakes, [&](const FieldMistake& other) { return other.field == mistake.field && other.text == mistake.text; });
}

}  // namespace

Judgement judge(const Answers& answers) {
  Judgement judgement;
  std::set<std::string> judged;
  for (const auto& screen : screens_of(answers)) {
    for (const auto& field : screen.fields) {
      const auto value = value_of(answers, field);
      auto text = own_mistake(field, value);
      if (text.empty() && field.id == kind_id) text = kind_mistake(answers, value, answers.values.contains(field.id));
      if (text.empty()) continue;
      judged.insert(field.id);
      judgement.mistakes.push_back({field.id, std::move(text)});
    }
  }
  auto found = site_mistakes(answers);
  for (std::size_t i = 0; i < found.mistakes.size(); ++i) {
    // What is missing was said above, at its field.
    if (found.codes[i] == MistakeCode::missing_key && !judged.empty()) continue;
    if (!judged.contains(found.mistakes[i].field)) judgement.mistakes.push_back(std::move(found.mistakes[i]));
  }
  judgement.warnings = std::move(found.warnings);
  return judgement;
}

std::string check_value(const Answers& answers, const Field& field, const std::string& value) {
  if (auto text = own_mistake(field, value); !text.empty()) return text;
  if (field.id == kind_id) return kind_mistake(answers, value, true);
  if (field.kind == FieldKind::secret || value.empty()) return {};
  auto before = answers;
  before.values[field.id] = "";
  auto after = answers;
  after.values[field.id] = value;
  const auto known = site_mistakes(before);
  const auto now = site_mistakes(after);
  for (std::size_t i = 0; i < now.mistakes.size(); ++i) {
    const auto& mistake = now.mistakes[i];
    if (now.codes[i] == MistakeCode::missing_key) continue;
    if (mistake.field == field.id) return mistake.text;
    // Another field may be the one that a message points at when two of them meet.
    if (is_about_two_fields(now.codes[i]) && !is_among(known.mistakes, mistake)) return mistake.text;
  }
  return {};
}

}  // namespace gemel::wizard
