// The mission's role names and what they mean in the words of the code: the only place that knows them.
#pragma once

#include <span>
#include <string_view>

#include "site/host_config.h"

namespace gemel::site {

struct Role {
  std::string_view name;
  Concepts concepts;      // `voter` = may be one; which hosts are is decided by assign_voters()
  unsigned at_least = 0;  // in a highly available site that is not compact
  unsigned at_most = ~0U;
  std::string_view missing;  // what to do when there are fewer than at_least
  std::string_view refused;  // not empty: the role cannot be highly available; the sentence is the way out
  /// Of a standalone site: one manager, one database, nobody to take over.
  [[nodiscard]] bool is_standalone() const { return !refused.empty(); }
};

inline constexpr std::string_view role_all = "ALL";
inline constexpr std::string_view role_one_host = "CCM";

/// Every role in the order of the mission's page.
std::span<const Role> roles();
/// nullptr for a name that is not in the table.
const Role* find_role(std::string_view name);

/// Sets `concepts.voter`: every host of a compact site (ALL); of a standalone site its manager; else the two managers
/// and the first balancer, hosts that the site needs anyway and whose loss never costs the primary database an
/// election.
void assign_voters(std::vector<Host>& hosts);

}  // namespace gemel::site
