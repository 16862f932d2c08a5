// What a person should know of a host before anything is done there: a code for programs, three parts for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gemel::site {

enum class ProblemCode : std::uint8_t {
  unreachable,
  unsupported_system,
  other_site,      // the host belongs to another site
  foreign_server,  // a server that is not ours runs where ours shall
  port_taken,
  no_package,         // a package of ours is neither installed nor given
  other_name,         // warning: the system calls itself otherwise
  dropping_table,     // warning: packets may be dropped by a table of the host's owner
  name_not_resolved,  // the site's DNS name; a warning once the site is begun
  data_directory,     // data is there, of no site that is known
  clock_off,          // blocking when far off
  little_memory,      // blocking when far too little
  little_disk,        // likewise
  other_address,      // the host has not the address that the site file gives it
  no_interface,       // ... or it is on another interface, where the floating address could not be
  floating_taken,     // somebody answers at the floating address already
  address_taken,      // another machine answers at the host's own address
  path_closed,        // packets to a port of another host are dropped on the way
  path_silent,        // warning: a datagram to another host gets no answer of any kind
  small_packets,      // warning: packets of the link's size do not reach another host
  slow_path,          // warning: the way to another host and back takes long
  no_source,          // a package of the distribution is neither installed nor to be had
  no_address_tool,    // the program that moves the floating address is not there, or cannot be run
  no_cloud_secret,    // what it needs to sign in to a cloud is not there, or others can read it
  address_stuck,      // warning: the cloud would not let the address move to the host
  old_postgres,       // warning
  host_left_out,      // a host of the running site is not in the site file, or has another address there
  other_database,     // the running managers use another database than the site file says
  database_silent,    // nothing answers at the external database's endpoint; a warning once the site is begun
  database_refuses,   // the external database does not let the managers in, or not make their tables
  no_authorities,     // the system's trusted authorities are to be used, and are not there
  timers_apart,       // a running site would have two sets of timers under which two could serve
  no_copy_yet,        // a site that grows wants copies before it has them
  certificate_ends,   // warning: the operator's own certificate must be renewed
  key_open            // warning: everybody can read its key
};
std::string_view to_string(ProblemCode code);

/// What a person should know before anything is done; a blocking one must be dealt with first. Holds no secret.
struct Problem {
  ProblemCode code = ProblemCode::unreachable;
  std::string host;
  bool is_blocking = true;
  std::string what;  // is wrong
  std::string why;   // it matters; may be empty
  std::string mend;  // what a person does about it
};

/// "what: why; mend".
std::string sentence_of(const Problem& problem);

}  // namespace gemel::site
