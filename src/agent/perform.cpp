// How the controller's actions are carried out: one adapter call each, and the three outcomes made of its answer.
#include <utility>

#include "agent/database_node.h"

namespace gemel::agent {
namespace {

using core::Certainty;
using core::event::ActionEnded;
using runtime::Task;
using namespace core::action;

/// A time-out leaves open how far the action came; every other error of an adapter is certain.
Certainty certainty_of(const Error& error) {
  return error.code == ErrorCode::timed_out || error.code == ErrorCode::cancelled ? Certainty::unknown
                                                                                  : Certainty::refused;
}

ActionEnded ended(core::ActionId id, const Error& error) { return {id, certainty_of(error), {}, error.to_string()}; }

ActionEnded ended(core::ActionId id, const Status& status) {
  return status ? ActionEnded{id, Certainty::done, {}, {}} : ended(id, status.error());
}

ActionEnded ended(core::ActionId id, adapters::etcd::SwapAnswer answer) {
  ActionEnded result{id, answer.certainty, {}, std::move(answer.reason)};
  if (answer.certainty == Certainty::done) result.payload = core::payload::Swapped{answer.revision};
  if (answer.certainty == Certainty::refused && answer.seen) result.payload = std::move(*answer.seen);
  return result;
}

Task<Status> plain(adapters::postgres::PostgresServer* postgres, core::ActionKind kind) {
  if (std::holds_alternative<Bootstrap>(kind)) co_return co_await postgres->bootstrap();
  if (const auto* start = std::get_if<StartPostgres>(&kind))
    co_return co_await postgres->start(start->upstream, start->names);
  if (const auto* follow = std::get_if<Follow>(&kind)) co_return co_await postgres->follow(follow->upstream);
  if (std::holds_alternative<Checkpoint>(kind)) co_return co_await postgres->checkpoint();
  if (std::holds_alternative<KillPostgres>(kind)) co_return co_await postgres->kill();
  if (const auto* rewind = std::get_if<Rewind>(&kind)) co_return co_await postgres->rewind(rewind->source);
  if (const auto* clone = std::get_if<Clone>(&kind)) co_return co_await postgres->clone(clone->source);
  if (const auto* mark = std::get_if<MarkServed>(&kind)) co_return co_await postgres->mark_served(mark->epoch);
  co_return fail(ErrorCode::unsupported, "no executor for " + core::describe(kind));
}

}  // namespace

Task<ActionEnded> DatabaseNode::perform_store(core::Action action) {
  const Duration limit = state().timers().etcd;
  auto& store = *parts_.store;
  if (const auto* swap = std::get_if<SwapRecord>(&action.kind)) {
    if (swap->purpose == core::SwapPurpose::create)
      co_return ended(action.id, co_await store.create(swap->next, limit));
    co_return ended(action.id, co_await store.swap(swap->expected, swap->next, swap->history, limit));
  }
  if (const auto* complete = std::get_if<CompleteHistory>(&action.kind)) {
    co_return ended(action.id, co_await store.complete_history(complete->entry, limit));
  }
  if (const auto* intent = std::get_if<ClaimIntent>(&action.kind)) {
    auto owner = co_await store.claim_intent(intent->name, state().self.name, limit);
    if (!owner) co_return ended(action.id, owner.error());
    co_return ActionEnded{action.id, Certainty::done, core::payload::IntentOwner{*owner}, {}};
  }
  auto view = co_await store.read(limit);
  if (!view) co_return ended(action.id, view.error());
  co_return ActionEnded{action.id, Certainty::done, std::move(*view), {}};
}

Task<ActionEnded> DatabaseNode::perform_postgres(core::Action action) {
  auto& postgres = *parts_.postgres;
  ActionEnded result{action.id, Certainty::done, {}, {}};
  if (const auto* promote = std::get_if<Promote>(&action.kind)) {
    const auto promoted = co_await postgres.promote(promote->names);
    if (!promoted) co_return ended(action.id, promoted.error());
    result.payload = core::payload::Promoted{promoted->timeline, promoted->switch_lsn};
    co_return result;
  }
  if (const auto* names = std::get_if<SetNames>(&action.kind)) {
    const auto set = co_await postgres.set_names(names->names, names->with_barrier);
    if (!set) co_return ended(action.id, set.error());
    result.payload = core::payload::Mark{set->mark};
    co_return result;
  }
  if (const auto* stop = std::get_if<StopPostgres>(&action.kind)) {
    const auto stopped = co_await postgres.stop(stop->limit);
    if (!stopped) co_return ended(action.id, stopped.error());
    result.payload = core::payload::Mark{*stopped};
    co_return result;
  }
  co_return ended(action.id, co_await plain(&postgres, action.kind));
}

Task<ActionEnded> DatabaseNode::perform_heartbeat(core::Action action) {
  const TimePoint last = co_await parts_.heartbeat->quiesce();
  co_return ActionEnded{action.id, Certainty::done, core::payload::LastConfirmation{last}, {}};
}

}  // namespace gemel::agent
