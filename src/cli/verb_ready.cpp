// gemel ready: whether this host's manager can serve, asked as its balancers ask.
#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>

#include "api/readiness.h"
#include "cli/document.h"
#include "cli/run_loop.h"
#include "cli/verbs.h"
#include "runtime/http_client.h"
#include "site/host_config.h"

namespace gemel::cli {
namespace {

/// A manager that was just started is sent requests before it has reached its database: whoever waits for it is told.
std::string text_of(bool is_ready, const std::string& body) {
  const auto answer = api::parse_readiness(body);
  if (!answer) return body;
  const auto failing = api::failing_checks(*answer);
  if (failing.empty()) return is_ready ? "ready" : body;
  return (is_ready ? "ready for now; " : "") + failing;
}

runtime::Task<ExitCode> ask(site::HostConfig config, CommonOptions common) {
  auto tls = runtime::TlsClientContext::load({.ca = config.pki("web-ca.crt")}, false);
  if (!tls) co_return give_up(tls.error());
  runtime::Endpoint endpoint;
  endpoint.address = config.self().address;
  endpoint.port = config.ports.manager_https;
  endpoint.server_name = config.self().name;
  const auto executor = co_await boost::asio::this_coro::executor;
  runtime::HttpClient client(executor, std::move(endpoint), *tls);
  const auto answer = co_await client.call({"GET", "/readyz", {}, {}}, common.limit);
  if (!answer) {
    print(fmt::format("the manager does not answer: {}\n", answer.error().message));
    co_return ExitCode::unreachable;
  }
  const bool is_ready = answer->status == 200;
  if (common.output == OutputFormat::json) {
    print(pretty_json(answer->body));
  } else if (common.output == OutputFormat::yaml) {
    print(to_yaml(answer->body));
  } else {
    print(text_of(is_ready, answer->body) + "\n");
  }
  co_return is_ready ? ExitCode::done : ExitCode::refused;
}

}  // namespace

ExitCode run_ready(const CommonOptions& common) {
  auto config = site::load_host_config(common.config);
  if (!config) return give_up(config.error());
  if (!config->self().concepts.manager) {
    complain(fmt::format("{} has no manager", config->self_name));
    return ExitCode::not_found;
  }
  return run_loop(ask(*std::move(config), common));
}

}  // namespace gemel::cli
