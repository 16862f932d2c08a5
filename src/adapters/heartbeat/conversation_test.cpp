// Sessions, replays and confirmations, one packet at a time.
#include "adapters/heartbeat/conversation.h"

#include <gtest/gtest.h>

#include <vector>

namespace gemel::adapters::heartbeat {
namespace {

using namespace std::chrono_literals;

constexpr Duration interval = 50ms;
constexpr std::size_t peer = 0;  // each host of these tests has one peer, or asks for its first

Message message_of(std::uint64_t epoch, std::string_view holder) {
  Message message;
  message.epoch = {epoch};
  message.holder = Name(holder);
  return message;
}

class HeartbeatConversation : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(prepare_cryptography()); }

  TimePoint now{1h};
  Conversation db1 = host("db1", {"db2", "db3"});
  Conversation db2 = host("db2", {"db1", "db3"});

  Conversation host(std::string_view name, const std::vector<std::string_view>& peers, std::string_view site = "site") {
    prepare_cryptography();
    std::vector<Name> names;
    for (const auto& each : peers) names.emplace_back(each);
    return {site, Name(name), names, interval, now};
  }
  // One packet that left, a millisecond later.
  Packet packet_from(Conversation& from) {
    now = now + 1ms;
    const Packet packet = from.compose(peer, now);
    from.was_sent(peer, packet, now);
    from.was_tried(peer, now);
    return packet;
  }
  Verdict pass(Conversation& from, Conversation& to) { return to.hear(peer, packet_from(from), now); }
  void meet(Conversation& one, Conversation& other) {
    pass(one, other);
    pass(other, one);
    ASSERT_EQ(pass(one, other), Verdict::accepted);
    ASSERT_EQ(pass(other, one), Verdict::accepted);
  }
  // db1 holds `epoch`, both talk.
  void serve(std::uint64_t epoch) {
    db1.say(message_of(epoch, "db1"));
    db2.say(message_of(epoch, "db1"));
    meet(db1, db2);
  }
};

TEST_F(HeartbeatConversation, believes_after_one_round_trip) {
  EXPECT_EQ(pass(db1, db2), Verdict::session_unknown);
  EXPECT_EQ(pass(db2, db1), Verdict::accepted);  // gave db1's challenge back
  EXPECT_EQ(pass(db1, db2), Verdict::accepted);
  EXPECT_FALSE(db2.news(peer)) << "a greeting says nothing";
}

TEST_F(HeartbeatConversation, a_repeated_packet_is_refused) {
  serve(1);
  const Packet packet = packet_from(db1);
  EXPECT_EQ(db2.hear(peer, packet, now), Verdict::accepted);
  EXPECT_EQ(db2.hear(peer, packet, now), Verdict::replayed);
}

TEST_F(HeartbeatConversation, an_overtaken_packet_is_refused) {
  serve(1);
  const Packet first = packet_from(db1);
  const Packet second = packet_from(db1);
  EXPECT_EQ(db2.hear(peer, second, now), Verdict::accepted);
  EXPECT_EQ(db2.hear(peer, first, now), Verdict::replayed);
}

TEST_F(HeartbeatConversation, a_former_session_of_the_peer_is_never_believed) {
  serve(1);
  std::vector<Packet> recorded;
  for (int i = 0; i < 5; ++i) {
    recorded.push_back(packet_from(db1));
    db2.hear(peer, recorded.back(), now);
    pass(db2, db1);
  }
  recorded.push_back(packet_from(db1));  // never arrived
  db1 = host("db1", {"db2", "db3"});     // restarted
  db1.say(message_of(2, "db1"));
  meet(db1, db2);
  for (const auto& old : recorded) EXPECT_EQ(db2.hear(peer, old, now), Verdict::session_unknown);
  EXPECT_EQ(db2.news(peer)->message.epoch, Epoch{2});
  EXPECT_EQ(pass(db1, db2), Verdict::accepted) << "the living session goes on";
}

TEST_F(HeartbeatConversation, a_recording_is_not_believed_after_our_own_restart) {
  serve(1);
  std::vector<Packet> recorded;
  for (int i = 0; i < 5; ++i) {
    recorded.push_back(packet_from(db1));
    db2.hear(peer, recorded.back(), now);
  }
  db2 = host("db2", {"db1", "db3"});
  for (const auto& old : recorded) EXPECT_EQ(db2.hear(peer, old, now), Verdict::session_unknown);
  EXPECT_FALSE(db2.news(peer));
  meet(db1, db2);
  for (const auto& old : recorded) EXPECT_EQ(db2.hear(peer, old, now), Verdict::replayed);
}

TEST_F(HeartbeatConversation, another_site_is_refused) {
  auto foreign = host("db1", {"db2"}, "elsewhere");
  EXPECT_EQ(pass(foreign, db2), Verdict::other_cluster);
}

TEST_F(HeartbeatConversation, confirms_the_holder_with_its_own_send_time) {
  serve(1);
  const Packet beat = packet_from(db1);
  db2.hear(peer, beat, now);
  EXPECT_LE(db2.due(peer) - now, interval / 8) << "at once";
  now = now + 10ms;
  const Packet answer = packet_from(db2);
  EXPECT_EQ(answer.echo.sequence, beat.sequence);
  EXPECT_EQ(db2.last_confirmation(), now);
  db1.hear(peer, answer, now);
  EXPECT_EQ(db1.news(peer)->confirmed_send_time, beat.send_time);
}

TEST_F(HeartbeatConversation, repeating_a_confirmation_moves_nothing) {
  serve(1);
  const Packet beat = packet_from(db1);
  db2.hear(peer, beat, now);
  packet_from(db2);  // lost
  const TimePoint first = db2.last_confirmation();
  const Packet again = packet_from(db2);
  EXPECT_EQ(again.echo.sequence, beat.sequence);
  EXPECT_EQ(db2.last_confirmation(), first) << "the grace period would never end";
  db1.hear(peer, again, now);
  EXPECT_EQ(db1.news(peer)->confirmed_send_time, beat.send_time);
  now = now + interval * 11;
  EXPECT_EQ(packet_from(db2).echo, Echo{}) << "too old to be of use";
}

TEST_F(HeartbeatConversation, a_confirmation_that_did_not_leave_does_not_count) {
  serve(1);
  const TimePoint before = db2.last_confirmation();
  db2.hear(peer, packet_from(db1), now);
  now = now + 1ms;
  EXPECT_NE(db2.compose(peer, now).echo, Echo{});
  db2.was_tried(peer, now);  // the network refused it
  EXPECT_EQ(db2.last_confirmation(), before);
}

TEST_F(HeartbeatConversation, never_confirms_below_the_highest_epoch_it_knows) {
  serve(4);
  db2.say(message_of(5, "db2"));  // knows by itself
  db2.hear(peer, packet_from(db1), now);
  EXPECT_EQ(packet_from(db2).echo, Echo{});
  db1.say(message_of(5, "db1"));
  db2.hear(peer, packet_from(db1), now);
  EXPECT_NE(packet_from(db2).echo, Echo{});
  db2.resume({6});
  EXPECT_EQ(packet_from(db2).echo, Echo{}) << "what was pending is of a lower epoch now";
}

TEST_F(HeartbeatConversation, learns_a_higher_epoch_from_any_peer) {
  serve(4);
  auto db3 = host("db3", {"db2"});
  db3.say(message_of(9, "db3"));
  for (int i = 0; i < 3; ++i) {  // db2's second peer is db3
    db2.hear(1, packet_from(db3), now);
    now = now + 1ms;
    db3.hear(peer, db2.compose(1, now), now);
  }
  ASSERT_EQ(db2.news(1)->message.epoch, Epoch{9});
  db2.hear(peer, packet_from(db1), now);
  EXPECT_EQ(packet_from(db2).echo, Echo{});
}

TEST_F(HeartbeatConversation, confirms_nobody_but_the_holder) {
  db1.say(message_of(1, "db3"));
  db2.say(message_of(1, "db3"));
  meet(db1, db2);
  db2.hear(peer, packet_from(db1), now);
  EXPECT_EQ(packet_from(db2).echo, Echo{});
}

TEST_F(HeartbeatConversation, confirms_nothing_before_it_says_something) {
  db1.say(message_of(1, "db1"));
  meet(db1, db2);
  db2.hear(peer, packet_from(db1), now);
  EXPECT_EQ(packet_from(db2).echo, Echo{});
}

TEST_F(HeartbeatConversation, confirms_nothing_while_quiet_nor_afterwards_what_it_heard_then) {
  serve(1);
  db2.hear(peer, packet_from(db1), now);
  db2.quiesce();
  const TimePoint last = db2.last_confirmation();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(packet_from(db2).echo, Echo{});
    db2.hear(peer, packet_from(db1), now);
  }
  EXPECT_EQ(db2.last_confirmation(), last);
  db2.resume({1});
  EXPECT_EQ(packet_from(db2).echo, Echo{});
  db2.hear(peer, packet_from(db1), now);
  EXPECT_NE(packet_from(db2).echo, Echo{});
}

TEST_F(HeartbeatConversation, a_starting_host_counts_as_having_confirmed) {
  EXPECT_EQ(db1.last_confirmation(), TimePoint{1h});
}

TEST_F(HeartbeatConversation, invented_confirmations_are_ignored) {
  serve(1);
  Packet packet = packet_from(db2);
  packet.echo = {packet.echo.session, 1'000'000, now};  // never sent
  db1.hear(peer, packet, now);
  const auto confirmed = db1.news(peer)->confirmed_send_time;
  packet = packet_from(db2);
  packet.echo = {packet.session, 1, now};  // of another session
  db1.hear(peer, packet, now);
  EXPECT_EQ(db1.news(peer)->confirmed_send_time, confirmed);
}

TEST_F(HeartbeatConversation, a_change_is_due_at_once_and_a_wal_position_is_not) {
  serve(1);
  packet_from(db1);
  Message message = message_of(1, "db1");
  message.wal_end = {1000};
  db1.say(message);
  EXPECT_EQ(db1.due(peer), now + interval);
  message.timeline = 2;
  db1.say(message);
  EXPECT_LE(db1.due(peer), now);
}

TEST_F(HeartbeatConversation, only_what_is_new_or_ends_a_silence_is_urgent) {
  serve(1);
  pass(db1, db2);
  EXPECT_FALSE(db2.news(peer)->is_urgent);
  auto moved = message_of(1, "db1");
  moved.wal_end = {5};
  db1.say(moved);
  pass(db1, db2);
  EXPECT_FALSE(db2.news(peer)->is_urgent);
  EXPECT_EQ(db2.news(peer)->message.wal_end, Lsn{5});
  moved.run = core::PostgresRun::stopped;
  db1.say(moved);
  pass(db1, db2);
  EXPECT_TRUE(db2.news(peer)->is_urgent);
  pass(db1, db2);
  EXPECT_FALSE(db2.news(peer)->is_urgent);
  now = now + 2 * interval;
  pass(db1, db2);
  EXPECT_TRUE(db2.news(peer)->is_urgent) << "after a silence";
}

TEST_F(HeartbeatConversation, a_confirmation_after_a_long_time_without_is_urgent) {
  serve(1);
  db2.quiesce();
  for (int i = 0; i < 4; ++i) {
    now = now + interval;
    pass(db1, db2);
    pass(db2, db1);
  }
  EXPECT_FALSE(db1.news(peer)->is_urgent);
  db2.resume({1});
  pass(db1, db2);
  pass(db2, db1);
  EXPECT_TRUE(db1.news(peer)->is_urgent);
}

TEST_F(HeartbeatConversation, the_first_word_of_a_new_session_is_urgent) {
  serve(1);
  db2 = host("db2", {"db1", "db3"});
  db2.say(message_of(1, "db1"));
  meet(db1, db2);
  db2 = host("db2", {"db1", "db3"});
  db2.say(message_of(1, "db1"));
  while (pass(db2, db1) != Verdict::accepted) pass(db1, db2);
  EXPECT_TRUE(db1.news(peer)->is_urgent);
}

TEST_F(HeartbeatConversation, never_speaks_more_often_than_eight_times_in_an_interval_to_replays) {
  const Packet strange = packet_from(db1);
  int packets = 0;
  for (const TimePoint end = now + interval; now < end; now = now + 100us) {
    db2.hear(peer, strange, now);
    if (db2.due(peer) > now) continue;
    db2.compose(peer, now);
    db2.was_tried(peer, now);
    ++packets;
  }
  EXPECT_LE(packets, 9);
}

}  // namespace
}  // namespace gemel::adapters::heartbeat
