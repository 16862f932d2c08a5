// Reading and writing host.toml, and the questions about hosts that every program asks.
#include "site/host_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/check.h"
#include "site/address_keys.h"
#include "site/network_address.h"
#include "site/role_table.h"
#include "site/toml_reader.h"
#include "site/toml_tables.h"

namespace gemel::site {
namespace {

struct ConceptName {
  std::string_view name;
  bool Concepts::* member;
};
constexpr std::array<ConceptName, 4> concept_names{{{"manager", &Concepts::manager},
                                                    {"database", &Concepts::database},
                                                    {"balancer", &Concepts::balancer},
                                                    {"voter", &Concepts::voter}}};

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

std::string line(std::string_view key, const std::string& text) { return fmt::format("{} = {}\n", key, quoted(text)); }

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  parts.reserve(texts.size());
  for (const auto& text : texts) parts.push_back(quoted(text));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

std::string floating_line(std::string_view key, const std::optional<FloatingAddress>& floating) {
  if (!floating) return "";
  return line(key, fmt::format("{}/{}", floating->address, floating->prefix_length));
}

std::string host_section(const Host& host) {
  std::string text = "\n[[host]]\n" + line("name", host.name) + line("role", host.role);
  std::vector<std::string> concepts;
  for (const auto& entry : concept_names) {
    if (host.concepts.*entry.member) concepts.emplace_back(entry.name);
  }
  text += fmt::format("concepts = {}\n", quoted_list(concepts));
  text += line("address", host.address);
  if (!host.address6.empty()) text += line("address6", host.address6);
  if (!host.zone.empty()) text += line("zone", host.zone);
  if (!host.vip.empty()) text += line("vip", host.vip);
  return text;
}

std::optional<FloatingAddress> read_floating(TomlReader& reader, const TableView& network, std::string_view key) {
  const auto text = reader.string(network, key, Need::optional);
  if (!text) return std::nullopt;
  const auto subnet = parse_subnet(*text);
  if (!subnet) {
    reader.mistake(MistakeCode::bad_address, TomlReader::position_of(network, key),
                   fmt::format("\"{}\" must be an address with its prefix length.", key));
    return std::nullopt;
  }
  return FloatingAddress{text->substr(0, text->find('/')), static_cast<std::uint8_t>(subnet->length)};
}

void read_network(TomlReader& reader, const TableView& root, HostConfig& config) {
  const auto network = reader.table(root, "network", Need::required);
  if (!network) return;
  if (const auto* subnets = reader.array(*network, "subnets", Need::required)) {
    for (const auto& node : *subnets) config.subnets.push_back(node.value_or(std::string()));
  }
  config.interface = reader.string(*network, "interface", Need::required).value_or("");
  config.vip = read_floating(reader, *network, "vip");
  config.vip6 = read_floating(reader, *network, "vip6");
  config.address = read_address_settings(reader, root, *network);
  if (const auto* targets = reader.array(*network, "service_targets", Need::optional)) {
    for (const auto& node : *targets) config.service_targets.push_back(node.value_or(std::string()));
  }
}

void read_concepts(TomlReader& reader, const TableView& view, Host& host) {
  const auto* list = reader.array(view, "concepts", Need::required);
  if (list == nullptr) return;
  for (const auto& node : *list) {
    const auto name = node.value_or(std::string());
    const auto* found = std::find_if(concept_names.begin(), concept_names.end(),
                                     [&](const ConceptName& entry) { return entry.name == name; });
    if (found == concept_names.end()) {
      reader.mistake(MistakeCode::unknown_role, node.source().begin, fmt::format("\"{}\" is no concept.", name));
    } else {
      host.concepts.*found->member = true;
    }
  }
}

void read_hosts(TomlReader& reader, const TableView& root, HostConfig& config) {
  const auto* list = reader.array(root, "host", Need::required);
  if (list == nullptr) return;
  for (const auto& node : *list) {
    if (!node.is_table()) {
      reader.mistake(MistakeCode::wrong_type, node.source().begin, "\"host\" must be sections [[host]].");
      continue;
    }
    const TableView view{node.as_table(), "[[host]]", node.source().begin};
    Host host;
    host.name = reader.string(view, "name", Need::required).value_or("");
    host.role = reader.string(view, "role", Need::required).value_or("");
    read_concepts(reader, view, host);
    host.address = reader.string(view, "address", Need::required).value_or("");
    host.address6 = reader.string(view, "address6", Need::optional).value_or("");
    host.zone = reader.string(view, "zone", Need::optional).value_or("");
    host.vip = reader.string(view, "vip", Need::optional).value_or("");
    if (!parse_address(host.address)) {
      reader.mistake(MistakeCode::bad_address, TomlReader::position_of(view, "address"),
                     fmt::format("\"{}\" is no address.", host.address));
    }
    config.hosts.push_back(std::move(host));
  }
}

void read_database(TomlReader& reader, const TableView& root, HostConfig& config) {
  const auto view = reader.table(root, "database", Need::required);
  if (!view) return;
  config.database.application_user = reader.string(*view, "user", Need::required).value_or("");
  config.database.database_name = reader.string(*view, "name", Need::required).value_or("");
  if (const auto endpoint = reader.string(*view, "endpoint", Need::optional)) {
    config.database.external = parse_endpoint(*endpoint);
    if (!config.database.external) {
      reader.mistake(MistakeCode::bad_address, TomlReader::position_of(*view, "endpoint"),
                     fmt::format("\"{}\" is no endpoint.", *endpoint));
    } else {
      config.database.external->ca = reader.string(*view, "ca", Need::required).value_or("");
    }
  }
  config.database.program_directory =
      reader.string(*view, "program_directory", Need::optional).value_or(DatabaseSettings().program_directory.string());
  config.min_copies =
      static_cast<unsigned>(reader.integer(*view, "min_copies", copies_range, Need::optional).value_or(1));
  config.sync_standbys =
      static_cast<unsigned>(reader.integer(*view, "sync_standbys", copies_range, Need::optional).value_or(1));
}

void read_directories(TomlReader& reader, const TableView& root, Directories& directories) {
  const auto view = reader.table(root, "directories", Need::optional);
  if (!view) return;
  if (const auto etc = reader.string(*view, "etc", Need::optional)) directories.etc = *etc;
  if (const auto state = reader.string(*view, "state", Need::optional)) directories.state = *state;
  if (const auto run = reader.string(*view, "run", Need::optional)) directories.run = *run;
}

/// What every reader of the structure may rely on without looking.
std::optional<std::string> first_broken_promise(const HostConfig& config) {
  if (config.find(config.self_name) == nullptr) {
    return fmt::format("[host] \"self\" = \"{}\" is not among the hosts", config.self_name);
  }
  const bool has_database_host = !config.hosts_with(Concept::database).empty();
  if (config.database.external)
    return has_database_host ? std::optional("the database is external, and there is a database host") : std::nullopt;
  if (!has_database_host) return "there is no database host";
  if (config.hosts_with(Concept::voter).empty()) return "there is no voter";
  return std::nullopt;
}

}  // namespace

bool Concepts::has(Concept what) const {
  switch (what) {
    case Concept::manager:
      return manager;
    case Concept::database:
      return database;
    case Concept::balancer:
      return balancer;
    case Concept::voter:
      return voter;
  }
  return false;
}

std::vector<std::string> Host::addresses() const {
  std::vector<std::string> list{address};
  if (!address6.empty()) list.push_back(address6);
  return list;
}

const Host* HostConfig::find(const std::string& name) const {
  const auto found = std::find_if(hosts.begin(), hosts.end(), [&](const Host& host) { return host.name == name; });
  return found == hosts.end() ? nullptr : &*found;
}

const Host& HostConfig::self() const {
  const auto* host = find(self_name);
  GEMEL_CHECK(host != nullptr);
  return *host;
}

std::vector<Host> HostConfig::hosts_with(Concept what) const {
  std::vector<Host> list;
  std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(list),
               [&](const Host& host) { return host.concepts.has(what); });
  return list;
}

std::vector<Host> HostConfig::peers_with(Concept what) const {
  auto list = hosts_with(what);
  std::erase_if(list, [&](const Host& host) { return host.name == self_name; });
  return list;
}

const Host& HostConfig::bootstrapper() const {
  const Host* first = nullptr;
  for (const auto& host : hosts) {
    if (!host.concepts.database) continue;
    if (host.role == "MGMTPOSTGRES_MASTER") return host;
    if (first == nullptr) first = &host;
  }
  GEMEL_CHECK(first != nullptr);
  return *first;
}

bool HostConfig::is_standalone() const { return hosts_with(Concept::database).size() == 1; }

std::optional<std::string> HostConfig::database_address() const {
  if (vip) return vip->address;
  if (vip6) return vip6->address;
  if (is_standalone()) return bootstrapper().address;
  return std::nullopt;
}

std::vector<std::string> HostConfig::service_targets_of_self() const {
  const auto own = self().addresses();
  std::vector<std::string> others = service_targets;
  std::erase_if(others, [&](const std::string& target) { return std::ranges::count(own, target) != 0; });
  return others;
}

Result<HostConfig> parse_host_config(const std::string& text, const std::string& name) {
  TomlReader reader(name);
  const auto document = reader.parse(text);
  HostConfig config;
  if (document) {
    const TableView root{&*document, "the file", {1, 1}};
    if (const auto site = reader.table(root, "site", Need::required)) {
      config.site = reader.string(*site, "name", Need::required).value_or("");
      config.site_id = reader.string(*site, "id", Need::required).value_or("");
      config.dns_name = reader.string(*site, "dns_name", Need::required).value_or("");
      config.self_name = reader.string(*site, "self", Need::required).value_or("");
    }
    read_network(reader, root, config);
    read_database(reader, root, config);
    read_timers(reader, root, config.timers);
    read_ports(reader, root, config.ports);
    read_directories(reader, root, config.directories);
    read_hosts(reader, root, config);
  }
  if (reader.has_mistakes()) return fail(ErrorCode::invalid, to_string(reader.take_mistakes().front()));
  if (const auto broken = first_broken_promise(config)) return fail(ErrorCode::invalid, name + ": " + *broken);
  return config;
}

Result<HostConfig> load_host_config(std::filesystem::path path) {
  errno = 0;
  const std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno(errno == 0 ? EIO : errno, path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return parse_host_config(text.str(), path.string());
}

std::string to_toml(const HostConfig& config) {
  std::string text = "# Written by \"gemel render\" from the site file; change that and render again.\n\n[site]\n";
  text += line("name", config.site) + line("id", config.site_id) + line("dns_name", config.dns_name);
  text += line("self", config.self_name);
  text += fmt::format("\n[network]\nsubnets = {}\n", quoted_list(config.subnets)) + line("interface", config.interface);
  text += floating_line("vip", config.vip) + floating_line("vip6", config.vip6);
  text += address_lines(config.address);
  text += fmt::format("service_targets = {}\n", quoted_list(config.service_targets));
  text += address_section(config.address);
  text +=
      "\n[database]\n" + line("user", config.database.application_user) + line("name", config.database.database_name);
  if (const auto& external = config.database.external) {
    text += line("endpoint", external->endpoint()) + line("ca", external->ca.string());
  } else {
    text += line("program_directory", config.database.program_directory.string());
    text += fmt::format("min_copies = {}\nsync_standbys = {}\n", config.min_copies, config.sync_standbys);
  }
  text += "\n[timers]\n";
  for (const auto& key : timer_keys) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(config.timers.*key.member);
    text += fmt::format("{} = {}\n", key.name, time.count());
  }
  std::ostringstream rate;
  rate << toml::value<double>(config.timers.clock_rate_error);
  text += fmt::format("{} = {}\n\n[ports]\n", clock_rate_error_key, rate.str());
  for (const auto& key : port_keys) text += fmt::format("{} = {}\n", key.name, config.ports.*key.member);
  text += "\n[directories]\n" + line("etc", config.directories.etc.string());
  text += line("state", config.directories.state.string()) + line("run", config.directories.run.string());
  for (const auto& host : config.hosts) text += host_section(host);
  return text;
}

}  // namespace gemel::site
