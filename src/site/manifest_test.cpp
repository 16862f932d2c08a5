#include "site/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "site/render.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gemel-manifest-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    site_ = *parse_site(test::good_site(), "site.toml").site;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
  Site site_;
};

TEST_F(ManifestTest, says_what_render_wrote) {
  const auto rendered = render(site_, directory_);
  ASSERT_TRUE(rendered) << rendered.error().to_string();
  const auto manifest = read_manifest(site_, directory_);
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  EXPECT_EQ(manifest->site_id, rendered->site_id);
  const auto& files = manifest->hosts.at("ccm1");
  const auto key = std::ranges::find(files, "/etc/gemel/pki/web.key", &ManifestFile::path);
  ASSERT_NE(key, files.end());
  EXPECT_EQ(key->mode, 0600U);
  EXPECT_EQ(key->owner, "gemel-manager");
  EXPECT_EQ(key->sha256.size(), 64U);
  EXPECT_TRUE(std::filesystem::exists(key->source));
  EXPECT_EQ(files.front().path, "/etc/gemel");
  EXPECT_TRUE(files.front().is_directory);
}

TEST_F(ManifestTest, a_tree_that_is_not_rendered_is_not_found) {
  EXPECT_EQ(read_manifest(site_, directory_).error().code, ErrorCode::not_found);
}

TEST_F(ManifestTest, a_damaged_list_is_corrupt) {
  ASSERT_TRUE(render(site_, directory_));
  std::ofstream(directory_ / "db1" / ".permissions") << "0644 root /etc/gemel\n";
  EXPECT_EQ(read_manifest(site_, directory_).error().code, ErrorCode::corrupt);
}

TEST(Sha256, is_the_published_one) {  // FIPS 180-4, "abc"
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace gemel::site
