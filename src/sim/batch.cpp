#include "sim/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <thread>

namespace gemel::sim {
namespace {

constexpr std::uint64_t fewest_seeds_for_marks = 2000;
constexpr std::size_t most_threads = 64;

// What each thread plays now: an aborted process must say it.
std::array<std::atomic<std::uint64_t>, most_threads> playing;

extern "C" void say_seeds(int /*signal*/) {
  for (const auto& seed : playing) {
    if (seed != 0)
      std::fprintf(stderr, "aborted while playing seed %llu\n", static_cast<unsigned long long>(seed.load()));
  }
  std::signal(SIGABRT, SIG_DFL);
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

BatchResult run_batch(const BatchOptions& options) {
  BatchResult result;
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> is_over{false};
  std::mutex mutex;
  const auto before = std::signal(SIGABRT, say_seeds);
  // style: allow(clock) how fast seeds are played, not what happens in them
  const auto began = std::chrono::steady_clock::now();
  const auto work = [&](std::size_t thread) {
    BatchResult own;
    while (!is_over) {
      const auto index = next++;
      if (index >= options.count) break;
      const auto seed = options.first + index;
      playing[thread] = seed;
      const Verdict verdict = run_trial(seed, options.trial);
      ++own.seeds;
      own.steps += verdict.steps;
      own.virtual_seconds += std::chrono::duration<double>(verdict.virtual_time).count();
      own.marks.add(verdict.marks);
      own.hash += verdict.hash * (seed * 2 + 1);  // the order of threads does not matter
      if (verdict.complaint.empty()) continue;
      own.failures.push_back({seed, verdict.complaint});
      if (options.ends_when_found) is_over = true;
    }
    playing[thread] = 0;
    const std::scoped_lock lock(mutex);
    result.seeds += own.seeds;
    result.steps += own.steps;
    result.virtual_seconds += own.virtual_seconds;
    result.marks.add(own.marks);
    result.hash += own.hash;
    result.failures.insert(result.failures.end(), own.failures.begin(), own.failures.end());
  };
  {
    std::vector<std::jthread> threads;  // style: allow(thread) trials share nothing; the program has no loop
    for (std::size_t thread = 0; thread < std::min<std::size_t>(options.threads, most_threads); ++thread)
      threads.emplace_back(work, thread);
  }
  // style: allow(clock) as above
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::signal(SIGABRT, before);
  std::ranges::sort(result.failures, {}, &BatchResult::Failure::seed);
  if (options.needs_marks && result.seeds >= fewest_seeds_for_marks) {
    for (std::size_t mark = 0; mark < mark_count; ++mark) {
      if (result.marks.counts[mark] == 0) result.missing.push_back(static_cast<Mark>(mark));
    }
  }
  return result;
}

std::string describe(const BatchResult& result) {
  std::string text;
  for (const auto& failure : result.failures) text += fmt::format("seed {}: {}\n", failure.seed, failure.complaint);
  for (std::size_t mark = 0; mark < mark_count; ++mark)
    text += fmt::format("  {:28} {}\n", to_string(static_cast<Mark>(mark)), result.marks.counts[mark]);
  for (const auto mark : result.missing) text += fmt::format("mark never hit: {}\n", to_string(mark));
  text += fmt::format("{} seeds, {} failed; {:.1f} s, {:.0f} seeds/s, {} steps, {:.0f} virtual seconds; hash {:016x}\n",
                      result.seeds, result.failures.size(), result.seconds,
                      static_cast<double>(result.seeds) / std::max(result.seconds, 1e-9), result.steps,
                      result.virtual_seconds, result.hash);
  return text;
}

bool write_json(const BatchResult& result, const std::string& path) {
  std::ofstream file(path);
  file << fmt::format(
      "{{\n  \"seeds\": {},\n  \"seconds\": {:.1f},\n  \"steps\": {},\n  \"virtual_seconds\": {:.0f},\n"
      "  \"hash\": \"{:016x}\",\n  \"failures\": [",
      result.seeds, result.seconds, result.steps, result.virtual_seconds, result.hash);
  const char* separator = "";
  for (const auto& failure : result.failures) {
    file << fmt::format("{}\n    {{\"seed\": {}, \"complaint\": \"{}\"}}", separator, failure.seed,
                        escaped(failure.complaint));
    separator = ",";
  }
  file << "],\n  \"marks\": {";
  separator = "";
  for (std::size_t mark = 0; mark < mark_count; ++mark) {
    file << fmt::format("{}\n    \"{}\": {}", separator, to_string(static_cast<Mark>(mark)), result.marks.counts[mark]);
    separator = ",";
  }
  file << "\n  }\n}\n";
  file.close();
  return file.good();
}

}  // namespace gemel::sim
