// FakeStore: RecordStore in memory, for tests of everything above the store. Several stores may share one FakeBackend,
// as several agents share etcd. Faults are asked for beforehand and happen at the next write.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/etcd/record_store.h"

namespace gemel::adapters::etcd {

/// What happens to the next write of a store.
enum class FakeFault : std::uint8_t {
  none,
  not_sent,      // refused without a view: certainly no effect
  lose_request,  // unknown, and it never takes effect
  lose_answer,   // unknown, and it took effect
  delay,         // unknown, and it takes effect at deliver_delayed(), if the comparison holds then
};

class FakeBackend {
 public:
  core::StoreView view;
  std::map<std::string, std::string> intents;
  bool has_quorum = true;  // false: reads time out, writes are unknown and without effect
  Quorum quorum{.reachable = 3, .total = 3, .has_leader = true, .leader = {}};
  /// Executes the writes that FakeFault::delay held back, in order.
  void deliver_delayed();

 private:
  friend class FakeStore;
  void tell_watchers();
  Revision revision_;
  std::vector<std::function<void()>> delayed_;
  std::vector<std::function<void(core::StoreView)>> watchers_;
};

/// Loop thread only. Calls end at once.
class FakeStore final : public RecordStore {
 public:
  explicit FakeStore(std::shared_ptr<FakeBackend> backend = std::make_shared<FakeBackend>());

  [[nodiscard]] FakeBackend& backend() { return *backend_; }
  void fail_next(FakeFault fault) { fault_ = fault; }

  Task<Result<core::StoreView>> read(Duration limit) override;
  Task<SwapAnswer> create(core::Record first, Duration limit) override;
  Task<SwapAnswer> swap(Revision expected, core::Record next, std::optional<core::HistoryEntry> history,
                        Duration limit) override;
  Task<SwapAnswer> complete_history(core::HistoryEntry entry, Duration limit) override;
  Task<Result<std::string>> claim_intent(std::string name, std::string owner, Duration limit) override;
  /// Hints come from within the write that causes them.
  void watch(std::function<void(core::StoreView)> on_hint) override;
  [[nodiscard]] Quorum quorum() const override;

 private:
  Task<SwapAnswer> with_faults(std::function<SwapAnswer()> execute);
  std::shared_ptr<FakeBackend> backend_;
  FakeFault fault_ = FakeFault::none;
};

}  // namespace gemel::adapters::etcd
