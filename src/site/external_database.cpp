#include "site/external_database.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/text.h"
#include "site/network_address.h"
#include "site/own_certificate.h"
#include "site/pem.h"
#include "site/secrets.h"
#include "site/site_checks.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

constexpr mode_t any_other = 0077;
constexpr std::size_t longest_password = 1000;

/// A port without sign or leading zero; nullopt for anything else.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || text.front() == '0' || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return port;
}

/// Reads one file and collects what is wrong with it.
class Examiner {
 public:
  Examiner(std::filesystem::path file, std::vector<std::string>& faults) : file_(std::move(file)), faults_(faults) {}
  std::string authorities(std::chrono::sys_seconds now);
  std::string password();

 private:
  void add(const std::string& sentence) { faults_.push_back(fmt::format("{}: {}", file_.string(), sentence)); }
  std::optional<std::string> read(std::string_view key);

  std::filesystem::path file_;
  std::vector<std::string>& faults_;
};

std::optional<std::string> Examiner::read(std::string_view key) {
  struct stat facts{};
  if (::stat(file_.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
    add(fmt::format("that is no file; name one as \"{}\" in [database]", key));
    return std::nullopt;
  }
  auto text = read_if_there(file_);
  if (!text) {
    faults_.push_back(text.error().to_string() + "; let this user read it");
    return std::nullopt;
  }
  if (!text->has_value()) add(fmt::format("there is no such file; correct \"{}\" in [database] of the site file", key));
  return *std::move(text);
}

std::string Examiner::authorities(std::chrono::sys_seconds now) {
  const auto text = read("ca");
  if (!text) return {};
  if (text->contains("PRIVATE KEY")) {
    add("it holds a private key, which would be laid on every manager; name a file with certificates only");
    return {};
  }
  const auto certificates = openssl::read_certificates(*text);
  const auto claimed = openssl::claimed_certificates(*text);
  if (certificates.size() != claimed) {
    add(fmt::format("certificate {} in it is damaged; copy the file anew", certificates.size() + 1));
  } else if (certificates.empty()) {
    add("it holds no certificate in PEM form; the provider offers its authorities as such a file");
  } else if (std::ranges::all_of(certificates, [&](const auto& each) { return openssl::end_of(each.get()) < now; })) {
    add(fmt::format("every certificate in it has expired (the last one, {}); get the provider's present one",
                    date_of(openssl::end_of(certificates.back().get()))));
  } else {
    return openssl::to_pem(certificates);
  }
  return {};
}

std::string Examiner::password() {
  auto text = read("password_file");
  if (!text) return {};
  struct stat facts{};
  if (::stat(file_.c_str(), &facts) != 0 || (facts.st_mode & any_other) != 0) {
    add("others than its owner can read the password; chmod 600");
    return {};
  }
  if (text->ends_with('\n')) text->pop_back();
  const auto reason = why_no_foreign_password(*text);
  if (!reason.empty() || text->size() > longest_password) {
    add(reason.empty() ? fmt::format("more than {} letters; put the password there, and nothing else", longest_password)
                       : reason);
    return {};
  }
  return *text;
}

}  // namespace

std::string ExternalDatabase::endpoint() const {
  return fmt::format(fmt::runtime(host.contains(':') ? "[{}]:{}" : "{}:{}"), host, port);
}

std::optional<ExternalDatabase> parse_endpoint(const std::string& text) {
  ExternalDatabase database;
  std::string_view rest(text);
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    database.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    const auto address = parse_address(database.host);
    if (!address || !address->is_v6) return std::nullopt;
  } else {
    database.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(database.host.size());
    const auto address = parse_address(database.host);
    if (!address && !is_dns_name(database.host)) return std::nullopt;
  }
  if (rest.empty()) return database;
  const auto port = parse_port(rest.substr(1));
  if (rest.front() != ':' || !port) return std::nullopt;
  database.port = *port;
  return database;
}

Result<ExternalDatabaseSecrets> read_external_database(const ExternalDatabaseFiles& files,
                                                       std::chrono::sys_seconds now) {
  std::vector<std::string> faults;
  ExternalDatabaseSecrets secrets;
  if (!files.ca.empty()) secrets.authorities = Examiner(files.ca, faults).authorities(now);
  secrets.password = Examiner(files.password, faults).password();
  if (faults.empty()) return secrets;
  return fail(ErrorCode::refused, fmt::format("the external database of [database] cannot be used:\n  {}\nnothing was "
                                              "changed",
                                              join(faults, "\n  ")));
}

}  // namespace gemel::site
