// What HAProxy says about the servers behind it, read from the CSV of `show stat`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace gemel::adapters::haproxy {

enum class ServerCondition : std::uint8_t { up, down, drain, maintenance, unchecked };

struct ServerState {
  std::string backend;  // "managers"
  std::string server;   // "ccm1"
  ServerCondition condition = ServerCondition::down;
  std::string status;          // HAProxy's word, e.g. "UP 1/2"
  std::string check;           // what the last check said, e.g. "L7OK"
  std::uint64_t sessions = 0;  // open now
  std::uint64_t seconds_in_status = 0;
};

std::string to_string(ServerCondition condition);

/// `corrupt` when it is not such a CSV. Columns are found by name, so their order may change.
Result<std::vector<ServerState>> parse_server_states(const std::string& csv);

}  // namespace gemel::adapters::haproxy
