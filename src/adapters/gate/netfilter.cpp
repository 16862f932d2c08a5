// Netlink batches and sockets for nftables (nfnetlink; linux/netfilter/nfnetlink.h).
#include "adapters/gate/netfilter.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libnftnl/common.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "base/check.h"

namespace gemel::adapters::gate {

namespace {

constexpr std::size_t message_bound = 4096;  // one rule of ours is below 1 KiB
constexpr std::size_t batch_bound = 128 * 1024;

// The first error among the acknowledgements, or 0; -1 when nothing was acknowledged.
int read_acknowledgements(int descriptor) {
  alignas(nlmsghdr) char buffer[16384];
  int outcome = -1;
  for (;;) {
    const ssize_t got = ::recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return outcome;
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
      if (outcome <= 0) outcome = -error->error;
    }
  }
}

}  // namespace

Batch::Batch() {
  bytes_.reserve(16384);
  put_frame(NFNL_MSG_BATCH_BEGIN);
}

void Batch::put_frame(std::uint16_t type) {
  alignas(nlmsghdr) char buffer[256] = {};
  if (type == NFNL_MSG_BATCH_BEGIN) {
    nftnl_batch_begin(buffer, sequence_++);
  } else {
    nftnl_batch_end(buffer, sequence_++);
  }
  bytes_.insert(bytes_.end(), buffer, buffer + reinterpret_cast<nlmsghdr*>(buffer)->nlmsg_len);
}

void Batch::add(std::uint16_t type, std::uint16_t family, std::uint16_t flags,
                const std::function<void(nlmsghdr*)>& build) {
  alignas(nlmsghdr) char buffer[message_bound] = {};
  auto* header = nftnl_nlmsg_build_hdr(buffer, type, family, flags, sequence_++);
  build(header);
  GEMEL_CHECK(header->nlmsg_len <= message_bound && bytes_.size() + header->nlmsg_len < batch_bound);
  last_ = bytes_.size();
  bytes_.insert(bytes_.end(), buffer, buffer + header->nlmsg_len);
}

const std::vector<char>& Batch::finish() {
  // One acknowledgement, of the last message, is enough: refused messages are always answered.
  auto* last = reinterpret_cast<nlmsghdr*>(bytes_.data() + last_);
  last->nlmsg_flags |= NLM_F_ACK;
  put_frame(NFNL_MSG_BATCH_END);
  return bytes_;
}

Result<NetfilterSocket> NetfilterSocket::open(bool events) {
  NetfilterSocket opened(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (!opened.socket_) return fail_errno(errno, "open a netfilter socket");
  const unsigned groups = events ? 1U << (NFNLGRP_NFTABLES - 1) : 0U;
  if (mnl_socket_bind(opened.socket_.get(), groups, MNL_SOCKET_AUTOPID) < 0)
    return fail_errno(errno, "bind a netfilter socket");
  return opened;
}

Status NetfilterSocket::ignore(std::uint32_t port) {
  // Every message of a notification names the same port; the filter's loads are big-endian, netlink's fields are not.
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                           BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
  const sock_fprog filter{std::size(program), program};
  if (::setsockopt(descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
    return fail_errno(errno, "filter netfilter notifications");
  return {};
}

Status NetfilterSocket::commit(Batch batch) {
  const auto& bytes = batch.finish();
  if (mnl_socket_sendto(socket_.get(), bytes.data(), bytes.size()) < 0)
    return fail_errno(errno, "send a netfilter transaction");
  const int error = read_acknowledgements(descriptor());
  if (error < 0) return fail(ErrorCode::timed_out, "a netfilter transaction was not acknowledged");
  if (error > 0) return fail_errno(error, "a netfilter transaction was refused");
  return {};
}

Status NetfilterSocket::dump(std::uint16_t type, std::uint16_t family, const std::function<void(nlmsghdr*)>& build,
                             const std::function<void(const nlmsghdr*)>& visit) {
  alignas(nlmsghdr) char buffer[16384] = {};
  const std::uint32_t sequence = ++sequence_;
  auto* header = nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, sequence);
  build(header);
  if (mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0)
    return fail_errno(errno, "send a netfilter query");
  for (;;) {
    const ssize_t got = ::recv(descriptor(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return fail_errno(got == 0 ? EPIPE : errno, "read the answer to a netfilter query");
    int left = static_cast<int>(got);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(answer, left);
         answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence) continue;
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      if (answer->nlmsg_type == NLMSG_ERROR) {
        const int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
        if (error == 0) return {};
        return fail_errno(error, "a netfilter query was refused");
      }
      visit(answer);
    }
  }
}

bool NetfilterSocket::drain(const std::function<void(const nlmsghdr*)>& visit) {
  alignas(nlmsghdr) char buffer[16384];
  bool is_complete = true;
  for (;;) {
    const ssize_t got = ::recv(descriptor(), buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOBUFS) {
      is_complete = false;
      continue;
    }
    if (got <= 0) return is_complete;
    if (static_cast<std::size_t>(got) > sizeof buffer) {
      is_complete = false;
      continue;
    }
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left))
      visit(header);
  }
}

}  // namespace gemel::adapters::gate
