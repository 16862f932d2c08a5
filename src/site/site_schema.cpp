// The table. Standard values are asked of the structs that hold them, never written down again.
#include "site/site_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "site/address_keys.h"
#include "site/role_table.h"
#include "site/site.h"
#include "site/timer_profile.h"
#include "site/toml_tables.h"

namespace gemel::site {
namespace {

using enum KeyKind;
using Names = std::vector<std::string_view>;

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

Standard value_of(std::string_view text) { return {quoted(text), ""}; }
Standard words_of(std::string_view words) { return {"", std::string(words)}; }

Standard standard_timer(std::string_view name) {
  for (const auto& key : timer_keys) {
    if (key.name != name) continue;
    const auto time = core::Timers{}.*key.member;
    return {std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()), ""};
  }
  GEMEL_CHECK(false);
}

Standard standard_port(std::string_view name) {
  const auto port = [&]() -> std::uint16_t {
    for (const auto& key : port_keys)
      if (key.name == name) return Ports{}.*key.member;
    GEMEL_CHECK(false);
  }();
  std::string words;
  const auto beside = [](std::uint16_t number) { return fmt::format("{} with the roles ALL and CCM", number); };
  if (name == "manager_https") words = beside(compact_manager_https);
  if (name == "manager_orchestrators") words = beside(compact_manager_orchestrators);
  return {std::to_string(port), words};
}

constexpr SchemaKey timer(std::string_view name, std::string_view meaning) {
  SchemaKey key{name, whole_number, "ms", false, meaning, ""};
  key.standard = standard_timer;
  key.range = timer_range;
  return key;
}

constexpr SchemaKey port(std::string_view name, std::string_view meaning) {
  SchemaKey key{name, whole_number, "", false, meaning, ""};
  key.standard = standard_port;
  key.range = port_range;
  return key;
}

constexpr SchemaKey copies(std::string_view name, std::string_view meaning, Standard (*standard)(std::string_view)) {
  SchemaKey key{name, whole_number, "", false, meaning, "", standard};
  key.range = copies_range;
  return key;
}

constexpr SchemaKey shown(SchemaKey key) {
  key.is_shown = true;
  return key;
}

Names role_names() {
  Names names;
  for (const auto& role : roles()) names.push_back(role.name);
  return names;
}

Names provider_names() {
  Names names;
  for (const auto provider : address_providers) names.push_back(to_string(provider));
  return names;
}

Names profile_names() {
  Names names;
  for (const auto& profile : timer_profiles) names.push_back(profile.name);
  return names;
}

constexpr std::array site_keys{
    SchemaKey{"name", text, "", true, "the site's name: letters, digits and dashes; it never changes", R"("office")"},
    SchemaKey{"id", text, "", false, "a UUID that tells two sites of one name apart; it never changes",
              R"("6f1c0a52-3b1e-4f6e-9d0a-7c1f5f0d2b11")",
              [](std::string_view) { return words_of("one that the first run makes and keeps"); }},
    SchemaKey{"dns_name", text, "", true,
              "the name that users and orchestrators reach the site by (Mgmtserver DNS Name); it leads to the balancer",
              R"("mgmt.example.org")"},
};

constexpr std::array network_keys{
    SchemaKey{"subnets", texts, "", true, "the networks that the hosts are in", R"(["10.0.0.0/24", "fd00::/64"])"},
    SchemaKey{"interface", text, "", false, "the hosts' interface in these networks, where the floating address goes",
              "", [](std::string_view) { return value_of(Site{}.interface); }},
    shown(SchemaKey{"vip", text, "", false,
                    "the floating IPv4 address of the primary database (MGMTPOSTGRES_VIP); a highly available site has "
                    "this or vip6, a standalone one has none",
                    R"("10.0.0.100")", [](std::string_view) { return words_of("no such address"); }}),
    SchemaKey{"vip6", text, "", false, "the same for IPv6", R"("fd00::100")",
              [](std::string_view) { return words_of("no such address"); }},
    SchemaKey{"service_targets", texts, "", false,
              "addresses that stand for the clients' side: a primary that reaches too few of them hands over; [] for "
              "none",
              R"(["10.0.0.1"])",
              [](std::string_view) { return words_of("the addresses of the managers and balancers"); }},
    SchemaKey{"client_addresses", texts, "", false,
              "where the managers' connections to the database seem to come from when a cloud translates addresses",
              R"(["198.51.100.7"])", [](std::string_view) { return words_of("the managers' own addresses"); }},
    SchemaKey{provider_key, text, "", false, "what tells the network where the floating address belongs", "",
              [](std::string_view) { return value_of(to_string(AddressSettings{}.provider)); }, provider_names},
    SchemaKey{command_key, text, "", false,
              "with the provider \"command\": the absolute path of your program on the database hosts",
              R"("/usr/local/sbin/move-address")", [](std::string_view) { return words_of("none"); }},
};

constexpr std::array host_keys{
    SchemaKey{"name", text, "", true, "the host's name, as it calls itself; it never changes", R"("ccm1")"},
    SchemaKey{"role", text, "", true, "what the host is for", R"("CCM_SA_PRIMARY")", nullptr, role_names},
    SchemaKey{"address", text, "", true, "the host's own address in one of the networks", R"("10.0.0.11")"},
    SchemaKey{"address6", text, "", false, "its IPv6 address beside that", R"("fd00::11")",
              [](std::string_view) { return words_of("none"); }},
    shown(SchemaKey{"zone", text, "", false,
                    "where the host stands (rack, room, zone of a cloud); two hosts of one kind in one zone are warned "
                    "of",
                    R"("a")", [](std::string_view) { return words_of("unknown, no warning"); }}),
    SchemaKey{"vip", text, "", false,
              "database hosts whose floating address is outside their networks: the address of this host that a "
              "cloud's translation leads to",
              R"("10.0.0.121")", [](std::string_view) { return words_of("the host has the floating address itself"); }},
};

Standard own_database(std::string_view) { return words_of("the site's own database hosts"); }
constexpr std::array database_keys{
    SchemaKey{"user", text, "", false, "the managers' user; its password is made, never written here", "",
              [](std::string_view) { return value_of(DatabaseSettings{}.application_user); }},
    SchemaKey{"name", text, "", false, "the database's name", "",
              [](std::string_view) { return value_of(DatabaseSettings{}.database_name); }},
    SchemaKey{"endpoint", text, "", false,
              "HOST:PORT of a PostgreSQL that somebody else runs, in place of database hosts; it needs password_file",
              R"("db.example.org:5432")", own_database},
    SchemaKey{
        "ca", text, "", false, "with endpoint: PEM file of the authorities that its certificate is verified against",
        R"("provider-ca.pem")", [](std::string_view) { return words_of("those that the managers' systems trust"); }},
    SchemaKey{"password_file", text, "", false,
              "with endpoint: file with the password of the managers' user, as the provider has it; one line, mode 600",
              R"("database.password")", [](std::string_view) { return words_of("the site makes the password"); }},
    SchemaKey{"program_directory", text, "", false, "where PostgreSQL's programs are on the database hosts", "",
              [](std::string_view) { return value_of(DatabaseSettings{}.program_directory.string()); }},
    copies("min_copies",
           "copies of each write there must be: 1 stays writable alone, 2 blocks rather than run with one",
           [](std::string_view) { return Standard{std::to_string(Site{}.min_copies), ""}; }),
    copies("sync_standbys", "standbys that a commit waits for, as many as there are at most",
           [](std::string_view) { return Standard{std::to_string(Site{}.sync_standbys), ""}; }),
};

Standard no_own_certificate(std::string_view) { return words_of("the site's web authority makes one"); }
constexpr std::array certificate_keys{
    SchemaKey{"certificate", text, "", false,
              "PEM file of your own certificate for HTTPS, then those that lead to its authority; with it goes a key",
              R"("mgmt.example.org.pem")", no_own_certificate},
    SchemaKey{"key", text, "", false, "PEM file of its key, without a pass phrase; mode 600",
              R"("mgmt.example.org.key")", no_own_certificate},
    SchemaKey{"authority", text, "", false, "PEM file of the authority, when this system does not trust it",
              R"("company-root.pem")", [](std::string_view) { return words_of("those that this system trusts"); }},
};

constexpr std::array timers_keys{
    SchemaKey{profile_key, text, "", false, "a set of timers; single ones go over it", "",
              [](std::string_view) { return value_of(timer_profiles.front().name); }, profile_names},
    timer("hb_ms", "a heartbeat on each link every so often"),
    timer("suspect_ms", "the primary begins to remove a standby that is silent for so long"),
    timer("lease_ms", "the primary may serve so long after the sending of the last confirmed heartbeat"),
    timer("grace_ms", "a standby may take over so long after its last confirmation"),
    timer("gate_ms", "how late the kernel may shut the gate"),
    timer("etcd_ms", "one attempt to reach the store"),
    timer("kill_ms", "PostgreSQL is killed when the gate was shut for so long"),
    timer("sick_ms", "a primary that cannot write for so long hands over"),
    timer("stop_ms", "PostgreSQL's fast stop in a switchover; then the immediate one"),
    timer("promote_ms", "a host that took over but does not serve after so long resigns"),
    timer("stable_ms", "a standby streams for so long before it counts again"),
    SchemaKey{clock_rate_error_key, number, "", false, "how wrong the rate of a clock may be, as a part of 1", "",
              [](std::string_view) { return Standard{fmt::format("{:.2f}", core::Timers{}.clock_rate_error), ""}; }},
};

constexpr std::array ports_keys{
    port("agent", "the agents, on every host (TCP)"),
    port("heartbeat", "heartbeats between the database hosts (UDP)"),
    port("etcd_client", "the store's clients"),
    port("etcd_peer", "the store's members among themselves"),
    port("postgres", "PostgreSQL"),
    port("https", "users, at the balancers"),
    port("orchestrators", "orchestrators, at the balancers"),
    port("manager_https", "the managers' HTTPS"),
    port("manager_orchestrators", "the managers' port for orchestrators"),
    port("statistics", "the balancers' statistics page"),
};

Standard no_prefix(std::string_view) { return words_of("none"); }
constexpr std::array aws_keys{
    SchemaKey{"region", text, "", false, "the region of the database hosts", R"("eu-central-1")",
              [](std::string_view) { return words_of("the instance's own"); }},
    SchemaKey{
        "route_tables", texts, "", false,
        "hosts in several subnets: the tables whose routes lead to the floating address, which is outside the VPC",
        R"(["rtb-0a1b2c", "rtb-3d4e5f"])",
        [](std::string_view) { return words_of("a secondary private address moves"); }},
    SchemaKey{"elastic_ip", text, "", false,
              "the allocation id of an Elastic IP that leads to the floating address; not with route_tables",
              R"("eipalloc-0a1b2c")", no_prefix},
    SchemaKey{"endpoint", text, "", false, "URL of the EC2 service (https)",
              R"("https://vpce-0a1b2c.ec2.eu-central-1.vpce.amazonaws.com")",
              [](std::string_view) { return words_of("the region's own"); }},
    SchemaKey{"metadata", text, "", false, "URL of the instance's metadata service (http)", "",
              [](std::string_view) { return value_of(AwsSettings{}.metadata); }},
    SchemaKey{"ca", text, "", false, "authorities that the endpoint is verified against (PEM)", "",
              [](std::string_view) { return value_of(AwsSettings{}.ca.string()); }},
};

constexpr std::array openstack_keys{
    SchemaKey{"auth_url", text, "", true, "URL of Keystone (https)", R"("https://keystone.example.org:5000/v3")"},
    SchemaKey{"application_credential_id", text, "", true, "id of the application credential",
              R"("21dced0fd20347869b93710d2b98aae0")"},
    SchemaKey{"secret_file", text, "", false, "file on the database hosts with its secret: one line, mode 600", "",
              [](std::string_view) { return value_of(OpenStackSettings{}.secret_file.string()); }},
    SchemaKey{"region", text, "", false, "the region of the database hosts", R"("one")",
              [](std::string_view) { return words_of("the first of the catalogue"); }},
    SchemaKey{"interface", text, "", false, "which of the catalogue's endpoints", "",
              [](std::string_view) { return value_of(OpenStackSettings{}.interface); },
              [] { return Names(endpoint_interfaces.begin(), endpoint_interfaces.end()); }},
    SchemaKey{"floating_ip", text, "", false,
              "id of a floating IP that leads to the vip of each database host; not its address",
              R"("2f245a7b-796b-4f26-9cf9-9e82d248fda7")", no_prefix},
    SchemaKey{"ca", text, "", false, "authorities that the services are verified against (PEM)", "",
              [](std::string_view) { return value_of(OpenStackSettings{}.ca.string()); }},
};

constexpr std::array sections{
    SchemaSection{"site", false, true, "The site itself.", site_keys},
    SchemaSection{"network", false, true, "The networks, and the floating address of the database.", network_keys},
    SchemaSection{"database", false, false, "The managers' database, and how many copies of it there are.",
                  database_keys},
    SchemaSection{"host", true, true, "One section for each host.", host_keys},
    SchemaSection{"certificates", false, false, "A certificate of your own, for what users see.", certificate_keys},
    SchemaSection{"timers", false, false, "How fast a failover is: see the handbook's page on timers before a change.",
                  timers_keys},
    SchemaSection{"ports", false, false, "Ports, where the usual ones are taken.", ports_keys},
    SchemaSection{aws_section, false, false, "With the address provider \"aws\" only.", aws_keys},
    SchemaSection{openstack_section, false, false, "With the address provider \"openstack\" only, and needed there.",
                  openstack_keys},
};

}  // namespace

std::string_view to_string(KeyKind kind) {
  switch (kind) {
    case text:
      return "text";
    case whole_number:
      return "whole number";
    case number:
      return "number";
    case texts:
      return "list of texts";
  }
  return "";
}

std::string SchemaSection::heading() const {
  return is_repeated ? fmt::format("[[{}]]", name) : fmt::format("[{}]", name);
}

std::span<const SchemaSection> site_schema() { return sections; }

Standard standard_of(const SchemaKey& key) { return key.standard == nullptr ? Standard{} : key.standard(key.name); }

std::string example_of(const SchemaKey& key) {
  return key.example.empty() ? standard_of(key).value : std::string(key.example);
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const auto& section : sections) names.push_back(section.name);
  return names;
}

std::vector<std::string_view> keys_of_section(std::string_view section) {
  const auto found = std::ranges::find(sections, section, &SchemaSection::name);
  GEMEL_CHECK(found != sections.end());
  std::vector<std::string_view> names;
  for (const auto& key : found->keys) names.push_back(key.name);
  return names;
}

}  // namespace gemel::site
