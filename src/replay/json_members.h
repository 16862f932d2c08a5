// JSON by reflection over core's types. Private to this folder and kept apart: Boost.JSON and Boost.Describe are heavy.
#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11/algorithm.hpp>
#include <charconv>
#include <map>
#include <stdexcept>
#include <type_traits>

#include "replay/input_codec.h"

namespace gemel {
BOOST_DESCRIBE_STRUCT(NodeId, (), (name))
BOOST_DESCRIBE_STRUCT(Epoch, (), (value))
BOOST_DESCRIBE_STRUCT(Revision, (), (value))
BOOST_DESCRIBE_STRUCT(Lsn, (), (value))
BOOST_DESCRIBE_STRUCT(TimePoint, (), (since_boot))
}  // namespace gemel

namespace gemel::core {
BOOST_DESCRIBE_STRUCT(Pause, (), (id, by, reason, until, length))
BOOST_DESCRIBE_STRUCT(Record, (),
                      (epoch, holder, members, state, preferred, cause, pause, system_id, cluster_id, writer, token,
                       min_copies))
BOOST_DESCRIBE_STRUCT(VersionedRecord, (), (record, revision))
BOOST_DESCRIBE_STRUCT(HistoryEntry, (), (epoch, node, complete, timeline, switch_lsn, cause))
BOOST_DESCRIBE_STRUCT(StoreView, (), (record, history))
BOOST_DESCRIBE_STRUCT(StandbyLink, (), (node, is_streaming, flush_lsn))
BOOST_DESCRIBE_STRUCT(PostgresFacts, (),
                      (run, is_answering, system_id, timeline, wal_end, is_receiving, receiver, upstream, standbys,
                       names, served, bootstrap_pending, was_primary, write_probe_age))
BOOST_DESCRIBE_STRUCT(Beat, (),
                      (epoch, holder, revision, state, run, timeline, wal_end, is_receiving, service_reachable,
                       service_total))
BOOST_DESCRIBE_STRUCT(Heard, (), (from, beat, confirmed, last_confirmation, age))
namespace payload {
BOOST_DESCRIBE_STRUCT(Swapped, (), (revision))
BOOST_DESCRIBE_STRUCT(IntentOwner, (), (owner))
BOOST_DESCRIBE_STRUCT(Promoted, (), (timeline, switch_lsn))
BOOST_DESCRIBE_STRUCT(Mark, (), (lsn))
BOOST_DESCRIBE_STRUCT(LastConfirmation, (), (at))
}  // namespace payload
namespace event {
BOOST_DESCRIBE_STRUCT(Tick, (), ())
BOOST_DESCRIBE_STRUCT(PostgresSeen, (), (facts))
BOOST_DESCRIBE_STRUCT(PostgresExited, (), ())
BOOST_DESCRIBE_STRUCT(StoreHint, (), (revision, record))
BOOST_DESCRIBE_STRUCT(StopAsked, (), ())
BOOST_DESCRIBE_STRUCT(SwitchoverAsked, (), (ask, to))
BOOST_DESCRIBE_STRUCT(PauseAsked, (), (ask, by, reason, length, until))
BOOST_DESCRIBE_STRUCT(ResumeAsked, (), (ask, by))
BOOST_DESCRIBE_STRUCT(ServiceSeen, (), (reachable, total))
BOOST_DESCRIBE_STRUCT(ForceAsked, (), (ask, by, confirmed_fenced))
BOOST_DESCRIBE_STRUCT(GateFailed, (), (until))
BOOST_DESCRIBE_STRUCT(ActionEnded, (), (id, certainty, payload, reason))
}  // namespace event
BOOST_DESCRIBE_STRUCT(ActionId, (), (value))
BOOST_DESCRIBE_STRUCT(Timers, (),
                      (hb, suspect, lease, grace, gate, etcd, kill, sick, stop, promote, stable, clock_rate_error))
BOOST_DESCRIBE_STRUCT(Config, (), (databases, bootstrapper, cluster_id, timers, min_copies, sync_standbys))
}  // namespace gemel::core

namespace gemel::replay {
BOOST_DESCRIBE_STRUCT(Stamp, (), (version, at, wall))
BOOST_DESCRIBE_STRUCT(RunBegin, (), (stamp, self, config, seed))

namespace json = boost::json;

template <typename T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;
/// Ids, positions and times are one number or one name: written without a layer of braces.
template <typename T>
constexpr bool is_wrapper = std::is_same_v<T, NodeId> || std::is_same_v<T, Epoch> || std::is_same_v<T, Revision> ||
                            std::is_same_v<T, Lsn> || std::is_same_v<T, TimePoint> || std::is_same_v<T, core::ActionId>;
template <typename T>
struct IsVariant : std::false_type {};
template <typename... T>
struct IsVariant<std::variant<T...>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsList : std::false_type {};
template <typename T>
struct IsList<std::vector<T>> : std::true_type {};
template <typename T>
struct IsList<std::set<T>> : std::true_type {};
template <typename T>
struct IsMap : std::false_type {};
template <typename Key, typename Value>
struct IsMap<std::map<Key, Value>> : std::true_type {};

/// The highest value of an enumeration that is written: a number above it is not ours.
template <typename T>
inline constexpr T last_of = T{};
template <>
inline constexpr auto last_of<core::RecordState> = core::RecordState::paused;
template <>
inline constexpr auto last_of<core::Cause> = core::Cause::force;
template <>
inline constexpr auto last_of<core::PostgresRun> = core::PostgresRun::primary;
template <>
inline constexpr auto last_of<core::Certainty> = core::Certainty::unknown;
template <>
inline constexpr auto last_of<core::Slot> = core::Slot::heartbeat;
template <>
inline constexpr auto last_of<core::SwapPurpose> = core::SwapPurpose::confirm;
template <>
inline constexpr auto last_of<core::HandOverStage> = core::HandOverStage::resign;

template <typename T>
json::value write(const T& source) {
  if constexpr (std::is_same_v<T, Duration>) {
    return source.count();
  } else if constexpr (std::is_same_v<T, double>) {
    // As text: the shortest one that gives the same bits again, which a JSON number does not promise.
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), source).ptr;
    return json::string(text.data(), end);
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<int>(source);
  } else if constexpr (is_wrapper<T>) {
    json::value value;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) { value = write(source.*member.pointer); });
    return value;
  } else if constexpr (IsVariant<T>::value) {
    return json::array{source.index(), std::visit([](const auto& active) { return write(active); }, source)};
  } else if constexpr (IsOptional<T>::value) {
    return source ? write(*source) : json::value(nullptr);
  } else if constexpr (IsList<T>::value) {
    json::array array;
    for (const auto& item : source) array.push_back(write(item));
    return array;
  } else if constexpr (IsMap<T>::value) {
    json::array array;
    for (const auto& [key, value] : source) array.push_back(json::array{write(key), write(value)});
    return array;
  } else if constexpr (std::is_same_v<T, Random>) {
    return source.state();
  } else if constexpr (std::is_same_v<T, std::monostate>) {
    return nullptr;
  } else if constexpr (boost::describe::has_describe_members<T>::value) {
    json::object object;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) { object[member.name] = write(source.*member.pointer); });
    return object;
  } else {
    return json::value(source);
  }
}

template <typename T>
void read(const json::value& source, T& target);

template <typename T, std::size_t... Index>
void read_variant(const json::value& source, T& target, std::index_sequence<Index...>) {
  const auto active = source.as_array().at(0).to_number<std::size_t>();
  const auto& value = source.as_array().at(1);
  if (active >= sizeof...(Index)) throw std::out_of_range("variant");
  (void)((active == Index ? (read(value, target.template emplace<Index>()), true) : false) || ...);
}

template <typename T>
void read_list(const json::value& source, T& target) {
  target.clear();
  for (const auto& item : source.as_array()) {
    typename T::value_type element{};
    read(item, element);
    target.insert(target.end(), std::move(element));
  }
}

template <typename T>
void read_map(const json::value& source, T& target) {
  target.clear();
  for (const auto& item : source.as_array()) {
    typename T::key_type key{};
    read(item.as_array().at(0), key);
    read(item.as_array().at(1), target[std::move(key)]);
  }
}

/// Throws boost::system::system_error or std::out_of_range for a value of another shape.
template <typename T>
void read(const json::value& source, T& target) {
  if constexpr (std::is_same_v<T, Duration>) {
    target = Duration{source.to_number<std::int64_t>()};
  } else if constexpr (std::is_enum_v<T>) {
    const auto value = source.to_number<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last_of<T>)) throw std::out_of_range("enumeration");
    target = static_cast<T>(value);
  } else if constexpr (std::is_same_v<T, double>) {
    const auto& text = source.as_string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    if (error != std::errc{} || end != text.data() + text.size()) throw std::out_of_range("number");
  } else if constexpr (is_wrapper<T>) {
    boost::mp11::mp_for_each<Members<T>>([&](auto member) { read(source, target.*member.pointer); });
  } else if constexpr (IsVariant<T>::value) {
    read_variant(source, target, std::make_index_sequence<std::variant_size_v<T>>{});
  } else if constexpr (IsOptional<T>::value) {
    if (source.is_null()) return target.reset();
    read(source, target.emplace());
  } else if constexpr (IsList<T>::value) {
    read_list(source, target);
  } else if constexpr (IsMap<T>::value) {
    read_map(source, target);
  } else if constexpr (std::is_same_v<T, Random>) {
    target = Random(source.to_number<std::uint64_t>());
  } else if constexpr (std::is_same_v<T, std::monostate>) {
  } else if constexpr (boost::describe::has_describe_members<T>::value) {
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      auto& value = target.*member.pointer;
      // An older version did not know it: absent is as good as null, so that its recordings can be read.
      if constexpr (IsOptional<std::remove_cvref_t<decltype(value)>>::value) {
        if (!source.as_object().contains(member.name)) return value.reset();
      }
      read(source.as_object().at(member.name), value);
    });
  } else if constexpr (std::is_same_v<T, std::string>) {
    target = std::string(source.as_string());
  } else if constexpr (std::is_same_v<T, bool>) {
    target = source.as_bool();
  } else {
    target = source.to_number<T>();
  }
}

/// The reasons in it come from the operating system and from PostgreSQL, in whatever encoding those speak.
inline json::value parse(const std::string& line) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  return json::parse(line, {}, options);
}

}  // namespace gemel::replay
