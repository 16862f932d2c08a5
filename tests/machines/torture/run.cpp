#include "torture/run.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "torture/workload.h"

namespace gemel::torture {

namespace {

using client::Limits;

std::string to_json(const Limits& limits) {
  return fmt::format(R"({{"reach_ms":{},"connect_ms":{},"answer_ms":{}}})", limits.reach.count(),
                     limits.connect.count(), limits.answer.count());
}

/// Without the DSN, which holds a password.
std::string to_json(const Options& options) {
  const auto& rates = options.rates;
  return fmt::format(
      R"({{"workloads":"{}","limits":{},"probe_limits":{},"append_rate":{},"transfer_rate":{},"snapshot_rate":{},)"
      R"("register_rate":{},"stamp_rate":{},"note_rate":{},"probe_rate":{},"register_keys":{},"register_s":{}}})",
      options.workloads, to_json(options.limits), to_json(options.probe_limits), rates.append, rates.transfer,
      rates.snapshot, rates.registers, rates.stamp, rates.note, rates.probe, rates.register_keys,
      rates.register_life.count());
}

std::vector<Worker> workers_of(const Options& options) {
  std::vector<Worker> workers;
  const auto add = [&](char letter, std::vector<Worker> (*make)(const Options&)) {
    if (options.has(letter)) std::ranges::move(make(options), std::back_inserter(workers));
  };
  add('A', append_workers);
  add('B', bank_workers);
  add('C', register_workers);
  add('E', stamp_workers);
  add('F', web_workers);
  add('G', probe_workers);
  return workers;
}

/// The driver's side: lines on stdin and signals, until the run has to end.
class Driver {
 public:
  explicit Driver(Recorder* recorder) : recorder_(recorder) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    // Before the first thread, so that all of them have it blocked.
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signals_ = signalfd(-1, &signals, SFD_CLOEXEC);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() { close(signals_); }

  /// Serves the driver until it says stop (false) or until `until` (true); 0: no limit.
  bool serve(Time until) {
    while (true) {
      const auto left = until == 0 ? Time{60'000} : (until - now() + 999) / 1000;
      if (left <= 0) return true;
      pollfd items[] = {{signals_, POLLIN, 0}, {is_input_open_ ? STDIN_FILENO : -1, POLLIN, 0}};
      if (poll(items, 2, static_cast<int>(std::min<Time>(left, 60'000))) < 0 && errno != EINTR) return false;
      if (items[0].revents != 0) return false;
      if (items[1].revents != 0 && !read_input()) return false;
    }
  }

 private:
  /// False at "stop".
  bool read_input() {
    char buffer[4096];
    const auto length = read(STDIN_FILENO, buffer, sizeof buffer);
    if (length <= 0) {
      is_input_open_ = length < 0 && errno == EINTR;
      return true;
    }
    input_.append(buffer, static_cast<std::size_t>(length));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      const auto line = input_.substr(0, end);
      input_.erase(0, end + 1);
      if (line == "stop") return false;
      if (line.starts_with("mark "))
        recorder_->add_mark(line.substr(5));
      else if (!line.empty())
        fmt::print(stderr, "gemel-torture: unknown line on stdin: {}\n", line);
    }
    return true;
  }

  Recorder* recorder_;
  int signals_ = -1;
  bool is_input_open_ = true;
  std::string input_;
};

/// Runs until the end; returns whether every workload had an acknowledged operation.
bool work(const Options& options, Recorder& recorder, Driver& driver) {
  std::stop_source stop;
  std::vector<std::jthread> threads;
  for (auto& worker : workers_of(options))
    threads.emplace_back(
        [body = std::move(worker.body), &recorder, token = stop.get_token()] { body(recorder, token); });
  bool is_ready = false;
  std::jthread first([&] {
    is_ready = recorder.wait_for_first(options.workloads, options.settle, stop.get_token());
    fmt::print(stderr, "{}\n", is_ready ? "ready" : "gemel-torture: not every workload had an acknowledged operation");
    // stdin and signals are served meanwhile, so a run that never becomes ready ends by this.
    if (!is_ready && !stop.stop_requested()) kill(getpid(), SIGTERM);
  });
  driver.serve(options.duration.count() == 0 ? 0 : now() + std::chrono::microseconds(options.duration).count());
  stop.request_stop();
  first.join();
  return is_ready;
}

}  // namespace

int run(const Options& options) {
  auto recorder = Recorder::create(options.folder, options.run, to_json(options));
  if (!recorder) {
    fmt::print(stderr, "gemel-torture: {}\n", recorder.error().to_string());
    return 4;
  }
  Driver driver(recorder->get());
  if (auto prepared = prepare(options, {}); !prepared) {
    fmt::print(stderr, "gemel-torture: the site never took a write: {}\n", prepared.error().to_string());
    return 6;
  }
  const bool is_ready = work(options, **recorder, driver);
  const auto summary = (*recorder)->finish();
  if (!summary) {
    fmt::print(stderr, "gemel-torture: {}\n", summary.error().to_string());
    return 4;
  }
  fmt::print("{}\n", *summary);
  return is_ready ? 0 : 6;
}

}  // namespace gemel::torture
