#include "site/authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "site/render.h"
#include "site/test_sites.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::filesystem::path;
using testing::HasSubstr;

const Exchanged inner{{Authority::agent, Authority::etcd, Authority::db}};

std::size_t certificates_in(const std::string& text) {
  constexpr std::string_view begin = "BEGIN CERTIFICATE";
  std::size_t count = 0;
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) ++count;
  return count;
}

class Exchange : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gemel-exchange-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    auto outcome = parse_site(test::good_site(), "site.toml");
    ASSERT_TRUE(outcome.site);
    site_ = *outcome.site;
    render_again();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  path out() const { return root_ / "out"; }
  std::string text(const std::string& name) const { return read_if_there(out() / name).value().value_or(""); }
  KeyPair pair(const std::string& name) const { return {text(name + ".crt"), text(name + ".key")}; }
  unsigned render_again() {
    const auto rendered = render(site_, out());
    EXPECT_TRUE(rendered) << rendered.error().to_string();
    return rendered ? rendered->certificates_issued : 0;
  }
  void advance(ExchangeStage expected, const Exchanged& what = inner) {
    const auto stage = advance_exchange(site_, out(), what);
    ASSERT_TRUE(stage) << stage.error().to_string();
    EXPECT_EQ(*stage, expected);
  }
  /// db1's server certificate is signed by this authority.
  bool is_signed_by(const KeyPair& authority) const {
    const auto host = std::ranges::find(site_.hosts, "db1", &Host::name);
    const auto files = files_of(site_, *host).certificates;
    const auto entry = std::ranges::find(files, "pki/postgres.crt", &CertificateFiles::certificate);
    return is_current(pair("db1/etc/gemel/pki/postgres"), authority, entry->request);
  }

  path root_;
  Site site_;
};

TEST_F(Exchange, each_stage_trusts_what_the_one_before_and_the_one_after_show) {
  const auto former = pair("ca/db-ca");
  const auto web_key = text("ccm1/etc/gemel/pki/web.key");
  EXPECT_TRUE(is_signed_by(former));

  advance(ExchangeStage::trusting);
  EXPECT_EQ(render_again(), 0U) << "nothing is issued before everybody trusts it";
  const auto next = pair("ca/db-ca.next");
  EXPECT_EQ(text("db1/etc/gemel/pki/db-ca.crt"), former.certificate + next.certificate);
  EXPECT_EQ(text("ccm1/etc/gemel/pki/web-ca.crt"), text("ca/web-ca.crt"));
  EXPECT_TRUE(is_signed_by(former));

  advance(ExchangeStage::issuing);
  EXPECT_GT(render_again(), 20U);
  EXPECT_TRUE(is_signed_by(next));
  EXPECT_EQ(certificates_in(text("db1/etc/gemel/pki/db-ca.crt")), 2U);
  EXPECT_NE(text("ccm1/etc/gemel/pki/web.key"), web_key) << "those of an authority that stays are new as well";

  advance(ExchangeStage::withdrawing);
  EXPECT_EQ(render_again(), 0U);
  EXPECT_EQ(text("db1/etc/gemel/pki/db-ca.crt"), next.certificate);
  EXPECT_EQ(text("ca/db-ca.key"), next.key) << "the former key is nowhere any more";
  EXPECT_TRUE(is_signed_by(next));

  advance(ExchangeStage::none);
  EXPECT_EQ(render_again(), 0U);
  EXPECT_EQ(text("ca/exchange"), "");
  for (const auto& entry : std::filesystem::directory_iterator(out() / "ca"))
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("next")));
}

TEST_F(Exchange, the_authority_of_the_browsers_is_exchanged_when_it_is_asked_for) {
  const auto former = text("ca/web-ca.crt");
  advance(ExchangeStage::trusting, {{Authority::web}});
  render_again();
  EXPECT_EQ(certificates_in(text("lb1/etc/gemel/pki/web-ca.crt")), 2U);
  EXPECT_EQ(certificates_in(text("lb1/etc/gemel/pki/agent-ca.crt")), 1U);
  advance(ExchangeStage::issuing);
  render_again();
  advance(ExchangeStage::withdrawing);
  render_again();
  EXPECT_NE(text("ca/web-ca.crt"), former);
}

TEST_F(Exchange, what_was_interrupted_while_the_former_were_replaced_is_completed) {
  const auto leave = [this](int renames) {
    advance(ExchangeStage::trusting);
    render_again();
    advance(ExchangeStage::issuing);
    render_again();
    const auto next = pair("ca/etcd-ca.next");
    std::ofstream(out() / "ca/exchange") << "withdrawing\n";
    if (renames > 0) std::filesystem::rename(out() / "ca/etcd-ca.next.key", out() / "ca/etcd-ca.key");
    if (renames > 1) std::filesystem::rename(out() / "ca/etcd-ca.next.crt", out() / "ca/etcd-ca.crt");
    EXPECT_EQ(render_again(), 0U) << renames;
    EXPECT_EQ(text("ca/etcd-ca.key"), next.key) << renames;
    EXPECT_EQ(text("ccm1/etc/gemel/pki/etcd-ca.crt"), next.certificate) << renames;
    advance(ExchangeStage::none);
  };
  for (const int renames : {0, 1, 2}) leave(renames);
}

TEST_F(Exchange, next_authorities_of_ones_own_are_taken_and_unusable_ones_refused) {
  const auto own = make_authority("own").value();
  std::ofstream(out() / "ca/db-ca.next.crt") << own.certificate;
  std::ofstream(out() / "ca/db-ca.next.key") << text("ca/etcd-ca.key");
  const auto refused = advance_exchange(site_, out(), inner);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the key does not belong"));
  render_again();
  EXPECT_EQ(text("db1/etc/gemel/pki/db-ca.crt"), text("ca/db-ca.crt")) << "before the exchange it means nothing";
  std::ofstream(out() / "ca/db-ca.next.key") << own.key;
  advance(ExchangeStage::trusting);
  render_again();
  EXPECT_THAT(text("db1/etc/gemel/pki/db-ca.crt"), HasSubstr(own.certificate));
}

TEST_F(Exchange, the_heartbeat_key_is_known_twice_in_between) {
  const Exchanged key_alone{{}, true};
  const auto host_has = [this] { return text("db1/etc/gemel/secrets/heartbeat.key"); };
  const auto former = host_has();
  advance(ExchangeStage::trusting, key_alone);
  EXPECT_EQ(render_again(), 0U);
  const auto next = text("secrets/heartbeat.key.next");
  EXPECT_EQ(host_has(), former + next);
  advance(ExchangeStage::issuing);
  EXPECT_EQ(render_again(), 0U) << "no certificate takes part";
  EXPECT_EQ(host_has(), next + former);
  advance(ExchangeStage::withdrawing);
  render_again();
  EXPECT_EQ(host_has(), next);
  EXPECT_EQ(text("secrets/heartbeat.key"), next);
  render_again();
  EXPECT_EQ(host_has(), next);
  advance(ExchangeStage::none);
  render_again();
  EXPECT_EQ(host_has(), next);
  EXPECT_EQ(text("secrets/heartbeat.key.next"), "");
}

TEST_F(Exchange, a_damaged_note_of_the_stage_stops_everything) {
  std::ofstream(out() / "ca/exchange") << "isuing\n";
  EXPECT_EQ(render(site_, out()).error().code, ErrorCode::corrupt);
  EXPECT_EQ(advance_exchange(site_, out(), inner).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace gemel::site
