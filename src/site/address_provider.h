// How the network learns where the floating address belongs: announcements, a program of the operator, or a cloud's
// API. The keys of [network], [aws] and [openstack] that say so, in the site file and in host.toml alike.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gemel::site {

enum class AddressProvider : std::uint8_t {
  layer2,     // announcements on the link
  command,    // AddressSettings::command
  aws,        // gemel-address, with AwsSettings
  openstack,  // gemel-address, with OpenStackSettings
};
std::string_view to_string(AddressProvider provider);

/// Our own program for clouds; part of the agent's package.
inline constexpr std::string_view address_program = "/usr/sbin/gemel-address";
/// Debian's certificate authorities (package ca-certificates).
inline constexpr std::string_view system_authorities = "/etc/ssl/certs/ca-certificates.crt";

/// No secret: the instance's role gives the keys.
struct AwsSettings {
  std::string region;  // empty: the one the instance runs in
  // "rtb-...": the address is outside the VPC, and a route of these tables leads to it. Empty: it is a secondary
  // private address of the interface, which exists in one subnet only.
  std::vector<std::string> route_tables;
  std::string elastic_ip;  // "eipalloc-...": the public address that leads to the floating one; empty: none
  std::string endpoint;    // https; empty: EC2's own of the region
  std::string metadata = "http://169.254.169.254";
  std::filesystem::path ca = system_authorities;  // what `endpoint` is verified against
  bool operator==(const AwsSettings&) const = default;
};

struct OpenStackSettings {
  std::string auth_url;                                               // Keystone, "https://keystone.example:5000/v3"
  std::string application_credential_id;                              // its secret is in `secret_file`
  std::filesystem::path secret_file = "/etc/openstack/gemel.secret";  // on the database hosts; one line, root's own
  std::string region;                                                 // empty: the first of the catalogue
  std::string interface = "public";                                   // of the catalogue's endpoints
  std::string floating_ip;  // id of a floating IP that leads to the floating address; empty: none
  std::filesystem::path ca = system_authorities;
  bool operator==(const OpenStackSettings&) const = default;
};

struct AddressSettings {
  AddressProvider provider = AddressProvider::layer2;
  std::filesystem::path command;  // the operator's; only with that provider
  AwsSettings aws;
  OpenStackSettings openstack;
  /// What runs on a database host that takes an address; empty: nothing, announcements are enough.
  [[nodiscard]] std::filesystem::path program() const;
  /// The address is of no network of the site.
  [[nodiscard]] bool is_routed() const { return provider == AddressProvider::aws && !aws.route_tables.empty(); }
  bool operator==(const AddressSettings&) const = default;
};

}  // namespace gemel::site
