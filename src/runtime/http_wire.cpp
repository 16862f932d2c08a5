// The only source that includes Beast: its parsers, without its streams.
#include "runtime/http_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <type_traits>

namespace gemel::runtime {

namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t header_limit = 16U << 10;  // bytes; larger than any header our parts or HAProxy send

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char character) {
    const auto code = static_cast<unsigned char>(character);
    return code < 0x20 || code == 0x7F;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() && !has_control(text) && text.find_first_of(" :") == std::string_view::npos;
}

std::string without_control(std::string text) {
  for (char& character : text) {
    if (has_control(std::string_view(&character, 1))) character = ' ';
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
  });
  return result;
}

std::string http_date() {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[parts.tm_wday], parts.tm_mday,
                     months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

Result<std::string> request_text(const HttpRequest& request, std::string_view host) {
  if (!is_token(request.method) || request.target.empty() || has_control(request.target) ||
      request.target.find(' ') != std::string::npos || has_control(host)) {
    return fail(ErrorCode::invalid, "not a request line: " + without_control(request.method + " " + request.target));
  }
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.contains("host")) text += fmt::format("host: {}\r\n", host);
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || has_control(value))
      return fail(ErrorCode::invalid, "not a header: " + without_control(name));
    if (name == "content-length") continue;  // counted below
    text += fmt::format("{}: {}\r\n", name, value);
  }
  const bool may_be_empty = request.method == "GET" || request.method == "HEAD" || request.method == "DELETE";
  if (!request.body.empty() || !may_be_empty) text += fmt::format("content-length: {}\r\n", request.body.size());
  return text + "\r\n" + request.body;
}

std::string response_text(const HttpResponse& response, ResponseForm form) {
  const bool has_body = response.status >= 200 && response.status != 204 && response.status != 304;
  const auto reason = http::obsolete_reason(http::int_to_status(response.status));
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, std::string_view(reason.data(), reason.size()));
  for (const auto& [name, value] : response.headers) {
    if (!is_token(name) || name == "content-length" || name == "connection") continue;
    text += fmt::format("{}: {}\r\n", name, without_control(value));
  }
  if (!response.headers.contains("date")) text += fmt::format("date: {}\r\n", http_date());
  if (has_body) text += fmt::format("content-length: {}\r\n", response.body.size());
  text += form.keep_alive ? "connection: keep-alive\r\n\r\n" : "connection: close\r\n\r\n";
  if (has_body && !form.is_head) text += response.body;
  return text;
}

template <typename Message>
struct MessageReader<Message>::Impl {
  static constexpr bool is_request = std::is_same_v<Message, HttpRequest>;
  http::parser<is_request, http::string_body> parser;
};

template <typename Message>
MessageReader<Message>::MessageReader(Limits limits) : impl_(std::make_unique<Impl>()) {
  impl_->parser.eager(true);
  impl_->parser.header_limit(header_limit);
  impl_->parser.body_limit(limits.body);
  impl_->parser.skip(limits.has_no_body);
}

template <typename Message>
MessageReader<Message>::~MessageReader() = default;

template <typename Message>
Result<std::size_t> MessageReader<Message>::feed(std::string_view data) {
  boost::system::error_code error;
  const std::size_t taken = impl_->parser.put(boost::asio::buffer(data.data(), data.size()), error);
  if (!error || error == http::error::need_more) return taken;
  const ErrorCode code = error == http::error::body_limit     ? ErrorCode::refused
                         : error == http::error::header_limit ? ErrorCode::unsupported
                                                              : ErrorCode::invalid;
  return fail(code, "HTTP: " + error.message());
}

template <typename Message>
Status MessageReader<Message>::finish() {
  boost::system::error_code error;
  // Beast asserts that a message began.
  if (!impl_->parser.got_some()) return fail(ErrorCode::invalid, "HTTP: end of stream");
  impl_->parser.put_eof(error);
  if (error) return fail(ErrorCode::invalid, "HTTP: " + error.message());
  return {};
}

template <typename Message>
bool MessageReader<Message>::is_header_done() const {
  return impl_->parser.is_header_done();
}

template <typename Message>
bool MessageReader<Message>::is_done() const {
  return impl_->parser.is_done();
}

template <typename Message>
bool MessageReader<Message>::keeps_alive() const {
  return impl_->parser.keep_alive();
}

template <typename Message>
bool MessageReader<Message>::expects_continue() const {
  return lower(std::string_view(impl_->parser.get()[http::field::expect])) == "100-continue";
}

template <typename Message>
unsigned MessageReader<Message>::status() const {
  if constexpr (Impl::is_request) {
    return 0;
  } else {
    return impl_->parser.get().result_int();
  }
}

template <typename Message>
std::string MessageReader<Message>::take_body() {
  std::string piece;
  piece.swap(impl_->parser.get().body());
  return piece;
}

template <typename Message>
Message MessageReader<Message>::take() {
  auto& source = impl_->parser.get();
  Message message;
  for (const auto& field : source) {
    auto& value = message.headers[lower(std::string_view(field.name_string()))];
    if (!value.empty()) value += ", ";  // RFC 9110 5.3: repeated fields combine
    value += std::string_view(field.value());
  }
  message.body = std::move(source.body());
  if constexpr (Impl::is_request) {
    message.method = std::string_view(source.method_string());
    message.target = std::string_view(source.target());
  } else {
    message.status = source.result_int();
  }
  return message;
}

template class MessageReader<HttpRequest>;
template class MessageReader<HttpResponse>;

}  // namespace gemel::runtime
