// Two raw sockets, read without waiting when it is time to judge: one wake-up of the loop per question.
#include "adapters/service/icmp_probe.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "adapters/service/echo.h"

namespace gemel::adapters::service {
namespace {

// Packets read per look: answers to others' echoes arrive here too, and must not hold up the loop.
constexpr int most_packets = 1000;

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

struct Target {
  std::string text;
  bool is_v6 = false;
  in_addr v4 = {};
  in6_addr v6 = {};
};

Result<Target> parse_target(const std::string& text) {
  Target target{.text = text};
  if (::inet_pton(AF_INET, text.c_str(), &target.v4) == 1) return target;
  target.is_v6 = true;
  if (::inet_pton(AF_INET6, text.c_str(), &target.v6) == 1) return target;
  return fail(ErrorCode::invalid, "\"" + text + "\" is no address");
}

Result<Socket> open_socket(bool is_v6) {
  Socket opened(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         is_v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP)));
  if (opened.get() < 0) return fail_errno(errno, "open a socket for echoes");
  int done = 0;
  if (is_v6) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    done = ::setsockopt(opened.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  } else {
    icmp_filter filter{.data = ~(1U << ICMP_ECHOREPLY)};
    done = ::setsockopt(opened.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  }
  if (done != 0) return fail_errno(errno, "filter echoes");
  return opened;
}

class IcmpProbe final : public ServiceProbe {
 public:
  IcmpProbe(std::vector<Target> targets, Socket v4, Socket v6)
      : targets_(std::move(targets)), v4_(std::move(v4)), v6_(std::move(v6)) {
    label_.identifier = static_cast<std::uint16_t>(::getpid());  // as ping(8) tells its answers from others'
  }

  std::optional<Look> look() override {
    std::optional<Look> result;
    if (has_asked_) {
      collect(v4_.get(), false);
      collect(v6_.get(), true);
      result = Look{targets_.size(), {}};
      for (const auto& target : targets_) {
        if (!answered_.contains(target.text)) result->silent.push_back(target.text);
      }
    }
    ask();
    return result;
  }

 private:
  void ask() {
    answered_.clear();
    ++label_.sequence;
    has_asked_ = true;
    for (const auto& target : targets_) {
      const EchoMessage message = target.is_v6 ? echo_request6(label_) : echo_request(label_);
      sockaddr_in to{};
      sockaddr_in6 to6{};
      to.sin_family = AF_INET;
      to.sin_addr = target.v4;
      to6.sin6_family = AF_INET6;
      to6.sin6_addr = target.v6;
      const auto* address =
          target.is_v6 ? reinterpret_cast<const sockaddr*>(&to6) : reinterpret_cast<const sockaddr*>(&to);
      // What cannot be sent is not answered either: no route is as good a reason as no answer.
      (void)::sendto(target.is_v6 ? v6_.get() : v4_.get(), message.data(), message.size(), MSG_DONTWAIT, address,
                     target.is_v6 ? sizeof to6 : sizeof to);
    }
  }

  void collect(int descriptor, bool is_v6) {
    if (descriptor < 0) return;
    std::array<std::uint8_t, 256> packet{};
    for (int count = 0; count < most_packets; ++count) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const auto got = ::recvfrom(descriptor, packet.data(), packet.size(), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &length);
      if (got < 0 && errno == EAGAIN) return;
      if (got < 0) continue;  // an error of a former packet: the next call tells more
      const auto bytes = std::span(packet).first(static_cast<std::size_t>(got));
      if ((is_v6 ? parse_reply6(bytes) : parse_reply(bytes)) == label_) note_answer(from, is_v6);
    }
  }

  void note_answer(const sockaddr_storage& from, bool is_v6) {
    for (const auto& target : targets_) {
      if (target.is_v6 != is_v6) continue;
      const bool is_same =
          is_v6 ? std::memcmp(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr, &target.v6, sizeof target.v6) == 0
                : reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr == target.v4.s_addr;
      if (is_same) answered_.insert(target.text);
    }
  }

  std::vector<Target> targets_;
  Socket v4_;
  Socket v6_;
  EchoLabel label_;
  bool has_asked_ = false;
  std::set<std::string> answered_;
};

}  // namespace

Result<std::unique_ptr<ServiceProbe>> open_icmp_probe(const std::vector<std::string>& targets) {
  std::vector<Target> parsed;
  Socket v4;
  Socket v6;
  for (const auto& text : targets) {
    const auto target = parse_target(text);
    if (!target) return std::unexpected(target.error());
    parsed.push_back(*target);
    auto& socket = target->is_v6 ? v6 : v4;
    if (socket.get() >= 0) continue;
    auto opened = open_socket(target->is_v6);
    if (!opened) return std::unexpected(opened.error());
    socket = std::move(*opened);
  }
  return std::make_unique<IcmpProbe>(std::move(parsed), std::move(v4), std::move(v6));
}

}  // namespace gemel::adapters::service
