// HTTP/1.1 text to messages and back, without any input or output: bytes in, messages out. Internal to runtime/http_*.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/http.h"

namespace gemel::runtime {

/// The request as it goes over the wire. `invalid` when the method, target or a header holds control characters.
Result<std::string> request_text(const HttpRequest& request, std::string_view host);

struct ResponseForm {
  bool is_head = false;  // the request was HEAD: header of the body, but no body
  bool keep_alive = true;
};
/// The response as it goes over the wire. Control characters in header values become spaces.
std::string response_text(const HttpResponse& response, ResponseForm form);

/// Reads one message piece by piece. `Message` is HttpRequest or HttpResponse.
template <typename Message>
class MessageReader {
 public:
  struct Limits {
    std::uint64_t body = 1U << 20;  // bytes
    bool has_no_body = false;       // answer to HEAD
  };
  explicit MessageReader(Limits limits);
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  /// Takes what it can from `data` and says how many bytes; the rest must be offered again with what comes after.
  /// `invalid`: not HTTP. `refused`: body larger than the limit. `unsupported`: header larger than the limit.
  Result<std::size_t> feed(std::string_view data);
  /// The connection ended. Error when the message is not complete.
  Status finish();
  [[nodiscard]] bool is_header_done() const;
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool keeps_alive() const;       // pre: header done
  [[nodiscard]] bool expects_continue() const;  // pre: header done
  [[nodiscard]] unsigned status() const;        // of a response; pre: header done
  /// The body read since the last call, for streams.
  std::string take_body();
  Message take();  // pre: done

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template class MessageReader<HttpRequest>;
extern template class MessageReader<HttpResponse>;

}  // namespace gemel::runtime
