#include "agent/input_ring.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "agent/append_file.h"
#include "base/text.h"

namespace gemel::agent {
namespace {

constexpr std::size_t file_limit = 8U << 20;  // bytes

}  // namespace

void InputRing::begin(const NodeId& self, const core::Config& config, std::uint64_t seed) {
  std::string names;
  for (const auto& node : config.databases) names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", node.name);
  unwritten_ +=
      fmt::format(R"({{"begin":{{"self":"{}","databases":[{}],"bootstrapper":"{}","cluster_id":"{}","seed":{}}}}})",
                  self.name, names, config.bootstrapper.name, config.cluster_id, seed);
  unwritten_ += '\n';
}

void InputRing::add(const core::Input& input) {
  // The disk stalls and the buffer grows: the oldest part of the story matters less than the agent's memory.
  if (unwritten_.size() > file_limit / 2) unwritten_.clear();
  unwritten_ += encode_input(input);
  unwritten_ += '\n';
}

runtime::Task<void> InputRing::keep_writing() {
  while (true) {
    co_await runtime::sleep_for(std::chrono::seconds(1));
    if (unwritten_.empty()) continue;
    co_await runtime::run_blocking(
        [file = file_, text = std::exchange(unwritten_, {})] { append_bounded(file, text, file_limit); });
  }
}

void InputRing::flush() { append_bounded(file_, std::exchange(unwritten_, {}), file_limit); }

}  // namespace gemel::agent
