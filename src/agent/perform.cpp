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

/// One overload per action: one without an executor does not compile. What this class refuses is carried out by
/// the functions below, or at once by DatabaseNode::at_once.
struct PlainProcedures {
  adapters::postgres::PostgresServer* postgres;

  Task<Status> operator()(const Bootstrap& /*action*/) const { return postgres->bootstrap(); }
  Task<Status> operator()(const StartPostgres& start) const { return postgres->start(start.upstream, start.names); }
  Task<Status> operator()(const Follow& follow) const { return postgres->follow(follow.upstream); }
  Task<Status> operator()(const Checkpoint& /*action*/) const { return postgres->checkpoint(); }
  Task<Status> operator()(const KillPostgres& /*action*/) const { return postgres->kill(); }
  Task<Status> operator()(const Rewind& rewind) const { return postgres->rewind(rewind.source); }
  Task<Status> operator()(const Clone& clone) const { return postgres->clone(clone.source); }
  Task<Status> operator()(const MarkServed& mark) const { return postgres->mark_served(mark.epoch); }

  Task<Status> operator()(const Promote& /*action*/) const { return not_plain("promote"); }
  Task<Status> operator()(const SetNames& /*action*/) const { return not_plain("set_names"); }
  Task<Status> operator()(const StopPostgres& /*action*/) const { return not_plain("stop_postgres"); }
  Task<Status> operator()(const ReadStore& /*action*/) const { return not_plain("read_store"); }
  Task<Status> operator()(const ClaimIntent& /*action*/) const { return not_plain("claim_intent"); }
  Task<Status> operator()(const SwapRecord& /*action*/) const { return not_plain("swap_record"); }
  Task<Status> operator()(const CompleteHistory& /*action*/) const { return not_plain("complete_history"); }
  Task<Status> operator()(const QuiesceHeartbeat& /*action*/) const { return not_plain("quiesce_heartbeat"); }
  Task<Status> operator()(const ResumeHeartbeat& /*action*/) const { return not_plain("resume_heartbeat"); }
  Task<Status> operator()(const Say& /*action*/) const { return not_plain("say"); }
  Task<Status> operator()(const RefreshGate& /*action*/) const { return not_plain("refresh_gate"); }
  Task<Status> operator()(const ShutGate& /*action*/) const { return not_plain("shut_gate"); }
  Task<Status> operator()(const TakeAddress& /*action*/) const { return not_plain("take_address"); }
  Task<Status> operator()(const DropAddress& /*action*/) const { return not_plain("drop_address"); }

 private:
  static Task<Status> not_plain(std::string name) { co_return fail(ErrorCode::unsupported, name + " is not plain"); }
};

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
    const auto promoted = co_await postgres.promote(promote->names, promote->timeline);
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
  co_return ended(action.id, co_await std::visit(PlainProcedures{&postgres}, action.kind));
}

Task<ActionEnded> DatabaseNode::perform_heartbeat(core::Action action) {
  const TimePoint last = co_await parts_.heartbeat->quiesce();
  co_return ActionEnded{action.id, Certainty::done, core::payload::LastConfirmation{last}, {}};
}

}  // namespace gemel::agent
