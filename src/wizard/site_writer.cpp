#include "wizard/site_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "site/site.h"
#include "wizard/form.h"
#include "wizard/site_reader.h"

namespace gemel::wizard {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(
             text, [](char letter) { return letter >= '0' && letter <= '9'; }) &&
         (text == "0" || text.front() != '0');
}

std::string toml_list(const std::string& text) {
  std::vector<std::string> words;
  for (const auto& part : split(text, ',')) {
    if (!trim(part).empty()) words.push_back(toml_string(std::string(trim(part))));
  }
  return "[" + join(words, ", ") + "]";
}

class Writer {
 public:
  explicit Writer(const Answers& answers) : answers_(answers) {
    for (const auto& screen : screens_of(answers)) {
      for (const auto& field : screen.fields) {
        values_[field.id] = value_of(answers, field);
        standards_[field.id] = field.standard;
      }
    }
    for (const auto id : unasked_of_every_kind) {
      const auto answered = answers.values.find(std::string(id));
      if (values_.contains(std::string(id)) || answered == answers.values.end()) continue;
      values_[std::string(id)] = answered->second;
      standards_[std::string(id)] = find_field({}, id)->standard;
    }
  }

  void line(const std::string& text, const std::string& field = {}) {
    result_.text += text + "\n";
    ++lines_;
    if (!field.empty()) result_.fields[lines_] = field;
  }
  /// A section gets its heading when its first key comes.
  void section(const std::string& heading) {
    heading_ = heading;
    is_open_ = false;
  }
  void key(const std::string& name, const std::string& value, const std::string& field = {}) {
    if (!is_open_) {
      if (lines_ > 0) line("");
      line(heading_);
      is_open_ = true;
    }
    line(name + " = " + value, field);
  }
  void text(const std::string& name, const std::string& field) {
    const auto found = values_.find(field);  // missing: not asked of this kind of site
    if (found != values_.end() && !found->second.empty()) key(name, toml_string(found->second), field);
  }
  /// Only when it is not the default: a site file says what is special about the site.
  void text_unless_standard(const std::string& name, const std::string& field) {
    const auto found = values_.find(field);
    if (found != values_.end() && found->second != standards_.at(field)) text(name, field);
  }
  void number(const std::string& name, const std::string& field) {
    const auto& value = values_.at(field);
    if (!value.empty()) key(name, is_number(value) ? value : toml_string(value), field);
  }
  void number_unless_standard(const std::string& name, const std::string& field) {
    const auto found = values_.find(field);
    if (found != values_.end() && found->second != standards_.at(field)) number(name, field);
  }
  void kept(const std::string& section) {
    for (const auto& [name, value] : answers_.kept) {
      if (name.starts_with(section + ".") && is_kept_of_use(answers_, name))
        key(name.substr(section.size() + 1), value);
    }
  }
  [[nodiscard]] const std::string& value(const std::string& field) const { return values_.at(field); }
  SiteText take() { return std::move(result_); }

 private:
  const Answers& answers_;
  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> standards_;
  SiteText result_;
  unsigned lines_ = 0;
  std::string heading_;
  bool is_open_ = false;
};

void write_settings(Writer& writer) {
  writer.section("[site]");
  writer.text("name", "site.name");
  writer.text("dns_name", "ha.dns_name");
  writer.kept("site");
  writer.section("[network]");
  if (const auto& subnets = writer.value("network.subnets"); !subnets.empty())
    writer.key("subnets", toml_list(subnets), "network.subnets");
  writer.text("interface", "network.interface");
  writer.text("vip", "database.address");
  writer.text("vip6", "database.address6");
  writer.text_unless_standard("address_provider", std::string(provider_id));
  writer.text("address_command", "address.command");
  writer.kept("network");
  writer.section("[database]");
  writer.text("user", "database.user");
  writer.text("name", "database.name");
  writer.number_unless_standard("min_copies", "database.min_copies");
  writer.number_unless_standard("sync_standbys", "database.sync_standbys");
  writer.kept("database");
  writer.section("[timers]");
  writer.text_unless_standard("profile", "network.timers");
  writer.kept("timers");
  writer.section("[ports]");
  writer.number_unless_standard("https", "balancer.https_port");
  writer.number_unless_standard("orchestrators", "balancer.orchestrators_port");
  writer.number_unless_standard("statistics", "balancer.statistics_port");
  writer.kept("ports");
  writer.section("[certificates]");
  for (const auto* key : {"certificate", "key", "authority"}) writer.text(key, std::string(certificate_fields) + key);
  for (const auto* section : {"aws", "openstack"}) {
    writer.section(fmt::format("[{}]", section));
    for (const auto* key : {"auth_url", "application_credential_id"}) {
      if (section == std::string_view("openstack")) writer.text(key, fmt::format("openstack.{}", key));
    }
    writer.kept(section);
  }
}

}  // namespace

bool is_kept_of_use(const Answers& answers, std::string_view key) {
  const auto section = key.substr(0, key.find('.'));
  if (section != "aws" && section != "openstack") return true;
  const auto provider = find_field(answers, provider_id);
  return provider && value_of(answers, *provider) == section;
}

std::string toml_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      quoted += '\\';
      quoted += letter;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
    } else {
      quoted += letter;
    }
  }
  return quoted + "\"";
}

SiteText write_site(const Answers& answers) {
  Writer writer(answers);
  write_settings(writer);
  for (const auto& host : hosts_of(answers)) {
    writer.section("[[host]]");
    writer.text("name", host.id + ".name");
    writer.key("role", toml_string(host.role));
    writer.text("address", host.address_id);
    writer.text("address6", host.id + ".address6");
    writer.text("zone", host.id + ".zone");
  }
  return writer.take();
}

AnswersOrMistakes answers_of_site(const std::string& text, const std::string& filename) {
  auto parsed = site::parse_site(text, filename);
  if (!parsed.site) return {{}, std::move(parsed.mistakes)};
  if (parsed.site->database.external) {
    return {
        {},
        {{filename, 1, 1, site::MistakeCode::external_database,
          "the wizard does not know sites with an external database: edit the file, then \"gemel plan\" and \"gemel "
          "apply\"."}}};
  }
  auto answers = answers_of(*parsed.site);
  answers.kept = kept_keys(text, filename);
  if (const auto profile = answers.kept.extract("timers.profile"); !profile.empty())
    answers.values["network.timers"] = std::string(trim(split(profile.mapped(), '"').at(1)));
  // The order of hosts of one kind decides about votes: what cannot be written as it is must not be changed silently.
  const auto again = site::parse_site(write_site(answers).text, filename);
  const auto by_name = [](std::vector<site::Host> hosts) {
    std::ranges::sort(hosts, {}, &site::Host::name);
    return hosts;
  };
  if (!again.site || by_name(again.site->hosts) != by_name(parsed.site->hosts)) {
    return {
        {},
        {{filename, 1, 1, site::MistakeCode::out_of_range,
          "the wizard cannot describe this site as it is (the order of its hosts, or their number): edit the file."}}};
  }
  return {std::move(answers), {}};
}

}  // namespace gemel::wizard
