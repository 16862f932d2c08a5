// The rules of nftables are loaded by the real program, in a network of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "site/firewall.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

std::string run(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> buffer{};
  for (std::size_t size = 0; (size = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), size);
  return text + (::pclose(pipe) == 0 ? "" : "\nfailed");
}

TEST(FirewallContract, nftables_takes_the_rules_twice_and_shows_their_version) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a network of its own";
  for (const auto& text : {test::good_site(), test::compact_site()}) {
    const auto site = *parse_site(text, "site.toml").site;
    for (const auto& host : site.hosts) {
      char name[] = "/tmp/gemel-nft-XXXXXX";
      ASSERT_GE(mkstemp(name), 0);
      const auto rules = nftables_rules(site, host);
      std::ofstream(name) << rules.text;
      const auto load = std::string("nft -f ") + name;
      const auto shown = run("unshare --net sh -c '" + load + " && " + load + " && nft list ruleset'");
      EXPECT_THAT(shown, testing::HasSubstr("chain " + rules.version)) << host.name;
      EXPECT_THAT(shown, testing::Not(testing::HasSubstr("failed"))) << host.name;
      std::filesystem::remove(name);
    }
  }
}

}  // namespace
}  // namespace gemel::site
