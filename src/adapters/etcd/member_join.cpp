#include "adapters/etcd/member_join.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace gemel::adapters::etcd {
namespace {

using runtime::Task;

constexpr Duration call_limit = std::chrono::seconds(1);
constexpr Duration change_limit = std::chrono::seconds(5);  // two rounds of raft, perhaps behind an election

std::filesystem::path note_of(const MemberConfig& config) {
  return config.data_directory.parent_path() / "etcd.has-run";
}

bool has_url(const MemberEntry& member, const std::string& url) {
  return std::ranges::find(member.peer_urls, url) != member.peer_urls.end();
}

Task<Result<std::string>> call(runtime::HttpClient* client, std::string path, std::string body, Duration limit) {
  auto answer =
      co_await client->call({"POST", std::move(path), {{"content-type", "application/json"}}, std::move(body)}, limit);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) co_return fail(ErrorCode::refused, error_text(answer->status, answer->body));
  co_return std::move(answer->body);
}

Task<Result<std::vector<MemberEntry>>> list_members(runtime::HttpClient* client) {
  const auto body = co_await call(client, "/v3/cluster/member/list", "{}", call_limit);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_members(*body);
}

/// What the change answers with: the members as they are after it.
Task<Result<std::vector<MemberEntry>>> change(runtime::HttpClient* client, std::string path, std::string body) {
  const auto answer = co_await call(client, std::move(path), std::move(body), change_limit);
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_members(*answer);
}

Task<Result<Beginning>> carry_out(JoinPlan plan, std::vector<MemberEntry> listed, const MemberConfig* config,
                                  runtime::HttpClient* client) {
  if (plan.step == JoinStep::begin) co_return Beginning{};
  if (plan.step == JoinStep::replace) {
    runtime::log_warn(fmt::format("etcd: member {} has lost its data: its former self is removed from the cluster",
                                  config->name.name));
    const auto removed =
        co_await change(client, "/v3/cluster/member/remove", fmt::format(R"({{"ID":"{}"}})", plan.old_id));
    if (!removed) co_return std::unexpected(removed.error().with("removing the member that lost its data"));
  }
  if (plan.step != JoinStep::follow) {
    auto added = co_await change(client, "/v3/cluster/member/add",
                                 fmt::format(R"({{"peerURLs":["{}"]}})", own_peer_url(*config)));
    if (!added) co_return std::unexpected(added.error().with("adding the member"));
    listed = *std::move(added);
  }
  runtime::log_info(fmt::format("etcd: {} joins the cluster of the other voters", config->name.name));
  co_return Beginning{true, initial_cluster(listed, *config)};
}

}  // namespace

JoinPlan plan_join(const std::vector<MemberEntry>& listed, const MemberConfig& config) {
  const auto url = own_peer_url(config);
  const auto self = std::ranges::find_if(
      listed, [&](const MemberEntry& member) { return has_url(member, url) || member.name == config.name.name; });
  if (self == listed.end()) return {JoinStep::add};
  // A member tells where its clients reach it as soon as it runs; its name is there before when the cluster was made
  // with it.
  if (self->has_run) return {JoinStep::replace, self->id};
  return {self->name.empty() ? JoinStep::follow : JoinStep::begin};
}

std::string initial_cluster(const std::vector<MemberEntry>& listed, const MemberConfig& config) {
  std::vector<std::string> parts;
  for (const auto& member : listed) {
    for (const auto& url : member.peer_urls) {
      const auto peer = std::ranges::find_if(
          config.peers, [&](const MemberPeer& each) { return peer_url(each.address, each.port) == url; });
      // A name that nobody knows yet may be any: etcd compares the addresses.
      const auto name = !member.name.empty()         ? member.name
                        : peer != config.peers.end() ? peer->name.name
                                                     : fmt::format("member-{:x}", member.id);
      parts.push_back(name + "=" + url);
    }
  }
  return join(parts, ",");
}

Task<Result<Beginning>> join_cluster(boost::asio::any_io_executor executor, MemberConfig config,
                                     std::shared_ptr<runtime::TlsClientContext> tls) {
  std::string last = "there is no other voter";
  for (const auto& peer : config.peers) {
    if (peer.name == config.name) continue;
    runtime::HttpClient client(executor, runtime::Endpoint{.address = peer.address, .port = peer.client_port}, tls);
    auto listed = co_await list_members(&client);
    if (listed && !listed->empty()) {
      auto begun = co_await carry_out(plan_join(*listed, config), *listed, &config, &client);
      co_return begun;
    }
    last = listed ? peer.name.name + " knows no members" : listed.error().with(peer.name.name).to_string();
  }
  if (!has_run_before(config)) co_return Beginning{};
  co_return fail(
      ErrorCode::unavailable,
      fmt::format("the data of this member is gone and no other voter answers ({}): it waits for one. When all "
                  "of them lost theirs, remove {} on each to begin anew",
                  last, note_of(config).string()));
}

bool has_data(const MemberConfig& config) {
  std::error_code error;
  return std::filesystem::exists(config.data_directory / "member" / "wal", error);
}

Status remember_member(const MemberConfig& config) {
  if (!has_data(config) || has_run_before(config)) return {};
  return runtime::write_file_durably(note_of(config), "etcd has run here: without its data it must not begin anew\n",
                                     0600);
}

bool has_run_before(const MemberConfig& config) {
  std::error_code error;
  return std::filesystem::exists(note_of(config), error);
}

}  // namespace gemel::adapters::etcd
