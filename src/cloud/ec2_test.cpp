// Requests to EC2 and its answers, in the forms that the Amazon EC2 API Reference shows.
#include "cloud/ec2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::cloud {
namespace {

using testing::HasSubstr;

std::string error_body(const std::string& code, const std::string& message) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>" + code + "</Code><Message>" +
         message + "</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>";
}

TEST(Ec2, parameters_are_in_the_body_and_encoded) {
  const auto request = ec2_request(assign_private_address("eni-1", "10.0.0.9"));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/");
  EXPECT_EQ(request.body,
            "Action=AssignPrivateIpAddresses&Version=2016-11-15&AllowReassignment=true&NetworkInterfaceId=eni-1&"
            "PrivateIpAddress.1=10.0.0.9");
  EXPECT_EQ(ec2_request(as_dry_run(replace_route("rtb-1", "fd99::9", "eni-1"))).body,
            "Action=ReplaceRoute&Version=2016-11-15&DestinationIpv6CidrBlock=fd99%3A%3A9%2F128&DryRun=true&"
            "NetworkInterfaceId=eni-1&RouteTableId=rtb-1");
  EXPECT_THAT(ec2_request(create_route("rtb-1", "192.0.2.9", "eni-1")).body,
              HasSubstr("DestinationCidrBlock=192.0.2.9%2F32"));
  EXPECT_EQ(ec2_request(associate_elastic_ip("eipalloc-1", "eni-1", "10.0.0.9")).body,
            "Action=AssociateAddress&Version=2016-11-15&AllocationId=eipalloc-1&AllowReassociation=true&"
            "NetworkInterfaceId=eni-1&PrivateIpAddress=10.0.0.9");
}

TEST(Ec2, an_error_says_what_to_do_next) {
  const auto verdict = [](unsigned status, const std::string& code) { return judge(status, {code, ""}); };
  EXPECT_EQ(verdict(503, "RequestLimitExceeded"), Ec2Verdict::try_again);
  EXPECT_EQ(verdict(400, "ThrottlingException"), Ec2Verdict::try_again);
  EXPECT_EQ(verdict(500, ""), Ec2Verdict::try_again);
  EXPECT_EQ(verdict(400, "RequestExpired"), Ec2Verdict::renew);
  EXPECT_EQ(verdict(400, "ExpiredToken"), Ec2Verdict::renew);
  EXPECT_EQ(verdict(403, "UnauthorizedOperation"), Ec2Verdict::denied);
  EXPECT_EQ(verdict(403, ""), Ec2Verdict::denied);
  EXPECT_EQ(verdict(400, "InvalidParameterValue"), Ec2Verdict::refused);
}

TEST(Ec2, a_missing_right_is_named_as_policies_name_it) {
  const auto said = read_ec2_error(error_body("UnauthorizedOperation", "You are not authorized &amp; so on"));
  EXPECT_EQ(said.code, "UnauthorizedOperation");
  EXPECT_EQ(said.message, "You are not authorized & so on");
  const auto error = explain(assign_private_address("eni-1", "10.0.0.9"), 403, said);
  EXPECT_EQ(error.code, ErrorCode::denied);
  EXPECT_THAT(error.message, HasSubstr("may not call ec2:AssignPrivateIpAddresses"));
  EXPECT_EQ(explain(replace_route("r", "a", "e"), 400, {"InvalidRoute.NotFound", ""}).code, ErrorCode::not_found);
  EXPECT_EQ(explain(replace_route("r", "a", "e"), 400, {"InvalidRouteTableID.NotFound", ""}).code, ErrorCode::refused);
}

TEST(Ec2, what_is_no_answer_of_ec2_is_no_error_of_ec2) {
  for (const auto* body : {"", "<html>", "<html><body>502</body></html>", "{}", "<Response/>"})
    EXPECT_EQ(read_ec2_error(body).code, "") << body;
  EXPECT_THAT(explain(describe_route_table("rtb-1"), 502, {}).message, HasSubstr("DescribeRouteTables: HTTP 502"));
}

TEST(Ec2, reads_where_an_elastic_ip_leads) {
  const std::string body =
      "<DescribeAddressesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>1</requestId>"
      "<addressesSet><item><publicIp>203.0.113.41</publicIp><allocationId>eipalloc-1</allocationId>"
      "<domain>vpc</domain><networkInterfaceId>eni-1</networkInterfaceId>"
      "<privateIpAddress>10.0.0.9</privateIpAddress></item></addressesSet></DescribeAddressesResponse>";
  EXPECT_TRUE(*leads_to(body, "eni-1", "10.0.0.9"));
  EXPECT_FALSE(*leads_to(body, "eni-2", "10.0.0.9"));
  EXPECT_FALSE(*leads_to(body, "eni-1", "10.0.0.90"));
  EXPECT_FALSE(*leads_to("<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>", "", ""));
  EXPECT_EQ(leads_to("no xml", "", "").error().code, ErrorCode::corrupt);
}

TEST(Ec2, reads_where_a_route_leads) {
  const auto body = [](const std::string& state) {
    return "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId><routeSet>"
           "<item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>"
           "<state>active</state></item><item><destinationCidrBlock>192.0.2.9/32</destinationCidrBlock>"
           "<networkInterfaceId>eni-1</networkInterfaceId><state>" +
           state + "</state></item></routeSet></item></routeTableSet></DescribeRouteTablesResponse>";
  };
  EXPECT_TRUE(*routes_to(body("active"), "eni-1", "192.0.2.9"));
  EXPECT_FALSE(*routes_to(body("blackhole"), "eni-1", "192.0.2.9"));
  EXPECT_FALSE(*routes_to(body("active"), "eni-2", "192.0.2.9"));
  EXPECT_FALSE(*routes_to(body("active"), "eni-1", "192.0.2.8"));
}

TEST(Ec2, reads_whether_an_interface_drops_what_is_not_its_own) {
  const auto body = [](const std::string& value) {
    return "<DescribeNetworkInterfaceAttributeResponse><networkInterfaceId>eni-1</networkInterfaceId><sourceDestCheck>"
           "<value>" +
           value + "</value></sourceDestCheck></DescribeNetworkInterfaceAttributeResponse>";
  };
  EXPECT_TRUE(*checks_destination(body("true")));
  EXPECT_FALSE(*checks_destination(body("false")));
  EXPECT_FALSE(checks_destination("<x/>"));
}

}  // namespace
}  // namespace gemel::cloud
