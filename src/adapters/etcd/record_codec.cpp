#include "adapters/etcd/record_codec.h"

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <limits>
#include <utility>

namespace gemel::adapters::etcd {
namespace {

namespace json = boost::json;
using core::RecordState;

// The stored names are a file format: they stay when the names shown to people change.
constexpr std::array<std::pair<RecordState, std::string_view>, 3> state_names{
    {{RecordState::normal, "normal"}, {RecordState::resigned, "resigned"}, {RecordState::paused, "paused"}}};

constexpr std::array<std::pair<core::Cause, std::string_view>, 10> cause_names{{{core::Cause::none, "none"},
                                                                                {core::Cause::first, "first"},
                                                                                {core::Cause::failover, "failover"},
                                                                                {core::Cause::crash, "crash"},
                                                                                {core::Cause::switchover, "switchover"},
                                                                                {core::Cause::stop, "stop"},
                                                                                {core::Cause::sick, "sick"},
                                                                                {core::Cause::slow, "slow"},
                                                                                {core::Cause::service, "service"},
                                                                                {core::Cause::force, "force"}}};

/// Reads fields of one object and keeps the first mistake.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) {
    boost::system::error_code bad;
    value_ = json::parse(text, bad);
    if (bad)
      complain(ErrorCode::corrupt, "not JSON: " + bad.message());
    else if (!value_.is_object())
      complain(ErrorCode::corrupt, "not a JSON object");
  }
  explicit FieldReader(json::value value) : value_(std::move(value)) {
    if (!value_.is_object()) complain(ErrorCode::corrupt, "not a JSON object");
  }

  /// A reader of the object in this field.
  FieldReader object(std::string_view name) {
    const json::value* field = find(name);
    return FieldReader(field != nullptr ? *field : json::value());
  }

  std::string text(std::string_view name) {
    const json::value* field = find(name);
    if (field == nullptr) return {};
    if (!field->is_string()) return complain(ErrorCode::corrupt, quoted(name) + " is not a string"), std::string{};
    return {field->get_string().begin(), field->get_string().end()};
  }

  std::uint64_t number(std::string_view name, std::uint64_t lowest, std::uint64_t highest) {
    const json::value* field = find(name);
    if (field == nullptr) return 0;
    boost::system::error_code bad;
    const auto number = field->is_number() ? field->to_number<std::uint64_t>(bad) : 0;
    if (!field->is_number() || bad || number < lowest || number > highest)
      complain(ErrorCode::corrupt, quoted(name) + " is not a number in its range");
    return number;
  }

  bool boolean(std::string_view name) {
    const json::value* field = find(name);
    if (field == nullptr) return false;
    if (!field->is_bool()) return complain(ErrorCode::corrupt, quoted(name) + " is not a boolean"), false;
    return field->get_bool();
  }

  NodeSet nodes(std::string_view name) {
    NodeSet result;
    const json::value* field = find(name);
    if (field == nullptr) return result;
    if (!field->is_array()) return complain(ErrorCode::corrupt, quoted(name) + " is not an array"), result;
    for (const json::value& node : field->get_array()) {
      if (!node.is_string() || node.get_string().empty())
        return complain(ErrorCode::corrupt, quoted(name) + " holds something that is not a name"), result;
      result.insert(NodeId{std::string(node.get_string().begin(), node.get_string().end())});
    }
    return result;
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return !mistake_ && value_.get_object().if_contains(name) != nullptr;
  }

  void complain(ErrorCode code, std::string message) {
    if (!mistake_) mistake_ = Error{code, std::move(message)};
  }
  [[nodiscard]] const std::optional<Error>& mistake() const { return mistake_; }

 private:
  static std::string quoted(std::string_view name) { return "field \"" + std::string(name) + "\""; }

  const json::value* find(std::string_view name) {
    if (mistake_) return nullptr;
    const json::value* field = value_.get_object().if_contains(name);
    if (field == nullptr) complain(ErrorCode::corrupt, quoted(name) + " is missing");
    return field;
  }

  json::value value_;
  std::optional<Error> mistake_;
};

RecordState read_state(FieldReader& reader) {
  const std::string name = reader.text("state");
  for (const auto& [state, known] : state_names)
    if (name == known) return state;
  reader.complain(ErrorCode::invalid, "unknown state \"" + name + "\" (written by a newer version?)");
  return RecordState::normal;
}

/// Fields that older versions did not write have a value of their own when they are missing; unknown causes are those
/// of a newer version and decide nothing here.
core::Cause read_cause(FieldReader& reader) {
  const std::string name = reader.has("cause") ? reader.text("cause") : "none";
  for (const auto& [cause, known] : cause_names)
    if (name == known) return cause;
  return core::Cause::none;
}

constexpr auto any64 = std::numeric_limits<std::uint64_t>::max();
constexpr auto any32 = std::numeric_limits<std::uint32_t>::max();

std::string_view name_of(core::Cause cause) {
  for (const auto& [known, name] : cause_names)
    if (known == cause) return name;
  return "none";
}

json::object pause_object(const core::Pause& pause) {
  json::object object;
  object["id"] = pause.id;
  object["by"] = pause.by;
  object["reason"] = pause.reason;
  object["until"] = pause.until;
  object["length_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(pause.length).count();
  return object;
}

core::Pause read_pause(FieldReader& reader) {
  FieldReader inner = reader.object("pause");
  core::Pause pause;
  pause.id = inner.text("id");
  pause.by = inner.text("by");
  pause.reason = inner.text("reason");
  pause.until = inner.text("until");
  constexpr auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(core::longest_pause).count();
  pause.length = std::chrono::milliseconds(inner.number("length_ms", 1, static_cast<std::uint64_t>(longest)));
  if (pause.id.empty()) inner.complain(ErrorCode::corrupt, "the pause has no id");
  if (inner.mistake()) reader.complain(inner.mistake()->code, "pause: " + inner.mistake()->message);
  return pause;
}

}  // namespace

std::string encode_record(const core::Record& record) {
  json::object object;
  object["epoch"] = record.epoch.value;
  object["holder"] = record.holder.name;
  json::array members;
  for (const NodeId& member : record.members) members.emplace_back(member.name);
  object["members"] = std::move(members);
  for (const auto& [state, name] : state_names)
    if (state == record.state) object["state"] = name;
  object["preferred"] = record.preferred.name;
  object["system_id"] = record.system_id;
  object["cluster_id"] = record.cluster_id;
  object["writer"] = record.writer.name;
  object["token"] = record.token;
  object["min_copies"] = record.min_copies;
  if (record.cause != core::Cause::none) object["cause"] = name_of(record.cause);
  if (record.pause) object["pause"] = pause_object(*record.pause);
  return json::serialize(object);
}

Result<core::Record> decode_record(std::string_view text) {
  FieldReader reader(text);
  core::Record record;
  record.epoch = Epoch{reader.number("epoch", 1, any64)};
  record.holder = NodeId{reader.text("holder")};
  record.members = reader.nodes("members");
  record.state = read_state(reader);
  record.preferred = NodeId{reader.text("preferred")};
  record.system_id = reader.text("system_id");
  record.cluster_id = reader.text("cluster_id");
  record.writer = NodeId{reader.text("writer")};
  record.token = reader.text("token");
  record.min_copies = static_cast<std::uint32_t>(reader.number("min_copies", 1, any32));
  record.cause = read_cause(reader);
  if (record.state == RecordState::paused) record.pause = read_pause(reader);
  if (record.holder.empty()) reader.complain(ErrorCode::corrupt, "the holder is empty");
  if (!record.members.contains(record.holder)) reader.complain(ErrorCode::corrupt, "the holder is not a member");
  if (reader.mistake()) return std::unexpected(reader.mistake()->with("record"));
  return record;
}

std::string encode_history(const core::HistoryEntry& entry) {
  json::object object;
  object["epoch"] = entry.epoch.value;
  object["node"] = entry.node.name;
  object["complete"] = entry.complete;
  object["timeline"] = entry.timeline;
  object["switch_lsn"] = to_string(entry.switch_lsn);
  if (entry.cause != core::Cause::none) object["cause"] = name_of(entry.cause);
  return json::serialize(object);
}

Result<core::HistoryEntry> decode_history(std::string_view text) {
  FieldReader reader(text);
  core::HistoryEntry entry;
  entry.epoch = Epoch{reader.number("epoch", 1, any64)};
  entry.node = NodeId{reader.text("node")};
  entry.complete = reader.boolean("complete");
  entry.timeline = static_cast<std::uint32_t>(reader.number("timeline", 0, any32));
  const std::string lsn = reader.text("switch_lsn");
  entry.cause = read_cause(reader);
  if (entry.node.empty()) reader.complain(ErrorCode::corrupt, "the node is empty");
  if (const auto parsed = parse_lsn(lsn))
    entry.switch_lsn = *parsed;
  else
    reader.complain(ErrorCode::corrupt, "\"switch_lsn\" is not a WAL position");
  if (reader.mistake()) return std::unexpected(reader.mistake()->with("history entry"));
  return entry;
}

}  // namespace gemel::adapters::etcd
