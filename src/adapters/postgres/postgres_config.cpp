// Checks of the adapter's configuration. Names come from the site file, which is stricter; here only what would make
// a rendered file wrong is refused.
#include "adapters/postgres/postgres_config.h"

#include <algorithm>

namespace gemel::adapters::postgres {
namespace {

bool is_setting_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

bool is_one_line(const std::string& text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

bool is_address(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':';
  });
}

}  // namespace

const PostgresPeer* PostgresConfig::find(const NodeId& node) const {
  const auto found = std::ranges::find(peers, node, &PostgresPeer::node);
  return found == peers.end() ? nullptr : &*found;
}

std::vector<std::string> validate(const PostgresConfig& config) {
  std::vector<std::string> wrong;
  if (config.self.empty()) wrong.emplace_back("self is empty");
  if (config.find(config.self) == nullptr) wrong.emplace_back("self is not among the peers");
  for (const auto& peer : config.peers) {
    if (peer.node.empty() || !is_one_line(peer.node.name)) wrong.emplace_back("a peer without a usable name");
    if (!is_address(peer.address)) wrong.push_back("address of " + peer.node.name + " is not an IP literal");
  }
  for (const auto* path :
       {&config.bin_dir, &config.data_dir, &config.tls_dir, &config.socket_dir, &config.state_dir, &config.cgroup}) {
    if (!path->is_absolute() || !is_one_line(path->string()))
      wrong.push_back("not an absolute path: " + path->string());
  }
  // A Unix socket's path has 107 bytes at most (unix(7)); "/.s.PGSQL.65535" needs 15 of them.
  if (config.socket_dir.string().size() > 92) wrong.emplace_back("socket directory has too long a name");
  for (const auto* text : {&config.application.user, &config.application.database}) {
    if (text->empty() || text->size() > 63 || !is_one_line(*text))
      wrong.emplace_back("application user or database name");
  }
  for (const auto* secret : {&config.application.password, &config.replication_password, &config.rewind_password}) {
    if (secret->empty() || !is_one_line(*secret)) wrong.emplace_back("a password is empty or has more than one line");
  }
  for (const auto& [name, value] : config.tuning) {
    if (!is_setting_name(name)) wrong.push_back("not a setting name: " + name);
  }
  return wrong;
}

}  // namespace gemel::adapters::postgres
