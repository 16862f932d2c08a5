// TestCluster: three real etcd members with mutual TLS on loopback, for contract tests. Each is run by an EtcdMember,
// so that supervision is tested along the way. Nothing outlives the object.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/etcd/etcd_member.h"
#include "adapters/etcd/etcd_store.h"
#include "base/check.h"
#include "runtime/test_certificates.h"

namespace gemel::adapters::etcd {

/// A loop that runs as long as somebody waits for something on it.
class WaitingLoop {
 public:
  WaitingLoop() : scope_(context_.get_executor(), "test") {}
  ~WaitingLoop() {
    scope_.spawn("nothing", nothing());
    context_.run_for(std::chrono::milliseconds(200));
  }
  WaitingLoop(const WaitingLoop&) = delete;
  WaitingLoop& operator=(const WaitingLoop&) = delete;

  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }

  template <typename T>
  T wait(Task<T> task) {
    std::optional<T> result;
    start(std::move(task), &result);
    GEMEL_CHECK(run_until([&] { return result.has_value(); }, std::chrono::seconds(30)));
    return std::move(*result);
  }
  template <typename T>
  void start(Task<T> task, std::optional<T>* result) {
    scope_.spawn("wait", keep(std::move(task), result));
  }
  template <typename Condition>
  bool run_until(Condition condition, Duration limit) {
    const TimePoint until = runtime::boot_now() + limit;
    context_.restart();
    while (!condition() && runtime::boot_now() < until) {
      if (context_.stopped()) context_.restart();
      context_.run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }

 private:
  template <typename T>
  static Task<void> keep(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }
  static Task<void> nothing() { co_return; }

  boost::asio::io_context context_{1};
  runtime::TaskScope scope_;
};

/// A port of 127.0.0.1 that is free now.
inline std::uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  GEMEL_CHECK(bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0);
  GEMEL_CHECK(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(descriptor);
  return ntohs(address.sin_port);
}

class TestCluster {
 public:
  explicit TestCluster(int size = 3) : authority_("etcd") {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-etcd-XXXXXX").string();
    GEMEL_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    GEMEL_CHECK(chmod(pattern.c_str(), 0755) == 0);
    const auto tls = authority_.issue_for_loopback("etcd-server");
    client_tls_ = authority_.issue_for_loopback("etcd-client");
    std::vector<MemberPeer> peers;
    for (int i = 0; i < size; ++i)
      peers.push_back({NodeId{"m" + std::to_string(i)}, "127.0.0.1", free_port(), free_port()});
    for (const MemberPeer& peer : peers) {
      MemberConfig config;
      config.site = "test";
      config.name = peer.name;
      config.peers = peers;
      config.address = peer.address;
      config.peer_port = peer.port;
      config.client_port = peer.client_port;
      config.metrics_port = 0;
      std::filesystem::create_directory(folder_ / peer.name.name);
      config.data_directory = folder_ / peer.name.name / "data";
      config.output = folder_ / (peer.name.name + ".log");
      if (geteuid() != 0) config.user.reset();
      config.server_tls = config.peer_tls = tls;
      config.client_tls = client_tls_;
      configs.push_back(config);
    }
  }

  ~TestCluster() {
    for (auto& member : members)
      if (member) loop.wait(member->stop(std::chrono::seconds(2)));
    members.clear();
    std::filesystem::remove_all(folder_);
  }

  /// Starts all members and waits until a record can be read.
  void start() {
    for (const MemberConfig& config : configs) {
      auto member = EtcdMember::create(loop.executor(), config);
      GEMEL_CHECK(member.has_value());
      (*member)->start();
      members.push_back(std::move(*member));
    }
    wait_ready();
  }

  void wait_ready() {
    const auto store = open("ready");
    const TimePoint until = runtime::boot_now() + std::chrono::seconds(20);
    while (!(loop.wait(store->read(std::chrono::milliseconds(500))) &&
             store->quorum().reachable == store->quorum().total)) {
      GEMEL_CHECK(runtime::boot_now() < until);
      loop.run_until([] { return false; }, std::chrono::milliseconds(20));
    }
    close(*store);
  }

  std::unique_ptr<EtcdStore> open(const std::string& site) {
    EtcdStoreConfig config;
    config.site = site;
    for (const MemberConfig& member : configs)
      config.voters.push_back(
          {member.name,
           {.address = member.address, .port = member.client_port, .server_name = {}, .local_socket = {}}});
    config.tls = client_tls_;
    config.times.probe_every = std::chrono::milliseconds(100);
    auto store = EtcdStore::open(loop.executor(), config);
    GEMEL_CHECK(store.has_value());
    return std::move(*store);
  }
  void close(EtcdStore& store) { EXPECT_TRUE(loop.wait(store.stop(std::chrono::seconds(2))).empty()); }

  [[nodiscard]] std::size_t leader() {
    for (int round = 0; round < 200; ++round) {
      for (std::size_t i = 0; i < members.size(); ++i) {
        const auto status = loop.wait(members[i]->local_status(std::chrono::milliseconds(500)));
        if (status && status->is_leader()) return i;
      }
      loop.run_until([] { return false; }, std::chrono::milliseconds(20));
    }
    GEMEL_CHECK(false);
  }
  void signal(std::size_t member, int number) {
    GEMEL_CHECK(members[member]->pid() > 0);
    kill(members[member]->pid(), number);
  }

  WaitingLoop loop;
  std::vector<MemberConfig> configs;
  std::vector<std::unique_ptr<EtcdMember>> members;

 private:
  runtime::TestAuthority authority_;
  runtime::TlsFiles client_tls_;
  std::filesystem::path folder_;
};

}  // namespace gemel::adapters::etcd
