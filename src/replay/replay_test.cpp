// Replays: a run gives the same outcomes again, from its beginning and from every kept state, and a difference is
// found.
#include "replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/random.h"
#include "base/text.h"

namespace gemel::replay {
namespace {

using core::PostgresRun;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

const NodeId db1{"db1"};
const NodeId db2{"db2"};
core::Config config() { return {{db1, db2}, db1, "site", {}, 1}; }
Stamp stamp() { return {"1.2.3", TimePoint{}, "2026-01-31T12:00:00.000Z"}; }

/// The line of a recording for one event, after which `controller` has taken it.
std::string line_of(core::Controller& controller, const core::Input& input) {
  return encode_step({input, outcome_of(controller.step(input))});
}

/// A world that answers at random: enough of it is plausible for the controller to get anywhere.
class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed) {}
  core::Input next(const core::State& state) {
    now_ = now_ + milliseconds(1 + random_.below(60));
    if (!state.slots.empty() && random_.below(2) == 0) return {now_, end_of(state.slots.begin()->second)};
    switch (random_.below(5)) {
      case 0:
        return {now_, core::event::PostgresSeen{facts(state)}};
      case 1:
      case 2:
        return {now_, heard(state)};
      case 3:
        return {now_, core::event::StoreHint{Revision{static_cast<std::int64_t>(random_.below(20))}, std::nullopt}};
      default:
        return {now_, core::event::Tick{}};
    }
  }

 private:
  static core::Record first_record() {
    core::Record record;
    record.epoch = Epoch{1};
    record.holder = db1;
    record.members = {db1, db2};
    record.cluster_id = "site";
    record.system_id = "7";
    return record;
  }
  core::PostgresFacts facts(const core::State& state) {
    core::PostgresFacts facts;
    facts.run = state.is_holder() ? PostgresRun::primary : PostgresRun::standby;
    facts.system_id = "7";
    facts.timeline = 2;
    facts.wal_end = Lsn{1000 + random_.below(100)};
    if (random_.below(4) == 0) facts.run = PostgresRun::stopped;
    return facts;
  }
  core::Heard heard(const core::State& state) {
    core::Heard heard{db2, {}, now_ - milliseconds(random_.below(700)), now_};
    heard.beat.run = PostgresRun::standby;
    if (state.record() != nullptr) heard.beat.epoch = state.record()->epoch;
    return heard;
  }
  core::event::ActionEnded end_of(const core::InFlight& busy) {
    core::event::ActionEnded ended{busy.id, core::Certainty::done, {}, "because"};
    if (const auto* swap = std::get_if<core::action::SwapRecord>(&busy.kind)) {
      if (random_.below(4) == 0) ended.certainty = core::Certainty::unknown;
      ended.payload = core::payload::Swapped{Revision{++revision_}};
      record_ = {swap->next, Revision{revision_}};
    } else if (std::holds_alternative<core::action::ReadStore>(busy.kind)) {
      if (!record_) record_ = {first_record(), Revision{++revision_}};
      ended.payload = core::StoreView{record_, {}};
    } else if (random_.below(3) == 0) {
      ended.certainty = core::Certainty::refused;
    }
    return ended;
  }
  Random random_;
  TimePoint now_{std::chrono::seconds(5)};
  std::int64_t revision_ = 1;
  std::optional<core::VersionedRecord> record_;
};

TEST(Replay, goes_on_from_every_kept_state_as_the_run_did) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Story story(seed);
    core::Controller controller(db1, config(), seed);
    std::vector<std::string> lines{encode_begin({stamp(), db1, config(), seed})};
    std::vector<std::string> kept{encode_snapshot(stamp(), controller.state())};
    for (int count = 0; count < 300; ++count) {
      lines.push_back(line_of(controller, story.next(controller.state())));
      kept.push_back(encode_snapshot(stamp(), controller.state()));
      const auto again = decode_snapshot(kept.back());
      ASSERT_TRUE(again) << again.error().to_string();
      ASSERT_EQ(encode_snapshot(again->stamp, again->state), kept.back());
    }
    EXPECT_GT(controller.state().next_action, 20U) << "a story without actions shows nothing";
    for (std::size_t start = 0; start + 1 < lines.size(); start += 23) {
      const auto tail = join({lines.begin() + static_cast<std::ptrdiff_t>(start) + 1, lines.end()}, "\n");
      const auto recording = parse_recording(kept[start] + "\n" + tail);
      ASSERT_TRUE(recording) << recording.error().to_string();
      EXPECT_FALSE(recording->stretches.at(0).is_from_beginning);
      EXPECT_EQ(replay(recording->stretches.at(0), [](const auto& step) { EXPECT_EQ(step.difference, ""); }), 0U);
    }
    const auto whole = parse_recording(join(lines, "\n"));
    ASSERT_TRUE(whole);
    EXPECT_TRUE(whole->stretches.at(0).is_from_beginning);
    EXPECT_EQ(replay(whole->stretches.at(0), [](const auto&) {}), 0U);
  }
}

TEST(Snapshot, keeps_since_when_a_peer_reaches_the_clients_side) {
  core::State state(db1, config(), 1);
  state.peers[db2].service_since = TimePoint{milliseconds(17)};
  const auto again = decode_snapshot(encode_snapshot(stamp(), state));
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->state.peers.at(db2).service_since, TimePoint{milliseconds(17)});
}

TEST(Replay, tells_what_was_recorded_and_what_is_decided_now) {
  core::Controller controller(db1, config(), 1);
  const core::Input input{TimePoint{milliseconds(1)}, core::event::Tick{}};
  auto outcome = outcome_of(controller.step(input));
  ASSERT_FALSE(outcome.actions.empty());
  outcome.actions = {"9 checkpoint"};
  const auto recording =
      parse_recording(encode_begin({stamp(), db1, config(), 1}) + "\n" + encode_step({input, outcome}));
  ASSERT_TRUE(recording);
  std::string difference;
  EXPECT_EQ(replay(recording->stretches.at(0), [&](const auto& step) { difference = step.difference; }), 1U);
  EXPECT_THAT(difference, HasSubstr("9 checkpoint"));
  EXPECT_THAT(difference, HasSubstr("read_store"));
}

TEST(Recording, ends_a_stretch_at_what_cannot_be_read_and_goes_on_at_the_next_beginning) {
  core::Controller controller(db1, config(), 1);
  const auto begin = encode_begin({stamp(), db1, config(), 1}) + "\n";
  const auto tick = encode_step({{TimePoint{milliseconds(1)}, core::event::Tick{}}, {}}) + "\n";
  const auto cut = parse_recording(begin + tick + tick.substr(0, 9) + "\n" + tick + begin + tick);
  ASSERT_TRUE(cut);
  ASSERT_EQ(cut->stretches.size(), 2U);
  EXPECT_THAT(cut->stretches[0].end, HasSubstr("line 3"));
  EXPECT_EQ(cut->stretches[0].steps.size(), 1U);
  EXPECT_EQ(cut->unreplayable_steps, 1U);
  const auto lost = parse_recording(begin + tick + "{\"lost\":7}\n" + tick);
  EXPECT_THAT(lost.value().stretches.at(0).end, HasSubstr("lost"));
}

TEST(Recording, refuses_what_is_none_and_says_why) {
  const auto tick = encode_step({{TimePoint{milliseconds(1)}, core::event::Tick{}}, {}});
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "no inputs"}, {"hello\n", "line 1"}, {"\n\n{}\n", "line 3"}, {tick, "neither the start"}}) {
    const auto recording = parse_recording(text);
    ASSERT_FALSE(recording) << text;
    EXPECT_EQ(recording.error().code, ErrorCode::invalid);
    EXPECT_THAT(recording.error().message, HasSubstr(why));
  }
  auto unsound = config();
  unsound.timers.grace = milliseconds(1);
  EXPECT_FALSE(parse_recording(encode_begin({stamp(), db1, unsound, 1}) + "\n" + tick));
}

}  // namespace
}  // namespace gemel::replay
