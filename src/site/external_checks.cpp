// What a site file says of an external database, against the rest of it (ADR 0032).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "site/address_keys.h"
#include "site/external_database.h"
#include "site/site_checks.h"

namespace gemel::site {
namespace {

/// A key without meaning where the site has no database host.
struct Unneeded {
  std::string_view section;
  std::string_view key;
  std::string_view reason;
};
constexpr std::string_view no_address =
    "the site has no floating address, because its database is found by its endpoint";
constexpr std::string_view no_copies = "the database's provider keeps the copies";
constexpr std::string_view no_targets = "it is for database hosts";
constexpr std::array<Unneeded, 10> unneeded{{{"network", "vip", no_address},
                                             {"network", "vip6", no_address},
                                             {"network", provider_key, no_address},
                                             {"network", command_key, no_address},
                                             {"network", "service_targets", no_targets},
                                             {"network", "client_addresses", no_targets},
                                             {"database", "program_directory", no_targets},
                                             {"database", "min_copies", no_copies},
                                             {"database", "sync_standbys", no_copies},
                                             {"ports", "postgres", "the port stands in the endpoint"}}};

void refuse(TomlReader& reader, toml::source_position position, std::string_view what, std::string_view reason) {
  reader.mistake(
      MistakeCode::external_database, position,
      fmt::format("{} does not go together with \"endpoint\" in [database]: {}. Leave it out.", what, reason));
}

void refuse_unneeded(TomlReader& reader, const TableView& root, const Draft& draft) {
  for (const auto& each : unneeded) {
    const auto* section = root.table->get_as<toml::table>(each.section);
    const auto* value = section == nullptr ? nullptr : section->get(each.key);
    if (value != nullptr)
      refuse(reader, value->source().begin, fmt::format("\"{}\" in [{}]", each.key, each.section), each.reason);
  }
  for (const auto name : {aws_section, openstack_section}) {
    if (const auto* section = root.table->get(name); section != nullptr)
      refuse(reader, section->source().begin, fmt::format("[{}]", name), no_address);
  }
  for (const auto& host : draft.hosts)
    if (host.vip.is_present()) refuse(reader, host.vip.position, "\"vip\" of a host", no_address);
}

/// Without an endpoint these would be read by nobody.
void refuse_without_endpoint(TomlReader& reader, const Located& value, std::string_view key) {
  if (!value.is_present()) return;
  reader.mistake(MistakeCode::external_database, value.position,
                 fmt::format("\"{}\" is for an external database: give its \"endpoint\" too, as "
                             "\"db.example.org:5432\", or leave it out.",
                             key));
}

/// Pre: there is one.
toml::source_position position_of_endpoint(const TableView& root) {
  return root.table->get_as<toml::table>("database")->get("endpoint")->source().begin;
}

void check_endpoint(TomlReader& reader, const Draft& draft) {
  const auto& text = draft.endpoint.text;
  const auto endpoint = parse_endpoint(text);
  if (!endpoint) {
    reader.mistake(MistakeCode::bad_address, draft.endpoint.position,
                   fmt::format("\"{}\" is no endpoint: write the name that the database's certificate has, and its "
                               "port, as \"db.example.org:5432\".",
                               text));
    return;
  }
  const auto address = parse_address(endpoint->host);
  if (address && address->is_special()) {
    reader.mistake(
        MistakeCode::bad_address, draft.endpoint.position,
        fmt::format("\"{}\" cannot be reached by other hosts: give the database's address in its network.", text));
  }
}

}  // namespace

void check_external_database(TomlReader& reader, const TableView& root, const Draft& draft) {
  if (!draft.is_external()) {
    refuse_without_endpoint(reader, draft.ca, "ca");
    refuse_without_endpoint(reader, draft.password_file, "password_file");
    return;
  }
  if (draft.endpoint.is_present()) check_endpoint(reader, draft);
  for (const auto* value : {&draft.ca, &draft.password_file}) {
    if (value->is_present() && value->text.empty())
      reader.mistake(MistakeCode::out_of_range, value->position, "an empty path: name a file.");
  }
  if (!draft.password_file.is_present() && !reader.is_partial()) {
    reader.mistake(MistakeCode::missing_key, position_of_endpoint(root),
                   "\"endpoint\" needs \"password_file\" beside it: a file of mode 600 with the password of the "
                   "managers' user, as the provider has it. It never stands in the site file itself.");
  }
  refuse_unneeded(reader, root, draft);
}

bool refuse_database_roles(TomlReader& reader, const Draft& draft) {
  bool is_refused = false;
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    if (role == nullptr || !role->concepts.database) continue;
    is_refused = true;
    reader.mistake(
        MistakeCode::role_not_available, host.role.position,
        role->concepts.manager
            ? fmt::format("the role {} has a database, and \"endpoint\" in [database] names another one: use "
                          "CCM_SA_PRIMARY, CCM_SA_SECONDARY and CCM_LB, or CCM_SA alone.",
                          role->name)
            : fmt::format("{} is a database, and \"endpoint\" in [database] names another one: take the host "
                          "out of the site file, or leave the endpoint out.",
                          role->name));
  }
  return is_refused;
}

}  // namespace gemel::site
