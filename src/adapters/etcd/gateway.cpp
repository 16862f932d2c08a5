#include "adapters/etcd/gateway.h"

#include <algorithm>
#include <array>

#include "adapters/etcd/json_fields.h"
#include "adapters/etcd/record_codec.h"

namespace gemel::adapters::etcd {
namespace {

namespace json = boost::json;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> reverse_alphabet = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}();

json::object range_request(const std::string& key) {
  json::object range{{"key", to_base64(key)}};
  if (key.ends_with('/')) {
    std::string end = key;
    end.back() = '0';  // the byte after '/'
    range["range_end"] = to_base64(end);
  }
  return {{"request_range", std::move(range)}};
}

json::object compare_request(const Compare& compare) {
  json::object result{{"key", to_base64(compare.key)}, {"result", "EQUAL"}};
  const bool is_create = compare.revision.value == 0;
  result["target"] = is_create ? "CREATE" : "MOD";
  result[is_create ? "create_revision" : "mod_revision"] = std::to_string(compare.revision.value);
  return result;
}

Header header_of(const json::value& answer) {
  Header header;
  if (const auto* field = field_of(answer, "header")) {
    header.member_id = number_of<std::uint64_t>(*field, "member_id");
    header.revision = Revision{number_of<std::int64_t>(*field, "revision")};
    header.raft_term = number_of<std::uint64_t>(*field, "raft_term");
  }
  return header;
}

Result<json::value> parse_answer(std::string_view body) {
  boost::system::error_code bad;
  json::value value = json::parse(body, bad);
  if (bad) return fail(ErrorCode::corrupt, "etcd's answer is not JSON: " + bad.message());
  if (header_of(value).raft_term == 0) return fail(ErrorCode::corrupt, "etcd's answer has no header");
  return value;
}

Result<KeyValue> key_value_of(const json::value& entry) {
  const auto key = from_base64(text_of(entry, "key"));
  const auto value = from_base64(text_of(entry, "value"));
  if (!key || !value) return fail(ErrorCode::corrupt, "etcd's answer holds a key or value that is not base64");
  KeyValue result{*key, *value, Revision{number_of<std::int64_t>(entry, "mod_revision")},
                  number_of<std::int64_t>(entry, "version")};
  if (result.mod_revision.value <= 0) return fail(ErrorCode::corrupt, "etcd's answer holds a key without a revision");
  return result;
}

Status collect(const json::value& response, std::vector<KeyValue>& found) {
  const auto* range = field_of(response, "response_range");
  const auto* entries = range == nullptr ? nullptr : field_of(*range, "kvs");
  if (entries == nullptr || !entries->is_array()) return {};
  for (const auto& entry : entries->get_array()) {
    auto item = key_value_of(entry);
    if (!item) return std::unexpected(item.error());
    found.push_back(std::move(*item));
  }
  return {};
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = (group << 8U) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? alphabet[(group >> (18 - 6 * k)) & 63U] : '=';
  }
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  const auto bad = [] { return fail(ErrorCode::corrupt, "not base64"); };
  if (text.size() % 4 != 0) return bad();
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - padding;
    const int digit = is_padding ? 0 : reverse_alphabet[static_cast<unsigned char>(text[i])];
    if (digit < 0) return bad();
    group = (group << 6U) | static_cast<std::uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>((group >> shift) & 255U);
    group = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

std::string transaction_body(const Transaction& transaction) {
  json::array compares;
  json::array success;
  json::array failure;
  for (const Compare& compare : transaction.compares) compares.push_back(compare_request(compare));
  for (const Put& put : transaction.puts)
    success.push_back(
        json::object{{"request_put", json::object{{"key", to_base64(put.key)}, {"value", to_base64(put.value)}}}});
  for (const std::string& key : transaction.reads) {
    success.push_back(range_request(key));
    failure.push_back(range_request(key));
  }
  json::object body;
  if (!compares.empty()) body["compare"] = std::move(compares);
  body["success"] = std::move(success);
  if (!transaction.compares.empty()) body["failure"] = std::move(failure);
  return json::serialize(body);
}

std::string watch_body(const std::string& key, Revision from) {
  json::object request{{"key", to_base64(key)}};
  if (from.value > 0) request["start_revision"] = std::to_string(from.value);
  return json::serialize(json::object{{"create_request", std::move(request)}});
}

Result<TransactionAnswer> parse_transaction(std::string_view body) {
  const auto value = parse_answer(body);
  if (!value) return std::unexpected(value.error());
  TransactionAnswer answer{header_of(*value), flag_of(*value, "succeeded"), {}};
  if (const auto* responses = field_of(*value, "responses"); responses != nullptr && responses->is_array())
    for (const auto& response : responses->get_array())
      if (const auto collected = collect(response, answer.found); !collected) return std::unexpected(collected.error());
  return answer;
}

const KeyValue* find_key(const std::vector<KeyValue>& found, std::string_view key) {
  const auto it = std::ranges::find(found, key, &KeyValue::key);
  return it == found.end() ? nullptr : &*it;
}

Result<core::StoreView> view_of(const Keys& keys, const std::vector<KeyValue>& found) {
  core::StoreView view;
  const std::string below = keys.prefix + "/hist/";
  for (const KeyValue& item : found) {
    if (item.key == keys.lead()) {
      auto record = decode_record(item.value);
      if (!record) return std::unexpected(record.error());
      view.record = core::VersionedRecord{std::move(*record), item.mod_revision};
    } else if (item.key.starts_with(below)) {
      auto entry = decode_history(item.value);
      if (!entry) return std::unexpected(entry.error().with(item.key));
      if (item.key != keys.history(entry->epoch)) return fail(ErrorCode::corrupt, item.key + " holds another epoch");
      view.history.push_back(std::move(*entry));
    }
  }
  std::ranges::sort(view.history, {}, &core::HistoryEntry::epoch);
  return view;
}

Result<MemberStatus> parse_status(std::string_view body) {
  const auto value = parse_answer(body);
  if (!value) return std::unexpected(value.error());
  return MemberStatus{header_of(*value), number_of<std::uint64_t>(*value, "leader"), text_of(*value, "version"),
                      number_of<std::int64_t>(*value, "dbSize")};
}

Result<std::vector<MemberEntry>> parse_members(std::string_view body) {
  const auto value = parse_answer(body);
  if (!value) return std::unexpected(value.error());
  std::vector<MemberEntry> members;
  if (const auto* list = field_of(*value, "members"); list != nullptr && list->is_array())
    for (const auto& member : list->get_array())
      members.push_back({number_of<std::uint64_t>(member, "ID"), text_of(member, "name"), texts_of(member, "peerURLs"),
                         !texts_of(member, "clientURLs").empty()});
  return members;
}

std::string error_text(unsigned status, std::string_view body) {
  boost::system::error_code bad;
  const json::value value = json::parse(body, bad);
  std::string text = bad ? std::string{} : text_of(value, "message");
  if (text.empty() && !bad) text = text_of(value, "error");
  if (text.empty()) text = std::string(body.substr(0, 200));
  return "HTTP " + std::to_string(status) + ": " + text;
}

}  // namespace gemel::adapters::etcd
