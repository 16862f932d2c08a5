#include "adapters/etcd/fake_store.h"

#include <algorithm>
#include <utility>

namespace gemel::adapters::etcd {
namespace {

SwapAnswer unknown(std::string why) { return {Certainty::unknown, {}, std::nullopt, std::move(why)}; }
SwapAnswer refused(const FakeBackend& backend) {
  return {Certainty::refused, {}, backend.view, "changed by another, or the history entry exists"};
}

}  // namespace

void FakeBackend::tell_watchers() {
  core::StoreView hint;
  hint.record = view.record;
  for (const auto& watcher : std::vector(watchers_)) watcher(hint);
}

void FakeBackend::deliver_delayed() {
  for (const auto& write : std::exchange(delayed_, {})) write();
}

FakeStore::FakeStore(std::shared_ptr<FakeBackend> backend) : backend_(std::move(backend)) {}

Task<SwapAnswer> FakeStore::with_faults(std::function<SwapAnswer()> execute) {
  const FakeFault fault = std::exchange(fault_, FakeFault::none);
  if (fault == FakeFault::not_sent) co_return SwapAnswer{Certainty::refused, {}, std::nullopt, "not sent"};
  if (!backend_->has_quorum || fault == FakeFault::lose_request) co_return unknown("the request was lost");
  if (fault == FakeFault::delay) {
    backend_->delayed_.emplace_back([execute] { execute(); });
    co_return unknown("the request is late");
  }
  SwapAnswer answer = execute();
  if (fault == FakeFault::lose_answer) co_return unknown("the answer was lost");
  co_return answer;
}

Task<Result<core::StoreView>> FakeStore::read(Duration /*limit*/) {
  if (!backend_->has_quorum) co_return fail(ErrorCode::timed_out, "no quorum");
  co_return backend_->view;
}

Task<SwapAnswer> FakeStore::create(core::Record first, Duration limit) {
  core::HistoryEntry entry;
  entry.epoch = first.epoch;
  entry.node = first.holder;
  return swap(Revision{}, std::move(first), entry, limit);
}

Task<SwapAnswer> FakeStore::swap(Revision expected, core::Record next, std::optional<core::HistoryEntry> history,
                                 Duration /*limit*/) {
  return with_faults([backend = backend_, expected, next = std::move(next), history = std::move(history)] {
    core::StoreView& view = backend->view;
    const Revision present = view.record ? view.record->revision : Revision{};
    const bool has_entry = history && std::ranges::count(view.history, history->epoch, &core::HistoryEntry::epoch) != 0;
    // Its own token is there: this very swap took effect before, and its answer was lost.
    if (present > expected && !next.token.empty() && view.record->record.token == next.token)
      return SwapAnswer{Certainty::done, present, std::nullopt, {}};
    if (present != expected || has_entry) return refused(*backend);
    backend->revision_ = Revision{std::max(backend->revision_, present).value + 1};
    view.record = core::VersionedRecord{next, backend->revision_};
    if (history) {
      view.history.push_back(*history);
      std::ranges::sort(view.history, {}, &core::HistoryEntry::epoch);
    }
    backend->tell_watchers();
    return SwapAnswer{Certainty::done, backend->revision_, std::nullopt, {}};
  });
}

Task<SwapAnswer> FakeStore::complete_history(core::HistoryEntry entry, Duration /*limit*/) {
  return with_faults([backend = backend_, entry] {
    auto& history = backend->view.history;
    const auto there = std::ranges::find(history, entry.epoch, &core::HistoryEntry::epoch);
    if (there == history.end() || there->node != entry.node)
      return SwapAnswer{Certainty::refused, {}, std::nullopt, "no such history entry, or of another"};
    *there = entry;
    backend->revision_ = Revision{backend->revision_.value + 1};
    return SwapAnswer{Certainty::done, backend->revision_, std::nullopt, {}};
  });
}

Task<Result<std::string>> FakeStore::claim_intent(std::string name, std::string owner, Duration /*limit*/) {
  if (!backend_->has_quorum) co_return fail(ErrorCode::timed_out, "no quorum");
  co_return backend_->intents.try_emplace(std::move(name), std::move(owner)).first->second;
}

void FakeStore::watch(std::function<void(core::StoreView)> on_hint) {
  backend_->watchers_.push_back(std::move(on_hint));
}

Quorum FakeStore::quorum() const {
  Quorum quorum = backend_->quorum;
  if (!backend_->has_quorum) quorum = {.reachable = 1, .total = quorum.total, .has_leader = false, .leader = {}};
  return quorum;
}

}  // namespace gemel::adapters::etcd
