// The port matrix as one host's packet filter: a table of nftables of our own, or rich rules of firewalld. Pure.
//
// Our table guards the site's own ports only and lets everything else pass: it can lock nobody out, and what the host's
// owner does with other ports stays the owner's. A packet that another table drops stays dropped.
#pragma once

#include <string>
#include <vector>

#include "site/ports.h"

namespace gemel::site {

inline constexpr std::string_view firewall_file = "/etc/gemel/firewall.nft";
inline constexpr std::string_view firewall_unit_file = "/etc/systemd/system/gemel-firewall.service";
inline constexpr std::string_view firewall_unit = "gemel-firewall.service";

struct NftablesRules {
  std::string text;     // content of firewall_file; loading it twice is the same as once
  std::string version;  // name of an empty chain in the table, made from the rules: tells whether these are loaded
};
NftablesRules nftables_rules(const Site& site, const Host& host);

/// Content of firewall_unit_file: loads the rules at boot, and again after the distribution's own rules.
std::string firewall_unit_text();

/// The rules for `firewall-cmd --add-rich-rule`, sorted. Without ssh, which firewalld lets in by itself.
std::vector<std::string> firewalld_rules(const Site& site, const Host& host);

struct FirewalldChange {
  std::vector<std::string> add;
  std::vector<std::string> remove;  // about one of the site's ports, and not in the matrix
  [[nodiscard]] bool is_empty() const { return add.empty() && remove.empty(); }
};
/// From the rules that are there to the matrix. Rules about other ports are the owner's and stay.
FirewalldChange firewalld_change(const Site& site, const Host& host, const std::vector<std::string>& present);

}  // namespace gemel::site
