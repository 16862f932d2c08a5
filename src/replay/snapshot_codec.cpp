// JSON of a controller's whole state. Where a field of State is missing here, this does not compile.
#include "replay/input_codec.h"
#include "replay/json_members.h"

namespace gemel::core {
namespace action {
BOOST_DESCRIBE_STRUCT(ReadStore, (), ())
BOOST_DESCRIBE_STRUCT(ClaimIntent, (), (name))
BOOST_DESCRIBE_STRUCT(SwapRecord, (), (purpose, expected, next, history))
BOOST_DESCRIBE_STRUCT(CompleteHistory, (), (entry))
BOOST_DESCRIBE_STRUCT(Bootstrap, (), ())
BOOST_DESCRIBE_STRUCT(StartPostgres, (), (upstream, names))
BOOST_DESCRIBE_STRUCT(Follow, (), (upstream))
BOOST_DESCRIBE_STRUCT(Promote, (), (names, timeline))
BOOST_DESCRIBE_STRUCT(SetNames, (), (names, with_barrier))
BOOST_DESCRIBE_STRUCT(Checkpoint, (), ())
BOOST_DESCRIBE_STRUCT(StopPostgres, (), (limit))
BOOST_DESCRIBE_STRUCT(KillPostgres, (), ())
BOOST_DESCRIBE_STRUCT(Rewind, (), (source))
BOOST_DESCRIBE_STRUCT(Clone, (), (source))
BOOST_DESCRIBE_STRUCT(MarkServed, (), (epoch))
BOOST_DESCRIBE_STRUCT(QuiesceHeartbeat, (), ())
BOOST_DESCRIBE_STRUCT(ResumeHeartbeat, (), (lowest))
BOOST_DESCRIBE_STRUCT(Say, (), (beat))
BOOST_DESCRIBE_STRUCT(RefreshGate, (), (until, epoch, admits_new))
BOOST_DESCRIBE_STRUCT(ShutGate, (), ())
BOOST_DESCRIBE_STRUCT(TakeAddress, (), (epoch))
BOOST_DESCRIBE_STRUCT(DropAddress, (), ())
}  // namespace action
BOOST_DESCRIBE_STRUCT(PeerState, (), (heard_at, confirmed, beat, service_since))
BOOST_DESCRIBE_STRUCT(PendingSwap, (), (swap, is_in_flight, sent, was_unknown))
BOOST_DESCRIBE_STRUCT(AddProcedure, (), (node, started, mark))
BOOST_DESCRIBE_STRUCT(HandOver, (), (to, stage, started, cause))
BOOST_DESCRIBE_STRUCT(Stream, (), (receiver, since))
BOOST_DESCRIBE_STRUCT(PauseWatch, (), (id, known, sent))
BOOST_DESCRIBE_STRUCT(LinkState, (), (since, is_streaming, flush_lsn, progressed, target, target_set, caught_up))
BOOST_DESCRIBE_STRUCT(InFlight, (), (id, kind))
BOOST_DESCRIBE_STRUCT(PauseWish, (), (asked, since))
BOOST_DESCRIBE_STRUCT(ForceWish, (), (by, revision))
BOOST_DESCRIBE_STRUCT(ServiceState, (), (reachable, total, since, seen))
BOOST_DESCRIBE_STRUCT(FlapState, (), (count, last))
}  // namespace gemel::core

namespace gemel::replay {
namespace {

/// Calls `visit` with the name and the value of every member. A structured binding must name all of them, which is what
/// makes this list complete.
template <typename State, typename Visit>
void for_each_member(State& state, Visit visit) {
  auto& [self, config, random, now, last_step, is_store_known, store, store_read_at, hinted, pending, won, won_at,
         owns_bootstrap, record_since, learnt, pause, resigned_at, older_since, has_lost_record, lost_epoch, confirmed,
         peers, heard, heard_since, count_start, is_quiesced, service, facts, facts_at, links, names, promoted, fork,
         is_crash_unclean, is_checkpointed, is_cut, must_rewind, is_directory_seen, must_clone, not_receiving_since,
         stream, postgres_retry_at, postgres_backoff, store_retry_at, read_retry_at, has_kill_failed, opening_since,
         gate_failed_until, shut_asked, opened, has_opened, shut_since, refreshed_until, address_epoch,
         may_hold_address, add, hand_over, pause_wish, wants_resume, force_wish, flaps, is_stopping, slots, next_action,
         said, last_rule] = state;
  visit("self", self);
  visit("config", config);
  visit("random", random);
  visit("now", now);
  visit("last_step", last_step);
  visit("is_store_known", is_store_known);
  visit("store", store);
  visit("store_read_at", store_read_at);
  visit("hinted", hinted);
  visit("pending", pending);
  visit("won", won);
  visit("won_at", won_at);
  visit("owns_bootstrap", owns_bootstrap);
  visit("record_since", record_since);
  visit("learnt", learnt);
  visit("pause", pause);
  visit("resigned_at", resigned_at);
  visit("older_since", older_since);
  visit("has_lost_record", has_lost_record);
  visit("lost_epoch", lost_epoch);
  visit("confirmed", confirmed);
  visit("peers", peers);
  visit("heard", heard);
  visit("heard_since", heard_since);
  visit("count_start", count_start);
  visit("is_quiesced", is_quiesced);
  visit("service", service);
  visit("facts", facts);
  visit("facts_at", facts_at);
  visit("links", links);
  visit("names", names);
  visit("promoted", promoted);
  visit("fork", fork);
  visit("is_crash_unclean", is_crash_unclean);
  visit("is_checkpointed", is_checkpointed);
  visit("is_cut", is_cut);
  visit("must_rewind", must_rewind);
  visit("is_directory_seen", is_directory_seen);
  visit("must_clone", must_clone);
  visit("not_receiving_since", not_receiving_since);
  visit("stream", stream);
  visit("postgres_retry_at", postgres_retry_at);
  visit("postgres_backoff", postgres_backoff);
  visit("store_retry_at", store_retry_at);
  visit("read_retry_at", read_retry_at);
  visit("has_kill_failed", has_kill_failed);
  visit("opening_since", opening_since);
  visit("gate_failed_until", gate_failed_until);
  visit("shut_asked", shut_asked);
  visit("opened", opened);
  visit("has_opened", has_opened);
  visit("shut_since", shut_since);
  visit("refreshed_until", refreshed_until);
  visit("address_epoch", address_epoch);
  visit("may_hold_address", may_hold_address);
  visit("add", add);
  visit("hand_over", hand_over);
  visit("pause_wish", pause_wish);
  visit("wants_resume", wants_resume);
  visit("force_wish", force_wish);
  visit("flaps", flaps);
  visit("is_stopping", is_stopping);
  visit("slots", slots);
  visit("next_action", next_action);
  visit("said", said);
  visit("last_rule", last_rule);
}

}  // namespace

std::string encode_snapshot(const Stamp& stamp, const core::State& state) {
  json::object members;
  for_each_member(state, [&](const char* name, const auto& member) { members[name] = write(member); });
  return json::serialize(json::object{{"snapshot", json::object{{"stamp", write(stamp)}, {"state", members}}}});
}

Result<Snapshot> decode_snapshot(const std::string& line) {
  try {
    const json::value value = parse(line);
    const auto& source = value.as_object().at("snapshot").as_object();
    const auto& members = source.at("state").as_object();
    Snapshot snapshot{{}, core::State(NodeId{}, core::Config{}, 0)};
    read(source.at("stamp"), snapshot.stamp);
    for_each_member(snapshot.state, [&](const char* name, auto& member) { read(members.at(name), member); });
    return snapshot;
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid, std::string("not a state: ") + error.what());
  }
}

}  // namespace gemel::replay
