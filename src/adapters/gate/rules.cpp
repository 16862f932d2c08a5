// The gate's tables, sets, chains and rules in terms of libnftnl expressions. The same in nft's language:
//
//   table inet gemel_gate {                          table arp gemel_gate {
//     set open4/open6 { flags timeout; }               set open4 { type ipv4_addr; flags timeout; }
//     set admit4/admit6 { flags timeout; }             chain input:  who-has VIP        unless @open4: drop
//     set peers4/peers6                                chain output: sender address VIP unless @open4: drop
//     chain prerouting / input / output              }
//   }
//
// An open gate has the address in open* and in admit*, a draining one in open* only, a shut one in neither. input
// refuses a new connection (SYN) unless @admit*, and drops everything else unless @open*. prerouting answers clients
// whose neighbour table still leads them here after the address has gone: "nobody listens".
#include "adapters/gate/rules.h"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <memory>
#include <span>

#include "base/check.h"

namespace gemel::adapters::gate {

namespace {

constexpr std::int32_t chain_priority = -10;        // before the usual filter at 0
constexpr std::uint64_t set_default_timeout = 500;  // ms; whoever adds an element by hand without one gets this
constexpr std::uint32_t key_type_ipv4 = 7;          // nft's own numbers, so that `nft list` prints addresses
constexpr std::uint32_t key_type_ipv6 = 8;
constexpr std::uint32_t open4_id = 1, open6_id = 2, peers4_id = 3, peers6_id = 4, arp_open4_id = 5, admit4_id = 6,
                        admit6_id = 7;

// Offsets of header fields in bytes (RFC 791, 8200, 9293, 4861, 826).
constexpr std::uint32_t ip_source = 12, ip_destination = 16, ip6_source = 8, ip6_destination = 24;
constexpr std::uint32_t tcp_source_port = 0, tcp_destination_port = 2, tcp_flags = 13, icmp6_type = 0, nd_target = 8;
constexpr std::uint32_t arp_sender_ip = 14, arp_target_ip = 24;

constexpr std::uint8_t tcp_fin = 0x01, tcp_syn = 0x02, tcp_reset = 0x04, tcp_acknowledgement = 0x10;

using Bytes = std::span<const std::uint8_t>;

// One rule under construction: tests that must all hold, then a verdict.
class Rule {
 public:
  Rule(std::uint16_t family, const char* chain) : family_(family), rule_(nftnl_rule_alloc()) {
    GEMEL_CHECK(rule_ != nullptr);
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, family);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table_name);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
  }

  Rule& meta(std::uint32_t key, Bytes value) {
    auto* load = expression("meta");
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
    compare(NFT_CMP_EQ, value);
    return *this;
  }
  Rule& protocol(std::uint8_t number) { return meta(NFT_META_L4PROTO, Bytes(&number, 1)); }
  Rule& network(std::uint8_t number) { return meta(NFT_META_NFPROTO, Bytes(&number, 1)); }

  Rule& field(std::uint32_t base, std::uint32_t offset, Bytes value, std::uint32_t relation = NFT_CMP_EQ) {
    load(base, offset, static_cast<std::uint32_t>(value.size()));
    compare(relation, value);
    return *this;
  }
  Rule& port(std::uint32_t offset, std::uint16_t number) {
    const std::uint8_t value[2] = {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
    return protocol(IPPROTO_TCP).field(NFT_PAYLOAD_TRANSPORT_HEADER, offset, value);
  }

  Rule& in_set(const char* set, std::uint32_t id, std::uint32_t base, std::uint32_t offset, std::uint32_t size,
               bool is_inverted = false) {
    load(base, offset, size);
    auto* lookup = expression("lookup");
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, set);
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, id);
    if (is_inverted) nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return *this;
  }

  /// The destination is no address of this host.
  Rule& elsewhere() {
    auto* fib = expression("fib");
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    const std::uint32_t local = RTN_LOCAL;
    compare(NFT_CMP_NEQ, Bytes(reinterpret_cast<const std::uint8_t*>(&local), sizeof local));
    return *this;
  }
  /// A TCP segment that resets; it carries no data (RFC 9293, 3.5.2).
  Rule& reset() { return flags(tcp_reset, tcp_reset); }
  /// The first segment of a new connection.
  Rule& first() { return flags(tcp_fin | tcp_syn | tcp_reset | tcp_acknowledgement, tcp_syn); }

  /// Answers with a reset.
  void refuse(Batch& batch) {
    expression("counter");
    auto* reject = expression("reject");
    nftnl_expr_set_u32(reject, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
    nftnl_expr_set_u8(reject, NFTNL_EXPR_REJECT_CODE, 0);
    append(batch);
  }

  void verdict(Batch& batch, std::uint32_t code) {
    expression("counter");
    auto* immediate = expression("immediate");
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT, code);
    append(batch);
  }

 private:
  void append(Batch& batch) {
    batch.add(NFT_MSG_NEWRULE, family_, NLM_F_CREATE | NLM_F_APPEND,
              [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule_.get()); });
  }
  nftnl_expr* expression(const char* name) {
    auto* made = nftnl_expr_alloc(name);
    GEMEL_CHECK(made != nullptr);
    nftnl_rule_add_expr(rule_.get(), made);  // takes ownership
    return made;
  }
  /// Of the TCP flags in `mask` exactly `set` are set.
  Rule& flags(std::uint8_t mask, std::uint8_t set) {
    load(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags, 1);
    auto* select = expression("bitwise");
    const std::uint8_t nothing = 0;
    nftnl_expr_set_u32(select, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(select, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(select, NFTNL_EXPR_BITWISE_LEN, sizeof mask);
    nftnl_expr_set_data(select, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof mask);
    nftnl_expr_set_data(select, NFTNL_EXPR_BITWISE_XOR, &nothing, sizeof nothing);
    compare(NFT_CMP_EQ, Bytes(&set, 1));
    return *this;
  }
  void load(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
    auto* payload = expression("payload");
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, size);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  }
  void compare(std::uint32_t relation, Bytes value) {
    auto* test = expression("cmp");
    nftnl_expr_set_u32(test, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(test, NFTNL_EXPR_CMP_OP, relation);
    nftnl_expr_set(test, NFTNL_EXPR_CMP_DATA, value.data(), static_cast<std::uint32_t>(value.size()));
  }

  struct Free {
    void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
  };
  std::uint16_t family_;
  std::unique_ptr<nftnl_rule, Free> rule_;
};

void add_table(Batch& batch, std::uint16_t family, std::uint16_t message) {
  std::unique_ptr<nftnl_table, decltype(&nftnl_table_free)> table(nftnl_table_alloc(), &nftnl_table_free);
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, family);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_name);
  const std::uint16_t flags = message == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0;
  batch.add(message, family, flags, [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void add_chain(Batch& batch, std::uint16_t family, const char* name, std::uint32_t hook) {
  std::unique_ptr<nftnl_chain, decltype(&nftnl_chain_free)> chain(nftnl_chain_alloc(), &nftnl_chain_free);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_FAMILY, family);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_name);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, hook);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, chain_priority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  batch.add(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

struct SetSpec {
  std::uint16_t family;
  const char* name;
  std::uint32_t id;
  std::uint32_t key_size;
  bool has_timeout;
};

using OwnedSet = std::unique_ptr<nftnl_set, decltype(&nftnl_set_free)>;

OwnedSet name_set(std::uint16_t family, const char* name) {
  OwnedSet set(nftnl_set_alloc(), &nftnl_set_free);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, family);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_name);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name);
  return set;
}

void add_set(Batch& batch, const SetSpec& spec) {
  auto set = name_set(spec.family, spec.name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, spec.id);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, spec.key_size == 4 ? key_type_ipv4 : key_type_ipv6);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, spec.key_size);
  if (spec.has_timeout) {
    nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
    nftnl_set_set_u64(set.get(), NFTNL_SET_TIMEOUT, set_default_timeout);
  }
  batch.add(NFT_MSG_NEWSET, spec.family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void add_element(Batch& batch, std::uint16_t family, const char* name, Bytes key,
                 std::optional<std::chrono::milliseconds> life) {
  auto set = name_set(family, name);
  auto* element = nftnl_set_elem_alloc();
  GEMEL_CHECK(element != nullptr);
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), static_cast<std::uint32_t>(key.size()));
  if (life) nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(life->count()));
  nftnl_set_elem_add(set.get(), element);  // takes ownership
  batch.add(NFT_MSG_NEWSETELEM, family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

void add_open_elements(Batch& batch, const ParsedConfig& config, const Opening& opening) {
  if (!opening.life) return;
  const auto add = [&](const AddressSet& set) {
    add_element(batch, set.family, set.name, set.is_v6 ? Bytes(*config.vip6) : Bytes(*config.vip), opening.life);
  };
  for (const auto& set : open_sets(config)) add(set);
  if (!opening.admits_new) return;
  for (const auto& set : admit_sets(config)) add(set);
}

constexpr auto network_header = NFT_PAYLOAD_NETWORK_HEADER;
constexpr auto transport_header = NFT_PAYLOAD_TRANSPORT_HEADER;

// Clients of the virtual address in, its answers out. Not the other way round: a host that does not hold the address
// may be a client of it. A new connection that is not admitted is refused at once, because its client could only send
// its SYN again after a second, or wait in the backlog of a server that ends. Established ones hear nothing while the
// gate is shut: they go on when it opens again.
void add_client_rules(Batch& batch, const ParsedConfig& config) {
  struct Side {
    std::uint8_t network;
    Bytes vip;
    std::uint32_t destination, source;
    const char* open;
    std::uint32_t open_id;
    const char* admit;
    std::uint32_t admit_id;
  };
  const auto add = [&](const Side& side) {
    const auto size = static_cast<std::uint32_t>(side.vip.size());
    Rule(NFPROTO_INET, "input")
        .network(side.network)
        .port(tcp_destination_port, config.port)
        .first()
        .field(network_header, side.destination, side.vip)
        .in_set(side.admit, side.admit_id, network_header, side.destination, size, true)
        .refuse(batch);
    Rule(NFPROTO_INET, "input")
        .network(side.network)
        .port(tcp_destination_port, config.port)
        .field(network_header, side.destination, side.vip)
        .in_set(side.open, side.open_id, network_header, side.destination, size)
        .verdict(batch, NF_ACCEPT);
    Rule(NFPROTO_INET, "input")
        .network(side.network)
        .port(tcp_destination_port, config.port)
        .field(network_header, side.destination, side.vip)
        .verdict(batch, NF_DROP);
    Rule(NFPROTO_INET, "output")
        .network(side.network)
        .port(tcp_source_port, config.port)
        .field(network_header, side.source, side.vip)
        .in_set(side.open, side.open_id, network_header, side.source, size, true)
        .verdict(batch, NF_DROP);
  };
  if (config.vip) add({NFPROTO_IPV4, *config.vip, ip_destination, ip_source, "open4", open4_id, "admit4", admit4_id});
  if (config.vip6)
    add({NFPROTO_IPV6, *config.vip6, ip6_destination, ip6_source, "open6", open6_id, "admit6", admit6_id});
}

// After a hand-over clients still send here until they hear the new holder's announcement. Silence would cost them a
// TCP retransmission (1 s for a new connection), so they are told at once, established ones as well: they cannot go on.
void add_misdirected_rules(Batch& batch, const ParsedConfig& config) {
  const auto add = [&](std::uint8_t network, Bytes vip, std::uint32_t destination, std::uint32_t source) {
    Rule(NFPROTO_INET, "prerouting")
        .network(network)
        .port(tcp_destination_port, config.port)
        .field(network_header, destination, vip)
        .elsewhere()
        .refuse(batch);
    Rule(NFPROTO_INET, "output")
        .network(network)
        .port(tcp_source_port, config.port)
        .field(network_header, source, vip)
        .reset()
        .verdict(batch, NF_ACCEPT);
  };
  if (config.vip) add(NFPROTO_IPV4, *config.vip, ip_destination, ip_source);
  if (config.vip6) add(NFPROTO_IPV6, *config.vip6, ip6_destination, ip6_source);
}

// Neighbour discovery of the IPv6 address: neither asked nor claimed while shut.
void add_neighbour_rules(Batch& batch, const ParsedConfig& config) {
  if (!config.vip6) return;
  const std::uint8_t solicitation = ND_NEIGHBOR_SOLICIT, advertisement = ND_NEIGHBOR_ADVERT;
  Rule(NFPROTO_INET, "input")
      .network(NFPROTO_IPV6)
      .protocol(IPPROTO_ICMPV6)
      .field(transport_header, icmp6_type, Bytes(&solicitation, 1))
      .field(transport_header, nd_target, *config.vip6)
      .in_set("open6", open6_id, transport_header, nd_target, 16, true)
      .verdict(batch, NF_DROP);
  Rule(NFPROTO_INET, "output")
      .network(NFPROTO_IPV6)
      .protocol(IPPROTO_ICMPV6)
      .field(transport_header, icmp6_type, Bytes(&advertisement, 1))
      .field(transport_header, nd_target, *config.vip6)
      .in_set("open6", open6_id, transport_header, nd_target, 16, true)
      .verdict(batch, NF_DROP);
  // A solicitation carries its sender's link address: with the virtual address as source it claims that one too.
  Rule(NFPROTO_INET, "output")
      .network(NFPROTO_IPV6)
      .protocol(IPPROTO_ICMPV6)
      .field(transport_header, icmp6_type, Bytes(&solicitation, 1))
      .field(network_header, ip6_source, *config.vip6)
      .in_set("open6", open6_id, network_header, ip6_source, 16, true)
      .verdict(batch, NF_DROP);
}

// Node addresses: peers and this host itself, nobody else. After the rules of the virtual address.
void add_node_rules(Batch& batch, const ParsedConfig& config) {
  const std::uint16_t loopback = ARPHRD_LOOPBACK;
  Rule(NFPROTO_INET, "input")
      .port(tcp_destination_port, config.port)
      .meta(NFT_META_IIFTYPE, Bytes(reinterpret_cast<const std::uint8_t*>(&loopback), sizeof loopback))
      .verdict(batch, NF_ACCEPT);
  Rule(NFPROTO_INET, "input")
      .network(NFPROTO_IPV4)
      .port(tcp_destination_port, config.port)
      .in_set("peers4", peers4_id, network_header, ip_source, 4)
      .verdict(batch, NF_ACCEPT);
  Rule(NFPROTO_INET, "input")
      .network(NFPROTO_IPV6)
      .port(tcp_destination_port, config.port)
      .in_set("peers6", peers6_id, network_header, ip6_source, 16)
      .verdict(batch, NF_ACCEPT);
  Rule(NFPROTO_INET, "input").port(tcp_destination_port, config.port).verdict(batch, NF_DROP);
}

// Requests for the address (not announcements of its new holder, which local clients must learn) and our answers.
void add_arp_rules(Batch& batch, const ParsedConfig& config) {
  if (!config.vip) return;
  Rule(NFPROTO_ARP, "input")
      .field(network_header, arp_target_ip, *config.vip)
      .field(network_header, arp_sender_ip, *config.vip, NFT_CMP_NEQ)
      .in_set("open4", arp_open4_id, network_header, arp_target_ip, 4, true)
      .verdict(batch, NF_DROP);
  Rule(NFPROTO_ARP, "output")
      .field(network_header, arp_sender_ip, *config.vip)
      .in_set("open4", arp_open4_id, network_header, arp_sender_ip, 4, true)
      .verdict(batch, NF_DROP);
}

void flush_set(Batch& batch, std::uint16_t family, const char* name) {
  auto set = name_set(family, name);
  // A deletion without a list of elements empties the set, and is no error when it is empty already.
  batch.add(NFT_MSG_DELSETELEM, family, 0,
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

template <std::size_t Size>
bool read_address(int family, const std::string& text, std::array<std::uint8_t, Size>& address) {
  return inet_pton(family, text.c_str(), address.data()) == 1;
}

}  // namespace

Result<ParsedConfig> parse(const GateConfig& config) {
  ParsedConfig parsed;
  parsed.port = config.port;
  if (config.port == 0) return fail(ErrorCode::invalid, "gate: the port is 0");
  if (config.vip && !read_address(AF_INET, *config.vip, parsed.vip.emplace()))
    return fail(ErrorCode::invalid, "gate: \"" + *config.vip + "\" is not an IPv4 address");
  if (config.vip6 && !read_address(AF_INET6, *config.vip6, parsed.vip6.emplace()))
    return fail(ErrorCode::invalid, "gate: \"" + *config.vip6 + "\" is not an IPv6 address");
  for (const auto& peer : config.peers) {
    ParsedConfig::V4 v4;
    ParsedConfig::V6 v6;
    if (read_address(AF_INET, peer, v4)) {
      parsed.peers4.push_back(v4);
    } else if (read_address(AF_INET6, peer, v6)) {
      parsed.peers6.push_back(v6);
    } else {
      return fail(ErrorCode::invalid, "gate: the peer \"" + peer + "\" is not an address");
    }
  }
  return parsed;
}

Batch delete_tables() {
  Batch batch;
  for (const std::uint16_t family : {NFPROTO_INET, NFPROTO_ARP}) {
    add_table(batch, family, NFT_MSG_NEWTABLE);  // so that the deletion cannot miss
    add_table(batch, family, NFT_MSG_DELTABLE);
  }
  return batch;
}

Batch replace_tables(const ParsedConfig& config, const Opening& opening) {
  Batch batch = delete_tables();
  add_table(batch, NFPROTO_INET, NFT_MSG_NEWTABLE);
  add_table(batch, NFPROTO_ARP, NFT_MSG_NEWTABLE);
  add_set(batch, {NFPROTO_INET, "open4", open4_id, 4, true});
  add_set(batch, {NFPROTO_INET, "open6", open6_id, 16, true});
  add_set(batch, {NFPROTO_INET, "admit4", admit4_id, 4, true});
  add_set(batch, {NFPROTO_INET, "admit6", admit6_id, 16, true});
  add_set(batch, {NFPROTO_INET, "peers4", peers4_id, 4, false});
  add_set(batch, {NFPROTO_INET, "peers6", peers6_id, 16, false});
  add_set(batch, {NFPROTO_ARP, "open4", arp_open4_id, 4, true});
  for (const auto& peer : config.peers4) add_element(batch, NFPROTO_INET, "peers4", peer, std::nullopt);
  for (const auto& peer : config.peers6) add_element(batch, NFPROTO_INET, "peers6", peer, std::nullopt);
  add_chain(batch, NFPROTO_INET, "prerouting", NF_INET_PRE_ROUTING);
  add_chain(batch, NFPROTO_INET, "input", NF_INET_LOCAL_IN);
  add_chain(batch, NFPROTO_INET, "output", NF_INET_LOCAL_OUT);
  add_chain(batch, NFPROTO_ARP, "input", NF_ARP_IN);
  add_chain(batch, NFPROTO_ARP, "output", NF_ARP_OUT);
  add_misdirected_rules(batch, config);  // before the output rules of the clients
  add_client_rules(batch, config);
  add_neighbour_rules(batch, config);
  add_node_rules(batch, config);
  add_arp_rules(batch, config);
  add_open_elements(batch, config, opening);
  return batch;
}

Batch set_open(const ParsedConfig& config, const Opening& opening) {
  Batch batch;
  for (const auto& set : open_sets(config)) flush_set(batch, set.family, set.name);
  for (const auto& set : admit_sets(config)) flush_set(batch, set.family, set.name);
  add_open_elements(batch, config, opening);
  return batch;
}

std::vector<AddressSet> open_sets(const ParsedConfig& config) {
  std::vector<AddressSet> sets;
  if (config.vip) sets.push_back({NFPROTO_INET, "open4", false});
  if (config.vip) sets.push_back({NFPROTO_ARP, "open4", false});
  if (config.vip6) sets.push_back({NFPROTO_INET, "open6", true});
  return sets;
}

std::vector<AddressSet> admit_sets(const ParsedConfig& config) {
  std::vector<AddressSet> sets;
  if (config.vip) sets.push_back({NFPROTO_INET, "admit4", false});
  if (config.vip6) sets.push_back({NFPROTO_INET, "admit6", true});
  return sets;
}

}  // namespace gemel::adapters::gate
