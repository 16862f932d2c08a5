// The sections that the site file and host.toml share, key by key: [timers] and [ports]. Private to this folder.
#pragma once

#include <array>
#include <string_view>

#include "site/host_config.h"
#include "site/toml_reader.h"

namespace gemel::site {

struct TimerKey {
  std::string_view name;
  Duration core::Timers::* member;
};
inline constexpr std::array<TimerKey, 11> timer_keys{{
    {"hb_ms", &core::Timers::hb},
    {"suspect_ms", &core::Timers::suspect},
    {"lease_ms", &core::Timers::lease},
    {"grace_ms", &core::Timers::grace},
    {"gate_ms", &core::Timers::gate},
    {"etcd_ms", &core::Timers::etcd},
    {"kill_ms", &core::Timers::kill},
    {"sick_ms", &core::Timers::sick},
    {"stop_ms", &core::Timers::stop},
    {"promote_ms", &core::Timers::promote},
    {"stable_ms", &core::Timers::stable},
}};
inline constexpr std::string_view clock_rate_error_key = "clock_rate_error";
inline constexpr std::string_view profile_key = "profile";

struct PortKey {
  std::string_view name;
  std::uint16_t Ports::* member;
};
inline constexpr std::array<PortKey, 10> port_keys{{
    {"agent", &Ports::agent},
    {"heartbeat", &Ports::heartbeat},
    {"etcd_client", &Ports::etcd_client},
    {"etcd_peer", &Ports::etcd_peer},
    {"postgres", &Ports::postgres},
    {"https", &Ports::https},
    {"orchestrators", &Ports::orchestrators},
    {"manager_https", &Ports::manager_https},
    {"manager_orchestrators", &Ports::manager_orchestrators},
    {"statistics", &Ports::statistics},
}};

/// On a host with every role (ALL, CCM) the balancer has 443 and 8443, so the manager listens beside it.
inline constexpr std::uint16_t compact_manager_https = 10443;
inline constexpr std::uint16_t compact_manager_orchestrators = 18443;

/// Reads [timers] over the values in `timers`, first the profile it names, and checks their arithmetic. Absent section:
/// the values stay.
void read_timers(TomlReader& reader, const TableView& root, core::Timers& timers);
/// Reads [ports] over the values in `ports`. Absent section: the values stay.
void read_ports(TomlReader& reader, const TableView& root, Ports& ports);

}  // namespace gemel::site
