// gemel ready: whether this host's manager can serve, asked as its balancers ask.
#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/document.h"
#include "cli/run_loop.h"
#include "cli/verbs.h"
#include "runtime/http_client.h"
#include "site/host_config.h"

namespace gemel::cli {
namespace {

/// "database: no answer for 6.2 s: ..." of each check that fails; what cannot be read is shown as it is.
std::string failing_checks(const std::string& body) {
  boost::system::error_code error;
  const auto parsed = boost::json::parse(body, error);
  const auto* object = error ? nullptr : parsed.if_object();
  const auto* checks = object == nullptr ? nullptr : object->if_contains("checks");
  const auto* list = checks == nullptr ? nullptr : checks->if_array();
  if (list == nullptr) return body;
  std::vector<std::string> lines;
  for (const auto& entry : *list) {
    const auto* check = entry.if_object();
    if (check == nullptr) continue;
    const auto* is_good = check->if_contains("good");
    const auto* name = check->if_contains("name");
    const auto* detail = check->if_contains("detail");
    if (is_good == nullptr || is_good->if_bool() == nullptr || is_good->get_bool()) continue;
    lines.push_back(fmt::format("{}: {}", name != nullptr && name->is_string() ? name->get_string().c_str() : "?",
                                detail != nullptr && detail->is_string() ? detail->get_string().c_str() : ""));
  }
  return join(lines, "; ");
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
    print((is_ready ? std::string("ready") : failing_checks(answer->body)) + "\n");
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
