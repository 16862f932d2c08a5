// Asking all agents in parallel: one task per host in a scope, one timer as the common deadline.
#include "api/agent_client.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <utility>

namespace gemel::api {

using runtime::HttpClient;
using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Task;

namespace {

/// The tasks finish at their own deadlines; the gathering waits a little longer so that their answers are not cut off.
constexpr auto gather_margin = std::chrono::milliseconds(200);

struct Gathering {
  explicit Gathering(const boost::asio::any_io_executor& executor) : done(executor) {}
  boost::asio::steady_timer done;  // cancelled when the last answer is there
  std::size_t pending = 0;
  std::vector<Result<HttpResponse>> answers;
};

Task<void> ask_one(std::shared_ptr<Gathering> gathering, std::shared_ptr<HttpClient> client, std::size_t index,
                   std::string target, Duration limit) {
  HttpRequest request;
  request.target = std::move(target);
  auto answer = co_await client->call(std::move(request), limit);
  gathering->answers[index] = std::move(answer);
  if (--gathering->pending == 0) gathering->done.cancel();
}

/// The detail of a problem document, else the beginning of the text.
std::string reason_of(const HttpResponse& response) {
  boost::system::error_code error;
  const auto document = boost::json::parse(response.body, error);
  if (!error && document.is_object()) {
    const auto* detail = document.get_object().if_contains("detail");
    if (detail != nullptr && detail->is_string()) return std::string(detail->get_string());
  }
  return fmt::format("HTTP {} {}", response.status, response.body.substr(0, 200));
}

Result<HttpResponse> expect_ok(Result<HttpResponse> answer) {
  if (!answer) return answer;
  if (answer->status == 200) return answer;
  const auto code = answer->status == 403 || answer->status == 401 ? ErrorCode::denied
                    : answer->status == 404                        ? ErrorCode::not_found
                                                                   : ErrorCode::unavailable;
  return fail(code, reason_of(*answer));
}

void fill(HostEntry& entry, Result<HttpResponse> answer) {
  auto good = expect_ok(std::move(answer));
  if (!good) {
    entry.error = good.error().message;
    return;
  }
  auto status = parse_host_status(good->body);
  if (!status) {
    entry.error = "its answer cannot be read: " + status.error().message;
    return;
  }
  entry.is_reachable = true;
  entry.status = std::move(*status);
}

}  // namespace

runtime::TlsFiles tls_files(const site::HostConfig& config, AgentIdentity identity) {
  const std::string name = identity == AgentIdentity::agent ? "agent" : "manager-agent";
  return {.ca = config.pki("agent-ca.crt"), .certificate = config.pki(name + ".crt"), .key = config.pki(name + ".key")};
}

std::vector<HostEntry> host_entries(const site::HostConfig& config) {
  std::vector<HostEntry> entries;
  for (const auto& host : config.hosts) {
    HostEntry entry;
    entry.host = host.name;
    entry.role = host.role;
    entry.address = host.address;
    entry.zone = host.zone;
    if (host.concepts.manager) entry.duties.emplace_back("manager");
    if (host.concepts.database) entry.duties.emplace_back("database");
    if (host.concepts.balancer) entry.duties.emplace_back("balancer");
    if (host.concepts.voter) entry.duties.emplace_back("voter");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::unique_ptr<AgentClient>> AgentClient::create(boost::asio::any_io_executor executor, site::HostConfig config,
                                                         AgentIdentity identity) {
  auto tls = runtime::TlsClientContext::load(tls_files(config, identity));
  if (!tls) return std::unexpected(tls.error().with("certificates for the agents"));
  return std::unique_ptr<AgentClient>(new AgentClient(std::move(executor), std::move(config), std::move(*tls)));
}

AgentClient::AgentClient(boost::asio::any_io_executor executor, site::HostConfig config,
                         std::shared_ptr<runtime::TlsClientContext> tls)
    : executor_(std::move(executor)), config_(std::move(config)) {
  for (const auto& host : config_.hosts) {
    runtime::Endpoint endpoint;
    endpoint.address = host.address;
    endpoint.port = config_.ports.agent;
    endpoint.server_name = host.name;
    clients_.push_back(std::make_shared<HttpClient>(executor_, std::move(endpoint), tls));
  }
}

std::shared_ptr<HttpClient> AgentClient::client_of(const std::string& host) const {
  for (std::size_t index = 0; index < clients_.size(); ++index) {
    if (config_.hosts[index].name == host) return clients_[index];
  }
  return nullptr;
}

Task<AgentClient::Answers> AgentClient::ask_all(std::vector<std::string> targets, Duration limit) {
  auto gathering = std::make_shared<Gathering>(executor_);
  gathering->pending = clients_.size();
  gathering->answers.assign(clients_.size(), fail(ErrorCode::timed_out, "no answer in time"));
  gathering->done.expires_after(limit + gather_margin);
  runtime::TaskScope scope(executor_, "ask agents");
  for (std::size_t index = 0; index < clients_.size(); ++index) {
    scope.spawn(config_.hosts[index].name, ask_one(gathering, clients_[index], index, targets[index], limit));
  }
  if (gathering->pending > 0) {
    // Woken by the last answer, the deadline, or our own cancellation: in each case what is there is the answer.
    const auto [ignored] = co_await gathering->done.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    static_cast<void>(ignored);
  }
  co_return gathering->answers;
}

Task<SiteStatus> AgentClient::fetch_site(Duration limit) {
  auto answers = co_await ask_all(std::vector<std::string>(clients_.size(), "/status"), limit);
  SiteStatus site;
  site.site = config_.site;
  site.time = runtime::wall_now();
  site.hosts = host_entries(config_);
  for (std::size_t index = 0; index < answers.size(); ++index) fill(site.hosts[index], std::move(answers[index]));
  site.summary = summarise(site.hosts);
  co_return site;
}

Task<std::vector<HostEvents>> AgentClient::fetch_events(std::map<std::string, std::uint64_t> after, Duration limit) {
  std::vector<std::string> targets;
  for (const auto& host : config_.hosts) targets.push_back(fmt::format("/events?after={}", after[host.name]));
  auto answers = co_await ask_all(std::move(targets), limit);
  std::vector<HostEvents> result;
  for (std::size_t index = 0; index < answers.size(); ++index) {
    const auto good = expect_ok(std::move(answers[index]));
    result.push_back({config_.hosts[index].name, good ? parse_events(good->body) : std::unexpected(good.error())});
  }
  co_return result;
}

Task<Result<std::string>> AgentClient::fetch_rules(std::string host, Duration limit) {
  const auto client = client_of(host);
  if (!client) co_return fail(ErrorCode::not_found, host + " is not a host of this site");
  HttpRequest request;
  request.target = "/rules";
  auto answer = expect_ok(co_await client->call(std::move(request), limit));
  if (!answer) co_return std::unexpected(answer.error().with(host));
  co_return answer->body;
}

Task<Result<std::string>> AgentClient::fetch_inputs(std::string host, Duration limit) {
  const auto client = client_of(host);
  if (!client) co_return fail(ErrorCode::not_found, host + " is not a host of this site");
  HttpRequest request;
  request.target = "/inputs";
  auto answer = expect_ok(co_await client->call(std::move(request), limit));
  if (!answer) co_return std::unexpected(answer.error().with(host));
  co_return std::move(answer->body);
}

Task<Result<HttpResponse>> AgentClient::command(std::string host, std::string target, std::string body,
                                                Duration limit) {
  const auto client = client_of(host);
  if (!client) co_return fail(ErrorCode::not_found, host + " is not a host of this site");
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.headers["content-type"] = "application/json";
  request.body = std::move(body);
  auto answer = co_await client->call(std::move(request), limit);
  if (!answer) co_return std::unexpected(answer.error().with(host));
  if (answer->status == 202 || answer->status == 200) co_return std::move(*answer);
  const auto code = answer->status == 401 || answer->status == 403 ? ErrorCode::denied
                    : answer->status == 400                        ? ErrorCode::invalid
                    : answer->status == 500                        ? ErrorCode::timed_out  // broke half-way: unknown
                                                                   : ErrorCode::refused;
  co_return fail(code, reason_of(*answer));
}

Task<Status> AgentClient::request_switchover(std::string host, std::string to, Duration limit) {
  const auto body = boost::json::serialize(boost::json::object{{"to", to}});
  const auto answer = co_await command(std::move(host), "/switchover", body, limit);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Status{};
}

Task<Status> AgentClient::request_pause(std::string host, PauseRequest pause, Duration limit) {
  const auto body = boost::json::serialize(
      boost::json::object{{"user", pause.user}, {"reason", pause.reason}, {"seconds", pause.length.count()}});
  const auto answer = co_await command(std::move(host), "/pause", body, limit);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Status{};
}

Task<Status> AgentClient::request_resume(std::string host, std::string user, Duration limit) {
  const auto body = boost::json::serialize(boost::json::object{{"user", user}});
  const auto answer = co_await command(std::move(host), "/resume", body, limit);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Status{};
}

Task<Result<std::string>> AgentClient::request_force(std::string host, std::string user, bool is_confirmed,
                                                     Duration limit) {
  const auto body = boost::json::serialize(boost::json::object{{"user", user}, {"confirmed_fenced", is_confirmed}});
  const auto answer = co_await command(std::move(host), "/force", body, limit);
  if (!answer) co_return std::unexpected(answer.error());
  boost::system::error_code error;
  const auto document = boost::json::parse(answer->body, error);
  const auto* report = !error && document.is_object() ? document.get_object().if_contains("report") : nullptr;
  if (report == nullptr || !report->is_string()) co_return fail(ErrorCode::corrupt, "the answer holds no report");
  co_return std::string(report->get_string());
}

}  // namespace gemel::api
