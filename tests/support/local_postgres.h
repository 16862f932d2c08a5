// A PostgreSQL 15 of a test's own, on loopback, in a folder of its own. Header only; included by contract tests alone.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace gemel::testing_support {

inline constexpr auto* bin = "/usr/lib/postgresql/15/bin/";

inline std::uint16_t free_port() {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(socket_fd, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &length);
  close(socket_fd);
  return ntohs(address.sin_port);
}

/// Runs a program as user postgres (when we are root) to its end; the exit status.
inline int run_as_postgres(std::vector<std::string> arguments, const std::filesystem::path& log) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen(log.c_str(), "a", stdout) == nullptr || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(126);
    const passwd* user = getpwnam("postgres");
    if (geteuid() == 0 && (user == nullptr || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
    std::vector<char*> raw;
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    execv(raw[0], raw.data());
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Stopped and removed with the object. Its superuser `postgres` is trusted by loopback and by its socket.
class Postgres {
 public:
  Postgres() : port_(free_port()) {
    char pattern[] = "/tmp/gemel-notes-XXXXXX";
    folder_ = mkdtemp(pattern);
    if (const passwd* user = getpwnam("postgres"); user != nullptr && geteuid() == 0) {
      if (chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) ADD_FAILURE() << "chown";
    }
    EXPECT_EQ(
        run_as_postgres(
            {std::string(bin) + "initdb", "-D", data(), "-A", "trust", "-N", "-U", "postgres", "-E", "UTF8"}, log()),
        0);
    std::ofstream(data() + "/postgresql.conf", std::ios::app) << fmt::format(
        "port={}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{}'\nfsync=off\n", port_, folder_.string());
  }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  ~Postgres() {
    stop("immediate");
    std::filesystem::remove_all(folder_);
  }
  bool start() { return control({"start", "-w", "-t", "30"}); }
  bool stop(const std::string& mode) { return control({"stop", "-w", "-m", mode}); }
  bool create_database(const std::string& name) {
    return run_as_postgres(
               {std::string(bin) + "createdb", "-U", "postgres", "-h", "127.0.0.1", "-p", std::to_string(port_), name},
               log()) == 0;
  }
  /// Runs statements as superuser, by its socket.
  bool sql(const std::string& database, const std::string& statements) {
    return run_as_postgres({std::string(bin) + "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", folder_.string(),
                            "-p", std::to_string(port_), "-U", "postgres", "-d", database, "-c", statements},
                           log()) == 0;
  }
  /// From the next start on, as a provider has it: by loopback only with TLS and a SCRAM password.
  void use_tls(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    const passwd* user = getpwnam("postgres");
    for (const auto& [from, to] : {std::pair(certificate, "server.crt"), std::pair(key, "server.key")}) {
      const auto target = folder_ / "data" / to;
      std::filesystem::copy_file(from, target, std::filesystem::copy_options::overwrite_existing);
      if (chmod(target.c_str(), 0600) != 0) ADD_FAILURE() << "chmod";
      if (user != nullptr && geteuid() == 0 && chown(target.c_str(), user->pw_uid, user->pw_gid) != 0)
        ADD_FAILURE() << "chown";
    }
    std::ofstream(data() + "/postgresql.conf", std::ios::app) << "ssl=on\n";
    std::ofstream(data() + "/pg_hba.conf", std::ios::trunc)
        << "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
  }
  /// From the next start on, as nobody should have it.
  void ask_for_clear_passwords() {
    std::ofstream(data() + "/pg_hba.conf", std::ios::trunc)
        << "local all postgres trust\nhostssl all all all password\n";
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string conninfo(const std::string& database) const {
    return fmt::format("host=127.0.0.1 hostaddr=127.0.0.1 port={} user=postgres dbname={}", port_, database);
  }

 private:
  [[nodiscard]] std::string data() const { return (folder_ / "data").string(); }
  [[nodiscard]] std::filesystem::path log() const { return folder_ / "log"; }
  bool control(std::vector<std::string> rest) {
    std::vector<std::string> arguments = {std::string(bin) + "pg_ctl", "-D", data(), "-l",
                                          (folder_ / "server.log").string()};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return run_as_postgres(std::move(arguments), log()) == 0;
  }
  std::filesystem::path folder_;
  std::uint16_t port_;
};

}  // namespace gemel::testing_support
