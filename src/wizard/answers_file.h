// Answers as a file: what `--answers` reads, and the draft that `--resume` goes on with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "wizard/answers.h"

namespace gemel::wizard {

/// The answers as TOML, one section per screen; without the password.
std::string answers_text(const Answers& answers);

struct ReadAnswers {
  Answers answers;
  std::vector<std::string> mistakes;  // "answers.toml:3:1: …", in the order of the file
};

/// Reads what answers_text() writes, or a person: texts, whole numbers, lists of texts. Any text is answered. Fields
/// that the form does not have with these answers are left alone. Pure.
ReadAnswers read_draft(const std::string& text, const std::string& filename);

/// Says what kind of site runs, of the one that the answers name; see Answers::running.
using RunningKind = std::function<std::string(const Answers&)>;

/// The same for a file that must be complete: unknown fields, missing ones and wrong values are all named. `running`
/// says what runs. Pure but for that.
ReadAnswers read_answers(const std::string& text, const std::string& filename, const RunningKind& running = {});

}  // namespace gemel::wizard
