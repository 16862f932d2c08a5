// What a host says of itself before a plan is made: one value per host. How it is gathered is the setup's matter.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gemel::site {

enum class FirewallKind : std::uint8_t { nftables, firewalld };

/// What kept a host from being asked: silence, our key, or a host key that is not the one agreed to.
enum class Obstacle : std::uint8_t { no_answer, key_refused, other_host_key };

/// A file or directory that is there.
struct FileFact {
  bool is_directory = false;
  std::string sha256;  // empty for a directory
  mode_t mode = 0;
  std::string owner;
  std::string group;
  std::int64_t changed = 0;  // when its content got here: seconds since 1970, by the host's clock; 0: not known
  bool operator==(const FileFact&) const = default;
};

/// A host of the site, as the host.toml of a host that runs says.
struct MemberFact {
  std::string address;
  bool is_database = false;
  bool operator==(const MemberFact&) const = default;
};

/// A port of another host, by one of its addresses.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

struct HostFacts {
  bool is_reachable = false;
  std::string why_unreachable;  // a sentence; empty when reachable
  Obstacle obstacle = Obstacle::no_answer;
  std::string host_name;
  std::string system;                              // "debian 12"
  std::map<std::string, std::string> packages;     // completely installed: name to version
  std::map<std::string, FileFact> files;           // those that were asked for and are there, by path
  std::set<std::string> running_units;             // of those that matter here, e.g. "gemeld.service"
  std::set<std::string> enabled_units;             // likewise
  std::map<std::string, std::int64_t> started;     // running unit to when its program was started; as FileFact::changed
  std::int64_t clock = 0;                          // what its clock showed; as FileFact::changed
  std::set<std::uint16_t> listening;               // TCP ports with a listener that is not on loopback alone
  std::map<std::uint16_t, std::string> listeners;  // ... and the program, where it is known
  FirewallKind firewall = FirewallKind::nftables;  // firewalld only while it runs
  std::vector<std::string> firewall_rules;         // nftables: chains of our table; firewalld: permanent rich rules
  std::vector<std::string> dropping_tables;        // nftables: others' tables whose input drops what no rule accepts
  std::map<std::string, std::vector<std::string>> resolved;  // name to the addresses the host finds for it
  std::string site_id;                                       // of the site the host belongs to already; empty: none
  std::map<std::string, MemberFact> members;                 // ... and that site's hosts by name, as it knows them
  std::set<std::string> floating;                            // ... and its floating addresses
  std::map<std::string, double> timers;                      // ... and its [timers], by key
  std::string endpoint;                                      // ... and its external database; empty: it has its own
  bool has_data_directory = false;                           // there is something where our PostgreSQL cluster belongs
  bool is_primary = false;                                   // its agent says that it serves writes

  // What the host is able to do. 0 or empty: not known.
  std::chrono::milliseconds clock_ahead{0};  // of ours, at least; negative: behind. The way there and back is let off
  std::uint64_t memory_mb = 0;
  std::uint64_t free_disk_mb = 0;                 // where the data will be
  std::uint64_t free_system_mb = 0;               // where packages go
  std::map<std::string, std::string> interfaces;  // address to the interface it is on
  std::set<std::string> taken;                    // of the host's own addresses: another machine answers there too
  std::set<std::string> answering;                // of the site's floating addresses: somebody answers there
  std::map<std::string, std::string> stuck;       // floating address to why the cloud would not let it move here
  std::set<Endpoint> silent;                      // of the ports of others that were asked for: no answer of any kind
  std::set<Endpoint> silent_udp;                  // likewise of datagrams; no proof: a filter may keep the answer back
  std::map<std::string, std::chrono::microseconds> round_trips;  // to others' addresses and back, the middle of three
  std::set<std::string> small_packets;  // of others' addresses that answer, but not to packets of the link's size
  std::string unreached;      // manager hosts: why nothing answers at the external database's endpoint; empty: it does
  std::string login_refused;  // ... and why the managers' user is not let in there; empty: it is, or nobody could try
  std::map<std::string, std::string> candidates;  // of the distribution's packages that are missing: the version that
                                                  // would be installed
};

/// By the names of the site file. A host that is missing counts as not reachable.
using SiteFacts = std::map<std::string, HostFacts>;

}  // namespace gemel::site
