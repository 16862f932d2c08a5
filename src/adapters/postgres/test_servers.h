// Real PostgreSQL servers for contract tests: a temporary folder, a cgroup2 mount, certificates, free ports, and a loop
// to run coroutines on. Header only; included by tests only.
#pragma once

#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/quoting.h"
#include "adapters/postgres/real_postgres.h"
#include "base/check.h"
#include "runtime/test_certificates.h"

namespace gemel::adapters::postgres {

template <typename T>
runtime::Task<void> keep_result(runtime::Task<T> task, std::shared_ptr<std::optional<T>> result) {
  result->emplace(co_await std::move(task));
}

/// Runs one coroutine to its end on the loop and gives its result; other tasks of the loop go on meanwhile.
template <typename T>
T run_on(boost::asio::io_context& loop, runtime::Task<T> task) {
  auto result = std::make_shared<std::optional<T>>();
  boost::asio::co_spawn(loop, keep_result(std::move(task), result), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  loop.restart();
  while (!*result && loop.run_one() > 0) {
  }
  GEMEL_CHECK(result->has_value());
  return std::move(**result);
}
inline void run_on(boost::asio::io_context& loop, runtime::Task<void> task) {
  bool done = false;
  boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr&) { done = true; });
  loop.restart();
  while (!done && loop.run_one() > 0) {
  }
}

/// Prints how long a step took, for the record of measurements.
class Stopwatch {
 public:
  explicit Stopwatch(std::string step) : step_(std::move(step)), begin_(runtime::boot_now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(runtime::boot_now() - begin_);
    std::printf("[ timing   ] %-10s %8.1f ms\n", step_.c_str(), static_cast<double>(took.count()) / 1000.0);
  }

 private:
  std::string step_;
  TimePoint begin_;
};

inline std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  GEMEL_CHECK(::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0);
  GEMEL_CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

/// A folder in memory (other tests' disk traffic must not decide how long this takes) that the server's user can
/// traverse, with a cgroup2 mount in it; all go with the object.
class TestGround {
 public:
  TestGround() {
    char name[] = "/tmp/gemel-pg-XXXXXX";
    GEMEL_CHECK(::mkdtemp(name) != nullptr);
    folder_ = name;
    if (::mount("none", name, "tmpfs", 0, "size=1g,mode=0755") != 0) {
      std::perror("mount tmpfs (needs root)");
      std::abort();
    }
    std::filesystem::create_directory(folder_ / "cgroup");
    if (::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr) != 0) {
      std::perror("mount cgroup2 (needs root)");
      std::abort();
    }
  }
  TestGround(const TestGround&) = delete;
  TestGround& operator=(const TestGround&) = delete;
  ~TestGround() {
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    ::umount2(folder_.c_str(), MNT_DETACH);
    std::error_code ignored;  // a left-over folder in /tmp is no reason to fail
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// One real server of a pair. The destructor kills what still runs.
class TestServer {
 public:
  TestServer(boost::asio::io_context& loop, PostgresConfig config) : loop_(loop), config_(std::move(config)) { open(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    thaw();
    run_on(loop_, server_->kill());
    run_on(loop_, server_->close());
    server_.reset();
    ::rmdir(config_.cgroup.c_str());
  }
  /// The agent restarts, perhaps with another configuration: the object goes, the server stays.
  void reopen(const std::function<void(PostgresConfig&)>& change = {}) {
    run_on(loop_, server_->close());
    server_.reset();
    if (change) change(config_);
    open();
  }
  RealPostgres& operator*() const { return *server_; }
  RealPostgres* operator->() const { return server_.get(); }
  [[nodiscard]] const PostgresConfig& config() const { return config_; }
  void freeze() const { std::ofstream(config_.cgroup / "cgroup.freeze") << "1"; }
  void thaw() const { std::ofstream(config_.cgroup / "cgroup.freeze") << "0"; }
  /// libpq string of the application by TLS.
  [[nodiscard]] std::string application_conninfo() const {
    return make_conninfo({{"host", config_.self.name},
                          {"hostaddr", "127.0.0.1"},
                          {"port", std::to_string(config_.port)},
                          {"user", config_.application.user},
                          {"dbname", config_.application.database},
                          {"password", config_.application.password},
                          {"sslmode", "verify-full"},
                          {"sslrootcert", config_.tls.ca.string()}});
  }

 private:
  void open() {
    auto made = RealPostgres::create(loop_.get_executor(), config_);
    if (!made) std::fprintf(stderr, "%s\n", made.error().to_string().c_str());
    GEMEL_CHECK(made.has_value());
    server_ = std::move(*made);
  }
  boost::asio::io_context& loop_;
  PostgresConfig config_;
  std::unique_ptr<RealPostgres> server_;
};

/// db1 and db2, nothing initialised.
struct TestPair {
  TestPair() {
    const PostgresTls tls = make_tls();
    std::vector<PostgresPeer> peers{{NodeId{"db1"}, "127.0.0.1", free_port()},
                                    {NodeId{"db2"}, "127.0.0.1", free_port()}};
    first = std::make_unique<TestServer>(loop, config_for(peers, 0, tls));
    second = std::make_unique<TestServer>(loop, config_for(peers, 1, tls));
  }
  PostgresTls make_tls() {
    authority.issue({.name = "gemel_replication"});
    authority.issue({.name = "gemel_rewind"});
    const auto folder = authority.folder();
    PostgresTls tls;
    tls.ca = authority.trust().ca;
    tls.replication_certificate = folder / "gemel_replication.crt";
    tls.replication_key = folder / "gemel_replication.key";
    tls.rewind_certificate = folder / "gemel_rewind.crt";
    tls.rewind_key = folder / "gemel_rewind.key";
    return tls;
  }
  PostgresConfig config_for(const std::vector<PostgresPeer>& peers, std::size_t index, PostgresTls tls) {
    PostgresConfig config;
    config.self = peers[index].node;
    const auto identity = authority.issue({.name = config.self.name, .dns = {config.self.name}});
    tls.server_certificate = identity.certificate;
    tls.server_key = identity.key;
    const auto home = ground.folder() / config.self.name;
    config.peers = peers;
    config.port = peers[index].port;
    config.data_dir = home / "postgres/data";
    config.tls_dir = home / "postgres/tls";
    config.socket_dir = home / "run";
    config.state_dir = home / "agent";
    config.log_file = home / "postgres.log";
    std::filesystem::create_directories(config.state_dir);
    std::filesystem::create_directories(home / "postgres");
    config.cgroup = ground.folder() / "cgroup" / (ground.folder().filename().string() + "-" + config.self.name);
    config.listen_addresses = "127.0.0.1";
    config.tls = tls;
    config.application = {"cliqr", "gemel", "app'li\\cation:1"};
    config.replication_password = "repli:ca\\tion'1";
    config.rewind_password = "rewind-1";
    config.oom_score_adjust = 0;
    config.tuning = {{"shared_buffers", "16MB"},
                     {"max_connections", "40"},
                     {"max_wal_size", "256MB"},
                     {"wal_keep_size", "64MB"},
                     {"log_min_messages", "warning"}};
    return config;
  }
  template <typename T>
  T run(runtime::Task<T> task) {
    return run_on(loop, std::move(task));
  }

  boost::asio::io_context loop;
  TestGround ground;
  runtime::TestAuthority authority;
  std::unique_ptr<TestServer> first, second;
};

}  // namespace gemel::adapters::postgres
