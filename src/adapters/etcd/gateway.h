// Bodies of etcd's v3 JSON gateway: requests as text, answers as values. Pure; sending is in endpoint_pool.h.
// In the gateway's JSON keys and values are base64, 64-bit numbers are strings, and fields that are zero are absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/record.h"

namespace gemel::adapters::etcd {

std::string to_base64(std::string_view bytes);
/// `corrupt` for anything that is not padded base64.
Result<std::string> from_base64(std::string_view text);

/// The keys of one site: "/gemel/<site>" and what lies below.
struct Keys {
  std::string prefix;
  [[nodiscard]] std::string lead() const { return prefix + "/lead"; }
  [[nodiscard]] std::string history(Epoch epoch) const { return prefix + "/hist/" + std::to_string(epoch.value); }
  [[nodiscard]] std::string intent(std::string_view name) const { return prefix + "/intent/" + std::string(name); }
};

/// Holds when the key's mod_revision is `revision`; 0: when the key does not exist.
struct Compare {
  std::string key;
  Revision revision;
};
struct Put {
  std::string key;
  std::string value;
};
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Put> puts;           // when all compares hold; empty: a pure read
  std::vector<std::string> reads;  // keys; a key that ends with '/' reads everything below. Read after the puts when
                                   // the compares hold, and when they do not
};
std::string transaction_body(const Transaction& transaction);
/// Body of /v3/watch for one key; `from` 0: from now on.
std::string watch_body(const std::string& key, Revision from);

struct Header {
  std::uint64_t member_id = 0;
  Revision revision;  // of the store when the answer was made
  std::uint64_t raft_term = 0;
};
struct KeyValue {
  std::string key;
  std::string value;
  Revision mod_revision;
  std::int64_t version = 0;  // number of writes since the key was created
};
struct TransactionAnswer {
  Header header;
  bool succeeded = false;
  std::vector<KeyValue> found;  // of all reads, in order
};
Result<TransactionAnswer> parse_transaction(std::string_view body);

/// Picks record and history out of what was found under `keys`; entries of other keys are ignored. `corrupt`/`invalid`
/// when one of them cannot be read.
Result<core::StoreView> view_of(const Keys& keys, const std::vector<KeyValue>& found);
const KeyValue* find_key(const std::vector<KeyValue>& found, std::string_view key);

struct MemberStatus {
  Header header;
  std::uint64_t leader_id = 0;  // 0: none
  std::string version;
  std::int64_t database_bytes = 0;
  [[nodiscard]] bool is_leader() const { return leader_id != 0 && leader_id == header.member_id; }
};
Result<MemberStatus> parse_status(std::string_view body);

struct MemberEntry {
  std::uint64_t id = 0;
  std::string name;  // empty: added, never started
  std::vector<std::string> peer_urls;
  bool has_run = false;  // it has told where its clients reach it
};
Result<std::vector<MemberEntry>> parse_members(std::string_view body);

/// The server's own words in an error answer, for people; a piece of the body when it is something else.
std::string error_text(unsigned status, std::string_view body);

}  // namespace gemel::adapters::etcd
