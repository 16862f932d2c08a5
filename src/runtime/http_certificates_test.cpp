// Which certificate a server shows to whom, and what it reloads.
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "runtime/http_client.h"
#include "runtime/http_server.h"
#include "runtime/test_certificates.h"
#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

using std::chrono::seconds;

Task<HttpResponse> greet(HttpRequest, Peer) { co_return HttpResponse{200, {}, "well"}; }

HttpRequest get() { return HttpRequest{.method = "GET", .target = "/", .headers = {}, .body = {}}; }

class FurtherCertificate : public testing::Test {
 protected:
  std::unique_ptr<HttpServer> start(TlsFiles own, TlsFiles further) {
    HttpServerOptions options;
    options.address = "127.0.0.1";
    options.tls = std::move(own);
    options.named = NamedCertificate{std::move(further), "CCM1"};
    auto server = HttpServer::start(loop.executor(), std::move(options), greet);
    EXPECT_TRUE(server) << server.error().to_string();
    return server ? std::move(*server) : nullptr;
  }
  std::unique_ptr<HttpClient> client(const HttpServer& server, const TestAuthority& trusted, std::string name) {
    return std::make_unique<HttpClient>(
        loop.executor(),
        Endpoint{.address = "127.0.0.1", .port = server.port(), .server_name = std::move(name), .local_socket = {}},
        *TlsClientContext::load(trusted.trust()));
  }

  TestAuthority site{"site"};
  TestAuthority bought{"bought"};
  TestLoop loop;
};

Task<void> call_each(HttpServer* server, std::vector<std::unique_ptr<HttpClient>>* clients) {
  for (std::size_t i = 0; i < clients->size(); ++i) {
    const auto answer = co_await (*clients)[i]->call(get(), seconds(5));
    EXPECT_TRUE(answer) << "client " << i << ": " << (answer ? "" : answer.error().to_string());
  }
  co_await server->stop(seconds(1));
}

TEST_F(FurtherCertificate, is_shown_to_who_asks_for_a_name_of_it) {
  const auto own = site.issue({.name = "own", .dns = {"ccm1"}, .addresses = {"127.0.0.1"}, .uris = {}});
  const auto further =
      bought.issue({.name = "mgmt", .dns = {"mgmt.lab.test", "*.wild.test", "ccm1"}, .addresses = {}, .uris = {}});
  auto server = start(own, further);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (const auto* name : {"mgmt.lab.test", "MGMT.lab.test", "ccm1.wild.test"})
    clients.push_back(client(*server, bought, name));
  // The excepted name, and no name at all: who connects by address asks for none.
  for (const auto* name : {"ccm1", ""}) clients.push_back(client(*server, site, name));
  loop.run(call_each(server.get(), &clients));
}

Task<void> reload(HttpServer* server, HttpClient* before, HttpClient* after, TlsFiles own, TlsFiles from, TlsFiles to) {
  const auto put = [](const std::filesystem::path& source, const std::filesystem::path& target) {
    std::filesystem::copy_file(source, target, std::filesystem::copy_options::overwrite_existing);
  };
  EXPECT_TRUE(co_await before->call(get(), seconds(5)));
  put(from.certificate, to.certificate);
  EXPECT_FALSE(server->reload_tls(own)) << "the key is the former one's";
  put(from.key, to.key);
  EXPECT_TRUE(server->reload_tls(own));
  EXPECT_TRUE(co_await before->call(get(), seconds(5))) << "its connection stays";
  EXPECT_TRUE(co_await after->call(get(), seconds(5)));
  co_await server->stop(seconds(1));
}

TEST_F(FurtherCertificate, is_reloaded_with_the_other) {
  TestAuthority renewed("renewed");
  const TestIdentity identity{.name = "mgmt", .dns = {"mgmt.lab.test"}, .addresses = {}, .uris = {}};
  const auto own = site.issue_for_loopback("own");
  const auto shown = bought.issue(identity);
  auto server = start(own, shown);
  auto before = client(*server, bought, "mgmt.lab.test");
  auto after = client(*server, renewed, "mgmt.lab.test");
  loop.run(reload(server.get(), before.get(), after.get(), own, renewed.issue(identity), shown));
}

}  // namespace
}  // namespace gemel::runtime
