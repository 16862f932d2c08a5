#include "torture/recorder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>

namespace gemel::torture {

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

/// CPU time that this process has used.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

bool write_line(std::FILE* file, const std::string& line) {
  return std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fputc('\n', file) != EOF;
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::create(const std::filesystem::path& folder, std::string run,
                                                   std::string options_json) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (std::filesystem::exists(folder / "run.json"))
    return fail(ErrorCode::conflict, folder.string() + " holds a run already");
  std::unique_ptr<Recorder> recorder(new Recorder);
  recorder->folder_ = folder;
  recorder->run_ = std::move(run);
  recorder->options_json_ = std::move(options_json);
  recorder->from_ = now();
  const auto open = [&](const char* name) { return File(std::fopen((folder / name).c_str(), "we")); };
  recorder->history_ = open("history.jsonl");
  recorder->probes_ = open("probes.jsonl");
  recorder->marks_ = open("marks.jsonl");
  if (!recorder->history_ || !recorder->probes_ || !recorder->marks_ || !recorder->write_summary(false))
    return fail(ErrorCode::unavailable, "cannot write into " + folder.string());
  recorder->add_mark("start");
  return recorder;
}

void Recorder::add(const Event& event) {
  const auto line = to_line(event);
  const std::lock_guard lock(mutex_);
  if (!write_line(event.workload == 'G' ? probes_.get() : history_.get(), line)) has_failed_ = true;
  auto& count = tallies_[event.workload].outcomes[event.outcome];
  ++count;
  if (count == 1 && event.outcome == Outcome::acknowledged) changed_.notify_all();
}

void Recorder::add_mark(const std::string& name) {
  const std::lock_guard lock(mutex_);
  // At once on disk: a driver that dies leaves its marks.
  if (!write_line(marks_.get(), to_line(Mark{name, now()})) || std::fflush(marks_.get()) != 0) has_failed_ = true;
}

void Recorder::count_attempt(char workload, bool has_connected) {
  const std::lock_guard lock(mutex_);
  auto& tally = tallies_[workload];
  ++tally.attempts;
  if (has_connected) ++tally.connections;
}

bool Recorder::wait_for_first(const std::string& workloads, std::chrono::seconds limit, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, stop, limit, [&] {
    return std::ranges::all_of(workloads, [&](char letter) {
      const auto found = tallies_.find(letter);
      return found != tallies_.end() && found->second.outcomes.contains(Outcome::acknowledged);
    });
  });
}

std::string Recorder::summary(bool is_over) const {
  std::vector<std::string> workloads;
  for (const auto& [letter, tally] : tallies_) {
    const auto count = [&](Outcome outcome) {
      const auto found = tally.outcomes.find(outcome);
      return found == tally.outcomes.end() ? 0 : found->second;
    };
    workloads.push_back(fmt::format(R"("{}":{{"ok":{},"failed":{},"unknown":{},"attempts":{},"connections":{}}})",
                                    letter, count(Outcome::acknowledged), count(Outcome::refused),
                                    count(Outcome::unknown), tally.attempts, tally.connections));
  }
  const auto end = is_over ? fmt::format(R"(,"to_us":{},"cpu_s":{:.2f},"workloads":{{{}}})", to_, cpu_seconds(),
                                         fmt::join(workloads, ","))
                           : std::string();
  return fmt::format(R"({{"run":{},"from_us":{},"options":{}{}}})", json_text(run_), from_, options_json_, end);
}

Status Recorder::write_summary(bool is_over) {
  const File file(std::fopen((folder_ / "run.json").c_str(), "we"));
  if (!file || !write_line(file.get(), summary(is_over)) || std::fflush(file.get()) != 0)
    return fail(ErrorCode::unavailable, "cannot write run.json");
  return {};
}

Result<std::string> Recorder::finish() {
  const std::lock_guard lock(mutex_);
  to_ = now();
  for (auto* file : {&history_, &probes_, &marks_})
    if (std::fflush(file->get()) != 0) has_failed_ = true;
  if (has_failed_) return fail(ErrorCode::unavailable, "the history could not be written whole");
  if (auto written = write_summary(true); !written) return std::unexpected(written.error());
  return summary(true);
}

}  // namespace gemel::torture
