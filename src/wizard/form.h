// The form: ordered screens of fields, as they are with the answers given so far. Pure, and without any terminal: the
// line by line dialogue, the screens and the answers file are three ways to fill it in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wizard/answers.h"

namespace gemel::wizard {

/// The id of the field that asks who moves the floating address.
inline constexpr std::string_view provider_id = "address.provider";

enum class FieldKind : unsigned char { text, number, choice, secret };

struct Field {
  std::string id;        // "ha.dns_name": section and key of an answers file
  std::string label;     // the mission's words where it has some
  std::string help;      // a line or two
  std::string standard;  // the default; empty: none
  FieldKind kind = FieldKind::text;
  bool is_optional = false;  // may be left empty
  std::vector<std::string> choices = {};
  std::vector<std::string> choice_texts = {};  // what each choice means, for people; none: the choices speak
  unsigned lowest = 0, highest = 0;            // number
};

struct Screen {
  std::string id;
  std::string title;
  std::string text;           // above the fields; may be empty
  std::vector<Field> fields;  // none: something to read
};

/// A host of the site that the form asks for. `id` begins the ids of its fields: "database1.name".
struct FormHost {
  std::string id;
  std::string role;
  std::string address_id;  // the managers' addresses are fields of the HA screen
};

/// The hosts, as many as the answers say, in the order of the site file.
std::vector<FormHost> hosts_of(const Answers& answers);
/// The screens with the fields that these answers call for.
std::vector<Screen> screens_of(const Answers& answers);
/// The answer, else the field's default, else nothing.
std::string value_of(const Answers& answers, const Field& field);
/// The field of that id among those that these answers call for.
std::optional<Field> find_field(const Answers& answers, std::string_view id);
/// "HA: Mgmtserver DNS Name", for messages; the id itself when there is no such field.
std::string place_of(const Answers& answers, std::string_view id);

}  // namespace gemel::wizard
