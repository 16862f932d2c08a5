// What is wrong with answers: one of them as soon as it is given, and all of them together. The rules of a site are
// src/site's own: the answers are written as a site file and its mistakes are brought back to the fields.
#pragma once

#include <string>
#include <vector>

#include "wizard/form.h"

namespace gemel::wizard {

struct FieldMistake {
  std::string field;  // id; empty: about the answers as a whole
  std::string text;   // what is wrong and how to mend it
};

struct Judgement {
  std::vector<FieldMistake> mistakes;  // in the order of the form
  std::vector<FieldMistake> warnings;
};

/// Everything that is wrong with these answers. Empty `mistakes`: write_site() gives a site without a mistake. Pure.
Judgement judge(const Answers& answers);

/// What is wrong with `value` as the answer of `field`, beside the other answers; empty when it can be taken. What
/// is not answered yet is no mistake. Pure.
std::string check_value(const Answers& answers, const Field& field, const std::string& value);

}  // namespace gemel::wizard
