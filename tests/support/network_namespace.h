// A network namespace for one test: made by unsharing in a helper thread, gone with the object. Needs root.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace gemel::testing {

/// Owns a namespace by descriptor. Threads and sockets that were made inside keep it alive until they end.
class NetworkNamespace {
 public:
  NetworkNamespace() {
    std::thread([this] {
      if (::unshare(CLONE_NEWNET) != 0) return;
      descriptor_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }).join();
    if (is_usable()) shell("ip link set lo up");
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] bool is_usable() const { return descriptor_ >= 0; }

  /// Runs `work` on a thread inside the namespace and waits for it.
  void run(const std::function<void()>& work) const {
    std::thread([&] {
      enter();
      work();
    }).join();
  }
  /// Moves the calling thread into the namespace for good.
  void enter() const { ASSERT_EQ(::setns(descriptor_, CLONE_NEWNET), 0); }

  /// Runs a shell command inside; its output. A failing command fails the test.
  std::string shell(const std::string& command) const {
    std::string output;
    run([&] {
      FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
      ASSERT_NE(pipe, nullptr);
      std::array<char, 4096> part{};
      while (std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), got);
      EXPECT_EQ(::pclose(pipe), 0) << command << ": " << output;
    });
    return output;
  }

  /// A path that names the namespace to `ip` while this object lives.
  [[nodiscard]] std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
  }
  /// A pair of connected interfaces `name`, one in this namespace and one in `other`.
  void connect(const NetworkNamespace& other, const std::string& name) const {
    shell("ip link add " + name + " type veth peer name " + name + " netns " + other.path());
    for (const auto* end : {this, &other}) end->shell("ip link set " + name + " up");
  }

 private:
  int descriptor_ = -1;
};

}  // namespace gemel::testing
