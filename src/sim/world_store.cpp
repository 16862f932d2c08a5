// What the simulated agents ask of etcd, and every way in which it answers badly.
#include <chrono>

#include "base/check.h"
#include "base/text.h"
#include "sim/world.h"

namespace gemel::sim {

using core::Certainty;
using std::chrono::milliseconds;
using namespace core::action;

/// A request leaves. Whether its agent still lives when it arrives matters to the answer, not to the effect.
void World::begin_store(Host& host, const core::Action& action) {
  const auto number = requests_.put({action, host.incarnation});
  if (const auto* swap = std::get_if<SwapRecord>(&action.kind)) {
    happens(sent(swap->purpose), host.place);
    if (swap->purpose == core::SwapPurpose::bid)
      host.bid = BidSent{host.clock.own(now()), host.incarnation, swap->next.token};
    // Sent again while its outcome is unknown, it is still the same: the lease counts from the first time.
    if (swap->purpose == core::SwapPurpose::pause && (!host.pause || host.pause->id != swap->next.pause->id))
      host.pause = PauseSent{host.clock.own(now()), host.incarnation, swap->next.pause->id, swap->next.pause->length};
  }
  agenda_.after(around(conditions_.store_time) + network_.delay(host.place, etcd_.leader(), random_),
                [this, place = host.place, number] { reach_store(place, number); });
}

void World::reach_store(Place place, std::uint32_t number) {
  const Request request = requests_.take(number);
  Host& host = hosts_[place];
  if (!host.is_powered) return;
  if (etcd_.look_after_leader(network_, is_place_up_, now(), random_)) hit(Mark::no_leader);
  const bool is_same_agent = host.incarnation == request.incarnation && host.controller.has_value();
  if (etcd_.serves(place, network_, is_place_up_, now()))
    return perform_store(host, request.action, request.incarnation);
  if (!is_same_agent) return;
  const Duration limit = host.clock.true_span(conditions_.timers.etcd);
  agenda_.after(limit, [this, place, incarnation = request.incarnation, id = request.action.id] {
    Host& same = hosts_[place];
    if (same.incarnation == incarnation) end(same, id, Certainty::unknown);
  });
}

void World::perform_store(Host& host, const core::Action& action, std::uint32_t incarnation) {
  const auto& kind = action.kind;
  const Caller caller{incarnation, action.id};
  if (const auto* swapping = std::get_if<SwapRecord>(&kind)) return swap(host, caller, *swapping);
  if (std::holds_alternative<ReadStore>(kind)) {
    if (!is_reading_stale_) return answer_store(host, caller, Certainty::done, etcd_.view());
    hit(Mark::stale_read);
    return answer_store(host, caller, Certainty::done, etcd_.view_before(random_.below(4)));
  }
  if (!etcd_.has_space) {
    hit(Mark::no_space);
    return answer_store(host, caller, Certainty::refused);
  }
  if (const auto* complete = std::get_if<CompleteHistory>(&kind)) {
    etcd_.complete_history(complete->entry);
    return answer_store(host, caller, Certainty::done);
  }
  GEMEL_CHECK(std::holds_alternative<ClaimIntent>(kind));
  answer_store(host, caller, Certainty::done, core::payload::IntentOwner{etcd_.claim_intent(host.id)});
}

void World::answer_store(Host& host, const Caller& caller, Certainty certainty, core::Payload payload) {
  if (host.controller && host.incarnation == caller.incarnation) end(host, caller.id, certainty, std::move(payload));
}

void World::swap(Host& host, const Caller& caller, const SwapRecord& swap) {
  if (!etcd_.has_space) {
    hit(Mark::no_space);
    return answer_store(host, caller, Certainty::refused);
  }
  const auto unknown_later = [&] {
    hit(Mark::unknown_swap);
    agenda_.after(host.clock.true_span(conditions_.timers.etcd),
                  [this, place = host.place, caller] { answer_store(hosts_[place], caller, Certainty::unknown); });
  };
  if (delay_swap_) {
    const auto number = late_swaps_.put(swap);
    agenda_.after(*delay_swap_, [this, number] {
      const SwapRecord late = late_swaps_.take(number);
      if (commit(late)) hit(Mark::late_swap);
    });
    delay_swap_.reset();
    return unknown_later();
  }
  // The transaction finds its own token: it was carried out before.
  const auto& present = etcd_.view().record;
  if (present && present->record.token == swap.next.token)
    return answer_store(host, caller, Certainty::done, core::payload::Swapped{present->revision});
  const auto revision = commit(swap);
  if (!revision) {
    hit(Mark::lost_swap_race);
    return answer_store(host, caller, Certainty::refused, etcd_.view());
  }
  if (lose_answer_) {
    lose_answer_ = false;
    return unknown_later();
  }
  answer_store(host, caller, Certainty::done, core::payload::Swapped{*revision});
}

std::optional<Revision> World::commit(const SwapRecord& swap) {
  const auto before = etcd_.view().record;
  const auto revision = etcd_.commit(swap);
  if (!revision) return revision;
  if (is_store_restored_) checker_.record_lost();
  const bool is_forced = swap.purpose == core::SwapPurpose::force;
  checker_.record_changes(before, swap.next, is_forced);
  if (before && swap.purpose == core::SwapPurpose::bid) {
    check_promise(before->record, swap.next);
    check_pause(before->record, swap.next);
  }
  if (before && is_forced) forced(before->record, hosts_[*place_of(swap.next.holder)]);
  if (const auto place = place_of(swap.next.writer)) happens(applied(swap.purpose), *place);
  const bool is_own_again = before && before->record.holder == swap.next.holder;
  if (swap.purpose == core::SwapPurpose::bid && is_own_again) hit(Mark::local_restart);
  members_ = mask_of(swap.next.members);
  mix(static_cast<std::uint64_t>(revision->value) * 64 + members_);
  if (wants_story_)
    tell("-- record " + std::to_string(revision->value) + ": epoch " + std::to_string(swap.next.epoch.value) +
         ", holder " + swap.next.holder.name + ", S " + to_string(swap.next.members) + ", " +
         std::string(to_string(swap.purpose)));
  check_members();
  hint_all();
  return revision;
}

/// R6: who takes over from a holder that did not resign has confirmed nothing for T_grace before the bid left, and
/// nothing since.
void World::check_promise(const core::Record& before, const core::Record& next) {
  const bool is_promise_kept_elsewhere = before.state != core::RecordState::normal || before.holder == next.holder;
  const auto place = place_of(next.holder);
  if (is_promise_kept_elsewhere || !place) return;
  const Host& host = hosts_[*place];
  if (!host.talk || !host.bid || host.bid->incarnation != host.incarnation || host.bid->token != next.token) return;
  if (host.bid->at - host.talk->last_confirmation() < conditions_.timers.grace)
    checker_.violate("R6: " + host.id.name + " bids although it confirmed a heartbeat less than T_grace before");
}

void World::hint_all() {
  if (is_watch_silent_) {
    hit(Mark::watch_gap);
    return;
  }
  for (const auto& host : hosts_) {
    const auto number = watched_.put(*etcd_.view().record);
    // A member that lags behind the others shows its watchers the past as well.
    const Duration lag = is_reading_stale_ ? milliseconds(random_.below(500)) : Duration::zero();
    agenda_.after(milliseconds(1) + lag + network_.delay(etcd_.leader(), host.place, random_),
                  [this, place = host.place, number] {
                    auto [record, revision] = watched_.take(number);
                    if (etcd_.serves(place, network_, is_place_up_, now()))
                      feed(hosts_[place], core::event::StoreHint{revision, std::move(record)});
                  });
  }
}

}  // namespace gemel::sim
