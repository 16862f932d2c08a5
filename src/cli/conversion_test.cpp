#include "cli/conversion.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cli/applied_site.h"
#include "runtime/files.h"
#include "site/test_sites.h"

namespace gemel::cli {
namespace {

TEST(Conversion, the_command_is_what_a_shell_reads) {
  SetupOptions options;
  EXPECT_EQ(convert_command(options, "/x/site.toml"), "gemel convert /x/site.toml");
  options.state = "/var/lib/my sites";
  options.key = "/root/.ssh/id_ed25519";
  options.packages = "/pkg";
  options.port = 2222;
  EXPECT_EQ(convert_command(options, "/x/site.toml"),
            "gemel convert /x/site.toml --state '/var/lib/my sites' --key /root/.ssh/id_ed25519 --packages /pkg "
            "--port 2222");
}

class AppliedSite : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "gemel-applied-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(AppliedSite, is_what_the_last_finished_run_made) {
  const std::string id = "4a7d3a5e-0000-4000-8000-000000000000";
  EXPECT_FALSE(applied_site(folder_));
  ASSERT_TRUE(note_applied(folder_, *site::parse_site(site::test::standalone_site(), "s").site, id));
  ASSERT_TRUE(applied_site(folder_));
  EXPECT_EQ(applied_site(folder_)->hosts.at(0).role, "CCM_SA");
  ASSERT_TRUE(note_applied(folder_, *site::parse_site(site::test::good_site(), "s").site, id));
  EXPECT_EQ(applied_site(folder_)->hosts.at(0).role, "CCM_SA_PRIMARY");
  EXPECT_EQ(applied_site(folder_)->site, "lab");
  ASSERT_TRUE(forget_applied(folder_));
  EXPECT_FALSE(applied_site(folder_));
  EXPECT_TRUE(forget_applied(folder_)) << "what is gone is gone";
}

TEST_F(AppliedSite, that_cannot_be_read_counts_as_none) {
  ASSERT_TRUE(runtime::write_file_durably(folder_ / "applied.toml", "hosts = 7", 0600));
  EXPECT_FALSE(applied_site(folder_));
}

}  // namespace
}  // namespace gemel::cli
