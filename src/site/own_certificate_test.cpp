#include "site/own_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "base/check.h"
#include "base/text.h"
#include "site/render.h"
#include "site/test_sites.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::chrono::days;
using std::chrono::sys_seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
const std::string dns_name = "mgmt.lab.test";
const OwnCertificateFiles files{"/x/mgmt.crt", "/x/mgmt.key", {}};

template <auto release>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    release(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

/// A certificate with its key, whatever is wrong with it.
struct Made {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;

  [[nodiscard]] std::string pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    GEMEL_CHECK(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    return text_of(bio.get());
  }
  [[nodiscard]] std::string key_pem(const std::string& phrase = {}) const {
    const Bio bio(BIO_new(BIO_s_mem()));
    const auto* cipher = phrase.empty() ? nullptr : EVP_aes_256_cbc();
    GEMEL_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), cipher, phrase.empty() ? nullptr : phrase.c_str(),
                                              static_cast<int>(phrase.size()), nullptr, nullptr) == 1);
    return text_of(bio.get());
  }
};

struct Wish {
  std::string name = dns_name;
  std::string names = "DNS:mgmt.lab.test";  // empty: none
  std::string usage = "serverAuth";
  sys_seconds begin = now - days(10);
  sys_seconds end = now + days(100);
  bool is_authority = false;
  EVP_PKEY* key = nullptr;  // taken; empty: ECDSA P-256
  const EVP_MD* digest = EVP_sha256();
};

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  GEMEL_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Signed by `issuer`, or by itself.
Made make(const Wish& wish, const Made* issuer = nullptr) {
  static long serial = 1;
  Made made;
  made.key.reset(wish.key == nullptr ? EVP_EC_gen("P-256") : wish.key, &EVP_PKEY_free);
  made.certificate.reset(X509_new(), &X509_free);
  auto* raw = made.certificate.get();
  const auto& signer = issuer == nullptr ? made : *issuer;
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(raw), wish.begin.time_since_epoch().count());
  ASN1_TIME_set(X509_getm_notAfter(raw), wish.end.time_since_epoch().count());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  X509_set_pubkey(raw, made.key.get());
  X509_set_issuer_name(raw, X509_get_subject_name(signer.certificate.get()));
  extend(raw, signer.certificate.get(), NID_basic_constraints,
         wish.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(raw, signer.certificate.get(), NID_key_usage,
         wish.is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  if (!wish.is_authority) {
    if (!wish.usage.empty()) extend(raw, raw, NID_ext_key_usage, wish.usage);
    if (!wish.names.empty()) extend(raw, raw, NID_subject_alt_name, wish.names);
  }
  GEMEL_CHECK(X509_sign(raw, signer.key.get(), wish.digest) != 0);
  return made;
}

/// A root, an authority below it, and what the latter signs.
struct Bought {
  Made root = make({.name = "Root", .is_authority = true});
  Made middle = make({.name = "Middle", .is_authority = true}, &root);
  Made leaf(const Wish& wish = {}) const { return make(wish, &middle); }
};

std::vector<std::string> faults_of(const std::string& certificate, const std::string& key,
                                   const std::string& authority = {}) {
  auto named = files;
  if (!authority.empty()) named.authority = "/x/root.crt";
  return examine_own_certificate({certificate, key, authority}, named, dns_name, now).faults;
}

std::vector<std::string> faults_of(const Bought& bought, const Wish& wish) {
  const auto leaf = bought.leaf(wish);
  return faults_of(leaf.pem() + bought.middle.pem(), leaf.key_pem(), bought.root.pem());
}

TEST(OwnCertificate, takes_a_chain_with_its_root_in_it_or_beside_it) {
  const Bought bought;
  const auto leaf = bought.leaf();
  const auto chain = leaf.pem() + bought.middle.pem();
  EXPECT_THAT(faults_of(chain, leaf.key_pem(), bought.root.pem()), IsEmpty());
  EXPECT_THAT(faults_of(chain + bought.root.pem(), leaf.key_pem()), IsEmpty());
  EXPECT_THAT(faults_of(chain + bought.root.pem(), leaf.key_pem(), bought.root.pem()), IsEmpty());
  EXPECT_THAT(faults_of(leaf.pem(), leaf.key_pem(), bought.middle.pem()), IsEmpty()) << "nobody needs more than that";
  EXPECT_THAT(faults_of(bought, {.names = "DNS:*.lab.test,DNS:other.test"}), IsEmpty());
  EXPECT_THAT(faults_of(bought, {.key = EVP_RSA_gen(2048)}), IsEmpty());
  EXPECT_THAT(faults_of(bought, {.usage = ""}), IsEmpty());
}

TEST(OwnCertificate, takes_one_that_signed_itself) {
  const auto leaf = make({});
  EXPECT_THAT(faults_of(leaf.pem(), leaf.key_pem()), IsEmpty());
}

TEST(OwnCertificate, gives_on_only_what_it_understood) {
  const Bought bought;
  const auto leaf = bought.leaf({.end = now + days(300)});
  const auto all = "Bag Attributes: mine\n" + leaf.key_pem() + leaf.pem() + "# middle\n" + bought.middle.pem();
  const auto examined = examine_own_certificate({all, all, bought.root.pem()}, files, dns_name, now);
  ASSERT_THAT(examined.faults, IsEmpty());
  EXPECT_EQ(examined.certificate.pair.certificate, leaf.pem() + bought.middle.pem()) << "and no key among them";
  EXPECT_EQ(examined.certificate.pair.key, leaf.key_pem());
  EXPECT_EQ(examined.certificate.ends, now + days(100)) << "the chain ends with the first of its certificates";
}

TEST(OwnCertificate, refuses_one_that_is_not_valid_now) {
  const Bought bought;
  EXPECT_THAT(faults_of(bought, {.end = now - days(1)}),
              ElementsAre(AllOf(HasSubstr("/x/mgmt.crt: the certificate has expired (" + date_of(now - days(1)) + ")"),
                                HasSubstr("put a renewed one there"))));
  EXPECT_THAT(faults_of(bought, {.begin = now + days(2)}),
              ElementsAre(HasSubstr("not valid yet, but from " + date_of(now + days(2)))));
  const auto old = make({.name = "Old", .end = now - days(3), .is_authority = true}, &bought.root);
  const auto leaf = make({}, &old);
  EXPECT_THAT(faults_of(leaf.pem() + old.pem(), leaf.key_pem(), bought.root.pem()),
              ElementsAre(HasSubstr("its chain's CN = Old has expired")));
}

TEST(OwnCertificate, refuses_a_key_that_does_not_belong_to_it) {
  const Bought bought;
  EXPECT_THAT(faults_of(bought.leaf().pem() + bought.middle.pem(), bought.leaf().key_pem(), bought.root.pem()),
              ElementsAre(AllOf(HasSubstr("/x/mgmt.key: the key does not belong to the certificate in /x/mgmt.crt"),
                                HasSubstr("made together"))));
}

TEST(OwnCertificate, refuses_a_key_that_cannot_be_read) {
  const Bought bought;
  const auto leaf = bought.leaf();
  const auto chain = leaf.pem() + bought.middle.pem();
  EXPECT_THAT(faults_of(chain, leaf.key_pem("a pass phrase"), bought.root.pem()),
              ElementsAre(AllOf(HasSubstr("the key is encrypted"), HasSubstr("openssl pkey -in"))));
  for (const std::string& key : {std::string("nothing"), std::string(), leaf.key_pem().substr(40)})
    EXPECT_THAT(faults_of(chain, key, bought.root.pem()),
                ElementsAre(HasSubstr("/x/mgmt.key: it holds no private key")));
}

TEST(OwnCertificate, refuses_one_for_other_names) {
  const Bought bought;
  EXPECT_THAT(faults_of(bought, {.names = "DNS:www.lab.test,DNS:*.mgmt.lab.test"}),
              ElementsAre(AllOf(HasSubstr("is for www.lab.test, *.mgmt.lab.test, not for mgmt.lab.test"),
                                HasSubstr("correct dns_name"))));
  EXPECT_THAT(faults_of(bought, {.names = ""}), ElementsAre(HasSubstr("no DNS name at all")))
      << "a common name is not heeded";
  EXPECT_THAT(faults_of(bought, {.usage = "clientAuth"}), ElementsAre(HasSubstr("not meant for servers")));
}

TEST(OwnCertificate, refuses_a_chain_with_a_gap) {
  const Bought bought;
  const auto leaf = bought.leaf();
  EXPECT_THAT(faults_of(leaf.pem(), leaf.key_pem()),
              ElementsAre(AllOf(HasSubstr("the chain is not complete"), HasSubstr("signed by CN = Middle"),
                                HasSubstr("name its file as \"authority\""))));
  EXPECT_THAT(faults_of(leaf.pem(), leaf.key_pem(), bought.root.pem()),
              ElementsAre(AllOf(HasSubstr("/x/root.crt: the authority in it did not sign"), HasSubstr("CN = Middle"))));
  EXPECT_THAT(faults_of(leaf.pem() + bought.root.pem(), leaf.key_pem()),
              ElementsAre(AllOf(HasSubstr("not complete: CN = mgmt.lab.test was signed by CN = Middle"),
                                HasSubstr("put that one after it"))));
  const Bought other;
  EXPECT_THAT(faults_of(leaf.pem() + bought.middle.pem(), leaf.key_pem(), other.root.pem()),
              ElementsAre(HasSubstr("the authority in it did not sign")))
      << "a root of the same name is not the same root";
}

TEST(OwnCertificate, refuses_a_chain_out_of_order) {
  const Bought bought;
  const auto leaf = bought.leaf();
  EXPECT_THAT(
      faults_of(leaf.pem() + bought.root.pem() + bought.middle.pem(), leaf.key_pem()),
      ElementsAre(AllOf(HasSubstr("not in order: after CN = mgmt.lab.test comes CN = Root, but CN = Middle signed it"),
                        HasSubstr("each after the one it signed"))));
  EXPECT_THAT(faults_of(bought.middle.pem() + leaf.pem(), leaf.key_pem(), bought.root.pem()),
              ElementsAre(HasSubstr("not in order: the key belongs to certificate 2 in it")));
  EXPECT_THAT(faults_of(leaf.pem() + bought.middle.pem() + bought.root.pem() + bought.middle.pem(), leaf.key_pem()),
              ElementsAre(AllOf(HasSubstr("after CN = Root, which signed itself"), HasSubstr("take that out"))));
}

TEST(OwnCertificate, refuses_weak_keys_and_signatures) {
  const Bought bought;
  EXPECT_THAT(faults_of(bought, {.key = EVP_RSA_gen(1024)}),
              ElementsAre(AllOf(HasSubstr("its key is RSA of 1024 bits"), HasSubstr("ECDSA P-256 or RSA 2048"))));
  EXPECT_THAT(faults_of(bought, {.key = EVP_EC_gen("secp224r1")}), ElementsAre(HasSubstr("elliptic curve secp224r1")));
  EXPECT_THAT(faults_of(bought, {.key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")}), Not(IsEmpty()));
  EXPECT_THAT(faults_of(bought, {.digest = EVP_sha1()}),
              ElementsAre(AllOf(HasSubstr("clients would not accept"), HasSubstr("too weak"))));
}

TEST(OwnCertificate, says_everything_at_once) {
  const Bought bought;
  EXPECT_THAT(faults_of(bought, {.names = "DNS:a.test", .end = now - days(1), .key = EVP_RSA_gen(1024)}), SizeIs(3));
  EXPECT_THAT(faults_of("", "", "nonsense"),
              ElementsAre(HasSubstr("/x/mgmt.crt: it holds no certificate"), HasSubstr("/x/root.crt: it holds no")));
  auto damaged = bought.leaf().pem() + bought.middle.pem();
  damaged.replace(damaged.rfind("BEGIN") + 40, 20, "????????????????????");
  EXPECT_THAT(faults_of(damaged, bought.leaf().key_pem()), ElementsAre(HasSubstr("certificate 2 in it is damaged")));
}

TEST(OwnCertificate, says_on_which_hosts_it_ends_soon) {
  auto site = *parse_site(test::good_site(), "site.toml").site;
  site.own_certificate = files;
  OwnCertificate own;
  own.ends = now + days(31);
  EXPECT_THAT(findings_of(own, site, now), IsEmpty());
  own.ends = now + days(12);
  auto findings = findings_of(own, site, now);
  ASSERT_THAT(findings, SizeIs(3)) << "two managers and a balancer";
  EXPECT_FALSE(findings[0].is_blocking);
  EXPECT_EQ(findings[0].code, ProblemCode::certificate_ends);
  EXPECT_THAT(sentence_of(findings[0]),
              AllOf(HasSubstr("ends in 12 days, on " + date_of(own.ends)), HasSubstr("gemel apply")));
  own.ends = now + days(300);
  own.is_key_open_to_all = true;
  findings = findings_of(own, site, now);
  ASSERT_THAT(findings, SizeIs(3));
  EXPECT_EQ(findings[2].host, "lb1");
  EXPECT_THAT(sentence_of(findings[2]), HasSubstr("chmod 600"));
}

/// Files of an operator beside a site file.
class OwnCertificateOfASite : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gemel-own-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    put(bought_.leaf());
    write("root.crt", bought_.root.pem());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name) << text;
    ASSERT_EQ(::chmod((root_ / name).c_str(), 0600), 0);
  }
  void put(const Made& leaf) {
    write("mgmt.crt", leaf.pem() + bought_.middle.pem());
    write("mgmt.key", leaf.key_pem());
  }
  [[nodiscard]] Site site(const std::string& text) const {
    auto outcome = parse_site(text, (root_ / "site.toml").string());
    for (const auto& mistake : outcome.mistakes) ADD_FAILURE() << to_string(mistake);
    return outcome.site.value_or(Site{});
  }
  [[nodiscard]] Site own_site() const { return site(test::good_site() + section_); }
  [[nodiscard]] std::string file(const std::string& name) const {
    const auto text = read_if_there(root_ / "out" / name);
    return text && text->has_value() ? **text : "(none)";
  }
  [[nodiscard]] std::filesystem::path out() const { return root_ / "out"; }

  Bought bought_;
  std::string section_ = "\n[certificates]\ncertificate = \"mgmt.crt\"\nkey = \"mgmt.key\"\nauthority = \"root.crt\"\n";
  std::filesystem::path root_;
};

TEST_F(OwnCertificateOfASite, is_what_users_see_and_the_inner_one_stays) {
  ASSERT_TRUE(render(site(test::good_site()), out()));
  const auto inner = file("ccm1/etc/gemel/pki/web.crt");
  const auto made = file("lb1/etc/gemel/pki/mgmtserver.pem");
  ASSERT_TRUE(render(own_site(), out())) << render(own_site(), out()).error().message;
  const auto chain = file("../mgmt.crt");
  EXPECT_EQ(file("lb1/etc/gemel/pki/mgmtserver.pem"), chain + file("../mgmt.key"));
  for (const std::string host : {"ccm1", "ccm2"}) {
    EXPECT_EQ(file(host + "/etc/gemel/pki/mgmtserver.crt"), chain);
    EXPECT_EQ(file(host + "/etc/gemel/pki/mgmtserver.key"), file("../mgmt.key"));
  }
  EXPECT_EQ(file("ccm1/etc/gemel/pki/web.crt"), inner);
  EXPECT_THAT(file("ccm1/.permissions"),
              AllOf(HasSubstr("0644 gemel-manager:gemel-manager /etc/gemel/pki/mgmtserver.crt\n"),
                    HasSubstr("0600 gemel-manager:gemel-manager /etc/gemel/pki/mgmtserver.key\n")));
  EXPECT_THAT(file("lb1/.permissions"), HasSubstr("0600 root:root /etc/gemel/pki/mgmtserver.pem\n"));
  EXPECT_EQ(file("db1/etc/gemel/pki/mgmtserver.pem"), "(none)");
  EXPECT_THAT(file("summary.txt"), HasSubstr("mgmt.crt, your own, until " + date_of(now + days(100))));

  ASSERT_TRUE(render(site(test::good_site()), out()));
  EXPECT_THAT(file("lb1/etc/gemel/pki/mgmtserver.pem"), AllOf(Not(HasSubstr(chain)), Not(testing::Eq(made))))
      << "without the section the site's own authority makes one again";
}

TEST_F(OwnCertificateOfASite, renewed_takes_the_place_of_the_former) {
  ASSERT_TRUE(render(own_site(), out()));
  put(bought_.leaf({.end = now + days(20)}));
  const auto rendered = render(own_site(), out());
  ASSERT_TRUE(rendered);
  EXPECT_EQ(file("ccm2/etc/gemel/pki/mgmtserver.crt"), file("../mgmt.crt"));
  EXPECT_EQ(rendered->certificates_issued, 0U);
  EXPECT_THAT(rendered->findings, SizeIs(3)) << "it ends within 30 days";
}

TEST_F(OwnCertificateOfASite, that_is_of_no_use_is_refused_before_anything_is_written) {
  put(bought_.leaf({.end = now - days(1)}));
  const auto refused = render(own_site(), out());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr((root_ / "mgmt.crt").string() + ": the certificate has expired"),
                                             HasSubstr("take the section out"), HasSubstr("nothing was changed")));
  EXPECT_FALSE(std::filesystem::exists(out()));

  std::filesystem::remove(root_ / "mgmt.key");
  std::filesystem::remove(root_ / "mgmt.crt");
  std::filesystem::create_directory(root_ / "mgmt.crt");
  const auto missing = render(own_site(), out());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message,
              AllOf(HasSubstr("mgmt.key: there is no such file"), HasSubstr("that is no file")));
}

TEST_F(OwnCertificateOfASite, whose_key_lies_open_is_worth_a_word) {
  ASSERT_EQ(::chmod((root_ / "mgmt.key").c_str(), 0644), 0);
  const auto rendered = render(own_site(), out());
  ASSERT_TRUE(rendered);
  ASSERT_THAT(rendered->findings, SizeIs(3));
  EXPECT_EQ(rendered->findings[0].code, ProblemCode::key_open);
}

TEST(SiteCertificates, paths_begin_at_the_site_file) {
  const auto own = [](const std::string& section, const std::string& file) {
    return parse_site(test::good_site() + section, file).site.value_or(Site{}).own_certificate;
  };
  const std::string section = "[certificates]\ncertificate = \"tls/a.crt\"\nkey = \"/etc/a.key\"\n";
  EXPECT_EQ(own(section, "/site/site.toml"), (OwnCertificateFiles{"/site/tls/a.crt", "/etc/a.key", {}}));
  EXPECT_EQ(own(section + "authority = \"../b.crt\"\n", "site.toml"),
            (OwnCertificateFiles{"tls/a.crt", "/etc/a.key", "../b.crt"}));
  EXPECT_EQ(own("", "site.toml"), std::nullopt);
}

TEST(SiteCertificates, a_certificate_without_its_key_is_a_mistake_at_its_place) {
  const auto mistakes = [](const std::string& keys) {
    const auto outcome = parse_site(test::good_site() + "[certificates]\n" + keys, "site.toml");
    EXPECT_FALSE(outcome.site);
    std::string all;
    for (const auto& mistake : outcome.mistakes) all += to_string(mistake) + "\n";
    return all;
  };
  const auto line = std::to_string(split(test::good_site(), '\n').size() + 1);
  EXPECT_THAT(mistakes("certificate = \"a.crt\"\n"),
              HasSubstr("site.toml:" + line + ":15: [certificates]: \"key\" is missing"));
  EXPECT_THAT(mistakes("key = \"a.key\"\n"), HasSubstr("\"certificate\" is missing"));
  EXPECT_THAT(mistakes("authority = \"a.crt\"\n"), HasSubstr("\"certificate\" is missing"));
  EXPECT_THAT(mistakes(""), HasSubstr("leave the section out"));
  EXPECT_THAT(mistakes("certificate = \"a\"\nkey = \"\"\n"), HasSubstr("an empty path"));
  EXPECT_THAT(mistakes("certificate = \"a\"\nkey = \"b\"\nauthorty = \"c\"\n"),
              HasSubstr("Did you mean \"authority\"?"));
}

}  // namespace
}  // namespace gemel::site
