// How a member without data begins: with the others as a new cluster, or as a member of the one that they have. A
// member that lost its data must never begin as if it were new: it would vote with a memory that it does not have (ADR
// 0023).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "adapters/etcd/gateway.h"
#include "adapters/etcd/member_config.h"
#include "runtime/http_client.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::etcd {

enum class JoinStep {
  begin,   // with all voters: the others' cluster was made with this member in it, which never ran
  follow,  // it was added to the others' cluster, and never ran
  add,     // the others' cluster does not know it
  replace  // it ran, and has no data any more: its old self is removed, then it is added
};
struct JoinPlan {
  JoinStep step = JoinStep::begin;
  std::uint64_t old_id = 0;  // replace
};
/// What the others' list of members means for `config`'s own, which has no data. Pure.
JoinPlan plan_join(const std::vector<MemberEntry>& listed, const MemberConfig& config);
/// "name=url,..." of the listed members; one that has no name yet gets it from the configuration. Pure.
std::string initial_cluster(const std::vector<MemberEntry>& listed, const MemberConfig& config);

/// Asks the other voters, and has its own entry made or replaced, each answer within a second. A new cluster when
/// nobody answers, or there is nobody else; but `unavailable` then when this host's member ran before (see
/// remember_member). Errors of the change leave open whether it was made; asking again goes on from what is there.
/// Loop thread.
runtime::Task<Result<Beginning>> join_cluster(boost::asio::any_io_executor executor, MemberConfig config,
                                              std::shared_ptr<runtime::TlsClientContext> tls);

/// The member has data: nothing is to be joined.
bool has_data(const MemberConfig& config);
/// Notes beside the data directory that the member has run here. Success without effect when it has no data. Blocks.
Status remember_member(const MemberConfig& config);
/// That note is there.
bool has_run_before(const MemberConfig& config);

}  // namespace gemel::adapters::etcd
