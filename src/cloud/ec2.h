// EC2's query API as far as an address needs it: requests as bodies, answers as values. Pure.
// Wire format: Amazon EC2 API Reference, version 2016-11-15.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/http.h"

namespace gemel::cloud {

/// Parameters of one action without "Action" and "Version".
using Ec2Parameters = std::map<std::string, std::string>;
struct Ec2Call {
  std::string action;  // "AssignPrivateIpAddresses"
  Ec2Parameters parameters;
};

Ec2Call assign_private_address(const std::string& interface_id, const std::string& address);
Ec2Call associate_elastic_ip(const std::string& allocation, const std::string& interface_id,
                             const std::string& address);
Ec2Call describe_elastic_ip(const std::string& allocation);
Ec2Call replace_route(const std::string& table, const std::string& address, const std::string& interface_id);
Ec2Call create_route(const std::string& table, const std::string& address, const std::string& interface_id);
Ec2Call describe_route_table(const std::string& table);
/// Whether the interface takes packets for other addresses than its own only.
Ec2Call describe_source_check(const std::string& interface_id);
/// The same call, looked at and not carried out: EC2 answers it with the error "DryRunOperation" when it would have
/// been.
Ec2Call as_dry_run(Ec2Call call);

/// POST / with the parameters in the body.
runtime::HttpRequest ec2_request(const Ec2Call& call);

/// Why EC2 did not do it, from the body of an answer that is not 200. Empty when it is not EC2's form.
struct Ec2Error {
  std::string code;
  std::string message;
};
Ec2Error read_ec2_error(const std::string& body);

/// What to do about an error.
enum class Ec2Verdict : std::uint8_t {
  try_again,  // throttled, or trouble on their side
  renew,      // the keys have expired, or this host's clock is off
  denied,     // the role may not
  refused     // the request is wrong and stays wrong
};
Ec2Verdict judge(unsigned status, const Ec2Error& error);

/// For people: what was asked, why it was not done, what to do about it. `not_found`: the table has no such route;
/// `unavailable`, `denied`, `refused` as judged.
Error explain(const Ec2Call& call, unsigned status, const Ec2Error& error);

/// True when the answer to describe_elastic_ip() says that it leads to `address` of the interface. `corrupt`: no XML.
Result<bool> leads_to(const std::string& body, const std::string& interface_id, const std::string& address);
/// True when the answer to describe_route_table() has an active route for `address` alone to the interface.
Result<bool> routes_to(const std::string& body, const std::string& interface_id, const std::string& address);

/// The answer to describe_source_check(): packets for a routed address would be dropped.
Result<bool> checks_destination(const std::string& body);

}  // namespace gemel::cloud
