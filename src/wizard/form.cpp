#include "wizard/form.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "site/certificates.h"
#include "site/host_config.h"
#include "site/role_table.h"
#include "wizard/site_kind.h"

namespace gemel::wizard {
namespace {

constexpr unsigned most_hosts = 9;
constexpr unsigned highest_port = 65535;

std::string answer(const Answers& answers, const std::string& id, const std::string& standard) {
  const auto found = answers.values.find(id);
  return found == answers.values.end() ? standard : found->second;
}

/// Hosts that each have every role; their fields are those of `host1` and so on.
bool is_everything_on_each(SiteKind kind) { return kind == SiteKind::compact || kind == SiteKind::one_host; }

bool has_balancer(const Answers& answers) {
  return kind_of(answers) != SiteKind::standalone || answer(answers, "site.balancer", "no") == "yes";
}

/// What is no sound number counts as the default: the field's own check says what is wrong with it.
unsigned count(const Answers& answers, const std::string& id, unsigned lowest, unsigned standard) {
  const auto text = answer(answers, id, "");
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end && number >= lowest && number <= most_hosts ? number : standard;
}

Field text_field(std::string id, std::string label, std::string help, std::string standard = {}) {
  return {.id = std::move(id), .label = std::move(label), .help = std::move(help), .standard = std::move(standard)};
}

Field optional_field(std::string id, std::string label, std::string help) {
  auto field = text_field(std::move(id), std::move(label), std::move(help));
  field.is_optional = true;
  return field;
}

struct Range {
  unsigned lowest;
  unsigned highest;
};

Field number_field(std::string id, std::string label, std::string help, unsigned standard, Range range) {
  auto field = text_field(std::move(id), std::move(label), std::move(help), std::to_string(standard));
  field.kind = FieldKind::number;
  field.lowest = range.lowest;
  field.highest = range.highest;
  return field;
}

Field choice_field(std::string id, std::string label, std::string help, std::vector<std::string> choices) {
  auto field = text_field(std::move(id), std::move(label), std::move(help), choices.front());
  field.kind = FieldKind::choice;
  field.choices = std::move(choices);
  return field;
}

Screen kind_screen() {
  std::vector<std::string> words;
  std::vector<std::string> texts;
  for (const auto kind : site_kinds) {
    words.emplace_back(word_of(kind));
    texts.emplace_back(description_of(kind));
  }
  auto field =
      choice_field(std::string(kind_id), "Kind",
                   "With high availability another host takes over when one fails. A site that runs without it can\n"
                   "be converted later, with its data.",
                   std::move(words));
  field.choice_texts = std::move(texts);
  return {"kind", "Kind of site", "", {std::move(field)}};
}

Field dns_name_field(const Answers& answers) {
  return text_field("ha.dns_name", "Mgmtserver DNS Name",
                    has_balancer(answers) && !is_everything_on_each(kind_of(answers))
                        ? "The name of the load balancer, by which users and orchestrators (CCO) reach the\n"
                          "managers: mgmt.example.org."
                        : "The name by which users and orchestrators (CCO) reach the managers:\nmgmt.example.org.");
}

Screen site_screen(const Answers& answers) {
  Screen screen{"site", "Site", "One deployment: its managers, databases and load balancers.", {}};
  screen.fields.push_back(text_field("site.name", "Site name",
                                     "Names the site in certificates and in the store: letters, digits and hyphens.\n"
                                     "It cannot be changed later.",
                                     "ccm"));
  switch (kind_of(answers)) {
    case SiteKind::ha:
      screen.fields.push_back(number_field("site.managers", "Managers",
                                           "Management servers (CCM): one CCM_SA_PRIMARY, the others CCM_SA_SECONDARY.",
                                           2, {2, most_hosts}));
      screen.fields.push_back(number_field("site.databases", "Databases",
                                           "Database hosts: one MGMTPOSTGRES_MASTER, the others MGMTPOSTGRES_SLAVE.", 2,
                                           {2, most_hosts}));
      screen.fields.push_back(
          number_field("site.balancers", "Load balancers", "Hosts with the role CCM_LB.", 1, {1, most_hosts}));
      break;
    case SiteKind::compact:
      screen.fields.push_back(
          number_field("site.hosts", "Hosts", "Three or five: each has a vote.", 3, {3, most_hosts}));
      break;
    case SiteKind::standalone:
      screen.fields.push_back(dns_name_field(answers));
      screen.fields.push_back(choice_field("site.balancer", "Load balancer",
                                           "A host with the role CCM_LB before the manager. Without one users come to "
                                           "the\nmanager itself; high availability needs it later.",
                                           {"no", "yes"}));
      break;
    case SiteKind::one_host:
      screen.fields.push_back(dns_name_field(answers));
      break;
  }
  return screen;
}

Screen network_screen(const Answers& answers) {
  const bool is_available = is_highly_available(kind_of(answers));
  Screen screen{"network",
                "Network",
                "The network of the site's hosts.",
                {text_field("network.subnets", "Networks",
                            "The networks of all hosts, separated by commas: 10.0.0.0/24, fd00::/64.\n"
                            "Every address below must be in one of them."),
                 text_field("network.interface", "Interface",
                            is_available ? "The network interface of the database hosts; the database's address is put "
                                           "on it."
                                         : "The network interface that the database host has its address on.",
                            "eth0")}};
  // Alone nobody waits for another's silence.
  if (is_available) {
    screen.fields.push_back(
        choice_field("network.timers", "Timers",
                     "standard fits every network; fast is for one quiet LAN: a failure is noticed in less than\n"
                     "half the time, and false alarms come more easily.",
                     {"standard", "fast"}));
  }
  return screen;
}

/// How many hosts with a database a highly available site has.
unsigned count_databases(const Answers& answers) {
  return kind_of(answers) == SiteKind::compact ? count(answers, "site.hosts", 3, 3)
                                               : count(answers, "site.databases", 2, 2);
}

Screen database_screen(const Answers& answers) {
  const bool is_available = is_highly_available(kind_of(answers));
  Screen screen{"database", "DB - Configure Database", "", {}};
  auto& fields = screen.fields;
  if (is_available) {
    fields.push_back(text_field(
        "database.address", "DB IP or Hostname",
        "MGMTPOSTGRES_VIP: a free address of the network, which the primary database has. No host name: the\n"
        "address itself moves to the other host when the primary fails."));
    fields.push_back(optional_field("database.address6", "DB IPv6 address",
                                    "The same as an IPv6 address, beside it; may be empty."));
  }
  fields.push_back(text_field("database.user", "DB Username",
                              "The managers' role in PostgreSQL: small letters, digits and _.", "cliqr"));
  fields.push_back(
      optional_field(std::string(password_id), "DB Password",
                     "Leave it empty: a random one is made. One of your own has at least 22 letters, digits, _ and -;\n"
                     "no default password is taken."));
  fields.back().kind = FieldKind::secret;
  fields.push_back(text_field("database.name", "DB Name", "The managers' database in PostgreSQL.", "gemel"));
  if (!is_available) return screen;
  fields.push_back(
      number_field("database.min_copies", "Least copies",
                   "1: goes on writing with one copy when the other database is down. 2: rather stops writing.", 1,
                   {1, most_hosts}));
  if (count_databases(answers) > 2) {
    fields.push_back(number_field("database.sync_standbys", "Synchronous standbys",
                                  "A write is acknowledged when so many standbys have it.", 1, {1, most_hosts - 1}));
  }
  return screen;
}

/// Who makes the network believe it when the floating address moves (ADR 0024).
Screen address_screen(const Answers& answers) {
  Screen screen{
      "address", "Floating address", "How the network learns to which host the database's address moved.", {}};
  screen.fields.push_back(choice_field(std::string(provider_id), "Moved by",
                                       "layer2: announcements, on networks of your own. aws, openstack: a cloud is "
                                       "told. command: a program\nof yours.",
                                       {"layer2", "command", "aws", "openstack"}));
  const auto provider = answer(answers, std::string(provider_id), "layer2");
  if (provider == "command") {
    screen.fields.push_back(text_field("address.command", "Program",
                                       "The absolute path of a program on the database hosts: it is run as root, with "
                                       "take, the\naddress, the epoch and the interface."));
  } else if (provider == "openstack") {
    screen.fields.push_back(
        text_field("openstack.auth_url", "Keystone", "Where to sign in: https://keystone.example:5000/v3."));
    screen.fields.push_back(text_field("openstack.application_credential_id", "Application credential",
                                       "Its id. Its secret lies in /etc/openstack/gemel.secret on the database hosts, "
                                       "mode 0600."));
  }
  return screen;
}

Screen ha_screen(const Answers& answers) {
  Screen screen{"ha", "HA - Configure High Availability", "", {}};
  if (kind_of(answers) == SiteKind::ha) {
    // A site that is converted keeps its manager.
    screen.fields.push_back(text_field("ha.primary_ip", "Primary Node Private IP",
                                       "The address of the first manager (CCM_SA_PRIMARY).",
                                       answer(answers, "manager1.address", "")));
    screen.fields.push_back(text_field("ha.secondary_ip", "Secondary Node Private IP",
                                       "The address of the second manager (CCM_SA_SECONDARY)."));
  }
  screen.fields.push_back(dns_name_field(answers));
  return screen;
}

/// What a person calls the host: "Database 2"; of a role that one host has, "Database".
std::string host_title(const FormHost& host) {
  const auto* role = site::find_role(host.role);
  const auto digits = host.id.find_first_of("0123456789");
  auto name = host.id.substr(0, digits);
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  if (role == nullptr || !role->is_standalone()) name += " " + host.id.substr(digits);
  return fmt::format("{} ({})", name, host.role);
}

std::string standard_name(const FormHost& host) {
  const auto number = host.id.substr(host.id.find_first_of("0123456789"));
  if (host.id.starts_with("manager")) return "ccm" + number;
  if (host.id.starts_with("database")) return "db" + number;
  if (host.id.starts_with("balancer")) return "lb" + number;
  return "node" + number;
}

Screen host_screen(const Answers& answers, const FormHost& host) {
  Screen screen{host.id, host_title(host), "", {}};
  screen.fields.push_back(text_field(host.id + ".name", "Host name",
                                     "As the host calls itself; it is never changed after set-up (RFC 1123).",
                                     standard_name(host)));
  if (host.address_id == host.id + ".address")
    screen.fields.push_back(text_field(host.address_id, "Address", "The host's address in the network of the site.",
                                       host.id == "manager1" ? answer(answers, "ha.primary_ip", "") : ""));
  screen.fields.push_back(
      optional_field(host.id + ".address6", "IPv6 address", "Its IPv6 address beside that; may be empty."));
  screen.fields.push_back(optional_field(
      host.id + ".zone", "Zone",
      "What fails together: a rack, a room, a cloud's zone. Members of a pair belong into two. May be empty."));
  return screen;
}

Screen balancer_screen(const Answers& answers) {
  const site::Ports ports;
  const bool is_balanced = has_balancer(answers);
  Screen screen{
      "balancer",
      is_balanced ? "Load balancer" : "Ports",
      is_balanced ? "What the load balancers listen on." : "What the manager listens on.",
      {number_field("balancer.https_port", "HTTPS port", "Users and REST reach the managers by it.", ports.https,
                    {1, highest_port}),
       number_field("balancer.orchestrators_port", "Orchestrators' port",
                    "The orchestrators (CCO) reach the managers by it.", ports.orchestrators, {1, highest_port})}};
  if (is_balanced) {
    screen.fields.push_back(
        number_field("balancer.statistics_port", "Statistics port",
                     "The page /haproxy_stats; its password is made and kept with the site's secrets.",
                     ports.statistics, {1, highest_port}));
  }
  return screen;
}

Screen certificates_screen(const Answers& answers) {
  return {
      "certificates",
      "Certificates",
      fmt::format("Left empty, the site makes all certificates by authorities of its own, valid for {} days{}. Their "
                  "keys stay in the state directory of the set-up; "
                  "keep it private. Browsers must be given the web authority's certificate, which the last screen "
                  "names.\n\nOr give your own certificate for the Mgmtserver DNS Name, as files in PEM form here.",
                  site::certificate_validity.count(),
                  has_balancer(answers) ? ", mgmtserver.pem of the load balancer too" : ""),
      {optional_field("certificates.certificate", "Certificate",
                      "A file with your certificate, then those that lead to its authority, each after the one it\n"
                      "signed. Load balancers and managers show it to users. The whole path, or empty."),
       optional_field("certificates.key", "Its key",
                      "A file with the private key of that certificate, without a pass phrase. It stays on this "
                      "host\nand goes to the load balancers and managers. The whole path, or empty."),
       optional_field("certificates.authority", "Its authority",
                      "A file with the certificate of the authority that signed the chain's end; needed for one that\n"
                      "this system does not trust. The whole path, or empty.")}};
}

Screen ssh_screen() {
  return {"ssh",
          "SSH",
          "How root gets onto the hosts during set-up. Nothing of this is in the site file.",
          {optional_field("ssh.key", "Private key",
                          "A file with root's private key for all hosts; empty: the keys of your SSH agent."),
           optional_field("ssh.packages", "Packages",
                          "A directory with Gemel's package files (.deb); empty: the hosts have them already."),
           number_field("ssh.port", "Port", "The port of the hosts' SSH servers.", 22, {1, highest_port})}};
}

}  // namespace

std::vector<FormHost> hosts_of(const Answers& answers) {
  std::vector<FormHost> hosts;
  const auto add = [&](const std::string& kind, unsigned how_many, const std::string& first,
                       const std::string& others) {
    for (unsigned number = 1; number <= how_many; ++number) {
      const auto id = kind + std::to_string(number);
      hosts.push_back({id, number == 1 ? first : others, id + ".address"});
    }
  };
  const auto kind = kind_of(answers);
  if (is_everything_on_each(kind)) {
    const bool is_alone = kind == SiteKind::one_host;
    const std::string role(is_alone ? site::role_one_host : site::role_all);
    add("host", is_alone ? 1 : count(answers, "site.hosts", 3, 3), role, role);
    return hosts;
  }
  if (kind == SiteKind::standalone) {
    add("manager", 1, "CCM_SA", "");
    add("database", 1, "MGMTPOSTGRES", "");
    if (has_balancer(answers)) add("balancer", 1, "CCM_LB", "");
    return hosts;
  }
  add("manager", count(answers, "site.managers", 2, 2), "CCM_SA_PRIMARY", "CCM_SA_SECONDARY");
  hosts[0].address_id = "ha.primary_ip";
  hosts[1].address_id = "ha.secondary_ip";
  add("database", count(answers, "site.databases", 2, 2), "MGMTPOSTGRES_MASTER", "MGMTPOSTGRES_SLAVE");
  add("balancer", count(answers, "site.balancers", 1, 1), "CCM_LB", "CCM_LB");
  return hosts;
}

std::vector<Screen> screens_of(const Answers& answers) {
  std::vector<Screen> screens{kind_screen(), site_screen(answers), network_screen(answers), database_screen(answers)};
  if (is_highly_available(kind_of(answers))) {
    screens.push_back(address_screen(answers));
    screens.push_back(ha_screen(answers));
  }
  for (const auto& host : hosts_of(answers)) screens.push_back(host_screen(answers, host));
  screens.push_back(balancer_screen(answers));
  screens.push_back(certificates_screen(answers));
  screens.push_back(ssh_screen());
  return screens;
}

std::string value_of(const Answers& answers, const Field& field) { return answer(answers, field.id, field.standard); }

std::optional<Field> find_field(const Answers& answers, std::string_view id) {
  for (auto& screen : screens_of(answers)) {
    const auto found = std::ranges::find(screen.fields, id, &Field::id);
    if (found != screen.fields.end()) return std::move(*found);
  }
  return std::nullopt;
}

std::string place_of(const Answers& answers, std::string_view id) {
  for (const auto& screen : screens_of(answers)) {
    const auto found = std::ranges::find(screen.fields, id, &Field::id);
    if (found != screen.fields.end()) return fmt::format("{}: {}", screen.title, found->label);
  }
  return std::string(id);
}

}  // namespace gemel::wizard
