// Rules of everybody else: following the holder and coming back after having been left behind (R10).
#include <gtest/gtest.h>

#include "core/controller.h"
#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

/// db2 once served epoch 2 on timeline 4; db1 has epoch 3 on timeline 5.
State left_behind(NodeSet members) {
  State state = standby(std::move(members));
  state.facts.run = PostgresRun::stopped;
  state.facts.served = Epoch{2};
  state.facts.timeline = 4;
  state.store.history.insert(state.store.history.begin(), HistoryEntry{Epoch{2}, db2, true, 4, Lsn{50}});
  return state;
}

TEST(Policy, rewinds_to_the_holder_when_the_history_is_complete) {
  State state = left_behind({db1});
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "rewind");
  EXPECT_EQ(decided.find<action::Rewind>()->source, db1);
}

TEST(Policy, never_rewinds_or_copies_while_in_s) {
  State state = left_behind({db1, db2});
  EXPECT_EQ(decide(state).last(), "wait_to_be_cut");
  for (const auto run : {PostgresRun::absent, PostgresRun::ruined}) {
    state.facts.run = run;
    const auto decided = decide(state);
    EXPECT_EQ(decided.last(), "member_without_data");
    EXPECT_TRUE(decided.output.start.empty());
  }
}

TEST(Policy, waits_for_the_source_to_checkpoint_and_to_be_primary_of_this_epoch) {
  State incomplete = left_behind({db1});
  incomplete.store.history.back().complete = false;
  EXPECT_EQ(decide(incomplete).last(), "wait_for_source");
  State deposed = left_behind({db1});
  deposed.peers[db1].beat.epoch = Epoch{2};
  EXPECT_EQ(decide(deposed).last(), "wait_for_source");
  State silent = left_behind({db1});
  silent.peers.clear();
  EXPECT_EQ(decide(silent).last(), "wait_for_source");
}

TEST(Policy, copies_instead_of_rewinding_when_the_timeline_number_proves_nothing) {
  State same_number = left_behind({db1});
  same_number.facts.timeline = 5;  // two promotions with one number
  EXPECT_NE(decide(same_number).find<action::Clone>(), nullptr);
  State unknown_epoch = left_behind({db1});
  unknown_epoch.store.history.front().complete = false;
  EXPECT_NE(decide(unknown_epoch).find<action::Clone>(), nullptr);
  State of_another = left_behind({db1});
  of_another.store.history.front().node = db1;
  EXPECT_NE(decide(of_another).find<action::Clone>(), nullptr);
}

TEST(Policy, stops_and_rewinds_a_standby_beyond_the_fork) {
  State state = standby({db1});
  state.facts.timeline = 4;
  state.facts.is_receiving = false;
  state.facts.wal_end = Lsn{101};  // the fork is at 100
  state.not_receiving_since = state.now - ms(3000);
  EXPECT_EQ(decide(state).last(), "stop_beyond_fork");
  EXPECT_EQ(stop_and_look(state).last(), "rewind");
}

// The simulator's seed 158, three hosts: the holder was promoted twice, and the standby had left at the first fork.
TEST(Policy, stops_a_standby_beyond_an_earlier_fork_than_the_present_one) {
  State state = standby({db1});
  state.facts.timeline = 3;
  state.facts.is_receiving = false;
  state.facts.wal_end = Lsn{80};  // the present fork is at 100
  state.not_receiving_since = state.now - ms(3000);
  EXPECT_EQ(decide(state).last(), "stand_by");
  state.store.history.push_back({Epoch{2}, db1, true, 4, Lsn{60}});
  EXPECT_EQ(decide(state).last(), "stop_beyond_fork");
}

// The simulator's seed 9486: an agent that started while its standby had no stream copied it anew at once.
TEST(Policy, counts_the_time_without_receiving_from_the_start_of_the_agent) {
  State state = standby({db1});
  PostgresFacts facts = state.facts;
  facts.is_receiving = false;
  state.facts = PostgresFacts{};
  state.not_receiving_since = TimePoint{};
  EXPECT_EQ(after(state, event::PostgresSeen{facts}).last(), "stand_by");
}

TEST(Policy, copies_anew_after_half_a_minute_without_receiving) {
  State state = standby({db1});
  state.facts.is_receiving = false;
  state.not_receiving_since = state.now - ms(29'999);
  EXPECT_EQ(decide(state).last(), "stand_by");
  state.now = state.now + ms(1);
  EXPECT_EQ(decide(state).last(), "stop_hopeless");
  EXPECT_NE(end(state, Slot::postgres, Certainty::done).find<action::Clone>(), nullptr);
}

// Campaign, row 60a: every refused attempt of the WAL receiver, ten a second, looks like a stream for some
// milliseconds.
TEST(Policy, counts_the_time_without_receiving_through_attempts_that_do_not_last) {
  for (const bool lasts : {false, true}) {
    State state = standby({db1});
    PostgresFacts facts = state.facts;
    for (int look = 0; look < 130; ++look) {
      state.now = state.now + ms(250);
      hear(state, db1, PostgresRun::primary);
      facts.is_receiving = look % 10 < (lasts ? 6 : 3);
      Output output;
      apply(state, event::PostgresSeen{facts}, output);
    }
    EXPECT_EQ(decide(state).fired("stop_hopeless"), !lasts);
  }
}

// Seed 307344 of the simulator.
TEST(Policy, takes_attempts_met_by_several_looks_in_a_row_for_no_stream) {
  for (const bool is_one_stream : {false, true}) {
    State state = standby({db1});
    PostgresFacts facts = state.facts;
    for (std::uint32_t look = 0; look < 130; ++look) {
      state.now = state.now + ms(250);
      hear(state, db1, PostgresRun::primary);
      facts.is_receiving = look < 100;
      facts.receiver = is_one_stream ? 7 : look + 1;
      Output output;
      apply(state, event::PostgresSeen{facts}, output);
    }
    EXPECT_EQ(decide(state).fired("stop_hopeless"), !is_one_stream);
  }
}

TEST(Policy, copies_a_standby_with_a_timeline_above_its_holders_at_once) {
  State state = standby({db1});
  state.facts.timeline = 6;
  state.facts.is_receiving = false;
  EXPECT_EQ(decide(state).last(), "stop_other_fork");
  EXPECT_NE(end(state, Slot::postgres, Certainty::done).find<action::Clone>(), nullptr);
  // The copy is not judged by the timeline of what was there before.
  EXPECT_NE(end(state, Slot::postgres, Certainty::done).find<action::StartPostgres>(), nullptr);
  EXPECT_EQ(end(state, Slot::postgres, Certainty::done).last(), "stand_by");
  State in_set = standby({db1, db2});
  in_set.facts.timeline = 6;
  EXPECT_EQ(decide(in_set).last(), "stand_by");
}

// Row 60a again: it was started once more in the moment before the holder cut S, and followed nobody for half a minute.
TEST(Policy, a_member_to_be_copied_stays_down_until_it_is_cut_unless_the_holder_is_gone) {
  State state = standby();
  state.facts.run = PostgresRun::stopped;
  state.must_clone = true;
  EXPECT_EQ(decide(state).last(), "wait_to_be_cut");
  state.peers.clear();
  const auto alone = decide(state);
  EXPECT_EQ(alone.last(), "start_standby");
  EXPECT_TRUE(alone.find<action::StartPostgres>()->upstream.empty());
}

// The simulator's seed 7066 with people: an agent that had just started read the past, in which it was not in S.
TEST(Policy, never_copies_a_holder_that_speaks_of_a_newer_record) {
  State state = standby({db1});
  state.facts.run = PostgresRun::absent;
  state.peers.at(db1).beat.revision = Revision{state.revision().value + 1};
  EXPECT_EQ(decide(state).last(), "wait_for_source");
  state.peers.at(db1).beat.revision = state.revision();
  EXPECT_EQ(decide(state).last(), "clone");
}

// Found by the simulator, with people: seeds 96791, 185722, 215974.
TEST(Policy, makes_sure_that_no_add_is_on_its_way_before_it_replaces_its_directory) {
  for (const bool has_data : {true, false}) {
    State state = left_behind({db1});
    if (!has_data) state.facts.run = PostgresRun::absent;
    state.confirmed = Revision{state.revision().value - 1};
    const auto asked = decide(state);
    EXPECT_EQ(asked.last(), "confirm_out");
    ASSERT_NE(asked.swap(SwapPurpose::confirm), nullptr);
    const auto swap = *asked.swap(SwapPurpose::confirm);
    EXPECT_EQ(swap.expected, state.revision());
    EXPECT_EQ(swap.next.members, state.record()->members);
    EXPECT_EQ(swap.next.holder, db1);
    State added = state;
    const auto sure = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{state.revision().value + 1}});
    EXPECT_EQ(sure.last(), has_data ? "rewind" : "clone");
    const auto view = record_of(db1, {db1, db2}, 12);
    EXPECT_EQ(end(added, Slot::store, Certainty::refused, view).last(),
              has_data ? "wait_to_be_cut" : "member_without_data");
  }
}

// Seed 42670: what it had made sure of before its last copy was still true of the record, not of the server since.
TEST(Policy, makes_sure_again_once_its_server_has_run) {
  State state = standby({db1});
  state.facts.timeline = 6;
  state.facts.is_receiving = false;
  EXPECT_EQ(after(state, event::PostgresSeen{state.facts}).last(), "stop_other_fork");
  EXPECT_EQ(end(state, Slot::postgres, Certainty::done).last(), "confirm_out");
}

// Found by the simulator, with people: seed 253681. pg_rewind sees no fork where two have one number.
TEST(Policy, copies_what_was_promoted_by_hand_before_it_was_stopped) {
  State state = standby({db1});
  state.facts.timeline = 4;
  state.facts.is_receiving = false;
  state.facts.wal_end = Lsn{101};
  state.not_receiving_since = state.now - ms(3000);
  EXPECT_EQ(decide(state).last(), "stop_beyond_fork");
  EXPECT_EQ(end(state, Slot::postgres, Certainty::done).last(), "wait_for_source") << "not looked at";
  PostgresFacts facts = state.facts;
  facts.was_primary = true;
  EXPECT_EQ(after(state, event::PostgresSeen{facts}).last(), "clone");
}

// Found by the simulator, with people: the holder that came back gave the number of the hand-made timeline again.
TEST(Policy, a_standby_to_be_copied_receives_from_nobody_and_is_stopped_when_there_is_a_holder) {
  State state = standby({db1});
  state.must_clone = true;
  state.facts.timeline = 5;
  state.facts.upstream = NodeId{};
  EXPECT_EQ(decide(state).last(), "stop_other_fork");
  State member = standby();
  member.must_clone = true;
  member.facts.upstream = NodeId{};
  EXPECT_FALSE(decide(member).fired("follow"));
}

TEST(Policy, follows_the_holder) {
  State stopped = standby({db1});
  stopped.facts.run = PostgresRun::stopped;
  ASSERT_NE(decide(stopped).find<action::StartPostgres>(), nullptr);
  State elsewhere = standby();
  elsewhere.facts.upstream = NodeId{"db3"};
  elsewhere.peers.at(db1).beat.timeline = 6;
  const auto decided = decide(elsewhere);
  ASSERT_NE(decided.find<action::Follow>(), nullptr);
  EXPECT_EQ(decided.find<action::Follow>()->upstream, db1);
}

// Found by the simulator, three hosts: what a taker wrote before it cut S was lost with it, and its timeline's number
// was given again.
TEST(Policy, never_follows_a_holder_that_has_not_cut_s) {
  State state = standby({db1, db2});
  state.facts.upstream = NodeId{"db3"};
  state.peers.at(db1).beat.timeline = 6;
  state.store.history.back().complete = false;
  EXPECT_EQ(decide(state).last(), "stand_by");
  state.store.record->record.members = {db1};
  EXPECT_EQ(decide(state).last(), "follow");
  State stopped = standby({db1, db2});
  stopped.facts.run = PostgresRun::stopped;
  stopped.store.history.back().complete = false;
  EXPECT_TRUE(decide(stopped).find<action::StartPostgres>()->upstream.empty());
}

// Found by the simulator, two hosts: a host that had won twice and never opened followed the next holder as it was.
TEST(Policy, never_follows_with_wal_of_an_epoch_left_behind) {
  State state = standby({db1});
  state.facts.served = Epoch{2};
  state.facts.upstream = NodeId{};
  EXPECT_EQ(decide(state).last(), "stop_diverged");
  const auto decided = end(state, Slot::postgres, Certainty::done);
  EXPECT_TRUE(decided.last() == "clone" || decided.last() == "rewind") << decided.last();
  State member = standby({db1, db2});
  member.facts.served = Epoch{2};
  member.facts.upstream = NodeId{};
  EXPECT_EQ(decide(member).last(), "stand_by");
}

TEST(Policy, copies_a_standby_with_the_timeline_of_a_holder_it_never_received_from) {
  State state = standby({db1});
  state.facts.upstream = NodeId{"db3"};
  state.peers.at(db1).beat.timeline = 5;
  EXPECT_EQ(decide(state).last(), "stop_other_fork");
  EXPECT_NE(end(state, Slot::postgres, Certainty::done).find<action::Clone>(), nullptr);
}

TEST(Policy, a_failed_procedure_is_tried_again_after_200_ms_then_twice_as_long) {
  State state = standby({db1});
  state.facts.run = PostgresRun::absent;
  decide(state);
  end(state, Slot::postgres, Certainty::refused);
  state.facts.run = PostgresRun::ruined;
  EXPECT_EQ(state.postgres_retry_at, state.now + ms(200));
  EXPECT_EQ(decide(state).find<action::Clone>(), nullptr);
  state.now = state.postgres_retry_at;
  hear(state, db1, PostgresRun::primary);
  EXPECT_NE(decide(state).find<action::Clone>(), nullptr);
  end(state, Slot::postgres, Certainty::refused);
  EXPECT_EQ(state.postgres_retry_at, state.now + ms(400));
}

}  // namespace
}  // namespace gemel::core::testing
