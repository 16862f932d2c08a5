// The site file: one deployment described by a person in TOML, read with every mistake at once.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "site/host_config.h"
#include "site/message.h"

namespace gemel::site {

/// Files with the operator's own certificate for HTTPS; paths relative to the site file are joined to its directory.
struct OwnCertificateFiles {
  std::filesystem::path certificate;  // the chain, its own certificate first
  std::filesystem::path key;
  std::filesystem::path authority;  // who signed the last one of the chain; may be empty
  bool operator==(const OwnCertificateFiles&) const = default;
};

/// Files with what the operator knows of an external database; paths relative to the site file are joined to its
/// directory.
struct ExternalDatabaseFiles {
  std::filesystem::path ca;        // PEM; empty: the manager hosts trust what their systems trust
  std::filesystem::path password;  // one line, readable by its owner alone
  bool operator==(const ExternalDatabaseFiles&) const = default;
};

/// A site without a mistake. Immutable by convention; `hosts` carry their concepts, voters included.
struct Site {
  std::string name;
  std::string id;  // empty unless the file gives one: then the first render makes it
  std::string dns_name;
  std::vector<std::string> subnets;
  std::string interface = "eth0";
  std::optional<FloatingAddress> vip;
  std::optional<FloatingAddress> vip6;
  AddressSettings address;  // see HostConfig
  // Literals: where the managers' connections to the database seem to come from, when a cloud
  // translates their addresses.
  std::vector<std::string> client_addresses;
  DatabaseSettings database;
  core::Timers timers;
  unsigned min_copies = 1;
  unsigned sync_standbys = 1;
  std::vector<std::string> service_targets;  // default: the addresses of the managers and balancers
  Ports ports;
  bool is_direct = false;  // users come to the managers themselves: there is no balancer, or their way to it is not yet
  std::optional<OwnCertificateFiles> own_certificate;   // not looked at yet; empty: the site's web authority makes one
  std::optional<ExternalDatabaseFiles> external_files;  // with database.external, and only then; likewise
  std::vector<Host> hosts;

  /// One database host: nobody takes over, there is no virtual address.
  [[nodiscard]] bool is_standalone() const;
  /// Several managers, and a database that fails over: the site's own, or an external one, whose provider sees to that.
  [[nodiscard]] bool is_highly_available() const;
};

/// Exactly one of `site` and `mistakes` holds something; warnings may accompany both.
struct SiteOrMistakes {
  std::optional<Site> site;
  Messages mistakes;  // in the order of the file
  Messages warnings;
};

/// Reads a site file. Pure; never throws; any text is answered. `filename` stands in the messages, and relative paths
/// in the text begin at its directory.
SiteOrMistakes parse_site(const std::string& text, const std::string& filename);

/// What host.toml of `host` says. Pre: `host` is one of the site's; `site_id` is the rendered site's UUID.
HostConfig host_config(const Site& site, const std::string& site_id, const Host& host);

}  // namespace gemel::site
