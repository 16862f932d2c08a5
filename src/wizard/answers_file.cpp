#include "wizard/answers_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "site/toml_reader.h"
#include "wizard/form.h"
#include "wizard/form_check.h"
#include "wizard/site_kind.h"
#include "wizard/site_writer.h"

namespace gemel::wizard {
namespace {

constexpr std::string_view kept_section = "kept";

/// Drafts and files from before standalone sites could be asked for.
void take_old_layout(Answers& answers, std::map<std::string, toml::source_position>& places) {
  const auto layout = answers.values.extract("site.layout");
  if (layout.empty() || answers.values.contains(std::string(kind_id))) return;
  const auto& word = layout.mapped();
  answers.values[std::string(kind_id)] = word == "separate" ? std::string(word_of(SiteKind::ha)) : word;
  if (auto place = places.extract("site.layout"); !place.empty()) {
    place.key() = kind_id;
    places.insert(std::move(place));
  }
}

/// An answer as text, whatever kind of value it was written as.
std::optional<std::string> value_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* list = node.as_array()) {
    std::vector<std::string> words;
    for (const auto& part : *list) {
      const auto* word = part.as_string();
      if (word == nullptr) return std::nullopt;
      words.push_back(word->get());
    }
    return join(words, ", ");
  }
  return std::nullopt;
}

/// The file's values with their places.
struct Reading {
  Answers answers;
  std::map<std::string, toml::source_position> places;
  site::Messages mistakes;
};

Reading read(const std::string& text, const std::string& filename) {
  Reading reading;
  site::TomlReader reader(filename);
  const auto document = reader.parse(text);
  if (!document) return {{}, {}, reader.take_mistakes()};
  for (const auto& [section, node] : *document) {
    const auto* table = node.as_table();
    if (table == nullptr) {
      reader.mistake(site::MistakeCode::unknown_key, section.source().begin,
                     fmt::format("\"{}\" stands in no section: write it below its screen, as [site].", section.str()));
      continue;
    }
    for (const auto& [key, value] : *table) {
      const auto id = fmt::format("{}.{}", section.str(), key.str());
      auto answer = value_text(value);
      if (!answer) {
        reader.mistake(site::MistakeCode::wrong_type, value.source().begin,
                       fmt::format("\"{}\" must be a text, a whole number or a list of texts.", id));
      } else if (section.str() == kept_section) {
        reading.answers.kept[std::string(key.str())] = *std::move(answer);
      } else {
        reading.answers.values[id] = *std::move(answer);
        reading.places[id] = key.source().begin;
      }
    }
  }
  take_old_layout(reading.answers, reading.places);
  reading.mistakes = reader.take_mistakes();
  return reading;
}

bool has_sound_kind(const Answers& answers) {
  const auto field = *find_field(answers, kind_id);
  return std::ranges::count(field.choices, value_of(answers, field)) != 0;
}

std::vector<std::string> texts_of(const site::Messages& messages) {
  std::vector<std::string> texts;
  for (const auto& message : messages) texts.push_back(to_string(message));
  return texts;
}

}  // namespace

std::string answers_text(const Answers& answers) {
  std::map<std::string, std::string> sections;
  for (const auto& [id, value] : answers.values) {
    const auto dot = id.find('.');
    // That none was typed is no secret, and need not be asked again.
    if ((id == password_id && !value.empty()) || dot == std::string::npos) continue;
    sections[id.substr(0, dot)] += fmt::format("{} = {}\n", id.substr(dot + 1), toml_string(value));
  }
  for (const auto& [id, value] : answers.kept)
    sections[std::string(kept_section)] += fmt::format("{} = {}\n", toml_string(id), toml_string(value));
  std::string text = "# Answers to gemel wizard; gemel wizard --resume goes on with them. No secret is in here.\n";
  for (const auto& [section, lines] : sections) text += fmt::format("\n[{}]\n{}", section, lines);
  return text;
}

ReadAnswers read_draft(const std::string& text, const std::string& filename) {
  auto reading = read(text, filename);
  return {std::move(reading.answers), texts_of(reading.mistakes)};
}

ReadAnswers read_answers(const std::string& text, const std::string& filename, const RunningKind& running) {
  auto reading = read(text, filename);
  reading.answers.running = running ? running(reading.answers) : std::string();
  std::vector<std::string> ids;
  for (const auto& screen : screens_of(reading.answers)) {
    for (const auto& field : screen.fields) ids.push_back(field.id);
  }
  const std::vector<std::string_view> known(ids.begin(), ids.end());
  const auto note = [&](toml::source_position place, std::string what) {
    reading.mistakes.push_back({filename, place.line, place.column, site::MistakeCode::unknown_key, std::move(what)});
  };
  // With a kind of site that there is not, nobody can say which fields there are.
  const bool is_kind_known = has_sound_kind(reading.answers);
  for (const auto& [id, place] : reading.places) {
    if (is_kind_known && std::ranges::count(ids, id) == 0)
      note(place, fmt::format("there is no field \"{}\" with these answers.{}", id, site::did_you_mean(id, known)));
  }
  std::vector<std::string> missing;
  for (const auto& mistake : judge(reading.answers).mistakes) {
    if (!is_kind_known && mistake.field != kind_id) continue;
    const auto place = reading.places.find(mistake.field);
    if (place != reading.places.end()) {
      note(place->second, fmt::format("{}: {}", mistake.field, mistake.text));
    } else if (mistake.field.empty()) {
      missing.push_back(fmt::format("{}: {}", filename, mistake.text));
    } else {
      missing.push_back(fmt::format("{}: \"{}\" is missing ({}): {}", filename, mistake.field,
                                    place_of(reading.answers, mistake.field), mistake.text));
    }
  }
  std::ranges::sort(reading.mistakes, {}, [](const site::Message& message) {
    return std::tuple(message.line, message.column, message.text);
  });
  auto mistakes = texts_of(reading.mistakes);
  mistakes.insert(mistakes.end(), missing.begin(), missing.end());
  return {std::move(reading.answers), std::move(mistakes)};
}

}  // namespace gemel::wizard
