// Writers over Boost.JSON's tree.
#include "cli/document.h"

#include <boost/json.hpp>

namespace gemel::cli {
namespace {

using boost::json::value;

bool is_flat(const value& node) {
  return !(node.is_array() && !node.get_array().empty()) && !(node.is_object() && !node.get_object().empty());
}

void write_json(const value& node, const std::string& indent, std::string& text) {
  if (is_flat(node)) {
    text += boost::json::serialize(node);
    return;
  }
  const std::string inner = indent + "  ";
  const bool is_array = node.is_array();
  text += is_array ? "[\n" : "{\n";
  bool is_first = true;
  const auto begin_item = [&] {
    if (!is_first) text += ",\n";
    is_first = false;
    text += inner;
  };
  if (is_array) {
    for (const auto& item : node.get_array()) begin_item(), write_json(item, inner, text);
  } else {
    for (const auto& [key, item] : node.get_object()) {
      begin_item();
      text += boost::json::serialize(key) + ": ";
      write_json(item, inner, text);
    }
  }
  text += "\n" + indent + (is_array ? "]" : "}");
}

/// Writes `node` after a key or dash that is already in `text`.
void write_yaml(const value& node, const std::string& indent, bool is_after_dash, std::string& text) {
  if (is_flat(node)) {
    text += " " + boost::json::serialize(node) + "\n";  // JSON scalars are YAML flow scalars
    return;
  }
  bool is_inline = is_after_dash;
  if (!is_inline) text += "\n";
  if (node.is_array()) {
    for (const auto& item : node.get_array()) {
      text += (is_inline ? " " : indent) + "-";
      is_inline = false;
      write_yaml(item, indent + "  ", true, text);
    }
    return;
  }
  for (const auto& [key, item] : node.get_object()) {
    text += (is_inline ? " " : indent) + std::string(key) + ":";
    is_inline = false;
    write_yaml(item, indent + "  ", false, text);
  }
}

}  // namespace

std::string pretty_json(const std::string& json) {
  boost::system::error_code error;
  const auto node = boost::json::parse(json, error);
  if (error) return json;
  std::string text;
  write_json(node, "", text);
  return text + "\n";
}

std::string to_yaml(const std::string& json) {
  boost::system::error_code error;
  const auto node = boost::json::parse(json, error);
  if (error) return json;
  if (is_flat(node)) return boost::json::serialize(node) + "\n";
  std::string text;
  write_yaml(node, "", false, text);
  return text.substr(1);  // the line break before the first key
}

}  // namespace gemel::cli
