#include "site/role_table.h"

#include <algorithm>
#include <array>

namespace gemel::site {
namespace {

constexpr Concepts manager_only{.manager = true};
constexpr Concepts database_only{.database = true};
constexpr Concepts balancer_only{.balancer = true};
constexpr Concepts everything{.manager = true, .database = true, .balancer = true, .voter = true};

constexpr std::array<Role, 9> table{{
    {"CCM_SA_PRIMARY", manager_only, 1, 1, "give one host the role CCM_SA_PRIMARY (the first manager)", ""},
    {"CCM_SA_SECONDARY", manager_only, 1, ~0U, "give one host the role CCM_SA_SECONDARY (the second manager)", ""},
    {"MGMTPOSTGRES_MASTER", database_only, 1, 1, "give one host the role MGMTPOSTGRES_MASTER (the first database)", ""},
    {"MGMTPOSTGRES_SLAVE", database_only, 1, ~0U, "give one host the role MGMTPOSTGRES_SLAVE (the standby database)",
     ""},
    {"CCM_LB", balancer_only, 1, ~0U, "give one host the role CCM_LB (the load balancer)", ""},
    {role_all, everything, 0, ~0U, "", ""},
    {role_one_host, everything, 0, ~0U, "",
     "it keeps everything on one host; use ALL on three hosts, or CCM_SA_PRIMARY, CCM_SA_SECONDARY, "
     "MGMTPOSTGRES_MASTER, "
     "MGMTPOSTGRES_SLAVE and CCM_LB on five"},
    {"CCM_SA", manager_only, 0, ~0U, "give one host the role CCM_SA (the manager)",
     "it is a manager alone; use CCM_SA_PRIMARY and CCM_SA_SECONDARY on two hosts"},
    {"MGMTPOSTGRES", database_only, 0, ~0U, "give one host the role MGMTPOSTGRES (the database)",
     "it is a database alone; use MGMTPOSTGRES_MASTER and MGMTPOSTGRES_SLAVE on two hosts"},
}};

}  // namespace

std::span<const Role> roles() { return table; }

const Role* find_role(std::string_view name) {
  const auto* found = std::find_if(table.begin(), table.end(), [&](const Role& role) { return role.name == name; });
  return found == table.end() ? nullptr : &*found;
}

void assign_voters(std::vector<Host>& hosts) {
  const bool is_standalone = std::ranges::any_of(hosts, [](const Host& host) {
    const auto* role = find_role(host.role);
    return role != nullptr && role->is_standalone();
  });
  int managers = 0;
  int balancers = 0;
  for (auto& host : hosts) {
    const bool is_compact = host.role == role_all;
    const bool is_first_manager = host.concepts.manager && ++managers <= 2;
    const bool is_first_balancer = !is_standalone && host.concepts.balancer && ++balancers <= 1;
    host.concepts.voter = is_compact || is_first_manager || is_first_balancer;
  }
}

}  // namespace gemel::site
