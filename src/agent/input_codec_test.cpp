// The ring of inputs as text: what was written can be read again, and nothing else can.
#include <gtest/gtest.h>

#include <chrono>

#include "agent/input_ring.h"
#include "agent/testing_folder.h"
#include "base/random.h"
#include "base/text.h"
#include "runtime/files.h"

namespace gemel::agent {
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
      {now, core::event::StoreHint{Revision{11}}},
      {now, core::event::StopAsked{}},
      {now, core::event::SwitchoverAsked{13, db2}},
      {now, core::event::PauseAsked{14, "ann", "new switch", milliseconds(90'000), "12:30"}},
      {now, core::event::ResumeAsked{15}},
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
const Event& only(const Result<Input>& input) {
  return std::get<Event>(input.value().event);
}

TEST(InputCodec, gives_every_kind_of_event_again) {
  std::set<std::size_t> kinds;
  std::set<std::size_t> payloads;
  for (const auto& input : every_kind()) {
    const std::string line = encode_input(input);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto decoded = decode_input(line);
    ASSERT_TRUE(decoded) << line << decoded.error().to_string();
    EXPECT_EQ(encode_input(*decoded), line);
    EXPECT_EQ(decoded->now, input.now);
    kinds.insert(decoded->event.index());
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
    if (std::holds_alternative<core::event::StoreHint>(input.event))
      EXPECT_EQ(only<core::event::StoreHint>(decoded).revision, Revision{11});
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<core::Event>) << "a kind of event without a sample";
  EXPECT_EQ(payloads.size(), std::variant_size_v<core::Payload>) << "a kind of payload without a sample";
}

TEST(InputCodec, reads_a_reason_that_is_not_utf_8) {
  const Input input{TimePoint{milliseconds(1)},
                    core::event::ActionEnded{core::ActionId{1}, Certainty::refused, {}, "Verzeichnis f\xfcr \xff"}};
  const auto decoded = decode_input(encode_input(input));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(only<core::event::ActionEnded>(decoded).reason, "Verzeichnis f\xfcr \xff");
}

TEST(InputCodec, refuses_every_line_that_was_cut) {
  for (const auto& input : every_kind()) {
    const std::string line = encode_input(input);
    for (std::size_t length = 0; length < line.size(); ++length)
      EXPECT_FALSE(decode_input(line.substr(0, length))) << line.substr(0, length);
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
    const auto decoded = decode_input(line);
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
    std::string line = encode_input(samples[random.below(samples.size())]);
    for (auto changes = 1 + random.below(4); changes > 0; --changes)
      line[random.below(line.size())] = static_cast<char>(random.below(256));
    const auto decoded = decode_input(line);
    if (decoded) {
      EXPECT_TRUE(decode_input(encode_input(*decoded))) << line;  // still one of ours
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
  const RunBegin begin{db1, unusual_config(), 0xFFFF'FFFF'FFFF'FFFFULL, "9.8.7"};
  const auto decoded = decode_begin(encode_begin(begin));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  // Names every field of both: one that is added and not written does not compile here.
  const auto& [self, config, seed, version] = *decoded;
  const auto& [databases, bootstrapper, cluster_id, timers, min_copies, sync_standbys] = config;
  const auto& [hb, suspect, lease, grace, gate, etcd, kill, sick, stop, promote, stable, rho] = timers;
  EXPECT_EQ(self, db1);
  EXPECT_EQ(seed, begin.seed);
  EXPECT_EQ(version, "9.8.7");
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
  const std::string begin = encode_begin({db1, unusual_config(), 1, "1"});
  EXPECT_FALSE(decode_input(begin));
  EXPECT_FALSE(decode_begin(encode_input(every_kind().front())));
  for (std::size_t length = 0; length < begin.size(); ++length) EXPECT_FALSE(decode_begin(begin.substr(0, length)));
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines = split(runtime::read_file(file).value_or(""), '\n');
  std::erase(lines, "");
  return lines;
}

TEST(InputRing, begins_a_line_of_its_own_after_a_run_that_was_cut) {
  const testing::Folder folder;
  const auto file = folder / "inputs.jsonl";
  ASSERT_TRUE(runtime::write_file_durably(file, R"({"t":1,"e":[0,{)", 0600));
  InputRing ring(file);
  ring.begin(db1, unusual_config(), 5);
  ring.add(every_kind().front());
  ring.flush();
  const auto lines = lines_of(file);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_FALSE(decode_input(lines[0]));
  ASSERT_TRUE(decode_begin(lines[1]));
  EXPECT_EQ(decode_begin(lines[1])->seed, 5U);
  EXPECT_EQ(decode_begin(lines[1])->version, GEMEL_VERSION);
  EXPECT_TRUE(decode_input(lines[2]));
}

Input big_input(std::size_t size) {
  return {TimePoint{milliseconds(1)},
          core::event::ActionEnded{core::ActionId{1}, Certainty::unknown, {}, std::string(size, 'x')}};
}

TEST(InputRing, keeps_its_bound_on_disk_and_the_newest_inputs) {
  const testing::Folder folder;
  const auto file = folder / "inputs.jsonl";
  constexpr std::size_t limit = 8U << 20;
  InputRing ring(file);
  for (std::uint64_t round = 0; round < 50; ++round) {
    ring.add(big_input(900'000));
    ring.add({TimePoint{milliseconds(round)}, core::event::Tick{}});
    ring.flush();
    EXPECT_LE(std::filesystem::file_size(file), limit);
  }
  EXPECT_LE(std::filesystem::file_size(file.string() + ".1"), limit);
  EXPECT_EQ(decode_input(lines_of(file).back())->now, TimePoint{milliseconds(49)});
  EXPECT_GT(lines_of(file.string() + ".1").size(), 10U);
}

TEST(InputRing, says_what_a_stalled_disk_has_cost) {
  const testing::Folder folder;
  const auto file = folder / "inputs.jsonl";
  InputRing ring(file);
  ring.begin(db1, unusual_config(), 5);
  for (int round = 0; round < 5; ++round) ring.add(big_input(1'000'000));
  ring.flush();
  const auto lines = lines_of(file);
  // The beginning and four of the inputs fit into half of the limit; the fifth took their place.
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], R"({"lost":5})");
  EXPECT_TRUE(decode_input(lines[1]));
  EXPECT_FALSE(decode_input(lines[0]));
}

}  // namespace
}  // namespace gemel::agent
