#include "cloud/web.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

namespace gemel::cloud {

Web::Web(boost::asio::any_io_executor executor, std::filesystem::path ca)
    : executor_(std::move(executor)), ca_(std::move(ca)) {}

runtime::Task<Result<runtime::HttpResponse>> Web::call(site::WebUrl service, runtime::HttpRequest request,
                                                       Duration limit) {
  if (limit <= Duration::zero()) co_return fail(ErrorCode::timed_out, service.host + ": no time is left");
  if (service.is_tls && !tls_) {
    auto loaded = runtime::TlsClientContext::load({.ca = ca_}, false);
    if (!loaded) {
      co_return std::unexpected(
          loaded.error().with("certificate authorities (package ca-certificates, or \"ca\" in the site file)"));
    }
    tls_ = *std::move(loaded);
  }
  const auto name = (service.is_tls ? "https://" : "http://") + service.host_header();
  auto& client = clients_[name];
  if (!client) {
    runtime::Endpoint endpoint;
    endpoint.address = service.host;
    endpoint.port = service.port;
    endpoint.is_plain = !service.is_tls;
    client = std::make_unique<runtime::HttpClient>(executor_, std::move(endpoint), tls_);
  }
  request.target = service.path + request.target;
  request.headers["host"] = service.host_header();
  auto* const connection = client.get();
  co_return co_await connection->call(std::move(request), std::min(limit, try_limit));
}

Duration pause_after(unsigned number) {
  constexpr Duration first = std::chrono::milliseconds(200);
  const auto pause = first * (1U << std::min(number, 3U));
  const auto more = std::chrono::milliseconds(randombytes_uniform(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(pause).count() / 2)));
  return pause + more;
}

}  // namespace gemel::cloud
