// Why these rules are sound. All attempts carry the same transaction T: "if mod_revision(key) = E then put our value,
// which holds a token nobody else uses". etcd applies attempts at distinct places of one log; each place sees all
// before.
//
// (a) The key's mod_revision only grows and the key is never deleted. T applied moves it past E, so at most ONE attempt
//     succeeds, and once any place shows mod_revision > E no attempt at a later place can succeed.
// (b) One attempt `done` therefore settles the swap: refusals of the others only mean that they came later.
// (c) A refusal that shows our token is the same: another attempt was applied, at the revision shown.
// (d) A refusal with somebody else's value at revision r > E excludes the future by (a), not the past: an attempt
// without
//     an answer may have been applied between E and r, and then been overwritten by one who read it. Then T did take
//     effect, and "refused" would be a lie. It is refused for certain when
//     - the version counter grew by exactly one since E: the one write in between is the one we see, and not ours; or
//     - T creates a history entry (never deleted, created only in such a transaction), and there is none at that place,
//     or
//       it names another node. An entry that names our own node proves nothing: an earlier attempt may have made it.
// (e) A refusal at mod_revision = E is caused by the history entry that exists already. It exists for ever, so nothing
//     later succeeds, and by (a) nothing earlier did. Without a history entry this answer contradicts itself.
// (f) When every attempt was either refused or certainly not executed, none had an effect.
// (g) A refusal that shows a revision below E comes from a store that lost what it had (restored from an old copy): the
// swap is refused, and what is there is shown. Who asked must stop and ask a person, whatever became of other attempts.
// In every other case the outcome is unknown.
#include "adapters/etcd/decide_swap.h"

#include <algorithm>

namespace gemel::adapters::etcd {
namespace {

bool contradicts_itself(const SwapQuestion& question, const Attempt& attempt) {
  return attempt.revision == question.expected && !attempt.history_node.has_value();  // (e)
}

bool has_lost_data(const SwapQuestion& question, const Attempt& attempt) {
  return attempt.end == AttemptEnd::refused && attempt.revision < question.expected;
}

bool proves_refusal(const SwapQuestion& question, const Attempt& attempt) {
  if (attempt.end != AttemptEnd::refused || attempt.is_ours || contradicts_itself(question, attempt)) return false;
  if (attempt.revision == question.expected) return true;                                             // (e)
  if (question.history_node && attempt.history_node != question.history_node) return true;            // (d)
  return question.expected_version.has_value() && attempt.version == *question.expected_version + 1;  // (d)
}

SwapAnswer refused_by(const Attempt& attempt) {
  const std::string why = "changed by another, set back, or the history entry exists";
  return {Certainty::refused, {}, attempt.seen, attempt.reason.empty() ? why : why + "; " + attempt.reason};
}

SwapAnswer done_at(Revision revision) { return {Certainty::done, revision, std::nullopt, {}}; }

std::string first_reason(const std::vector<Attempt>& attempts, AttemptEnd end) {
  for (const Attempt& attempt : attempts)
    if (attempt.end == end && !attempt.reason.empty()) return attempt.reason;
  return "no answer in time";
}

SwapAnswer unknown_after(const std::vector<Attempt>& attempts) {
  SwapAnswer answer{
      Certainty::unknown, {}, std::nullopt, "outcome unknown: " + first_reason(attempts, AttemptEnd::silent)};
  return answer;
}

}  // namespace

std::optional<SwapAnswer> decide_swap(const SwapQuestion& question, const std::vector<Attempt>& attempts,
                                      bool time_is_up) {
  const Attempt* newest_refusal = nullptr;
  bool is_open = false;     // an attempt may still have, or get, an effect
  bool is_pending = false;  // ... and may still tell
  for (const Attempt& attempt : attempts) {
    if (attempt.end == AttemptEnd::done) return done_at(attempt.revision);                        // (b)
    if (attempt.end == AttemptEnd::refused && attempt.is_ours) return done_at(attempt.revision);  // (c)
    if (has_lost_data(question, attempt)) return refused_by(attempt);                             // (g)
    if (attempt.end == AttemptEnd::pending) is_pending = true;
    const bool is_usable = attempt.end == AttemptEnd::refused && !contradicts_itself(question, attempt);
    if (attempt.end != AttemptEnd::not_sent && !is_usable) is_open = true;
    if (is_usable && (newest_refusal == nullptr || newest_refusal->revision < attempt.revision))
      newest_refusal = &attempt;
  }
  const bool is_proven =
      std::ranges::any_of(attempts, [&](const Attempt& each) { return proves_refusal(question, each); });
  if (is_proven) return refused_by(*newest_refusal);  // (d), (e)
  if (is_pending && !time_is_up) return std::nullopt;
  if (is_open) return unknown_after(attempts);
  if (newest_refusal != nullptr) return refused_by(*newest_refusal);  // (f)
  return SwapAnswer{Certainty::refused, {}, std::nullopt, "not sent: " + first_reason(attempts, AttemptEnd::not_sent)};
}

}  // namespace gemel::adapters::etcd
