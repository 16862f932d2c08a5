#include "runtime/name_lookup.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace gemel::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Name service answers into shared memory, so that a caller can stop waiting: getaddrinfo itself cannot be stopped.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer answered;
  error_code error;
  std::vector<std::string> addresses;
};

}  // namespace

Task<Result<std::vector<std::string>>> look_up_addresses(std::string name, Duration limit) {
  error_code not_an_address;
  asio::ip::make_address(name, not_an_address);
  if (!not_an_address) co_return std::vector<std::string>{name};
  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->answered.expires_after(limit);
  lookup->error = asio::error::timed_out;
  lookup->resolver.async_resolve(name, "",
                                 [lookup](const error_code& error, const asio::ip::tcp::resolver::results_type& found) {
                                   lookup->error = error;
                                   for (const auto& entry : found)
                                     lookup->addresses.push_back(entry.endpoint().address().to_string());
                                   lookup->answered.cancel();
                                 });
  co_await lookup->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  if (lookup->error)
    co_return fail(ErrorCode::unavailable, fmt::format("no address for {}: {}", name, lookup->error.message()));
  co_return lookup->addresses;
}

}  // namespace gemel::runtime
