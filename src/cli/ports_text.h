// The port matrix as a table, as JSON, and as security groups of clouds. Pure: site in, text out.
#pragma once

#include <string>

#include "site/ports.h"

namespace gemel::cli {

/// A boxed table, one row per rule; `is_wide` adds the stable ids.
std::string ports_table(const site::Site& site, bool is_wide, bool use_colour);

/// {"api_version", "site", "rules": [{"id", "from", "to", "protocol", "port", "why"}], "hosts": [{"host", "open":
/// [{"protocol", "port", "sources"}]}]}. `port` is null for icmp; `sources` is null when everyone may.
std::string ports_json(const site::Site& site);

/// A CloudFormation template with one security group per concept. Who users and operators are, and the network, are its
/// parameters: there is no default that would open the site to the world.
std::string ports_aws(const site::Site& site);

/// The same as a Heat template (JSON is YAML too).
std::string ports_openstack(const site::Site& site);

}  // namespace gemel::cli
