// Golden stories: each file of tests/scenarios holds commands ("> kill_postgres db1") and, below each, what the two
// controllers noted meanwhile. The test repeats the commands in the model and compares the text. After a wanted change
// of behaviour: GEMEL_REGENERATE=1 gemel_core_test --gtest_filter='*Scenario*', then read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "base/text.h"
#include "core/pair_world.h"

namespace gemel::core::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Words = std::vector<std::string>;

constexpr const char* folder = "tests/scenarios";  // from the root of the source, where ctest runs this program

std::string members(const PairWorld& world) {
  return world.store().record ? to_string(world.members()) : std::string("none");
}

/// Plays one file. Every command appends what it found to the transcript; notes are appended after each.
class Player {
 public:
  std::string play(const std::string& script) {
    std::istringstream lines(script);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("#") || line.empty()) {
        text_ += line + "\n";
      } else if (line.starts_with("> ")) {
        text_ += line + "\n";
        command(split(line.substr(2), ' '));
        flush();
      }
    }
    return text_;
  }
  [[nodiscard]] const PairWorld& world() const { return world_; }

 private:
  void say(const std::string& line) { text_ += "  " + line + "\n"; }

  void flush() {
    for (; told_ < world_.story().size(); ++told_) say(world_.story()[told_]);
  }

  void expect(const std::string& what, const std::string& wanted, const std::string& found) {
    EXPECT_EQ(wanted, found) << what << " after\n" << text_;
  }

  void command(const Words& words) {
    static const std::map<std::string, std::pair<std::size_t, void (Player::*)(const Words&)>> commands{
        {"run", {2, &Player::run}},
        {"run_until_whole", {1, &Player::run_until_whole}},
        {"kill_postgres", {2, &Player::kill_postgres}},
        {"power_off", {2, &Player::power_off}},
        {"power_on", {2, &Player::power_on}},
        {"isolate", {2, &Player::isolate}},
        {"heal", {1, &Player::heal}},
        {"store", {2, &Player::store}},
        {"restart_agent", {2, &Player::restart_agent}},
        {"freeze_agent", {3, &Player::freeze_agent}},
        {"lose_next_answer", {1, &Player::lose_next_answer}},
        {"switch_over", {3, &Player::switch_over}},
        {"pause", {3, &Player::pause}},
        {"resume", {2, &Player::resume}},
        {"force", {2, &Player::force}},
        {"force_confirmed", {2, &Player::force_confirmed}},
        {"expect_primary", {2, &Player::expect_primary}},
        {"expect_members", {2, &Player::expect_members}},
        {"expect_gap_below", {2, &Player::expect_gap_below}},
    };
    const auto known = commands.find(words[0]);
    ASSERT_TRUE(known != commands.end() && known->second.first == words.size())
        << "not a command: " << join(words, " ");
    (this->*known->second.second)(words);
  }

  void run(const Words& words) { world_.run_for(milliseconds(std::stoi(words[1]))); }
  void run_until_whole(const Words& /*words*/) {
    EXPECT_TRUE(world_.run_until([this] { return world_.is_whole(); }, seconds(60))) << text_;
    world_.take_longest_gap();
  }
  void kill_postgres(const Words& words) { world_.kill_postgres(words[1]); }
  void power_off(const Words& words) { world_.power_off(words[1]); }
  void power_on(const Words& words) { world_.power_on(words[1]); }
  void isolate(const Words& words) { world_.isolate(words[1]); }
  void heal(const Words& /*words*/) { world_.heal(); }
  void store(const Words& words) { world_.set_store_up(words[1] == "up"); }
  void restart_agent(const Words& words) { world_.restart_agent(words[1]); }
  void freeze_agent(const Words& words) { world_.freeze_agent(words[1], milliseconds(std::stoi(words[2]))); }
  void lose_next_answer(const Words& /*words*/) { world_.lose_next_answer(); }
  void say(const Answer& answer) { say(answer.accepted ? "accepted" : "refused: " + answer.reason); }
  void switch_over(const Words& words) { say(world_.switch_over(words[1], words[2])); }
  void pause(const Words& words) { say(world_.pause(words[1], seconds(std::stoi(words[2])))); }
  void resume(const Words& words) { say(world_.resume(words[1])); }
  void force(const Words& words) { say(world_.force(words[1], false)); }
  void force_confirmed(const Words& words) { say(world_.force(words[1], true)); }
  void expect_primary(const Words& words) {
    expect("primary", words[1], world_.primary().empty() ? "nobody" : world_.primary());
  }
  void expect_members(const Words& words) {
    Words parts = split(words[1], ',');
    expect("members", "{" + join(parts, ", ") + "}", members(world_));
  }
  void expect_gap_below(const Words& words) {
    EXPECT_LT(world_.take_longest_gap(), milliseconds(std::stoi(words[1]))) << text_;
  }

  PairWorld world_;
  std::string text_;
  std::size_t told_ = 0;
};

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  std::error_code ignored;  // an empty list fails the test below, with its reason
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

TEST(ScenarioFiles, are_found) {
  EXPECT_GE(scenario_names().size(), 8U) << "run this program in the root of the source: it reads " << folder;
}

class Scenario : public ::testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Scenario);

TEST_P(Scenario, goes_as_written) {
  const auto path = std::filesystem::path(folder) / (GetParam() + ".txt");
  const std::string written = read_all(path);
  Player player;
  const std::string played = player.play(written);
  EXPECT_EQ(player.world().violation(), "");
  if (std::getenv("GEMEL_REGENERATE") != nullptr) {
    std::ofstream(path) << played;
  } else {
    EXPECT_EQ(written, played);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Scenario, ::testing::ValuesIn(scenario_names()),
                         [](const auto& scenario) { return scenario.param; });

}  // namespace
}  // namespace gemel::core::testing
