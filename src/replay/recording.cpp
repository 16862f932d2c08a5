#include "replay/recording.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace gemel::replay {
namespace {

/// Takes line after line.
class Reader {
 public:
  void take(std::size_t number, const std::string& line) {
    if (line.starts_with(R"({"t")")) return take_step(number, line);
    if (line.starts_with(R"({"begin")")) return take_begin(number, line);
    if (line.starts_with(R"({"snapshot")")) return take_snapshot(number, line);
    end(line.starts_with(R"({"lost")") ? "inputs were lost here: the disk stalled"
                                       : unreadable(number, "not a line of a recording"));
  }
  Result<Recording> result() {
    end("the recording ends");
    if (!recording_.stretches.empty()) return std::move(recording_);
    if (recording_.unreplayable_steps > 0)
      return fail(ErrorCode::invalid,
                  fmt::format("{} inputs, but neither the start of an agent nor a kept state to begin with",
                              recording_.unreplayable_steps));
    return fail(ErrorCode::invalid, first_trouble_.empty() ? "no inputs in it" : first_trouble_);
  }

 private:
  std::string unreadable(std::size_t number, std::string_view why) {
    auto text = fmt::format("line {}: {}", number, why);
    if (first_trouble_.empty()) first_trouble_ = text;
    return text;
  }
  void take_begin(std::size_t number, const std::string& line) {
    auto begin = decode_begin(line);
    if (!begin) return end(unreadable(number, begin.error().message));
    if (const auto mistakes = core::check_config(begin->self, begin->config); !mistakes.empty())
      return end(unreadable(number, "a configuration that no agent starts with: " + mistakes.front()));
    end("the agent started again");
    present_.emplace(begin->stamp, core::State(begin->self, begin->config, begin->seed), true);
  }
  void take_snapshot(std::size_t number, const std::string& line) {
    if (present_) return;  // the replay comes to the same state by itself, and every step is compared
    auto snapshot = decode_snapshot(line);
    if (!snapshot) return end(unreadable(number, snapshot.error().message));
    present_.emplace(snapshot->stamp, std::move(snapshot->state), false);
  }
  void take_step(std::size_t number, const std::string& line) {
    if (!present_) {
      ++recording_.unreplayable_steps;
      return;
    }
    auto step = decode_step(line);
    if (!step) return end(unreadable(number, step.error().message));
    present_->steps.push_back(std::move(*step));
  }
  void end(std::string why) {
    if (present_ && !present_->steps.empty()) {
      present_->end = std::move(why);
      recording_.stretches.push_back(std::move(*present_));
    }
    present_.reset();
  }

  Recording recording_;
  std::optional<Stretch> present_;
  std::string first_trouble_;
};

}  // namespace

Result<Recording> parse_recording(const std::string& text) {
  Reader reader;
  std::size_t number = 0;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find('\n', start), text.size());
    ++number;
    const std::string line(trim(std::string_view(text).substr(start, end - start)));
    if (!line.empty()) reader.take(number, line);
    start = end + 1;
  }
  return reader.result();
}

}  // namespace gemel::replay
