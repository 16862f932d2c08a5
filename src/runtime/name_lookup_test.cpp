#include "runtime/name_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Found = Result<std::vector<std::string>>;

Task<void> look(std::string name, Duration limit, Found* found) {
  *found = co_await look_up_addresses(std::move(name), limit);
}

Found found_for(const std::string& name, Duration limit = std::chrono::seconds(10)) {
  TestLoop loop;
  Found found = fail(ErrorCode::corrupt, "not asked");
  loop.run(look(name, limit, &found));
  return found;
}

TEST(NameLookup, a_literal_is_its_own_address) {
  EXPECT_THAT(found_for("10.0.0.5").value(), ElementsAre("10.0.0.5"));
  EXPECT_THAT(found_for("fd00::5").value(), ElementsAre("fd00::5"));
}

TEST(NameLookup, a_name_has_the_addresses_that_the_system_knows) {
  const auto found = found_for("localhost");
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_THAT(*found, Not(IsEmpty()));
  EXPECT_THAT(*found, Each(AnyOf("127.0.0.1", "::1")));
}

TEST(NameLookup, a_name_that_nobody_knows_is_an_error_that_names_it) {
  const auto found = found_for("no-such-name.invalid");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::unavailable);
  EXPECT_THAT(found.error().message, HasSubstr("no address for no-such-name.invalid"));
}

}  // namespace
}  // namespace gemel::runtime
