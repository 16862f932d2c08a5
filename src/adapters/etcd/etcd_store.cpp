#include "adapters/etcd/etcd_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "adapters/etcd/decide_swap.h"
#include "adapters/etcd/record_codec.h"

namespace gemel::adapters::etcd {

namespace asio = boost::asio;

namespace {

/// A compare-and-swap on one key, and how to recognise it in what comes back.
struct Write {
  Transaction transaction;
  SwapQuestion question;
  std::string key;                         // the compared one
  std::string value;                       // ours
  std::optional<std::string> history_key;  // the entry that it creates
};

Attempt attempt_of(const Keys& keys, const Write& write, const Reply& reply) {
  Attempt attempt;
  attempt.reason = reply.reason;
  if (reply.kind == Reply::Kind::pending) return attempt;
  if (reply.kind != Reply::Kind::answered) {
    attempt.end = reply.kind == Reply::Kind::silent ? AttemptEnd::silent : AttemptEnd::not_sent;
    return attempt;
  }
  const KeyValue* there = find_key(reply.answer.found, write.key);
  attempt.end = reply.answer.succeeded ? AttemptEnd::done : AttemptEnd::refused;
  attempt.revision = there == nullptr ? Revision{} : there->mod_revision;
  attempt.version = there == nullptr ? 0 : there->version;
  if (reply.answer.succeeded) {
    if (there == nullptr) attempt.revision = reply.answer.header.revision;
    return attempt;
  }
  attempt.is_ours = there != nullptr && there->value == write.value;
  auto view = view_of(keys, reply.answer.found);
  if (view)
    attempt.seen = std::move(*view);
  else
    attempt.reason = view.error().message;
  if (const KeyValue* entry = write.history_key ? find_key(reply.answer.found, *write.history_key) : nullptr) {
    const auto decoded = decode_history(entry->value);
    attempt.history_node = decoded ? decoded->node : NodeId{};  // unreadable: there, and not ours
  }
  return attempt;
}

SwapAnswer not_even_sent(const Error& error) { return {Certainty::refused, {}, std::nullopt, error.message}; }

}  // namespace

struct EtcdStore::State {
  State(const asio::any_io_executor& executor, EtcdStoreConfig config, std::shared_ptr<runtime::TlsClientContext> tls)
      : keys{"/gemel/" + config.site},
        watch_idle(config.watch_idle),
        pool(executor, std::move(config.voters), std::move(tls), config.times) {}

  [[nodiscard]] std::vector<std::string> all_reads() const { return {keys.lead(), keys.prefix + "/hist/"}; }

  /// Remembers which version the record had at which revision: lets a refusal be proven (decide_swap.cpp, d).
  void remember(const std::vector<KeyValue>& found) {
    if (const KeyValue* lead = find_key(found, keys.lead())) versions[lead->mod_revision] = lead->version;
    while (versions.size() > 32) versions.erase(versions.begin());
  }
  [[nodiscard]] std::optional<std::int64_t> version_at(Revision revision) const {
    if (revision.value == 0) return 0;
    const auto it = versions.find(revision);
    return it == versions.end() ? std::nullopt : std::optional(it->second);
  }

  static Task<SwapAnswer> run(std::shared_ptr<State> state, Write write, Duration limit);
  static Task<Result<TransactionAnswer>> query(std::shared_ptr<State> state, Transaction transaction, Duration limit);
  Write record_write(Revision expected, const core::Record& next,
                     const std::optional<core::HistoryEntry>& history) const;

  Keys keys;
  Duration watch_idle;
  std::map<Revision, std::int64_t> versions;
  EndpointPool pool;
};

Task<SwapAnswer> EtcdStore::State::run(std::shared_ptr<State> state, Write write, Duration limit) {
  const TimePoint until = runtime::boot_now() + limit;
  const auto race = state->pool.send(write.transaction, limit);
  while (true) {
    std::vector<Attempt> attempts;
    for (const Reply& reply : race->replies) {
      attempts.push_back(attempt_of(state->keys, write, reply));
      if (reply.kind == Reply::Kind::answered) state->remember(reply.answer.found);
    }
    if (auto answer = decide_swap(write.question, attempts, runtime::boot_now() >= until)) co_return std::move(*answer);
    co_await EndpointPool::wait_change(race, until);
  }
}

/// The first answer of any voter that is not below what was known when the question was asked.
Task<Result<TransactionAnswer>> EtcdStore::State::query(std::shared_ptr<State> state, Transaction transaction,
                                                        Duration limit) {
  const TimePoint until = runtime::boot_now() + limit;
  const auto race = state->pool.send(transaction, limit);
  while (true) {
    bool is_unknown = false;
    std::string reason = "no answer in time";
    for (Reply& reply : race->replies) {
      if (reply.kind == Reply::Kind::answered) {
        state->remember(reply.answer.found);
        if (reply.answer.header.revision >= race->floor) co_return std::move(reply.answer);
        reply = {Reply::Kind::silent, {}, "an old answer"};
      }
      if (reply.kind != Reply::Kind::not_sent) is_unknown = true;
      if (!reply.reason.empty()) reason = reply.reason;
    }
    if (race->is_over() || runtime::boot_now() >= until)
      co_return fail(is_unknown ? ErrorCode::timed_out : ErrorCode::unavailable, "etcd: " + reason);
    co_await EndpointPool::wait_change(race, until);
  }
}

Write EtcdStore::State::record_write(Revision expected, const core::Record& next,
                                     const std::optional<core::HistoryEntry>& history) const {
  Write write;
  write.key = keys.lead();
  write.value = encode_record(next);
  write.question.expected = expected;
  write.question.expected_version = version_at(expected);
  write.transaction.compares.push_back({write.key, expected});
  write.transaction.puts.push_back({write.key, write.value});
  if (history) {
    write.history_key = keys.history(history->epoch);
    write.question.history_node = history->node;
    write.transaction.compares.push_back({*write.history_key, Revision{}});
    write.transaction.puts.push_back({*write.history_key, encode_history(*history)});
  }
  write.transaction.reads = all_reads();
  return write;
}

Result<std::unique_ptr<EtcdStore>> EtcdStore::open(asio::any_io_executor executor, EtcdStoreConfig config) {
  if (config.voters.empty()) return fail(ErrorCode::invalid, "etcd: no voters");
  if (config.site.empty() || config.site.contains('/')) return fail(ErrorCode::invalid, "etcd: bad name of the site");
  auto tls = runtime::TlsClientContext::load(config.tls);
  if (!tls) return std::unexpected(tls.error().with("etcd client"));
  auto state = std::make_shared<State>(executor, std::move(config), *tls);
  state->pool.start_probes();
  return std::unique_ptr<EtcdStore>(new EtcdStore(std::move(state)));
}

EtcdStore::EtcdStore(std::shared_ptr<State> state) : state_(std::move(state)) {}
EtcdStore::~EtcdStore() = default;

Task<Result<core::StoreView>> EtcdStore::read(Duration limit) {
  const auto state = state_;
  Transaction transaction;
  transaction.reads = state->all_reads();
  const auto answer = co_await State::query(state, std::move(transaction), limit);
  if (!answer) co_return std::unexpected(answer.error());
  co_return view_of(state->keys, answer->found);
}

Task<SwapAnswer> EtcdStore::create(core::Record first, Duration limit) {
  core::HistoryEntry entry;
  entry.epoch = first.epoch;
  entry.node = first.holder;
  return State::run(state_, state_->record_write(Revision{}, first, entry), limit);
}

Task<SwapAnswer> EtcdStore::swap(Revision expected, core::Record next, std::optional<core::HistoryEntry> history,
                                 Duration limit) {
  return State::run(state_, state_->record_write(expected, next, history), limit);
}

Task<SwapAnswer> EtcdStore::complete_history(core::HistoryEntry entry, Duration limit) {
  const auto state = state_;
  const TimePoint until = runtime::boot_now() + limit;
  Write write;
  write.key = state->keys.history(entry.epoch);
  write.value = encode_history(entry);
  Transaction look;
  look.reads = {write.key};
  const auto found = co_await State::query(state, std::move(look), limit);
  if (!found) co_return not_even_sent(found.error());  // nothing was written, whatever became of the read
  const KeyValue* there = find_key(found->found, write.key);
  if (there == nullptr) co_return not_even_sent({ErrorCode::not_found, "there is no such history entry"});
  if (there->value == write.value) co_return SwapAnswer{Certainty::done, there->mod_revision, std::nullopt, {}};
  const auto old = decode_history(there->value);
  if (!old || old->node != entry.node) co_return not_even_sent({ErrorCode::refused, "the history entry is of another"});
  write.question = {there->mod_revision, there->version, std::nullopt};
  write.transaction.compares.push_back({write.key, there->mod_revision});
  write.transaction.puts.push_back({write.key, write.value});
  write.transaction.reads = state->all_reads();
  co_return co_await State::run(state, std::move(write), std::max(until - runtime::boot_now(), Duration::zero()));
}

Task<Result<std::string>> EtcdStore::claim_intent(std::string name, std::string owner, Duration limit) {
  const auto state = state_;
  const std::string key = state->keys.intent(name);
  Transaction transaction;
  transaction.compares.push_back({key, Revision{}});
  transaction.puts.push_back({key, owner});
  transaction.reads.push_back(key);
  // An intent is created once and never changed: whichever voter answers first, the owner it shows is final.
  const auto answer = co_await State::query(state, std::move(transaction), limit);
  if (!answer) co_return std::unexpected(answer.error());
  const KeyValue* there = find_key(answer->found, key);
  if (there == nullptr) co_return fail(ErrorCode::corrupt, "etcd: an intent vanished");
  co_return there->value;
}

void EtcdStore::watch(std::function<void(core::StoreView)> on_hint) {
  const Keys keys = state_->keys;
  state_->pool.start_watch(keys.lead(), state_->watch_idle,
                           [keys, on_hint = std::move(on_hint)](const WatchNews& news) {
                             on_hint(view_of(keys, news.changed).value_or(core::StoreView{}));
                           });
}

Quorum EtcdStore::quorum() const { return state_->pool.quorum(); }

Task<std::vector<std::string>> EtcdStore::stop(Duration limit) {
  const auto state = state_;
  co_return co_await state->pool.stop(limit);
}

}  // namespace gemel::adapters::etcd
