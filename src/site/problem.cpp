// Names of the codes, and a problem as one sentence.
#include "site/problem.h"

namespace gemel::site {

std::string_view to_string(ProblemCode code) {
  switch (code) {
    case ProblemCode::unreachable:
      return "unreachable";
    case ProblemCode::unsupported_system:
      return "unsupported_system";
    case ProblemCode::other_site:
      return "other_site";
    case ProblemCode::foreign_server:
      return "foreign_server";
    case ProblemCode::port_taken:
      return "port_taken";
    case ProblemCode::no_package:
      return "no_package";
    case ProblemCode::other_name:
      return "other_name";
    case ProblemCode::dropping_table:
      return "dropping_table";
    case ProblemCode::name_not_resolved:
      return "name_not_resolved";
    case ProblemCode::data_directory:
      return "data_directory";
    case ProblemCode::clock_off:
      return "clock_off";
    case ProblemCode::little_memory:
      return "little_memory";
    case ProblemCode::little_disk:
      return "little_disk";
    case ProblemCode::other_address:
      return "other_address";
    case ProblemCode::no_interface:
      return "no_interface";
    case ProblemCode::floating_taken:
      return "floating_taken";
    case ProblemCode::address_taken:
      return "address_taken";
    case ProblemCode::path_closed:
      return "path_closed";
    case ProblemCode::path_silent:
      return "path_silent";
    case ProblemCode::small_packets:
      return "small_packets";
    case ProblemCode::slow_path:
      return "slow_path";
    case ProblemCode::no_source:
      return "no_source";
    case ProblemCode::no_address_tool:
      return "no_address_tool";
    case ProblemCode::no_cloud_secret:
      return "no_cloud_secret";
    case ProblemCode::address_stuck:
      return "address_stuck";
    case ProblemCode::old_postgres:
      return "old_postgres";
    case ProblemCode::host_left_out:
      return "host_left_out";
    case ProblemCode::other_database:
      return "other_database";
    case ProblemCode::database_silent:
      return "database_silent";
    case ProblemCode::database_refuses:
      return "database_refuses";
    case ProblemCode::no_authorities:
      return "no_authorities";
    case ProblemCode::timers_apart:
      return "timers_apart";
    case ProblemCode::no_copy_yet:
      return "no_copy_yet";
    case ProblemCode::certificate_ends:
      return "certificate_ends";
    case ProblemCode::key_open:
      return "key_open";
  }
  return "";
}

std::string sentence_of(const Problem& problem) {
  auto text = problem.what;
  if (!problem.why.empty()) text += ": " + problem.why;
  if (!problem.mend.empty()) text += "; " + problem.mend;
  return text;
}

}  // namespace gemel::site
