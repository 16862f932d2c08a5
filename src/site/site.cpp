// Reads a site file: first every value by itself, then what they mean together (site_checks.cpp).
#include "site/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/check.h"
#include "site/address_keys.h"
#include "site/external_database.h"
#include "site/network_address.h"
#include "site/role_table.h"
#include "site/site_checks.h"
#include "site/toml_reader.h"
#include "site/toml_tables.h"

namespace gemel::site {
namespace {

Located read(TomlReader& reader, const TableView& view, std::string_view key, Need need) {
  const auto text = reader.string(view, key, need);
  if (!text) return {};
  return {*text, TomlReader::position_of(view, key)};
}

void read_site_section(TomlReader& reader, const TableView& root, Draft& draft) {
  auto view = reader.table(root, "site", Need::required);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("site"));
  draft.name = read(reader, *view, "name", Need::required);
  draft.id = read(reader, *view, "id", Need::optional);
  draft.dns_name = read(reader, *view, "dns_name", Need::required);
}

/// A list of texts under `key`; nullopt when there is none.
std::optional<std::vector<Located>> read_texts(TomlReader& reader, const TableView& view, std::string_view key,
                                               std::string_view example) {
  const auto* values = reader.array(view, key, Need::optional);
  if (values == nullptr) return std::nullopt;
  std::vector<Located> list;
  for (const auto& node : *values) {
    if (const auto* text = node.as_string()) {
      list.push_back({text->get(), node.source().begin});
    } else {
      reader.mistake(MistakeCode::wrong_type, node.source().begin,
                     fmt::format("\"{}\" must be a list of addresses, as [\"{}\"].", key, example));
    }
  }
  return list;
}

void read_network_section(TomlReader& reader, const TableView& root, Draft& draft) {
  auto view = reader.table(root, "network", Need::required);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("network"));
  draft.network_position = view->position;
  draft.interface = read(reader, *view, "interface", Need::optional);
  draft.vip = read(reader, *view, "vip", Need::optional);
  draft.vip6 = read(reader, *view, "vip6", Need::optional);
  draft.address = read_address_settings(reader, root, *view);
  for (const auto key : {provider_key, command_key}) {
    if (view->table->contains(key)) draft.address_position = TomlReader::position_of(*view, key);
  }
  draft.service_targets = read_texts(reader, *view, "service_targets", "10.0.0.1");
  draft.client_addresses =
      read_texts(reader, *view, "client_addresses", "198.51.100.7").value_or(std::vector<Located>{});
  const auto* subnets = reader.array(*view, "subnets", Need::required);
  if (subnets == nullptr) return;
  for (const auto& node : *subnets) {
    if (const auto* text = node.as_string()) {
      draft.subnets.push_back({text->get(), node.source().begin});
    } else {
      reader.mistake(MistakeCode::wrong_type, node.source().begin,
                     "\"subnets\" must be a list of texts, as [\"10.0.0.0/24\"].");
    }
  }
  if (subnets->empty()) {
    reader.mistake(MistakeCode::missing_key, TomlReader::position_of(*view, "subnets"),
                   "\"subnets\" is empty: give at least the network of the hosts, as [\"10.0.0.0/24\"].");
  }
}

/// How many copies of the data there must be.
struct Copies {
  unsigned least = 1;     // min_copies
  unsigned standbys = 1;  // sync_standbys
};

void read_database_section(TomlReader& reader, const TableView& root, Draft& draft, Copies& copies) {
  auto view = reader.table(root, "database", Need::optional);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("database"));
  draft.user = read(reader, *view, "user", Need::optional);
  draft.database = read(reader, *view, "name", Need::optional);
  draft.has_endpoint = view->table->contains("endpoint");
  draft.endpoint = read(reader, *view, "endpoint", Need::optional);
  draft.ca = read(reader, *view, "ca", Need::optional);
  draft.password_file = read(reader, *view, "password_file", Need::optional);
  draft.program_directory = read(reader, *view, "program_directory", Need::optional);
  const auto least = reader.integer(*view, "min_copies", copies_range, Need::optional);
  if (least) copies.least = static_cast<unsigned>(*least);
  const auto standbys = reader.integer(*view, "sync_standbys", copies_range, Need::optional);
  if (standbys) copies.standbys = static_cast<unsigned>(*standbys);
}

/// A certificate is of no use without its key. Whether the files are any good, whoever uses them looks at.
void check_certificates(TomlReader& reader, const TableView& view, const Draft& draft) {
  const auto has = [&](const Located& value) { return value.is_present() && !value.text.empty(); };
  for (const auto* value : {&draft.certificate, &draft.certificate_key, &draft.certificate_authority}) {
    if (value->is_present() && value->text.empty())
      reader.mistake(MistakeCode::out_of_range, value->position, "an empty path: name a file, or leave the key out.");
  }
  if (has(draft.certificate) && has(draft.certificate_key)) return;
  const auto& present = has(draft.certificate)       ? draft.certificate
                        : has(draft.certificate_key) ? draft.certificate_key
                                                     : draft.certificate_authority;
  reader.mistake(MistakeCode::missing_key, present.is_present() ? present.position : view.position,
                 fmt::format("[certificates]: \"{}\" is missing: give both \"certificate\" and \"key\", or leave the "
                             "section out; then the site's own authority makes one.",
                             has(draft.certificate) ? "key" : "certificate"));
}

void read_certificates_section(TomlReader& reader, const TableView& root, Draft& draft) {
  auto view = reader.table(root, "certificates", Need::optional);
  if (!view) return;
  reader.refuse_unknown_keys(*view, keys_of_section("certificates"));
  draft.certificate = read(reader, *view, "certificate", Need::optional);
  draft.certificate_key = read(reader, *view, "key", Need::optional);
  draft.certificate_authority = read(reader, *view, "authority", Need::optional);
  check_certificates(reader, *view, draft);
}

/// False when there is no list of hosts to check.
bool read_hosts(TomlReader& reader, const TableView& root, Draft& draft) {
  const auto* list = reader.array(root, "host", Need::required);
  if (list == nullptr) return false;
  for (const auto& node : *list) {
    if (!node.is_table()) {
      reader.mistake(MistakeCode::wrong_type, node.source().begin, "\"host\" must be sections [[host]].");
      return false;
    }
    TableView view{node.as_table(), fmt::format("[[host]] {}", draft.hosts.size() + 1), node.source().begin};
    reader.refuse_unknown_keys(view, keys_of_section("host"));
    DraftHost host;
    host.position = view.position;
    host.name = read(reader, view, "name", Need::required);
    if (host.name.is_present()) view.name = fmt::format("host \"{}\"", host.name.text);
    host.role = read(reader, view, "role", Need::required);
    host.address = read(reader, view, "address", Need::required);
    host.address6 = read(reader, view, "address6", Need::optional);
    host.zone = read(reader, view, "zone", Need::optional);
    host.vip = read(reader, view, "vip", Need::optional);
    draft.hosts.push_back(std::move(host));
  }
  if (!draft.hosts.empty()) draft.hosts_position = draft.hosts.front().position;
  return true;
}

/// Its hosts are manager and balancer at once.
bool is_compact(const Draft& draft) {
  return std::any_of(draft.hosts.begin(), draft.hosts.end(), [](const DraftHost& host) {
    return host.role.text == role_all || host.role.text == role_one_host;
  });
}

/// In a compact site two programs of one host must not share a port; elsewhere managers and balancers may.
void check_ports(TomlReader& reader, const TableView& root, const Ports& ports, bool compact) {
  const auto view = reader.table(root, "ports", Need::optional);
  if (!view) return;
  std::map<std::uint16_t, std::string_view> users;
  for (const auto& key : port_keys) {
    const bool is_managers = key.name.starts_with("manager_");
    if (is_managers && !compact) continue;
    const auto [first, is_new] = users.emplace(ports.*key.member, key.name);
    if (is_new) continue;
    reader.mistake(MistakeCode::out_of_range, TomlReader::position_of(*view, key.name),
                   fmt::format("[ports]: \"{}\" and \"{}\" are both {}: give each a port of its own.", first->second,
                               key.name, first->first));
  }
}

void check_copies(TomlReader& reader, const TableView& root, const Draft& draft, Copies copies) {
  const auto databases = std::count_if(draft.hosts.begin(), draft.hosts.end(), [](const DraftHost& host) {
    const auto* role = find_role(host.role.text);
    return role != nullptr && role->concepts.database;
  });
  const auto refuse = [&](std::string_view key, const std::string& text) {
    const auto view = reader.table(root, "database", Need::optional);
    reader.mistake(MistakeCode::out_of_range, TomlReader::position_of(*view, key), text);
  };
  if (copies.least > 1 && static_cast<std::ptrdiff_t>(copies.least) > databases) {
    refuse("min_copies",
           fmt::format("\"min_copies\" is {}, but the site has {} database hosts: it could never be written to.",
                       copies.least, databases));
  } else if (copies.least > copies.standbys + 1) {
    refuse("min_copies",
           fmt::format("\"min_copies\" is {}, but with \"sync_standbys\" = {} there are never more than {} "
                       "copies that hold every write: raise \"sync_standbys\".",
                       copies.least, copies.standbys, copies.standbys + 1));
  }
  if (copies.standbys > 1 && static_cast<std::ptrdiff_t>(copies.standbys) >= databases) {
    refuse("sync_standbys",
           fmt::format("\"sync_standbys\" is {}, but the site has {} database hosts: at most {} can be standbys.",
                       copies.standbys, databases, std::max<std::ptrdiff_t>(databases - 1, 1)));
  }
}

std::optional<FloatingAddress> floating(const Located& value, const std::vector<std::string>& subnets) {
  if (!value.is_present()) return std::nullopt;
  const auto address = parse_address(value.text);
  for (const auto& text : subnets) {
    const auto subnet = parse_subnet(text);
    if (subnet->contains(*address)) return FloatingAddress{value.text, static_cast<std::uint8_t>(subnet->length)};
  }
  // Of no network of the site: a cloud leads to it (check_addresses has seen that one does).
  return FloatingAddress{value.text, static_cast<std::uint8_t>(address->bits())};
}

/// Who asks the database, and through whom: when most of them are out of reach, a primary is of no use.
std::vector<std::string> service_side(const std::vector<Host>& hosts) {
  std::vector<std::string> addresses;
  for (const auto& host : hosts) {
    if (host.concepts.manager || host.concepts.balancer) addresses.push_back(host.address);
  }
  return addresses;
}

std::optional<OwnCertificateFiles> own_certificate(const Draft& draft, const std::filesystem::path& directory) {
  if (!draft.certificate.is_present()) return std::nullopt;
  const auto place = [&](const Located& value) {
    return value.is_present() ? (directory / value.text).lexically_normal() : std::filesystem::path();
  };
  return OwnCertificateFiles{place(draft.certificate), place(draft.certificate_key),
                             place(draft.certificate_authority)};
}

/// Pre: the draft has no mistake.
void add_external_database(const Draft& draft, const std::filesystem::path& directory, Site& site) {
  if (!draft.is_external()) return;
  const auto place = [&](const Located& value) {
    return value.is_present() ? (directory / value.text).lexically_normal() : std::filesystem::path();
  };
  site.external_files = ExternalDatabaseFiles{place(draft.ca), place(draft.password_file)};
  site.database.external = parse_endpoint(draft.endpoint.text);
  site.database.external->ca = draft.ca.is_present() ? external_ca_file : system_ca_file;
}

/// Pre: the draft has no mistake.
Site to_site(const Draft& draft, core::Timers timers, Ports ports, Copies copies) {
  Site site;
  site.name = draft.name.text;
  site.id = draft.id.text;
  site.dns_name = draft.dns_name.text;
  for (const auto& subnet : draft.subnets) site.subnets.push_back(subnet.text);
  if (draft.interface.is_present()) site.interface = draft.interface.text;
  site.vip = floating(draft.vip, site.subnets);
  site.vip6 = floating(draft.vip6, site.subnets);
  site.address = draft.address;
  for (const auto& client : draft.client_addresses) site.client_addresses.push_back(client.text);
  if (draft.user.is_present()) site.database.application_user = draft.user.text;
  if (draft.database.is_present()) site.database.database_name = draft.database.text;
  if (draft.program_directory.is_present()) site.database.program_directory = draft.program_directory.text;
  site.timers = timers;
  site.min_copies = copies.least;
  site.sync_standbys = copies.standbys;
  site.ports = ports;
  for (const auto& entry : draft.hosts) {
    const auto* role = find_role(entry.role.text);
    GEMEL_CHECK(role != nullptr);
    site.hosts.push_back({entry.name.text, entry.role.text, role->concepts, entry.address.text, entry.address6.text,
                          entry.zone.text, entry.vip.text});
  }
  if (!draft.is_external()) assign_voters(site.hosts);  // without a store nobody votes
  site.is_direct = std::ranges::none_of(site.hosts, [](const Host& host) { return host.concepts.balancer; });
  for (const auto& target : draft.service_targets.value_or(std::vector<Located>{}))
    site.service_targets.push_back(target.text);
  if (!draft.service_targets && !draft.is_external()) site.service_targets = service_side(site.hosts);
  return site;
}

}  // namespace

SiteOrMistakes parse_site(const std::string& text, const std::string& filename) {
  TomlReader reader(filename);
  SiteOrMistakes outcome;
  const auto document = reader.parse(text);
  if (document) {
    TableView root{&*document, "the site file", {1, 1}};
    Draft draft;
    core::Timers timers;
    Ports ports;
    Copies copies;
    reader.refuse_unknown_keys(root, section_names());  // a misspelt section is an unknown key of the document
    read_site_section(reader, root, draft);
    read_network_section(reader, root, draft);
    read_database_section(reader, root, draft, copies);
    read_certificates_section(reader, root, draft);
    const bool has_hosts = read_hosts(reader, root, draft);
    const bool compact = is_compact(draft);
    if (compact) {
      ports.manager_https = compact_manager_https;
      ports.manager_orchestrators = compact_manager_orchestrators;
    }
    read_timers(reader, root, timers);
    read_ports(reader, root, ports);
    check_ports(reader, root, ports, compact);
    check_names(reader, draft);
    check_external_database(reader, root, draft);
    check_addresses(reader, draft);
    if (!draft.is_external()) {
      check_address_provider(reader, draft);
      check_service_targets(reader, draft);
    }
    if (has_hosts) {
      check_roles(reader, draft);
      if (!draft.is_external()) check_copies(reader, root, draft, copies);
    }
    if (!reader.has_mistakes()) {
      outcome.site = to_site(draft, timers, ports, copies);
      const auto directory = std::filesystem::path(filename).parent_path();
      outcome.site->own_certificate = own_certificate(draft, directory);
      add_external_database(draft, directory, *outcome.site);
    }
  }
  outcome.mistakes = reader.take_mistakes();
  outcome.warnings = reader.take_warnings();
  return outcome;
}

bool Site::is_standalone() const {
  return std::ranges::count_if(hosts, [](const Host& host) { return host.concepts.database; }) == 1;
}

bool Site::is_highly_available() const {
  const auto managers = std::ranges::count_if(hosts, [](const Host& host) { return host.concepts.manager; });
  return managers > 1 && !is_standalone();
}

HostConfig host_config(const Site& site, const std::string& site_id, const Host& host) {
  HostConfig config;
  config.site = site.name;
  config.site_id = site_id;
  config.self_name = host.name;
  config.dns_name = site.dns_name;
  config.subnets = site.subnets;
  config.interface = site.interface;
  config.vip = site.vip;
  config.vip6 = site.vip6;
  config.address = site.address;
  if (!host.vip.empty()) config.vip = floating({host.vip, {1, 1}}, site.subnets);
  config.database = site.database;
  config.timers = site.timers;
  config.min_copies = site.min_copies;
  config.sync_standbys = site.sync_standbys;
  config.service_targets = site.service_targets;
  config.ports = site.ports;
  config.hosts = site.hosts;
  return config;
}

}  // namespace gemel::site
