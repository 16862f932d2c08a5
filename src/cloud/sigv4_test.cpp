// The cases of AWS's published "aws-sig-v4-test-suite" that our requests resemble, and the worked example of the AWS
// General Reference (IAM ListUsers). Each step is compared by itself: a wrong signature does not say which one is
// wrong.
#include "cloud/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/manifest.h"

namespace gemel::cloud {
namespace {

using testing::HasSubstr;

const AwsKeys keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const SigningScope suite{"20150830T123600Z", "us-east-1", "service"};

struct Case {
  std::string name;
  runtime::HttpRequest request;
  std::string session;
  std::string canonical_hash;  // empty: not published with the case
  std::string headers;
  std::string signature;
};

runtime::HttpRequest request(const std::string& method, const std::string& target, runtime::Headers headers = {},
                             const std::string& body = "") {
  headers["host"] = "example.amazonaws.com";
  return {method, target, std::move(headers), body};
}

std::vector<Case> suite_cases() {
  return {
      {"get-vanilla", request("GET", "/"), "", "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
       "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla", request("POST", "/"), "", "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
       "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case", request("GET", "/?Param2=value2&Param1=value1"), "",
       "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0", "host;x-amz-date",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-header-value-trim", request("GET", "/", {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}}), "",
       "", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-x-www-form-urlencoded",
       request("POST", "/", {{"content-type", "application/x-www-form-urlencoded"}}, "Param1=value1"), "",
       "42a5e5bb34198acb3e84da4f085bb7927f2bc277ca766e6d19c73c2154021281", "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-sts-header-before", request("POST", "/"),
       "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuw"
       "thAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHN"
       "VXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/"
       "oLxBA"
       "==",
       "c237e1b440d4c63c32ca95b5b99481081cb7b13c7e40434868e71567c1a882f6", "host;x-amz-date;x-amz-security-token",
       "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
  };
}

TEST(SigV4, agrees_with_the_published_suite_step_by_step) {
  for (const auto& test : suite_cases()) {
    SCOPED_TRACE(test.name);
    auto with_keys = keys;
    with_keys.session = test.session;
    auto sent = signed_request(test.request, with_keys, suite);
    EXPECT_EQ(sent.headers["authorization"],
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" +
                  test.headers + ", Signature=" + test.signature);
    EXPECT_EQ(sent.headers["x-amz-date"], "20150830T123600Z");
    sent.headers.erase("authorization");
    if (!test.canonical_hash.empty()) {
      EXPECT_EQ(string_to_sign(suite, canonical_request(sent)),
                "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n" + test.canonical_hash);
    }
  }
}

TEST(SigV4, agrees_with_the_worked_example_of_the_general_reference) {
  runtime::HttpRequest list_users{"GET",
                                  "/?Action=ListUsers&Version=2010-05-08",
                                  {{"host", "iam.amazonaws.com"},
                                   {"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                                   {"x-amz-date", "20150830T123600Z"}},
                                  ""};
  const SigningScope scope{"20150830T123600Z", "us-east-1", "iam"};
  const auto canonical = canonical_request(list_users);
  EXPECT_EQ(canonical,
            "GET\n/\nAction=ListUsers&Version=2010-05-08\n"
            "content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n"
            "x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(site::sha256_hex(canonical), "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  EXPECT_EQ(signature(scope, keys.secret, string_to_sign(scope, canonical)),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(SigV4, time_and_text_as_the_protocol_wants_them) {
  EXPECT_EQ(signing_time(std::chrono::seconds(1'440'938'160)), "20150830T123600Z");
  EXPECT_EQ(percent_encoded("a b/c~_-.é&="), "a%20b%2Fc~_-.%C3%A9%26%3D");
}

TEST(SigV4, the_secret_is_nowhere_in_what_is_sent) {
  for (const auto& [name, value] : signed_request(request("POST", "/"), keys, suite).headers)
    EXPECT_THAT(value, testing::Not(HasSubstr(keys.secret))) << name;
}

}  // namespace
}  // namespace gemel::cloud
