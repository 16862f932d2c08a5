// The write probe: commits locally (synchronous_commit=local), so that an absent standby is not taken for a sick disk.
#include "adapters/postgres/write_probe.h"

#include <optional>

#include "adapters/postgres/postgres_session.h"

namespace gemel::adapters::postgres {
using runtime::Task;
namespace {
// Longer than any T_sick: a probe that waits is an answer that is missing, a new one would wait as well.
constexpr Duration probe_limit = std::chrono::seconds(30);
}  // namespace

struct WriteProbe::State {
  bool is_primary = false;
  bool is_finished = false;
  Duration fresh{0};
  TimePoint last_answer;
};

WriteProbe::WriteProbe(Duration fresh) : state_(std::make_shared<State>()) { state_->fresh = fresh; }

Task<void> WriteProbe::run(boost::asio::any_io_executor executor, PostgresConfig config) const {
  return loop(state_, executor, std::move(config));
}

void WriteProbe::set_primary(bool is_primary) const {
  if (is_primary && !state_->is_primary) state_->last_answer = runtime::boot_now();
  state_->is_primary = is_primary;
}

void WriteProbe::finish() const { state_->is_finished = true; }

Duration WriteProbe::age() const {
  if (!state_->is_primary) return Duration::zero();
  const Duration age = runtime::boot_now() - state_->last_answer;
  return age <= state_->fresh ? Duration::zero() : age;
}

Task<void> WriteProbe::loop(std::shared_ptr<State> state, boost::asio::any_io_executor executor,
                            PostgresConfig config) {
  std::shared_ptr<PqConnection> session;
  while (!state->is_finished) {
    co_await runtime::sleep_to_beat(config.limits.probe_period);
    if (state->is_finished) break;
    if (!state->is_primary) {
      session.reset();
      continue;
    }
    if (!session || session->is_connection_lost()) {
      auto opened = co_await open_session(executor, config, "postgres", probe_limit);
      if (!opened) continue;  // the age says it
      session = std::make_shared<PqConnection>(std::move(*opened));
    }
    const auto mark = co_await write_mark(session, probe_limit);
    if (mark) state->last_answer = runtime::boot_now();
  }
}

}  // namespace gemel::adapters::postgres
