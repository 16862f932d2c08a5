#include "site/address_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>

#include "site/web_url.h"

namespace gemel::site {
namespace {

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [&](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || others.contains(letter);
  });
}

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

std::string line(std::string_view key, const std::string& text) { return fmt::format("{} = {}\n", key, quoted(text)); }

std::string line_unless(std::string_view key, const std::string& text, std::string_view standard) {
  return text == standard ? std::string() : line(key, text);
}

/// One section, key by key: a value that is not sound is noted and its default stays.
class Section {
 public:
  Section(TomlReader& reader, TableView view) : reader_(reader), view_(std::move(view)) {}

  void refuse(std::string_view key, const std::string& value, std::string_view rule) {
    reader_.mistake(MistakeCode::bad_name, TomlReader::position_of(view_, key),
                    fmt::format("{} \"{}\": \"{}\" {}", view_.name, key, value, rule));
  }
  void word(std::string_view key, std::string& into, std::string_view rule, Need need = Need::optional) {
    const auto value = reader_.string(view_, key, need);
    if (!value) return;
    if (!is_word(*value, "-_")) return refuse(key, *value, rule);
    into = *value;
  }
  void prefixed(std::string_view key, std::string& into, std::string_view prefix, std::string_view what) {
    const auto value = reader_.string(view_, key, Need::optional);
    if (!value) return;
    if (!is_named(*value, prefix))
      return refuse(key, *value, fmt::format("must be {}, as \"{}0a1b2c\".", what, prefix));
    into = *value;
  }
  void path(std::string_view key, std::filesystem::path& into) {
    const auto value = reader_.string(view_, key, Need::optional);
    if (!value) return;
    if (!value->starts_with('/')) return refuse(key, *value, "must be an absolute path.");
    into = *value;
  }
  /// Passwords and keys go there: TLS, but on this machine.
  void secure_url(std::string_view key, std::string& into, Need need) {
    const auto value = reader_.string(view_, key, need);
    if (!value) return;
    const auto url = parse_web_url(*value);
    if (!url || !(url->is_tls || url->is_loopback()))
      return refuse(key, *value, "must begin with https:// and name a host.");
    into = *value;
  }
  void plain_url(std::string_view key, std::string& into) {
    const auto value = reader_.string(view_, key, Need::optional);
    if (!value) return;
    const auto url = parse_web_url(*value);
    if (!url || url->is_tls) return refuse(key, *value, "must begin with http:// and name a host.");
    into = *value;
  }
  void list(std::string_view key, std::vector<std::string>& into, std::string_view prefix, std::string_view what) {
    const auto* values = reader_.array(view_, key, Need::optional);
    if (values == nullptr) return;
    for (const auto& node : *values) {
      const auto value = node.value_or(std::string());
      if (is_named(value, prefix)) {
        into.push_back(value);
      } else {
        reader_.mistake(
            MistakeCode::bad_name, node.source().begin,
            fmt::format("{} \"{}\" must be a list of {}, as [\"{}0a1b2c\"].", view_.name, key, what, prefix));
      }
    }
  }
  void refuse_unknown_keys(std::string_view section) { reader_.refuse_unknown_keys(view_, keys_of_section(section)); }

 private:
  static bool is_named(const std::string& value, std::string_view prefix) {
    return value.starts_with(prefix) && is_word(std::string_view(value).substr(prefix.size()), "");
  }
  TomlReader& reader_;
  TableView view_;
};

void read_aws(Section section, AwsSettings& aws) {
  section.refuse_unknown_keys(aws_section);
  section.word("region", aws.region, "is no name of a region: leave it out for the instance's own.");
  section.list("route_tables", aws.route_tables, "rtb-", "ids of route tables");
  section.prefixed("elastic_ip", aws.elastic_ip, "eipalloc-", "the allocation id of an Elastic IP");
  section.secure_url("endpoint", aws.endpoint, Need::optional);
  section.plain_url("metadata", aws.metadata);
  section.path("ca", aws.ca);
}

void read_openstack(Section section, OpenStackSettings& openstack) {
  section.refuse_unknown_keys(openstack_section);
  section.secure_url("auth_url", openstack.auth_url, Need::required);
  section.word("application_credential_id", openstack.application_credential_id, "is no id.", Need::required);
  section.path("secret_file", openstack.secret_file);
  section.word("region", openstack.region, "is no name of a region: leave it out for the catalogue's first.");
  section.word("interface", openstack.interface, "is no kind of endpoint.");
  if (std::ranges::find(endpoint_interfaces, openstack.interface) == endpoint_interfaces.end())
    section.refuse("interface", openstack.interface, "must be \"public\", \"internal\" or \"admin\".");
  section.word("floating_ip", openstack.floating_ip, "is no id of a floating IP (its UUID, not its address).");
  section.path("ca", openstack.ca);
}

std::optional<AddressProvider> read_provider(TomlReader& reader, const TableView& network) {
  const auto name = reader.string(network, provider_key, Need::optional);
  if (!name) return std::nullopt;
  std::vector<std::string_view> names;
  for (const auto provider : address_providers) {
    if (to_string(provider) == *name) return provider;
    names.push_back(to_string(provider));
  }
  reader.mistake(MistakeCode::out_of_range, TomlReader::position_of(network, provider_key),
                 fmt::format("there is no address provider \"{}\".{} Known: {}.", *name, did_you_mean(*name, names),
                             fmt::join(names, ", ")));
  return std::nullopt;
}

/// A section that nobody reads was meant for something.
void refuse_unused(TomlReader& reader, const TableView& root, std::string_view section, std::string_view provider) {
  const auto view = reader.table(root, section, Need::optional);
  if (!view) return;
  reader.mistake(MistakeCode::unknown_key, view->position,
                 fmt::format("[{}] has no effect: give \"{}\" = \"{}\" in [network], or remove the section.", section,
                             provider_key, provider));
}

}  // namespace

std::string_view to_string(AddressProvider provider) {
  switch (provider) {
    case AddressProvider::layer2:
      return "layer2";
    case AddressProvider::command:
      return "command";
    case AddressProvider::aws:
      return "aws";
    case AddressProvider::openstack:
      return "openstack";
  }
  return "";
}

std::filesystem::path AddressSettings::program() const {
  switch (provider) {
    case AddressProvider::layer2:
      return {};
    case AddressProvider::command:
      return command;
    case AddressProvider::aws:
    case AddressProvider::openstack:
      return address_program;
  }
  return {};
}

AddressSettings read_address_settings(TomlReader& reader, const TableView& root, const TableView& network) {
  AddressSettings settings;
  const auto command = reader.string(network, command_key, Need::optional);
  const auto provider = read_provider(reader, network);
  // Site files from before there were providers have the command alone.
  settings.provider = provider.value_or(command ? AddressProvider::command : AddressProvider::layer2);
  if (command && settings.provider == AddressProvider::command) {
    settings.command = *command;
    if (!command->starts_with('/')) {
      reader.mistake(MistakeCode::bad_name, TomlReader::position_of(network, command_key),
                     fmt::format("\"{}\" must be the absolute path of a program on the database hosts.", *command));
    }
  } else if (command) {
    reader.mistake(MistakeCode::unknown_key, TomlReader::position_of(network, command_key),
                   fmt::format("\"{}\" has no effect with \"{}\" = \"{}\": remove one of the two.", command_key,
                               provider_key, to_string(settings.provider)));
  } else if (settings.provider == AddressProvider::command) {
    reader.mistake(MistakeCode::missing_key, TomlReader::position_of(network, provider_key),
                   fmt::format("\"{}\" = \"command\" needs \"{}\": the absolute path of a program on the database "
                               "hosts.",
                               provider_key, command_key));
  }
  if (settings.provider != AddressProvider::aws) {
    refuse_unused(reader, root, aws_section, to_string(AddressProvider::aws));
  } else if (auto view = reader.table(root, aws_section, Need::optional)) {
    read_aws(Section(reader, *std::move(view)), settings.aws);
  }
  if (settings.provider != AddressProvider::openstack) {
    refuse_unused(reader, root, openstack_section, to_string(AddressProvider::openstack));
  } else if (auto view = reader.table(root, openstack_section, Need::required)) {
    read_openstack(Section(reader, *std::move(view)), settings.openstack);
  }
  return settings;
}

std::string address_lines(const AddressSettings& settings) {
  if (settings.provider == AddressProvider::layer2) return "";
  auto text = line(provider_key, std::string(to_string(settings.provider)));
  if (settings.provider == AddressProvider::command) text += line(command_key, settings.command.string());
  return text;
}

std::string address_section(const AddressSettings& settings) {
  if (settings.provider == AddressProvider::aws) {
    const auto& aws = settings.aws;
    const AwsSettings standard;
    auto text = fmt::format("\n[{}]\n", aws_section) + line_unless("region", aws.region, "");
    if (!aws.route_tables.empty()) {
      std::vector<std::string> tables;
      for (const auto& table : aws.route_tables) tables.push_back(quoted(table));
      text += fmt::format("route_tables = [{}]\n", fmt::join(tables, ", "));
    }
    return text + line_unless("elastic_ip", aws.elastic_ip, "") + line_unless("endpoint", aws.endpoint, "") +
           line_unless("metadata", aws.metadata, standard.metadata) +
           line_unless("ca", aws.ca.string(), standard.ca.string());
  }
  if (settings.provider != AddressProvider::openstack) return "";
  const auto& openstack = settings.openstack;
  const OpenStackSettings standard;
  return fmt::format("\n[{}]\n", openstack_section) + line("auth_url", openstack.auth_url) +
         line("application_credential_id", openstack.application_credential_id) +
         line_unless("secret_file", openstack.secret_file.string(), standard.secret_file.string()) +
         line_unless("region", openstack.region, "") +
         line_unless("interface", openstack.interface, standard.interface) +
         line_unless("floating_ip", openstack.floating_ip, "") +
         line_unless("ca", openstack.ca.string(), standard.ca.string());
}

}  // namespace gemel::site
