// EtcdStore: RecordStore on real etcd voters, by the v3 JSON gateway over mutual TLS.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "adapters/etcd/endpoint_pool.h"
#include "adapters/etcd/record_store.h"

namespace gemel::adapters::etcd {

struct EtcdStoreConfig {
  std::string site;           // keys lie below /gemel/<site>
  std::vector<Voter> voters;  // of the whole site, one at least
  runtime::TlsFiles tls;      // CA of etcd, and the client certificate
  PoolTimes times;
  Duration watch_idle = std::chrono::seconds(15);  // a watch that says nothing for so long is started on another voter
};

/// Every call goes to all voters at once with one deadline; the first answer that settles it ends the call. A write may
/// go to several because it is a compare-and-swap: it succeeds once at most (see decide_swap.cpp).
class EtcdStore final : public RecordStore {
 public:
  /// Loads the certificates and starts to probe the voters. `invalid`, `not_found`, `denied`.
  static Result<std::unique_ptr<EtcdStore>> open(boost::asio::any_io_executor executor, EtcdStoreConfig config);
  ~EtcdStore() override;

  Task<Result<core::StoreView>> read(Duration limit) override;
  Task<SwapAnswer> create(core::Record first, Duration limit) override;
  Task<SwapAnswer> swap(Revision expected, core::Record next, std::optional<core::HistoryEntry> history,
                        Duration limit) override;
  Task<SwapAnswer> complete_history(core::HistoryEntry entry, Duration limit) override;
  Task<Result<std::string>> claim_intent(std::string name, std::string owner, Duration limit) override;
  void watch(std::function<void(core::StoreView)> on_hint) override;
  [[nodiscard]] Quorum quorum() const override;

  /// Ends the probes, the watch and calls under way. The names of tasks that are late.
  Task<std::vector<std::string>> stop(Duration limit);

 private:
  struct State;
  explicit EtcdStore(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace gemel::adapters::etcd
