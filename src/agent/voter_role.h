// A voter host's part: runs etcd and keeps raft's leadership away from the host of the primary database.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "adapters/etcd/etcd_member.h"
#include "adapters/etcd/etcd_store.h"
#include "site/host_config.h"

namespace gemel::agent {

/// Loop thread only.
class VoterRole {
 public:
  /// `is_holder_here` says whether this host holds the record: then its member gives the raft leadership away, so that
  /// losing the primary's host never costs an election as well.
  static Result<std::unique_ptr<VoterRole>> start(boost::asio::any_io_executor executor, const site::HostConfig& config,
                                                  std::function<bool()> is_holder_here);
  [[nodiscard]] adapters::etcd::Quorum quorum() const { return store_->quorum(); }
  /// This host's member has answered since this agent began, so it is not one that is about to be replaced.
  [[nodiscard]] bool has_answered() const { return has_answered_; }
  runtime::Task<void> stop();

 private:
  VoterRole(boost::asio::any_io_executor executor, NodeId self, std::function<bool()> is_holder_here);
  runtime::Task<void> keep_leadership_away();
  runtime::Task<void> wait_for_answer();

  NodeId self_;
  std::function<bool()> is_holder_here_;
  std::unique_ptr<adapters::etcd::EtcdMember> member_;
  std::unique_ptr<adapters::etcd::EtcdStore> store_;
  bool has_answered_ = false;
  runtime::TaskScope tasks_;
};

}  // namespace gemel::agent
