#include "site/render.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/text.h"
#include "site/certificates.h"
#include "site/test_sites.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::filesystem::path;
using testing::HasSubstr;
using testing::Not;

struct Output {
  int status = -1;
  std::string text;
};

Output run(const std::string& command) {
  Output output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return output;
  std::array<char, 4096> buffer{};
  for (std::size_t size = 0; (size = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.text.append(buffer.data(), size);
  output.status = ::pclose(pipe);
  return output;
}

std::string content(const path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::map<std::string, std::string> all_files(const path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files[entry.path().lexically_relative(directory).string()] = content(entry.path());
  }
  return files;
}

Site site_of(const std::string& text) {
  auto outcome = parse_site(text, "site.toml");
  for (const auto& mistake : outcome.mistakes) ADD_FAILURE() << to_string(mistake);
  return outcome.site.value_or(Site{});
}

class Render : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gemel-render-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  path out() const { return root_ / "out"; }
  path root_;
};

TEST_F(Render, gives_each_host_exactly_the_files_of_its_role) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const std::set<std::string> every{"host.toml", "pki/agent-ca.crt", "pki/agent.crt", "pki/agent.key"};
  const std::set<std::string> voter{"pki/etcd-ca.crt",     "pki/etcd-peer.crt",   "pki/etcd-peer.key",
                                    "pki/etcd-server.crt", "pki/etcd-server.key", "pki/etcd-client.crt",
                                    "pki/etcd-client.key"};
  const std::set<std::string> manager{"pki/manager-agent.crt", "pki/manager-agent.key", "pki/web-ca.crt",
                                      "pki/web.crt",           "pki/web.key",           "pki/mgmtserver.crt",
                                      "pki/mgmtserver.key",    "pki/db-ca.crt",         "secrets/application.password"};
  const std::set<std::string> database{"pki/etcd-ca.crt",         "pki/etcd-client.crt",
                                       "pki/etcd-client.key",     "pki/db-ca.crt",
                                       "pki/postgres.crt",        "pki/postgres.key",
                                       "pki/replication.crt",     "pki/replication.key",
                                       "pki/rewind.crt",          "pki/rewind.key",
                                       "secrets/heartbeat.key",   "secrets/replication.password",
                                       "secrets/rewind.password", "secrets/application.password"};
  const std::set<std::string> balancer{"pki/web-ca.crt", "pki/mgmtserver.pem", "secrets/statistics.password"};
  const std::map<std::string, std::vector<std::set<std::string>>> wanted{{"ccm1", {every, voter, manager}},
                                                                         {"ccm2", {every, voter, manager}},
                                                                         {"db1", {every, database}},
                                                                         {"db2", {every, database}},
                                                                         {"lb1", {every, voter, balancer}}};
  for (const auto& [host, parts] : wanted) {
    std::set<std::string> expected;
    for (const auto& part : parts) expected.insert(part.begin(), part.end());
    std::set<std::string> found;
    for (const auto& [name, text] : all_files(out() / host / "etc/gemel")) found.insert(name);
    EXPECT_EQ(found, expected) << host;
  }
}

TEST_F(Render, permissions_name_each_path_and_agree_with_the_files) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  for (const std::string host : {"ccm1", "db1", "lb1"}) {
    std::set<std::string> noted;
    for (const auto& line : split(trim(content(out() / host / ".permissions")), '\n')) {
      const auto words = split(line, ' ');
      ASSERT_EQ(words.size(), 3U) << line;
      struct stat facts{};
      ASSERT_EQ(::stat((out().string() + "/" + host + words[2]).c_str(), &facts), 0) << line;
      EXPECT_EQ(facts.st_mode & 07777U, std::stoul(words[0], nullptr, 8)) << line;
      const bool is_secret =
          words[2].ends_with(".key") || words[2].ends_with(".pem") || words[2].ends_with(".password");
      EXPECT_EQ(words[0] == "0600", is_secret) << line;
      if (S_ISREG(facts.st_mode)) noted.insert(words[2].substr(std::string("/etc/gemel/").size()));
    }
    std::set<std::string> found;
    for (const auto& [name, text] : all_files(out() / host / "etc/gemel")) found.insert(name);
    EXPECT_EQ(noted, found);
  }
  const auto managers = content(out() / "ccm1/.permissions");
  for (const std::string line : {"0600 gemel-manager:gemel-manager /etc/gemel/pki/web.key\n",
                                 "0600 gemel-manager:gemel-manager /etc/gemel/secrets/application.password\n",
                                 "0600 root:root /etc/gemel/pki/agent.key\n", "0755 root:root /etc/gemel/pki\n"}) {
    EXPECT_THAT(managers, HasSubstr(line));
  }
  EXPECT_THAT(content(out() / "db1/.permissions"),
              HasSubstr("0600 root:root /etc/gemel/secrets/application.password\n"));
}

TEST_F(Render, second_time_changes_nothing) {
  const auto site = site_of(test::good_site());
  const auto first = render(site, out());
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_GT(first->certificates_issued, 20U);
  const auto before = all_files(out());
  const auto second = render(site, out());
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(second->certificates_issued, 0U);
  EXPECT_EQ(second->site_id, first->site_id);
  EXPECT_EQ(all_files(out()), before);
}

TEST_F(Render, restores_what_is_missing_and_gives_a_new_host_the_same_secrets) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const auto before = all_files(out());
  std::filesystem::remove(out() / "db1/etc/gemel/pki/postgres.key");
  std::filesystem::remove_all(out() / "lb1");
  const auto again = render(site_of(test::good_site() + test::host("db3", "MGMTPOSTGRES_SLAVE", "23", "c")), out());
  ASSERT_TRUE(again) << again.error().to_string();
  const auto after = all_files(out());
  EXPECT_NE(after.at("db1/etc/gemel/pki/postgres.crt"), before.at("db1/etc/gemel/pki/postgres.crt"));
  EXPECT_EQ(after.at("db1/etc/gemel/pki/replication.crt"), before.at("db1/etc/gemel/pki/replication.crt"));
  EXPECT_EQ(after.at("db3/etc/gemel/secrets/heartbeat.key"), before.at("db1/etc/gemel/secrets/heartbeat.key"));
  EXPECT_EQ(after.at("lb1/etc/gemel/secrets/statistics.password"), before.at("secrets/statistics.password"));
  EXPECT_EQ(after.at("ca/db-ca.key"), before.at("ca/db-ca.key"));
}

TEST_F(Render, issues_again_when_an_address_changes) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  auto text = test::good_site();
  text.replace(text.find("10.77.0.100"), 11, "10.77.0.101");
  const auto again = render(site_of(text), out());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->certificates_issued, 2U);  // the two PostgreSQL servers carry the virtual address
}

TEST_F(Render, touches_neither_another_site_nor_a_directory_of_other_things) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const auto before = all_files(out());
  auto text = test::good_site();
  text.replace(text.find("\"lab\""), 5, "\"other\"");
  EXPECT_EQ(render(site_of(text), out()).error().code, ErrorCode::conflict);
  auto twin = test::good_site();
  twin.insert(twin.find("dns_name"), "id = \"11111111-1111-4111-8111-111111111111\"\n");
  EXPECT_EQ(render(site_of(twin), out()).error().code, ErrorCode::conflict);
  EXPECT_EQ(all_files(out()), before);
  const auto full = root_ / "full";
  std::filesystem::create_directory(full);
  std::ofstream(full / "thesis.txt") << "mine";
  EXPECT_EQ(render(site_of(test::good_site()), full).error().code, ErrorCode::conflict);
  EXPECT_EQ(all_files(full).size(), 1U);
}

TEST_F(Render, never_overwrites_a_damaged_authority_or_secret) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  std::ofstream(out() / "ca/db-ca.key") << "damaged";
  EXPECT_EQ(render(site_of(test::good_site()), out()).error().code, ErrorCode::refused);
  EXPECT_EQ(content(out() / "ca/db-ca.key"), "damaged");
}

TEST_F(Render, refuses_an_authority_that_nobody_would_believe) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const auto refusal = [&](const std::string& certificate, const std::string& key) {
    std::ofstream(out() / "ca/web-ca.crt") << certificate;
    std::ofstream(out() / "ca/web-ca.key") << key;
    const auto rendered = render(site_of(test::good_site()), out());
    return rendered ? std::string("none") : rendered.error().message;
  };
  const auto good = make_authority("own", std::chrono::days(100));
  const auto other = make_authority("own", std::chrono::days(100));
  const auto expired = make_authority("own", std::chrono::days(-1));
  const auto leaf = issue_certificate(*good, {CertificateUse::web, "own", {}, {}, "gemel:lab:web:ccm1"});
  EXPECT_THAT(refusal(expired->certificate, expired->key), HasSubstr("has expired"));
  EXPECT_THAT(refusal(good->certificate, other->key), HasSubstr("does not belong"));
  EXPECT_THAT(refusal(leaf->certificate, leaf->key), HasSubstr("not that of an authority"));
  EXPECT_EQ(refusal(good->certificate, good->key), "none");
}

TEST_F(Render, keeps_secrets_from_others) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const auto files = all_files(out());
  for (const auto& [name, text] : files) {
    if (!name.starts_with("secrets/")) continue;
    const std::string secret(trim(text));
    EXPECT_GE(secret.size(), 22U);
    EXPECT_THAT(files.at("summary.txt"), Not(HasSubstr(secret)));
    for (const auto& host : {"ccm1", "db1", "lb1"}) {
      EXPECT_THAT(files.at(std::string(host) + "/etc/gemel/host.toml"), Not(HasSubstr(secret)));
    }
  }
  for (const auto& [name, text] : files) {
    const bool is_authority_key = name.ends_with("-ca.key");
    EXPECT_TRUE(!is_authority_key || name.starts_with("ca/")) << name;
    if (text.find("PRIVATE KEY") == std::string::npos) continue;
    struct stat facts{};
    ASSERT_EQ(::stat((out() / name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0600U) << name;
  }
}

TEST_F(Render, openssl_accepts_every_certificate_strictly) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const std::map<std::string, std::string> authority_of{
      {"agent", "agent"},      {"manager-agent", "agent"}, {"etcd-peer", "etcd"}, {"etcd-server", "etcd"},
      {"etcd-client", "etcd"}, {"postgres", "db"},         {"replication", "db"}, {"rewind", "db"},
      {"web", "web"},          {"mgmtserver", "web"}};
  const std::map<std::string, std::string> purposes{
      {"agent", "both"},         {"manager-agent", "client"}, {"etcd-peer", "both"},     {"etcd-server", "both"},
      {"etcd-client", "client"}, {"postgres", "server"},      {"replication", "client"}, {"rewind", "client"},
      {"web", "server"},         {"mgmtserver", "server"}};
  for (const std::string host : {"ccm1", "db1", "lb1"}) {
    for (const auto& entry : std::filesystem::directory_iterator(out() / host / "etc/gemel/pki")) {
      const auto stem = entry.path().stem().string();
      if (entry.path().extension() == ".key" || stem.ends_with("-ca")) continue;
      for (const std::string purpose : {"client", "server"}) {
        const auto verified = run("openssl verify -x509_strict -purpose ssl" + purpose + " -CAfile " + out().string() +
                                  "/ca/" + authority_of.at(stem) + "-ca.crt " + entry.path().string());
        const bool is_meant = purposes.at(stem) == purpose || purposes.at(stem) == "both";
        EXPECT_EQ(verified.status == 0, is_meant) << entry.path() << " " << purpose << ": " << verified.text;
      }
      const auto stranger = authority_of.at(stem) == "db" ? "agent" : "db";
      EXPECT_NE(run("openssl verify -CAfile " + out().string() + "/ca/" + stranger + "-ca.crt " + entry.path().string())
                    .status,
                0);
    }
  }
}

TEST_F(Render, certificates_carry_their_names) {
  ASSERT_TRUE(render(site_of(test::good_site()), out()));
  const auto names = [&](const std::string& file) {
    return run("openssl x509 -noout -subject -ext subjectAltName,keyUsage -in " + (out() / file).string()).text;
  };
  const auto postgres = names("db1/etc/gemel/pki/postgres.crt");
  for (const std::string part :
       {"CN = db1", "DNS:db1", "IP Address:10.77.0.21", "IP Address:FD77:0:0:0:0:0:0:21", "IP Address:10.77.0.100",
        "IP Address:FD77:0:0:0:0:0:0:100", "URI:gemel:lab:postgres:db1", "Digital Signature"}) {
    EXPECT_THAT(postgres, HasSubstr(part));
  }
  EXPECT_THAT(names("db1/etc/gemel/pki/replication.crt"), HasSubstr("CN = gemel_replication"));
  EXPECT_THAT(names("db1/etc/gemel/pki/rewind.crt"), HasSubstr("CN = gemel_rewind"));
  EXPECT_THAT(names("ccm1/etc/gemel/pki/web.crt"), HasSubstr("DNS:mgmt.lab.test"));
  EXPECT_THAT(names("ccm1/etc/gemel/pki/manager-agent.crt"), HasSubstr("URI:gemel:lab:manager:ccm1"));
  const auto balancer = names("lb1/etc/gemel/pki/mgmtserver.pem");
  for (const std::string part :
       {"DNS:mgmt.lab.test", "DNS:lb1", "IP Address:10.77.0.31", "URI:gemel:lab:balancer:lb1"}) {
    EXPECT_THAT(balancer, HasSubstr(part));
  }
}

TEST_F(Render, host_toml_loads) {
  ASSERT_TRUE(render(site_of(test::compact_site()), out()));
  const auto config = load_host_config(out() / "two/etc/gemel/host.toml");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->self_name, "two");
  EXPECT_TRUE(config->self().concepts.balancer);
}

TEST_F(Render, a_chosen_password_is_kept_and_a_default_one_refused) {
  const auto site = site_of(test::good_site());
  EXPECT_EQ(render(site, out(), "cliqr").error().code, ErrorCode::invalid);
  EXPECT_FALSE(std::filesystem::exists(out()));
  const std::string chosen = "mQ7-fK2_xW9pLr4TzB6vNc";
  ASSERT_TRUE(render(site, out(), chosen));
  ASSERT_TRUE(render(site, out()));
  ASSERT_TRUE(render(site, out(), chosen));
  for (const auto* host : {"ccm1", "ccm2", "db1", "db2"})
    EXPECT_EQ(*read_if_there(out() / host / "etc/gemel/secrets/application.password"), chosen + "\n") << host;
  EXPECT_EQ(render(site, out(), chosen + "x").error().code, ErrorCode::conflict)
      << "changing it takes more than a file";
}

TEST_F(Render, two_at_once_are_kept_apart) {
  const auto site = site_of(test::good_site());
  ASSERT_TRUE(render(site, out()));
  const int other = ::open(out().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(other, 0);
  ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(render(site, out()).error().code, ErrorCode::conflict);
  ::close(other);
  EXPECT_TRUE(render(site, out()));
}

}  // namespace
}  // namespace gemel::site
