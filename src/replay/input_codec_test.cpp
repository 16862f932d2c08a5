// The ring of inputs as text: what was written can be read again, and nothing else can.
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "base/random.h"
#include "replay/input_codec.h"

namespace gemel::replay {
namespace {

using core::Certainty;
using core::Input;
using core::PostgresRun;
using core::RecordState;
using std::chrono::milliseconds;

const NodeId db1{"db1"};
const NodeId db2{"db2"};

core::PostgresFacts full_facts() {
  core::PostgresFacts facts;
  facts.run = PostgresRun::primary;
  facts.is_answering = false;
  facts.system_id = "7000000000000000001";
  facts.timeline = 4'000'000'000U;
  facts.wal_end = Lsn{0xFFFF'FFFF'FFFF'FFFFULL};
  facts.is_receiving = true;
  facts.upstream = db2;
  facts.standbys = {{db2, true, Lsn{17}}, {NodeId{"db3"}, false, Lsn{18}}};
  facts.names = {db1, db2};
  facts.served = Epoch{0xFFFF'FFFF'FFFF'FFFEULL};
  facts.bootstrap_pending = true;
  facts.write_probe_age = milliseconds(1234);
  return facts;
}

core::StoreView full_view() {
  core::Record record;
  record.epoch = Epoch{7};
  record.holder = record.writer = db1;
  record.members = {db1, db2};
  record.state = RecordState::resigned;
  record.preferred = db2;
  record.cause = core::Cause::sick;
  record.pause = core::Pause{"id", "ann", "new switch", "12:30", milliseconds(90'000)};
  record.system_id = "system";
  record.cluster_id = "cluster";
  record.token = "token \"quoted\" \n \\ ü";
  return {core::VersionedRecord{record, Revision{-5}},
          {{Epoch{6}, db2, true, 3, Lsn{99}, core::Cause::force}, {Epoch{7}, db1, false, 0, Lsn{}, core::Cause::none}}};
}

std::vector<Input> every_kind() {
  const TimePoint now{std::chrono::hours(100) + std::chrono::nanoseconds(1)};
  const core::Beat beat{Epoch{7}, db1, Revision{9}, RecordState::paused, PostgresRun::standby, 3, Lsn{5}, true, 2, 3};
  const auto ended = [&](core::Payload payload, Certainty certainty) {
    return Input{now, core::event::ActionEnded{core::ActionId{42}, certainty, std::move(payload), "why \t\x01 ü"}};
  };
  return {
      {now, core::event::Tick{}},
      {now, core::Heard{db2, beat, TimePoint{milliseconds(5)}, TimePoint{milliseconds(6)}}},
      {now, core::Heard{db2, beat, std::nullopt, TimePoint{milliseconds(-6)}}},
      {now, core::event::PostgresSeen{full_facts()}},
      {now, core::event::PostgresExited{}},
      {now, core::event::StoreHint{Revision{11}, std::nullopt}},
      {now, core::event::StoreHint{Revision{11}, full_view().record->record}},
      {now, core::event::StopAsked{}},
      {now, core::event::SwitchoverAsked{13, db2}},
      {now, core::event::PauseAsked{14, "ann", "new switch", milliseconds(90'000), "12:30"}},
      {now, core::event::ResumeAsked{15, "ops@db1"}},
      {now, core::event::ServiceSeen{2, 3}},
      {now, core::event::ForceAsked{16, "ann", true}},
      {now, core::event::GateFailed{TimePoint{milliseconds(17)}}},
      ended(std::monostate{}, Certainty::unknown),
      ended(full_view(), Certainty::refused),
      ended(core::StoreView{}, Certainty::done),
      ended(core::payload::Swapped{Revision{12}}, Certainty::done),
      ended(core::payload::IntentOwner{"db1"}, Certainty::done),
      ended(core::payload::Promoted{5, Lsn{77}}, Certainty::done),
      ended(core::payload::Mark{Lsn{78}}, Certainty::done),
      ended(core::payload::LastConfirmation{TimePoint{milliseconds(79)}}, Certainty::done),
  };
}

template <typename Event>
const Event& only(const Result<Step>& step) {
  return std::get<Event>(step.value().input.event);
}

TEST(InputCodec, gives_every_kind_of_event_again) {
  std::set<std::size_t> kinds;
  std::set<std::size_t> payloads;
  for (const auto& input : every_kind()) {
    const std::string line = encode_step({input, {}});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto decoded = decode_step(line);
    ASSERT_TRUE(decoded) << line << decoded.error().to_string();
    EXPECT_EQ(encode_step(*decoded), line);
    EXPECT_EQ(decoded->input.now, input.now);
    EXPECT_FALSE(decoded->outcome);
    kinds.insert(decoded->input.event.index());
    if (const auto* ended = std::get_if<core::event::ActionEnded>(&input.event)) {
      payloads.insert(ended->payload.index());
      EXPECT_EQ(only<core::event::ActionEnded>(decoded).payload, ended->payload);
      EXPECT_EQ(only<core::event::ActionEnded>(decoded).certainty, ended->certainty);
      EXPECT_EQ(only<core::event::ActionEnded>(decoded).id, ended->id);
      EXPECT_EQ(only<core::event::ActionEnded>(decoded).reason, ended->reason);
    }
    if (const auto* heard = std::get_if<core::Heard>(&input.event)) EXPECT_EQ(only<core::Heard>(decoded), *heard);
    if (const auto* seen = std::get_if<core::event::PostgresSeen>(&input.event))
      EXPECT_EQ(only<core::event::PostgresSeen>(decoded).facts, seen->facts);
    if (std::holds_alternative<core::event::SwitchoverAsked>(input.event)) {
      EXPECT_EQ(only<core::event::SwitchoverAsked>(decoded).ask, 13U);
      EXPECT_EQ(only<core::event::SwitchoverAsked>(decoded).to, db2);
    }
    if (const auto* hint = std::get_if<core::event::StoreHint>(&input.event)) {
      EXPECT_EQ(only<core::event::StoreHint>(decoded).revision, Revision{11});
      EXPECT_EQ(only<core::event::StoreHint>(decoded).record, hint->record);
    }
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<core::Event>) << "a kind of event without a sample";
  EXPECT_EQ(payloads.size(), std::variant_size_v<core::Payload>) << "a kind of payload without a sample";
}

TEST(InputCodec, gives_what_was_decided_again) {
  const Input input{TimePoint{milliseconds(1)}, core::event::Tick{}};
  const Outcome outcome{"0123456789abcdef", {"1 checkpoint", "2 promote \"names\""}};
  const auto decoded = decode_step(encode_step({input, outcome}));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->outcome, outcome);
  const auto quiet = decode_step(encode_step({input, Outcome{"0123456789abcdef", {}}}));
  ASSERT_TRUE(quiet);
  EXPECT_EQ(quiet->outcome->digest, "0123456789abcdef");
}

/// One field changed at a time.
TEST(InputCodec, digest_tells_outputs_apart) {
  core::Output output;
  output.rules = {"serve"};
  output.start = {{core::ActionId{7}, core::action::SwapRecord{core::SwapPurpose::bid, Revision{3}, {}, {}}}};
  output.cancel = {core::ActionId{5}};
  output.notes = {{core::NoteLevel::info, "serve", "text", Epoch{1}}};
  output.wake_at = TimePoint{milliseconds(50)};
  const auto first = outcome_of(output).digest;
  EXPECT_EQ(outcome_of(output).digest, first);
  std::set<std::string> digests{first};
  const auto changed = [&](auto change) {
    core::Output other = output;
    change(other);
    EXPECT_TRUE(digests.insert(outcome_of(other).digest).second);
  };
  changed([](core::Output& it) { it.rules = {"wait"}; });
  changed([](core::Output& it) { it.start[0].id = core::ActionId{8}; });
  changed([](core::Output& it) { std::get<core::action::SwapRecord>(it.start[0].kind).next.token = "other"; });
  changed([](core::Output& it) { it.start[0].kind = core::action::Checkpoint{}; });
  changed([](core::Output& it) { it.start.push_back({core::ActionId{8}, core::action::ShutGate{}}); });
  changed([](core::Output& it) { it.cancel.clear(); });
  changed([](core::Output& it) { it.notes[0].text = "other"; });
  changed([](core::Output& it) { it.wake_at = TimePoint{milliseconds(51)}; });
}

TEST(InputCodec, reads_a_reason_that_is_not_utf_8) {
  const Input input{TimePoint{milliseconds(1)},
                    core::event::ActionEnded{core::ActionId{1}, Certainty::refused, {}, "Verzeichnis f\xfcr \xff"}};
  const auto decoded = decode_step(encode_step({input, {}}));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(only<core::event::ActionEnded>(decoded).reason, "Verzeichnis f\xfcr \xff");
}

TEST(InputCodec, refuses_every_line_that_was_cut) {
  for (const auto& input : every_kind()) {
    const std::string line = encode_step({input, {}});
    for (std::size_t length = 0; length < line.size(); ++length)
      EXPECT_FALSE(decode_step(line.substr(0, length))) << line.substr(0, length);
  }
}

TEST(InputCodec, refuses_values_that_are_never_written) {
  for (const auto* line : {"", "{}", "[]", "null", "1", R"({"t":1})", R"({"e":[0,{}]})", R"({"t":"1","e":[0,{}]})",
                           R"({"t":1,"e":[13,{}]})", R"({"t":1,"e":[-1,{}]})", R"({"t":1,"e":[0]})",
                           R"({"t":1,"e":[]})", R"({"t":1,"e":{}})", R"({"t":1,"e":[4,7]})",
                           R"({"t":1,"e":[7,{"id":1,"certainty":3,"payload":[0,null],"reason":""}]})",
                           R"({"t":1,"e":[7,{"id":1,"certainty":0,"payload":[9,null],"reason":""}]})",
                           R"({"t":1,"e":[7,{"id":-1,"certainty":0,"payload":[0,null],"reason":""}]})",
                           R"({"t":1,"e":[7,{"id":1,"certainty":0,"payload":[0,null],"reason":5}]})"}) {
    const auto decoded = decode_step(line);
    ASSERT_FALSE(decoded) << line;
    EXPECT_EQ(decoded.error().code, ErrorCode::invalid);
  }
}

TEST(InputCodec, never_crashes_on_damaged_lines) {
  const std::uint64_t seed = 20240229;
  SCOPED_TRACE(seed);
  Random random(seed);
  const auto samples = every_kind();
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string line = encode_step({samples[random.below(samples.size())], Outcome{"00ff", {"1 checkpoint"}}});
    for (auto changes = 1 + random.below(4); changes > 0; --changes)
      line[random.below(line.size())] = static_cast<char>(random.below(256));
    const auto decoded = decode_step(line);
    if (decoded) {
      EXPECT_TRUE(decode_step(encode_step(*decoded))) << line;  // still one of ours
    } else {
      ++refused;
      EXPECT_EQ(decoded.error().code, ErrorCode::invalid);
    }
    (void)decode_begin(line);
  }
  EXPECT_GT(refused, 1000U);
}

core::Config unusual_config() {
  core::Config config;
  config.databases = {db1, db2};
  config.bootstrapper = db2;
  config.cluster_id = "a \"site\"";
  config.timers = {milliseconds(1), milliseconds(2),  milliseconds(3),  milliseconds(4),
                   milliseconds(5), milliseconds(6),  milliseconds(7),  milliseconds(8),
                   milliseconds(9), milliseconds(10), milliseconds(11), 0.1234567890123456789};
  config.min_copies = 3;
  config.sync_standbys = 4;
  return config;
}

TEST(InputCodec, gives_the_beginning_of_a_run_again) {
  const RunBegin begin{{"9.8.7", TimePoint{milliseconds(12)}, "2026-01-31T12:00:00.000Z"},
                       db1,
                       unusual_config(),
                       0xFFFF'FFFF'FFFF'FFFFULL};
  const auto decoded = decode_begin(encode_begin(begin));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  // Names every field of both: one that is added and not written does not compile here.
  const auto& [stamp, self, config, seed] = *decoded;
  const auto& [databases, bootstrapper, cluster_id, timers, min_copies, sync_standbys] = config;
  const auto& [hb, suspect, lease, grace, gate, etcd, kill, sick, stop, promote, stable, rho] = timers;
  EXPECT_EQ(self, db1);
  EXPECT_EQ(seed, begin.seed);
  EXPECT_EQ(stamp, begin.stamp);
  EXPECT_EQ(databases, begin.config.databases);
  EXPECT_EQ(bootstrapper, db2);
  EXPECT_EQ(cluster_id, begin.config.cluster_id);
  EXPECT_EQ(min_copies, 3U);
  EXPECT_EQ(sync_standbys, 4U);
  int count = 0;
  for (const auto& timer : {hb, suspect, lease, grace, gate, etcd, kill, sick, stop, promote, stable})
    EXPECT_EQ(timer, milliseconds(++count));
  EXPECT_EQ(rho, begin.config.timers.clock_rate_error);  // to the last bit
}

TEST(InputCodec, tells_inputs_and_beginnings_apart) {
  const std::string begin = encode_begin({{}, db1, unusual_config(), 1});
  EXPECT_FALSE(decode_step(begin));
  EXPECT_FALSE(decode_begin(encode_step({every_kind().front(), {}})));
  for (std::size_t length = 0; length < begin.size(); ++length) EXPECT_FALSE(decode_begin(begin.substr(0, length)));
}

}  // namespace
}  // namespace gemel::replay
