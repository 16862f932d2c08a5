#include "sim/checker.h"

#include <algorithm>

namespace gemel::sim {

void Checker::must_keep(Log log, bool is_acknowledged) {
  for (auto& tip : tips_) {
    if (tip.log.branch == log.branch && tip.is_acknowledged == is_acknowledged) {
      tip.log.end = std::max(tip.log.end, log.end);
      return;
    }
  }
  std::erase_if(
      tips_, [&](const Tip& tip) { return (is_acknowledged || !tip.is_acknowledged) && tree_.contains(log, tip.log); });
  tips_.push_back({log, is_acknowledged});
}

void Checker::member_holds(Log log, const std::string& who) {
  for (const auto& tip : tips_) {
    if (tree_.contains(log, tip.log)) continue;
    return violate(std::string(tip.is_acknowledged ? "I1: " : "I6: ") + who + " is in S and lacks what was " +
                   (tip.is_acknowledged ? "acknowledged" : "visible") + " (branch " + std::to_string(tip.log.branch) +
                   " up to " + std::to_string(tip.log.end) + ", it has branch " + std::to_string(log.branch) +
                   " up to " + std::to_string(log.end) + ")");
  }
}

void Checker::read_shows(Log log, const std::string& who) {
  for (const auto& tip : tips_) {
    if (tree_.contains(log, tip.log)) continue;
    return violate("C: a read at " + who + " does not show what was " +
                   (tip.is_acknowledged ? "acknowledged" : "read") + " before it began");
  }
}

bool Checker::gave_up(Log log) {
  bool is_loss = false;
  for (auto& tip : tips_) {
    is_loss = is_loss || !tree_.contains(log, tip.log);
    tip.log = tree_.common(log, tip.log);
  }
  return is_loss;
}

void Checker::record_changes(const std::optional<core::VersionedRecord>& before, const core::Record& next,
                             bool is_forced) {
  if (!next.members.contains(next.holder)) violate("I2: the holder is not in S");
  if (before) {
    const core::Record& old = before->record;
    const bool is_take_over = next.epoch.value == old.epoch.value + 1;
    if (is_take_over && !is_forced && !old.members.contains(next.holder)) violate("I2: a take-over from outside of S");
    if (!is_take_over && (next.epoch != old.epoch || next.holder != old.holder))
      violate("I3: the holder changed without a new epoch, or the epoch jumped");
  }
  if (holders_.size() <= next.epoch.value) holders_.resize(next.epoch.value + 1);
  NodeId& holder = holders_[next.epoch.value];
  if (!holder.empty() && holder != next.holder) violate("I3: one epoch with two holders");
  holder = next.holder;
}

void Checker::actuator_called(const NodeId& node, Epoch epoch, Epoch highest_before) {
  if (epoch < highest_before) violate("I7: " + node.name + " calls an actuator with a lower epoch than before");
  if (epoch.value >= holders_.size() || holders_[epoch.value] != node)
    violate("I7: " + node.name + " calls an actuator with epoch " + std::to_string(epoch.value) +
            ", which it never held");
}

}  // namespace gemel::sim
