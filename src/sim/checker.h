// The invariants of the protocol, judged at the moment something happens. The first violation is kept.
//
//   I1  every acknowledged write is in the log of every member of S      tips(), member_check in World
//   I2  only a member of S becomes holder; the holder is in S            record_changes()
//   I3  one change of the record at a time; the epoch grows by one       record_changes()
//   I4  = I1 for epochs long deposed: acknowledgements count at the server, whoever still hears it
//   I5  at most one open gate                                            World::gate_opened
//   I6  what was visible through the gate is never lost                  tips() of the kind "seen"
//   I7  an actuator is called with the epoch of the caller's own reign   actuator_called()
//   R10 no directory is rewound or copied while its host is in S         World::begin_postgres
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/record.h"
#include "sim/wal.h"

namespace gemel::sim {

class Checker {
 public:
  explicit Checker(const WalTree& tree) : tree_(tree) {}

  /// From now on every member of S must hold all of `log`.
  void must_keep(Log log, bool is_acknowledged);
  /// Judges one member; `who` is for the complaint.
  void member_holds(Log log, const std::string& who);
  /// A read through the gate shows `log`: it must hold everything that was acknowledged or seen before it began.
  void read_shows(Log log, const std::string& who);

  void record_changes(const std::optional<core::VersionedRecord>& before, const core::Record& next,
                      bool is_forced = false);
  /// An operator gave up what is not in `log`; true when something of it was acknowledged or visible.
  bool gave_up(Log log);
  /// Somebody who cannot know better changed a record that was restored from an old copy: what it forgot is lost, and
  /// only L and R8 are judged from now on.
  void record_lost() { is_record_lost_ = true; }
  void actuator_called(const NodeId& node, Epoch epoch, Epoch highest_before);

  void violate(std::string complaint) {
    const bool is_void = is_record_lost_ && !complaint.starts_with("L") && !complaint.starts_with("R8");
    if (violation_.empty() && !is_void) violation_ = std::move(complaint);
  }
  [[nodiscard]] const std::string& violation() const { return violation_; }
  /// The newest logs that must be kept; usually one.
  struct Tip {
    Log log;
    bool is_acknowledged = false;
  };
  [[nodiscard]] const std::vector<Tip>& tips() const { return tips_; }

 private:
  const WalTree& tree_;
  std::vector<Tip> tips_;
  std::vector<NodeId> holders_;  // by epoch
  std::string violation_;
  bool is_record_lost_ = false;
};

}  // namespace gemel::sim
