// From answers to the text of a site file, exactly what `gemel apply` reads, and from a site file back to answers.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "site/message.h"
#include "wizard/answers.h"

namespace gemel::wizard {

struct SiteText {
  std::string text;
  std::map<unsigned, std::string> fields;  // line (from 1) to the id of the field it was made from
};

/// The site file of these answers. Total: what is not answered has its default or is left out, and
/// site::parse_site() says what is wrong. Never holds the password. Pure.
SiteText write_site(const Answers& answers);

/// Whether a kept key is written: those of a cloud that does not move the floating address are not. Pure.
bool is_kept_of_use(const Answers& answers, std::string_view key);

/// A text as a TOML string, whatever it holds.
std::string toml_string(const std::string& text);

/// Exactly one of the two holds something.
struct AnswersOrMistakes {
  Answers answers;
  site::Messages mistakes;
};
/// The answers from which write_site() makes the same site again; keys that the form does not ask for are kept. A file
/// with mistakes gives these; so does a site that the form cannot describe. Comments are not kept. Pure.
AnswersOrMistakes answers_of_site(const std::string& text, const std::string& filename);

}  // namespace gemel::wizard
