#include "adapters/etcd/endpoint_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "runtime/log.h"

namespace gemel::adapters::etcd {

namespace asio = boost::asio;
using runtime::Task;

namespace {

constexpr int most_calls_waiting = 2;  // per voter: one that hangs, and one behind it

/// One voter: its connection and the memory of what it showed.
struct Seat {
  NodeId name;
  std::unique_ptr<runtime::HttpClient> client;
  int calls = 0;     // sent and not ended
  Revision highest;  // of its own answers
  std::uint64_t highest_term = 0;
  bool is_aside = false;
  std::optional<MemberStatus> status;  // of the last probe, if it was answered
};

runtime::HttpRequest post(std::string path, std::string body) {
  return {"POST", std::move(path), {{"content-type", "application/json"}}, std::move(body)};
}

/// Refused by the gateway or by etcd before anything was proposed. 429 is "too many requests" or "no space": neither
/// applies the puts. Everything else, above all 503, may be an answer to a proposal that goes on.
bool is_certainly_not_executed(unsigned status) {
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 429;
}

bool is_not_sent(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::denied || code == ErrorCode::invalid;
}

}  // namespace

struct EndpointPool::State {
  asio::any_io_executor executor;
  std::vector<Seat> seats;
  PoolTimes times;
  Revision highest;  // of all linearizable answers
  Revision watched;  // of the watch stream

  /// False, and puts the voter aside, when it goes backwards.
  bool accept(Seat& seat, const Header& header) {
    if (header.revision < seat.highest || header.raft_term < seat.highest_term) {
      if (!std::exchange(seat.is_aside, true))
        runtime::log_warn(fmt::format("etcd voter {} went back from revision {} term {} to {} term {}: put aside",
                                      seat.name.name, seat.highest.value, seat.highest_term, header.revision.value,
                                      header.raft_term));
      return false;
    }
    seat.highest = header.revision;
    seat.highest_term = header.raft_term;
    if (std::exchange(seat.is_aside, false))
      runtime::log_info(fmt::format("etcd voter {} has caught up", seat.name.name));
    return true;
  }

  Reply judge(Seat& seat, const Result<runtime::HttpResponse>& result) {
    using Kind = Reply::Kind;
    if (!result) return {is_not_sent(result.error().code) ? Kind::not_sent : Kind::silent, {}, result.error().message};
    if (result->status != 200)
      return {is_certainly_not_executed(result->status) ? Kind::not_sent : Kind::silent,
              {},
              seat.name.name + ": " + error_text(result->status, result->body)};
    auto answer = parse_transaction(result->body);
    if (!answer) return {Kind::silent, {}, answer.error().with(seat.name.name).message};
    if (!accept(seat, answer->header)) return {Kind::silent, {}, seat.name.name + " went backwards"};
    highest = std::max(highest, answer->header.revision);
    return {Kind::answered, std::move(*answer), {}};
  }

  static Task<void> attempt(std::shared_ptr<State> state, std::size_t index, std::string body, Duration limit,
                            std::shared_ptr<Race> race) {
    Seat& seat = state->seats[index];
    auto result = co_await seat.client->call(post("/v3/kv/txn", std::move(body)), limit);
    --seat.calls;
    race->replies[index] = state->judge(seat, result);
    race->changed.cancel();
  }

  static Task<void> probe(std::shared_ptr<State> state, std::size_t index) {
    Seat& seat = state->seats[index];
    while (true) {
      const auto result = co_await seat.client->call(post("/v3/maintenance/status", "{}"), state->times.probe_limit);
      auto status = result && result->status == 200 ? parse_status(result->body)
                                                    : Result<MemberStatus>(fail(ErrorCode::unavailable, "no answer"));
      seat.status.reset();
      if (status && state->accept(seat, status->header)) seat.status = std::move(*status);
      co_await runtime::sleep_to_beat(state->times.probe_every);
    }
  }

  /// The next voter after `last` whose last probe was answered; the next one at all if there is none.
  [[nodiscard]] std::size_t next_seat(std::size_t last) const {
    for (std::size_t step = 1; step <= seats.size(); ++step) {
      const std::size_t index = (last + step) % seats.size();
      if (seats[index].status && !seats[index].is_aside) return index;
    }
    return (last + 1) % seats.size();
  }

  static bool take_news(const std::shared_ptr<State>& state, WatchParser& parser, std::string_view piece,
                        const std::function<void(const WatchNews&)>& on_news) {
    const auto all = parser.feed(piece);
    if (!all) {
      if (all.error().code == ErrorCode::cancelled) state->watched = Revision{};  // perhaps compacted: start from now
      return false;
    }
    for (const WatchNews& news : *all) {
      state->watched = std::max(state->watched, news.revision);
      if (!news.changed.empty()) on_news(news);
    }
    return true;
  }

  static Task<void> watch(std::shared_ptr<State> state, std::string key, Duration idle_limit,
                          std::function<void(const WatchNews&)> on_news) {
    constexpr Duration first_pause = std::chrono::milliseconds(50);
    constexpr Duration longest_pause = std::chrono::seconds(2);
    Duration pause = first_pause;
    for (std::size_t index = state->next_seat(state->seats.size() - 1);; index = state->next_seat(index)) {
      const auto parser = std::make_shared<WatchParser>();
      const auto has_news = std::make_shared<bool>(false);
      const Revision from{state->watched.value == 0 ? 0 : state->watched.value + 1};
      co_await state->seats[index].client->stream(
          post("/v3/watch", watch_body(key, from)),
          [state, parser, has_news, on_news](std::string_view piece) {
            *has_news = true;
            return take_news(state, *parser, piece, on_news);
          },
          idle_limit);
      pause = *has_news ? first_pause : std::min(2 * pause, longest_pause);
      co_await runtime::sleep_for(pause);
    }
  }
};

bool Race::is_over() const {
  return std::ranges::none_of(replies, [](const Reply& reply) { return reply.kind == Reply::Kind::pending; });
}

EndpointPool::EndpointPool(asio::any_io_executor executor, std::vector<Voter> voters,
                           std::shared_ptr<runtime::TlsClientContext> tls, PoolTimes times)
    : state_(std::make_shared<State>()), scope_(executor, "etcd client") {
  state_->executor = executor;
  state_->times = times;
  for (Voter& voter : voters) {
    Seat seat;
    seat.name = voter.name;
    seat.client = std::make_unique<runtime::HttpClient>(executor, std::move(voter.endpoint), tls);
    state_->seats.push_back(std::move(seat));
  }
}

EndpointPool::~EndpointPool() = default;

void EndpointPool::start_probes() {
  for (std::size_t index = 0; index < state_->seats.size(); ++index)
    scope_.spawn("probe " + state_->seats[index].name.name, State::probe(state_, index));
}

std::shared_ptr<Race> EndpointPool::send(const Transaction& transaction, Duration limit) {
  const auto race = std::make_shared<Race>(state_->executor);
  race->floor = state_->highest;
  race->replies.resize(state_->seats.size());
  const std::string body = transaction_body(transaction);
  for (std::size_t index = 0; index < state_->seats.size(); ++index) {
    Seat& seat = state_->seats[index];
    if (seat.is_aside || seat.calls >= most_calls_waiting) {
      race->replies[index] = {Reply::Kind::not_sent, {}, seat.name.name + (seat.is_aside ? " is behind" : " is busy")};
      continue;
    }
    ++seat.calls;
    scope_.spawn("call " + seat.name.name, State::attempt(state_, index, body, limit, race));
  }
  return race;
}

Task<void> EndpointPool::wait_change(std::shared_ptr<Race> race, TimePoint until) {
  const Duration left = until - runtime::boot_now();
  if (left <= Duration::zero()) co_return;
  race->changed.expires_after(left);
  co_await race->changed.async_wait(asio::as_tuple(asio::use_awaitable));
}

void EndpointPool::start_watch(std::string key, Duration idle_limit, std::function<void(const WatchNews&)> on_news) {
  if (state_->seats.empty()) return;
  scope_.spawn("watch", State::watch(state_, std::move(key), idle_limit, std::move(on_news)));
}

Quorum EndpointPool::quorum() const {
  std::vector<Probe> probes;
  for (const Seat& seat : state_->seats) probes.push_back({seat.name, seat.status});
  return summarize(probes);
}

Task<std::vector<std::string>> EndpointPool::stop(Duration limit) { return scope_.stop(limit); }

}  // namespace gemel::adapters::etcd
