// Moves a floating address in AWS: a secondary private address of the interface, an Elastic IP, or a route.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "cloud/ec2.h"
#include "cloud/order.h"
#include "cloud/sigv4.h"
#include "cloud/web.h"
#include "site/address_provider.h"

namespace gemel::cloud {

/// One order. Loop thread only. run() may be called once.
class AwsMover {
 public:
  AwsMover(boost::asio::any_io_executor executor, site::AwsSettings settings, Order order);

  /// Success: the network leads to this host (take), or EC2 would let it (check). Tries again while there is trouble
  /// that may pass, until the order's time is up. Idempotent. An address that is here in the order's epoch already
  /// costs requests to the metadata service (a secondary address), or one that only reads (Elastic IP, route).
  /// Errors: `denied` (a right is missing, named; or no IMDSv2), `refused` (the address cannot be on this interface),
  /// `not_found` (no such interface, role or route table), `unavailable`, `timed_out`: what was asked for may be done.
  runtime::Task<Status> run();

 private:
  runtime::Task<Status> ask_for_token();
  runtime::Task<Result<std::string>> metadata(std::string path);
  runtime::Task<Status> learn();
  runtime::Task<Status> renew_keys();
  runtime::Task<Result<runtime::HttpResponse>> send(Ec2Call call);
  runtime::Task<Result<std::string>> ec2(Ec2Call call);
  runtime::Task<Status> change(Ec2Call call);
  runtime::Task<Status> take_private();
  runtime::Task<Status> wait_until_shown();
  runtime::Task<Result<bool>> is_shown();
  runtime::Task<Status> take_elastic_ip();
  runtime::Task<Status> take_route(std::string table);
  runtime::Task<Status> check_route_target();
  [[nodiscard]] bool is_check() const { return order_.verb == Verb::check; }

  site::AwsSettings settings_;
  Order order_;
  Web web_;
  site::WebUrl metadata_url_;
  site::WebUrl endpoint_;
  std::string region_;
  std::string token_;
  std::string interface_id_;
  AwsKeys keys_;
  bool is_known_epoch_ = false;
};

}  // namespace gemel::cloud
