// rtnetlink by libmnl, ioctl for interface facts, AF_PACKET for frames.
#include "adapters/address/link.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gemel::adapters::address {

namespace {

struct Search {
  const Ip* ip;
  int interface;
  bool is_found;
};

int match_address(const nlmsghdr* header, void* context) {
  auto& search = *static_cast<Search*>(context);
  if (header->nlmsg_type != RTM_NEWADDR) return MNL_CB_OK;
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(header));
  if (static_cast<int>(info->ifa_index) != search.interface) return MNL_CB_OK;
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof *info));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(header));
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    // IPv4 carries its own address in IFA_LOCAL (IFA_ADDRESS is a peer's on such links), IPv6 in IFA_ADDRESS.
    if (mnl_attr_get_type(attribute) != (search.ip->is_v4() ? IFA_LOCAL : IFA_ADDRESS)) continue;
    const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
    if (std::ranges::equal(std::span(bytes, mnl_attr_get_payload_len(attribute)), search.ip->bytes()))
      search.is_found = true;
  }
  return MNL_CB_OK;
}

}  // namespace

RouteSocket::~RouteSocket() {
  if (query_socket_ >= 0) ::close(query_socket_);
}

Result<RouteSocket> RouteSocket::open() {
  RouteSocket opened(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!opened.socket_ || mnl_socket_bind(opened.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return fail_errno(errno, "open a routing socket");
  opened.query_socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (opened.query_socket_ < 0) return fail_errno(errno, "open a socket for interface queries");
  return opened;
}

Result<Interface> RouteSocket::find_interface(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name)
    return fail(ErrorCode::invalid, "\"" + name + "\" is not an interface name");
  std::memcpy(request.ifr_name, name.data(), name.size());
  Interface found;
  if (::ioctl(query_socket_, SIOCGIFINDEX, &request) != 0)
    return fail(errno == ENODEV ? ErrorCode::not_found : ErrorCode::unavailable, "no interface \"" + name + "\"");
  found.index = request.ifr_ifindex;
  if (::ioctl(query_socket_, SIOCGIFHWADDR, &request) != 0) return fail_errno(errno, "ask for the MAC of " + name);
  found.has_neighbours = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
  std::memcpy(found.mac.data(), request.ifr_hwaddr.sa_data, found.mac.size());
  return found;
}

Status RouteSocket::run(nlmsghdr* request, int (*visit)(const nlmsghdr*, void*), void* context) {
  request->nlmsg_seq = ++sequence_;
  auto* socket = socket_.get();
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return fail_errno(errno, "send a routing request");
  alignas(nlmsghdr) char buffer[16384];
  for (;;) {
    // The kernel answers while it handles the request: what is not here now does not come.
    const ssize_t got = ::recv(mnl_socket_get_fd(socket), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return fail(ErrorCode::timed_out, "a routing request was not acknowledged");
    if (got < 0) return fail_errno(errno, "read the answer to a routing request");
    const int state =
        mnl_cb_run(buffer, static_cast<std::size_t>(got), sequence_, mnl_socket_get_portid(socket), visit, context);
    if (state < 0) return fail_errno(errno, "a routing request was refused");
    if (state == MNL_CB_STOP) return {};
  }
}

Status RouteSocket::change(std::uint16_t type, std::uint16_t flags, const Ip& ip, std::uint8_t prefix, int interface) {
  alignas(nlmsghdr) char buffer[512] = {};
  auto* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
  info->ifa_family = ip.is_v4() ? AF_INET : AF_INET6;
  info->ifa_prefixlen = prefix;
  info->ifa_index = static_cast<std::uint32_t>(interface);
  info->ifa_scope = RT_SCOPE_UNIVERSE;
  const auto bytes = ip.bytes();
  mnl_attr_put(header, IFA_LOCAL, bytes.size(), bytes.data());
  mnl_attr_put(header, IFA_ADDRESS, bytes.size(), bytes.data());
  if (type == RTM_NEWADDR) {
    mnl_attr_put_u32(header, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    // Not preferred: IPv6 must not choose it as the source of connections that this host opens. IPv4 has no such choice
    // to make, it prefers the older, wider address.
    if (!ip.is_v4()) {
      const ifa_cacheinfo lifetime{.ifa_prefered = 0, .ifa_valid = 0xffffffff, .cstamp = 0, .tstamp = 0};
      mnl_attr_put(header, IFA_CACHEINFO, sizeof lifetime, &lifetime);
    }
  }
  return run(header, nullptr, nullptr);
}

Status RouteSocket::add(const Ip& ip, std::uint8_t prefix, int interface) {
  return change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ip, prefix, interface);
}

Status RouteSocket::remove(const Ip& ip, std::uint8_t prefix, int interface) {
  auto removed = change(RTM_DELADDR, 0, ip, prefix, interface);
  if (!removed && removed.error().system_error == EADDRNOTAVAIL) return {};
  return removed;
}

Result<bool> RouteSocket::has(const Ip& ip, int interface) {
  alignas(nlmsghdr) char buffer[256] = {};
  auto* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = RTM_GETADDR;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
  info->ifa_family = ip.is_v4() ? AF_INET : AF_INET6;
  Search search{&ip, interface, false};
  if (auto asked = run(header, match_address, &search); !asked) return std::unexpected(asked.error());
  return search.is_found;
}

Result<int> open_frame_socket(const Ip& ip, int interface) {
  // Protocol 0 first: no frame is queued before the filter is in place.
  const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return fail_errno(errno, "open a packet socket");
  sock_filter neighbour_discovery[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
                                       BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 2, 0),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 1, 0),
                                       BPF_STMT(BPF_RET | BPF_K, 0),
                                       BPF_STMT(BPF_RET | BPF_K, 2048)};
  const sock_fprog program{sizeof neighbour_discovery / sizeof *neighbour_discovery, neighbour_discovery};
  bool is_ready = ip.is_v4() || ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ip.is_v4() ? ETH_P_ARP : ETH_P_IPV6);
  address.sll_ifindex = interface;
  is_ready = is_ready && ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (is_ready && !ip.is_v4()) {
    // Probes of others go to the address's solicited-node group, which we have not joined before we hold it.
    packet_mreq group{};
    group.mr_ifindex = interface;
    group.mr_type = PACKET_MR_MULTICAST;
    group.mr_alen = 6;
    const auto bytes = ip.bytes();
    const Mac mac = {0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]};
    std::memcpy(group.mr_address, mac.data(), mac.size());
    is_ready = ::setsockopt(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof group) == 0;
  }
  if (is_ready) return socket;
  const int error = errno;
  ::close(socket);
  return fail_errno(error, "prepare a packet socket");
}

Status send_frame(int socket, std::span<const std::uint8_t> frame) {
  if (::send(socket, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    return fail_errno(errno, "send a frame");
  return {};
}

std::optional<Frame> receive_frame(int socket) {
  Frame frame(2048);
  const ssize_t got = ::recv(socket, frame.data(), frame.size(), MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  frame.resize(static_cast<std::size_t>(got));
  return frame;
}

}  // namespace gemel::adapters::address
