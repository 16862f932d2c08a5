// What every workload's clients share: a session that is replaced when it fails, a pace, and the record. The workloads
// themselves are one source each; a worker's body runs in a thread of its own.
#pragma once

#include <functional>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "client/session.h"
#include "torture/options.h"
#include "torture/recorder.h"

namespace gemel::torture {

struct Worker {
  char workload;
  std::function<void(Recorder&, std::stop_token)> body;  // returns soon after the stop
};

/// Who a worker is and how fast it goes.
struct Client {
  char workload = '?';
  int number = 0;
  std::string dsn = {};
  client::Limits limits = {};
  double per_second = 1;
};

/// Does one operation on the session: fills op, in, out, outcome and error of the event. The times are the caller's.
using Step = std::function<void(client::Session& session, Event& event)>;

/// A worker that connects, steps at its pace, records, and takes a fresh session after anything but `ok`: even a
/// refusal may mean "read-only", so the next session may be elsewhere. Failed attempts to connect are repeated soon.
Worker session_worker(Client client, Step step);

/// Waits until `at` or the stop; false when stopped.
bool wait_until(Time at, std::stop_token stop);
/// Waits for the next turn of a fixed pace; turns that were missed are not made up for. False when stopped.
class Pace {
 public:
  explicit Pace(double per_second) : period_(static_cast<Time>(1e6 / per_second)), next_(now()) {}
  bool wait(std::stop_token stop);

 private:
  Time period_, next_;
};

/// Takes outcome and error from the reply; true when acknowledged.
bool take(Event& event, const client::Reply& reply);

/// The pace of one of `clients` that share `rate`.
inline double share(int rate, int clients) { return static_cast<double>(rate) / clients; }

std::vector<Worker> append_workers(const Options& options);
std::vector<Worker> bank_workers(const Options& options);
std::vector<Worker> register_workers(const Options& options);
std::vector<Worker> stamp_workers(const Options& options);
std::vector<Worker> web_workers(const Options& options);
std::vector<Worker> probe_workers(const Options& options);

/// Makes the tables and this run's accounts; repeats until done or `settle` passed. `unavailable` with the last error.
Status prepare(const Options& options, std::stop_token stop);

constexpr int account_count = 8;
constexpr std::int64_t opening_balance = 1000;

}  // namespace gemel::torture
