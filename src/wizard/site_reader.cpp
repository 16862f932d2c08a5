#include "wizard/site_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "site/role_table.h"
#include "site/toml_reader.h"
#include "wizard/form.h"
#include "wizard/site_kind.h"
#include "wizard/site_writer.h"

namespace gemel::wizard {
namespace {

/// The hosts in the order in which the form has them.
std::vector<site::Host> in_order(const site::Site& site) {
  static constexpr std::array<std::string_view, 9> order{
      "CCM_SA_PRIMARY", "CCM_SA_SECONDARY", "CCM_SA",       "MGMTPOSTGRES_MASTER", "MGMTPOSTGRES_SLAVE",
      "MGMTPOSTGRES",   "CCM_LB",           site::role_all, site::role_one_host};
  std::vector<site::Host> hosts;
  for (const auto role : order) {
    for (const auto& host : site.hosts) {
      if (host.role == role) hosts.push_back(host);
    }
  }
  return hosts;
}

std::string count_of(const site::Site& site, bool site::Concepts::* what) {
  return std::to_string(std::ranges::count_if(site.hosts, [&](const site::Host& host) { return host.concepts.*what; }));
}

bool is_asked(std::string_view section, std::string_view key) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 20> asked{
      {{"site", "name"},
       {"site", "dns_name"},
       {"network", "subnets"},
       {"network", "interface"},
       {"network", "vip"},
       {"network", "vip6"},
       {"network", "address_provider"},
       {"network", "address_command"},
       {"openstack", "auth_url"},
       {"openstack", "application_credential_id"},
       {"database", "user"},
       {"database", "name"},
       {"database", "min_copies"},
       {"database", "sync_standbys"},
       {"ports", "https"},
       {"ports", "orchestrators"},
       {"ports", "statistics"},
       {"certificates", "certificate"},
       {"certificates", "key"},
       {"certificates", "authority"}}};
  return std::ranges::find(asked, std::pair(section, key)) != asked.end();
}

std::string toml_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return toml_string(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{:#}", number->get());
  if (const auto* list = node.as_array()) {
    std::vector<std::string> parts;
    for (const auto& part : *list) parts.push_back(toml_value(part));
    return "[" + join(parts, ", ") + "]";
  }
  return {};  // a sound site file has nothing else
}

}  // namespace

Answers answers_of(const site::Site& site) {
  Answers answers;
  auto& values = answers.values;
  values["site.name"] = site.name;
  values[std::string(kind_id)] = word_of(kind_of(site));
  values["site.hosts"] = std::to_string(site.hosts.size());
  values["site.managers"] = count_of(site, &site::Concepts::manager);
  values["site.databases"] = count_of(site, &site::Concepts::database);
  values["site.balancers"] = count_of(site, &site::Concepts::balancer);
  values["site.balancer"] = site.is_direct ? "no" : "yes";
  values["network.subnets"] = join(site.subnets, ", ");
  values["network.interface"] = site.interface;
  values["network.timers"] = "standard";
  values["database.address"] = site.vip ? site.vip->address : "";
  values["database.address6"] = site.vip6 ? site.vip6->address : "";
  values[std::string(provider_id)] = to_string(site.address.provider);
  values["address.command"] = site.address.command;
  values["openstack.auth_url"] = site.address.openstack.auth_url;
  values["openstack.application_credential_id"] = site.address.openstack.application_credential_id;
  values["database.user"] = site.database.application_user;
  values["database.name"] = site.database.database_name;
  values["database.min_copies"] = std::to_string(site.min_copies);
  values["database.sync_standbys"] = std::to_string(site.sync_standbys);
  values["ha.dns_name"] = site.dns_name;
  values["balancer.https_port"] = std::to_string(site.ports.https);
  values["balancer.orchestrators_port"] = std::to_string(site.ports.orchestrators);
  values["balancer.statistics_port"] = std::to_string(site.ports.statistics);
  const auto own = site.own_certificate.value_or(site::OwnCertificateFiles{});
  values["certificates.certificate"] = own.certificate;
  values["certificates.key"] = own.key;
  values["certificates.authority"] = own.authority;
  const auto hosts = in_order(site);
  const auto places = hosts_of(answers);
  for (std::size_t i = 0; i < std::min(hosts.size(), places.size()); ++i) {
    values[places[i].id + ".name"] = hosts[i].name;
    values[places[i].address_id] = hosts[i].address;
    values[places[i].id + ".address6"] = hosts[i].address6;
    values[places[i].id + ".zone"] = hosts[i].zone;
  }
  // What another kind of site would be asked for is not answered yet, but for what every kind may have.
  std::set<std::string, std::less<>> asked{unasked_of_every_kind.begin(), unasked_of_every_kind.end()};
  for (const auto& screen : screens_of(answers)) {
    for (const auto& field : screen.fields) asked.insert(field.id);
  }
  std::erase_if(values, [&](const auto& value) { return !asked.contains(value.first); });
  return answers;
}

std::map<std::string, std::string> kept_keys(const std::string& text, const std::string& filename) {
  std::map<std::string, std::string> kept;
  site::TomlReader reader(filename);
  const auto document = reader.parse(text);
  if (!document) return kept;
  for (const auto& [section, node] : *document) {
    const auto* table = node.as_table();
    if (table == nullptr) continue;
    for (const auto& [key, value] : *table) {
      if (!is_asked(section.str(), key.str())) kept[fmt::format("{}.{}", section.str(), key.str())] = toml_value(value);
    }
  }
  return kept;
}

}  // namespace gemel::wizard
