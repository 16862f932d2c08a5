// The ring of inputs on disk: bounded, readable after a cut, and replayable when its beginning is gone.
#include "agent/input_ring.h"

#include <gtest/gtest.h>

#include <chrono>

#include "agent/testing_folder.h"
#include "base/text.h"
#include "replay/replay.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

using core::Certainty;
using core::Input;
using std::chrono::milliseconds;

const NodeId db1{"db1"};

core::Config config() { return {{db1, NodeId{"db2"}}, db1, "site", {}, 1}; }
core::State state() { return {db1, config(), 5}; }
Input tick(std::uint64_t at) { return {TimePoint{milliseconds(at)}, core::event::Tick{}}; }

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
  ring.begin(db1, config(), 5);
  ring.add(tick(1), {}, state());
  ring.flush();
  const auto lines = lines_of(file);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_FALSE(replay::decode_step(lines[0]));
  ASSERT_TRUE(replay::decode_begin(lines[1]));
  EXPECT_EQ(replay::decode_begin(lines[1])->seed, 5U);
  EXPECT_EQ(replay::decode_begin(lines[1])->stamp.version, GEMEL_VERSION);
  EXPECT_TRUE(replay::decode_step(lines[2]));
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
    ring.add(big_input(900'000), {}, state());
    ring.add(tick(round), {}, state());
    ring.flush();
    EXPECT_LE(std::filesystem::file_size(file), limit);
  }
  EXPECT_LE(std::filesystem::file_size(file.string() + ".1"), limit);
  const auto last = replay::parse_recording(runtime::read_file(file).value_or(""));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->stretches.back().steps.back().input.now, TimePoint{milliseconds(49)});
  EXPECT_GT(lines_of(file.string() + ".1").size(), 10U);
}

TEST(InputRing, says_what_a_stalled_disk_has_cost) {
  const testing::Folder folder;
  const auto file = folder / "inputs.jsonl";
  InputRing ring(file);
  ring.begin(db1, config(), 5);
  for (int round = 0; round < 5; ++round) ring.add(big_input(1'000'000), {}, state());
  ring.flush();
  const auto lines = lines_of(file);
  // The beginning, four of the inputs and two kept states fit into half of the limit; the fifth took their place, and
  // the state after it follows at once, so that what comes then can be replayed.
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], R"({"lost":7})");
  EXPECT_TRUE(replay::decode_snapshot(lines[2]));
  EXPECT_TRUE(replay::decode_step(lines[1]));
  EXPECT_FALSE(replay::decode_step(lines[0]));
}

TEST(InputRing, can_be_replayed_when_its_beginning_is_overwritten) {
  const testing::Folder folder;
  const auto file = folder / "inputs.jsonl";
  InputRing ring(file);
  ring.begin(db1, config(), 5);
  core::Controller controller(db1, config(), 5);
  const std::string reason(100'000, 'x');
  for (std::uint64_t round = 0; round < 300; ++round) {
    const core::Input input{TimePoint{milliseconds(10 * round)},
                            core::event::ActionEnded{core::ActionId{1000 + round}, Certainty::refused, {}, reason}};
    const auto output = controller.step(input);
    ring.add(input, output, controller.state());
    ring.flush();
  }
  const auto recording = replay::parse_recording(InputRing::read(file));
  ASSERT_TRUE(recording) << recording.error().to_string();
  const auto& stretch = recording->stretches.at(0);
  EXPECT_FALSE(stretch.is_from_beginning);
  EXPECT_GT(stretch.steps.size(), 50U);
  EXPECT_LT(recording->unreplayable_steps, 12U) << "a state with every MiB";
  EXPECT_EQ(stretch.steps.back().input.now, TimePoint{milliseconds(2990)});
  EXPECT_EQ(replay::replay(stretch, [](const auto&) {}), 0U);
}

}  // namespace
}  // namespace gemel::agent
