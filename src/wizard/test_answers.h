// Answers for the tests of this folder and of the command line.
#pragma once

#include "wizard/answers.h"

namespace gemel::wizard::test {

/// The fewest answers that make a site of five hosts.
inline Answers five_hosts() {
  return {{{"site.name", "lab"},
           {"network.subnets", "10.77.0.0/24, fd77::/64"},
           {"database.address", "10.77.0.100"},
           {"ha.primary_ip", "10.77.0.11"},
           {"ha.secondary_ip", "10.77.0.12"},
           {"ha.dns_name", "mgmt.lab.test"},
           {"database1.address", "10.77.0.21"},
           {"database2.address", "10.77.0.22"},
           {"balancer1.address", "10.77.0.31"}},
          {}};
}

inline Answers compact() {
  return {{{"site.name", "lab"},
           {"site.kind", "compact"},
           {"network.subnets", "10.77.0.0/24"},
           {"database.address", "10.77.0.100"},
           {"ha.dns_name", "mgmt.lab.test"},
           {"host1.address", "10.77.0.1"},
           {"host2.address", "10.77.0.2"},
           {"host3.address", "10.77.0.3"}},
          {}};
}

inline Answers standalone() {
  return {{{"site.name", "lab"},
           {"site.kind", "standalone"},
           {"network.subnets", "10.77.0.0/24"},
           {"ha.dns_name", "mgmt.lab.test"},
           {"manager1.address", "10.77.0.11"},
           {"database1.address", "10.77.0.21"}},
          {}};
}

inline Answers one_host() {
  return {{{"site.name", "lab"},
           {"site.kind", "one-host"},
           {"network.subnets", "10.77.0.0/24"},
           {"ha.dns_name", "mgmt.lab.test"},
           {"host1.address", "10.77.0.1"}},
          {}};
}

}  // namespace gemel::wizard::test
