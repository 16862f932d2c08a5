// Rendering and quoting: what goes into PostgreSQL's files must come out of them again, whatever the names are.
#include "adapters/postgres/configuration_files.h"

#include <gmock/gmock.h>

#include "adapters/postgres/quoting.h"

namespace gemel::adapters::postgres {
namespace {
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

PostgresConfig two_nodes() {
  PostgresConfig config;
  config.self = NodeId{"db1"};
  config.peers = {{NodeId{"db1"}, "10.0.0.1", 5432}, {NodeId{"db2"}, "fd00::2", 5433}};
  config.cgroup = "/sys/fs/cgroup/x";
  config.application.password = config.replication_password = config.rewind_password = "secret";
  return config;
}

TEST(Quoting, keeps_settings_inside_their_quotes) {
  EXPECT_EQ(quote_setting("plain"), "'plain'");
  EXPECT_EQ(quote_setting("a'b\\c\nd"), "'a''b\\\\c\\012d'");
}

TEST(Quoting, identifiers_literals_and_conninfo) {
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\'b"), "E'a\\\\''b'");
  EXPECT_EQ(make_conninfo({{"host", "db 1"}, {"password", "p'\\q"}, {"sslcert", ""}}),
            "host='db 1' password='p\\'\\\\q'");
  EXPECT_EQ(escape_passfile("a:b\\c"), "a\\:b\\\\c");
}

TEST(Names, all_members_must_confirm) {
  EXPECT_EQ(render_names_value({}), "");
  EXPECT_EQ(render_names_value({NodeId{"db2"}, NodeId{"db3"}}), "FIRST 2 (\"db2\",\"db3\")");
}

TEST(Names, are_read_back_as_written) {
  for (const NodeSet& names : {NodeSet{}, NodeSet{NodeId{"db2"}}, NodeSet{NodeId{"a'b"}, NodeId{"c\"d"}}}) {
    const auto read = parse_names_conf(render_names_conf(names));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, names);
  }
}

TEST(Names, edited_file_is_corrupt_not_empty) {
  const auto read = parse_names_conf("# name: db2\nsynchronous_standby_names = ''\n");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::corrupt);
  EXPECT_FALSE(parse_names_conf("").has_value());
}

TEST(Upstream, verifies_the_other_end_and_holds_no_password) {
  const auto text = render_upstream_conf(two_nodes(), NodeId{"db2"});
  for (const char* part : {"host=''db2''", "hostaddr=''fd00::2''", "port=''5433''", "sslmode=''verify-full''",
                           "application_name=''db1''", "user=''gemel_replication''", "channel_binding=''require''"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_EQ(parse_upstream_conf(text), NodeId{"db2"});
}

TEST(Upstream, nobody_is_empty) {
  const auto text = render_upstream_conf(two_nodes(), NodeId{});
  EXPECT_THAT(text, EndsWith("primary_conninfo = ''\n"));
  EXPECT_EQ(parse_upstream_conf(text), NodeId{});
  EXPECT_EQ(render_upstream_value(two_nodes(), NodeId{"stranger"}), "");
  EXPECT_FALSE(parse_upstream_conf("primary_conninfo = ''").has_value());
}

TEST(Conninfo, a_backup_never_counts_as_a_standby) {
  EXPECT_THAT(clone_conninfo(two_nodes(), NodeId{"db2"}), HasSubstr("application_name='gemel_clone'"));
}

TEST(Hba, has_no_trust_and_ends_by_refusing) {
  const auto text = render_hba(two_nodes());
  EXPECT_THAT(text,
              HasSubstr("hostssl replication gemel_replication 10.0.0.1/32 scram-sha-256 clientcert=verify-full\n"));
  EXPECT_THAT(text, HasSubstr("hostssl postgres gemel_rewind fd00::2/128 scram-sha-256 clientcert=verify-full\n"));
  EXPECT_THAT(text, HasSubstr("hostssl \"gemel\" \"cliqr\" all scram-sha-256\n"));
  EXPECT_THAT(text, EndsWith("reject\n"));
  EXPECT_THAT(text, Not(HasSubstr("trust")));
  EXPECT_THAT(text, Not(HasSubstr("md5")));
}

TEST(GemelConf, managed_settings_win_over_tuning) {
  auto config = two_nodes();
  config.tuning = {{"shared_buffers", "1GB"}, {"fsync", "off"}};
  const auto text = render_gemel_conf(config);
  EXPECT_THAT(text, HasSubstr("shared_buffers = '1GB'"));
  EXPECT_GT(text.find("fsync = 'on'"), text.find("fsync = 'off'"));
  EXPECT_NE(text.find("fsync = 'on'"), std::string::npos);
}

TEST(Config, names_every_mistake) {
  EXPECT_TRUE(validate(two_nodes()).empty());
  auto config = two_nodes();
  config.peers[1].address = "not an address";
  config.cgroup = "relative";
  config.rewind_password.clear();
  config.tuning["a'b"] = "x";
  EXPECT_EQ(validate(config).size(), 4U);
}

}  // namespace
}  // namespace gemel::adapters::postgres
