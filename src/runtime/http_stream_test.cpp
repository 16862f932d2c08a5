#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <filesystem>

#include "runtime/http_client.h"
#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

HttpRequest get(std::string target) { return HttpRequest{.method = "GET", .target = std::move(target)}; }

class HttpStream : public testing::Test {
 protected:
  HttpStream() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-stream-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~HttpStream() override { std::filesystem::remove_all(folder); }
  TestLoop loop;
  std::filesystem::path folder;
};

/// Sends chunks on a plain local socket, then waits until the client closes.
Task<void> serve_chunks(asio::local::stream_protocol::acceptor* acceptor, std::vector<std::string> pieces, bool ends) {
  auto socket = co_await acceptor->async_accept(asio::use_awaitable);
  std::array<char, 4096> request;
  co_await socket.async_read_some(asio::buffer(request), asio::use_awaitable);
  std::string header = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(header), asio::use_awaitable);
  for (const auto& piece : pieces) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    const std::string chunk = size + piece + "\r\n";
    co_await asio::async_write(socket, asio::buffer(chunk), asio::use_awaitable);
  }
  if (ends) co_await asio::async_write(socket, asio::buffer(std::string_view("0\r\n\r\n")), asio::use_awaitable);
  co_await socket.async_read_some(asio::buffer(request), asio::as_tuple(asio::use_awaitable));
}

struct StreamCase {
  std::filesystem::path path;
  bool ends;
  bool stops_early;
  std::optional<ErrorCode> wanted;
};

Task<void> read_stream(StreamCase scenario) {
  const auto executor = co_await asio::this_coro::executor;
  asio::local::stream_protocol::acceptor acceptor(executor,
                                                  asio::local::stream_protocol::endpoint(scenario.path.string()));
  TaskScope scope(executor, "server");
  scope.spawn("chunks", serve_chunks(&acceptor, {"one", "two"}, scenario.ends));
  HttpClient client(executor, Endpoint{.address = {}, .port = 0, .server_name = {}, .local_socket = scenario.path},
                    nullptr);
  std::string got;
  const auto result = co_await client.stream(
      get("/watch"),
      [&](std::string_view piece) {
        got += piece;
        return !(scenario.stops_early && got.size() >= 6);
      },
      milliseconds(200));
  EXPECT_EQ(result ? std::nullopt : std::optional(result.error().code), scenario.wanted);
  EXPECT_EQ(got, "onetwo");
  EXPECT_THAT(co_await scope.stop(seconds(5)), testing::IsEmpty());
}

TEST_F(HttpStream, a_stream_hands_over_pieces_until_its_end) {
  loop.run(read_stream({folder / "s", true, false, std::nullopt}));
}
TEST_F(HttpStream, a_stream_ends_when_the_reader_has_enough) {
  loop.run(read_stream({folder / "s", false, true, std::nullopt}));
}
TEST_F(HttpStream, a_silent_stream_times_out) {
  loop.run(read_stream({folder / "s", false, false, ErrorCode::timed_out}));
}

}  // namespace
}  // namespace gemel::runtime
