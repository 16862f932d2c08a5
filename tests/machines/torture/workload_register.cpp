// Registers: read, write and compare-and-set of a few keys, each one statement. Every written value is unique, and keys
// are taken for a while only, so that no history grows beyond what the checker can search.
#include <map>

#include "torture/workload.h"

namespace gemel::torture {

namespace {

using client::Session;

class RegisterClient {
 public:
  RegisterClient(const Options& options, int number, Time began)
      : run_(options.run),
        keys_(options.rates.register_keys),
        life_(std::chrono::microseconds(options.rates.register_life).count()),
        number_(number),
        began_(began),
        random_(static_cast<unsigned>(std::hash<std::string>{}(options.run)) + 1000u + static_cast<unsigned>(number)) {}

  void step(Session& session, Event& event) {
    const auto window = (event.from - began_) / life_;
    const std::int64_t key = window * keys_ + static_cast<std::int64_t>(random_() % static_cast<unsigned>(keys_));
    const auto seen = seen_key_ == key ? seen_value_ : 0;
    const auto dice = random_() % 10;
    if (dice < 4)
      read(session, event, key);
    else if (dice < 7 || seen == 0)
      write(session, event, key);
    else
      compare_and_set(session, event, key, seen);
  }

 private:
  std::int64_t fresh_value() { return ++counter_ * 1000 + number_; }
  void saw(std::int64_t key, std::int64_t value) {
    seen_key_ = key;
    seen_value_ = value;
  }
  void read(Session& session, Event& event, std::int64_t key) {
    event.op = "read";
    event.in = {key};
    auto reply = session.submit("SELECT coalesce((SELECT value FROM torture_register WHERE run = $1 AND key = $2), 0)",
                                {run_, std::to_string(key)});
    if (!take(event, reply)) return;
    event.out = std::move(reply.rows.at(0));
    saw(key, std::stoll(event.out.at(0)));
  }
  void write(Session& session, Event& event, std::int64_t key) {
    const auto value = fresh_value();
    event.op = "write";
    event.in = {key, value};
    const auto reply = session.submit(
        "INSERT INTO torture_register (run, key, value) VALUES ($1, $2, $3) "
        "ON CONFLICT (run, key) DO UPDATE SET value = EXCLUDED.value",
        {run_, std::to_string(key), std::to_string(value)});
    if (take(event, reply)) saw(key, value);
  }
  void compare_and_set(Session& session, Event& event, std::int64_t key, std::int64_t expected) {
    const auto value = fresh_value();
    event.op = "cas";
    event.in = {key, expected, value};
    const auto reply =
        session.submit("UPDATE torture_register SET value = $4 WHERE run = $1 AND key = $2 AND value = $3",
                       {run_, std::to_string(key), std::to_string(expected), std::to_string(value)});
    if (!take(event, reply)) return;
    const bool is_swapped = reply.tag == "UPDATE 1";
    event.out = {is_swapped ? "1" : "0"};
    saw(is_swapped ? key : -1, value);
  }

  std::string run_;
  int keys_;
  Time life_;
  int number_;
  Time began_;
  std::mt19937 random_;
  std::int64_t counter_ = 0, seen_key_ = -1, seen_value_ = 0;
};

}  // namespace

std::vector<Worker> register_workers(const Options& options) {
  std::vector<Worker> workers;
  const auto began = now();
  const int clients = options.rates.register_clients;
  Client client{'C', 0, options.dsn, options.limits, share(options.rates.registers, clients)};
  for (client.number = 1; client.number <= clients; ++client.number) {
    auto state = std::make_shared<RegisterClient>(options, client.number, began);
    workers.push_back(session_worker(client, [state](Session& session, Event& event) { state->step(session, event); }));
  }
  return workers;
}

}  // namespace gemel::torture
