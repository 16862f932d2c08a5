// The command line of gemel-torture. Pure, but for the environment's GEMEL_DSN, GEMEL_URL and GEMEL_CA.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "client/session.h"

namespace gemel::torture {

enum class Command { help, prepare, run, check, endstate };

/// Operations per second of all clients of a workload together, and how many clients.
struct Rates {
  int append = 50, transfer = 20, snapshot = 5, registers = 50, stamp = 10, note = 4, probe = 100;
  int append_clients = 4, transfer_clients = 2, register_clients = 4, stamp_clients = 2, note_clients = 2;
  int register_keys = 2;
  std::chrono::seconds register_life{20};
};

struct Options {
  Command command = Command::help;
  std::filesystem::path folder = {};
  std::string dsn = {};
  std::string url = {};
  std::filesystem::path ca = {};
  std::string workloads = "ABCEFG";
  std::string run = {};
  std::chrono::seconds duration{0};                             // 0: until told to stop
  std::vector<std::pair<std::string, std::string>> nodes = {};  // name and DSN
  std::string node_id = "current_setting('cluster_name') || '/' || coalesce(host(inet_server_addr()), 'socket')";
  Rates rates = {};
  client::Limits limits{std::chrono::milliseconds(250), std::chrono::milliseconds(500),
                        std::chrono::milliseconds(1500)};
  client::Limits probe_limits{std::chrono::milliseconds(100), std::chrono::milliseconds(400),
                              std::chrono::milliseconds(250)};
  std::chrono::seconds settle{30};
  std::chrono::seconds converge{60};
  std::chrono::milliseconds stale_read{0};
  std::chrono::milliseconds max_gap{0};  // 0: no demand
  int max_wal_mb = 2048;
  bool with_endstate = true;
  [[nodiscard]] bool has(char workload) const { return workloads.find(workload) != std::string::npos; }
};

/// `invalid` with what is wrong and what to do. Words without the program's name.
Result<Options> parse_options(const std::vector<std::string>& words);
extern const char* const usage;

}  // namespace gemel::torture
