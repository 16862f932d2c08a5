#include "runtime/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gemel::runtime {
namespace {

class Files : public testing::Test {
 protected:
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-files-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~Files() override { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::ptrdiff_t count() const {
    return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  }
  std::filesystem::path folder;
};

TEST_F(Files, reads_what_was_written_with_the_mode_asked_for) {
  const std::string content(100'000, 'x');
  const mode_t before = umask(077);
  ASSERT_TRUE(write_file_durably(folder / "a", content, 0644));
  umask(before);
  EXPECT_EQ(read_file(folder / "a").value(), content);
  struct stat status{};
  ASSERT_EQ(stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  EXPECT_EQ(count(), 1);
}

TEST_F(Files, replaces_the_whole_file) {
  ASSERT_TRUE(write_file_durably(folder / "a", "a long first content", 0600));
  ASSERT_TRUE(write_file_durably(folder / "a", "short", 0600));
  EXPECT_EQ(read_file(folder / "a").value(), "short");
}

TEST_F(Files, a_failed_write_leaves_nothing_behind) {
  std::filesystem::create_directory(folder / "occupied");
  EXPECT_FALSE(write_file_durably(folder / "occupied", "x", 0600));  // rename over a folder
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(write_file_durably(folder / "no" / "a", "x", 0600).error().code, ErrorCode::not_found);
}

TEST_F(Files, removes_and_does_not_mind_that_nothing_was_there) {
  ASSERT_TRUE(write_file_durably(folder / "a", "x", 0600));
  EXPECT_TRUE(remove_file_durably(folder / "a"));
  EXPECT_TRUE(remove_file_durably(folder / "a"));
  EXPECT_EQ(count(), 0);
}

TEST_F(Files, says_why_it_cannot_read) {
  EXPECT_EQ(read_file(folder / "none").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(folder).error().code, ErrorCode::unavailable);  // a folder
}

}  // namespace
}  // namespace gemel::runtime
