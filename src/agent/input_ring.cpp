#include "agent/input_ring.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "agent/append_file.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

constexpr std::size_t file_limit = 8U << 20;  // bytes
constexpr std::size_t snapshot_interval = 1U << 20;

replay::Stamp stamp() { return {GEMEL_VERSION, runtime::boot_now(), runtime::wall_now()}; }

}  // namespace

void InputRing::append(const std::string& line) {
  // The disk stalls and the buffer grows: the oldest part of the story matters less than the agent's memory.
  if (unwritten_.size() + line.size() > file_limit / 2) {
    unwritten_ = fmt::format("{{\"lost\":{}}}\n", unwritten_lines_);
    unwritten_lines_ = 1;
    since_snapshot_ = snapshot_interval;  // nothing can be replayed before the next one
  }
  unwritten_ += line;
  unwritten_ += '\n';
  ++unwritten_lines_;
}

std::string InputRing::take() {
  unwritten_lines_ = 0;
  return std::exchange(unwritten_, {});
}

void InputRing::begin(const NodeId& self, const core::Config& config, std::uint64_t seed) {
  // A line that a power loss cut must not swallow this one.
  unwritten_ += '\n';
  append(replay::encode_begin({stamp(), self, config, seed}));
}

void InputRing::add(const core::Input& input, const core::Output& output, const core::State& after) {
  const auto line = replay::encode_step({input, replay::outcome_of(output)});
  append(line);
  since_snapshot_ += line.size();
  if (since_snapshot_ < snapshot_interval) return;
  append(replay::encode_snapshot(stamp(), after));
  since_snapshot_ = 0;
}

runtime::Task<void> InputRing::keep_writing() {
  while (true) {
    co_await runtime::sleep_to_beat(std::chrono::seconds(1));
    if (unwritten_.empty()) continue;
    co_await runtime::run_blocking([file = file_, text = take()] { append_bounded(file, text, file_limit); });
  }
}

std::string InputRing::read(const std::filesystem::path& file) {
  return runtime::read_file(file.string() + ".1").value_or("") + runtime::read_file(file).value_or("");
}

void InputRing::flush() { append_bounded(file_, take(), file_limit); }

}  // namespace gemel::agent
