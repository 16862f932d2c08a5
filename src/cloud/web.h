// HTTP calls to a few services by URL, each with a limit of its own, and the pause between two tries.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "runtime/http_client.h"
#include "site/web_url.h"

namespace gemel::cloud {

/// Loop thread only. Connections are kept per service until the object ends.
class Web {
 public:
  /// `ca` verifies every TLS service.
  Web(boost::asio::any_io_executor executor, std::filesystem::path ca);

  /// The answer, whatever its status. `request.target` is appended to the service's path. Errors as
  /// runtime::HttpClient::call, with the service's name; `denied`, `not_found`, `invalid` for the file of authorities.
  runtime::Task<Result<runtime::HttpResponse>> call(site::WebUrl service, runtime::HttpRequest request, Duration limit);

 private:
  boost::asio::any_io_executor executor_;
  std::filesystem::path ca_;
  std::shared_ptr<runtime::TlsClientContext> tls_;
  std::map<std::string, std::unique_ptr<runtime::HttpClient>> clients_;
};

/// One try: longer than any healthy answer of these services, short enough for three of them in one call of the agent.
inline constexpr Duration try_limit = std::chrono::seconds(3);

/// Before try number `number` + 1: 0.2 s, doubled each time up to 1.6 s, and up to a half more by chance so that two
/// hosts that are throttled do not come back together.
Duration pause_after(unsigned number);

}  // namespace gemel::cloud
