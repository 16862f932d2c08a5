// Moves a floating address in OpenStack: the port must let it through, and a floating IP may lead to it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>

#include "cloud/neutron.h"
#include "cloud/order.h"
#include "cloud/web.h"
#include "site/address_provider.h"

namespace gemel::cloud {

/// One order. Loop thread only. run() may be called once.
class OpenStackMover {
 public:
  OpenStackMover(boost::asio::any_io_executor executor, site::OpenStackSettings settings, Order order);

  /// Success: this host's port lets the address through, so that announcements move it, and the floating IP (when the
  /// site has one) leads to it; with check, that it could be moved: it exists and this credential sees it. Tries again
  /// while there is trouble that may pass, until the order's time is up. Idempotent; a token is kept in the notes.
  /// Errors: `denied` (credential, or a role is missing), `refused` (the port does not let the address through),
  /// `not_found` (port, floating IP, service), `invalid` (the secret's file), `unavailable`, `timed_out`.
  runtime::Task<Status> run();

 private:
  struct Call {
    runtime::HttpRequest request;
    std::string what;  // "read the ports", for messages
  };
  runtime::Task<Result<runtime::HttpResponse>> persist(site::WebUrl service, Call call);
  runtime::Task<Status> authenticate();
  runtime::Task<Result<std::string>> neutron(Call call);
  runtime::Task<Status> check_port();
  runtime::Task<Status> take_floating_ip();
  [[nodiscard]] Status judge_port() const;

  site::OpenStackSettings settings_;
  Order order_;
  Web web_;
  CloudToken token_;
  Port port_;
};

}  // namespace gemel::cloud
