#include "torture/workload.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace gemel::torture {

namespace {

constexpr Time shortest_pause = 5'000, longest_pause = 100'000;  // us, between failed attempts to connect

void serve(const Client& who, const Step& step, Recorder& recorder, std::stop_token stop) {
  Pace pace(who.per_second);
  std::optional<client::Session> session;
  std::string error;
  Time pause = shortest_pause;
  while (!stop.stop_requested()) {
    if (!session) {
      session = client::Session::connect(who.dsn + " application_name=gemel-torture", who.limits, error);
      recorder.count_attempt(who.workload, session.has_value());
      if (!session) {
        if (!wait_until(now() + pause, stop)) return;
        // Probes measure the outage itself, so they never slow down.
        if (who.workload != 'G') pause = std::min(2 * pause, longest_pause);
        continue;
      }
      pause = shortest_pause;
    }
    if (!pace.wait(stop)) return;
    Event event{.workload = who.workload, .client = who.number};
    event.from = now();
    step(*session, event);
    event.to = now();
    recorder.add(event);
    if (event.outcome != Outcome::acknowledged) session.reset();
  }
}

}  // namespace

bool wait_until(Time at, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const auto time = std::chrono::steady_clock::time_point(std::chrono::microseconds(at));
  never.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

bool Pace::wait(std::stop_token stop) {
  next_ = std::max(next_ + period_, now());
  return wait_until(next_, stop);
}

bool take(Event& event, const client::Reply& reply) {
  event.outcome = reply.outcome;
  event.error = reply.error.substr(0, 200);
  return reply.is_acknowledged();
}

Worker session_worker(Client client, Step step) {
  const char workload = client.workload;
  return {workload, [who = std::move(client), step = std::move(step)](Recorder& recorder, std::stop_token stop) {
            serve(who, step, recorder, stop);
          }};
}

}  // namespace gemel::torture
