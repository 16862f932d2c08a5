// Carries out what host_files.cpp says: makes what is missing, keeps what is there.
#include "site/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>
#include <system_error>

#include "base/text.h"
#include "site/authorities.h"
#include "site/certificates.h"
#include "site/external_database.h"
#include "site/host_files.h"
#include "site/own_certificate.h"
#include "site/secrets.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::filesystem::path;

constexpr mode_t public_mode = 0644;
constexpr mode_t secret_mode = 0600;
constexpr mode_t private_directory = 0700;
constexpr mode_t open_directory = 0755;
// The manager's user opens its own secret by name; nobody but root lists them.
constexpr mode_t secrets_directory = 0711;
constexpr std::string_view etc = "/etc/gemel";

struct Context {
  const Site& site;
  path directory;
  std::string site_id;
  std::map<Authority, Trust> authorities;
  std::map<Secret, std::string> secrets;
  ExchangeStage stage = ExchangeStage::none;
  std::optional<std::string> application_password;
  std::optional<OwnCertificate> own_certificate;
  std::optional<ExternalDatabaseSecrets> external;
  unsigned certificates_issued = 0;
};

/// Leaves the mode of an existing directory alone: whose it is, is not known yet.
Status make_directories(const path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail_errno(error.value(), "creating " + directory.string());
  return {};
}

/// The directory is empty or rendered for this very site. Gives the site's id, made now when there is none.
Result<std::string> claim_directory(const Site& site, const path& directory) {
  const auto file = directory / "site.id";
  const auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  if (!found->has_value()) {
    std::error_code error;
    if (!std::filesystem::is_empty(directory, error) || error) {
      return fail(
          ErrorCode::conflict,
          fmt::format("{} holds files that are not of a rendered site: choose an empty directory", directory.string()));
    }
    const auto id = site.id.empty() ? make_uuid() : Result<std::string>(site.id);
    if (!id) return id;
    const auto status = write_file(file, fmt::format("{} {}\n", *id, site.name), public_mode, Durability::flushed);
    if (!status) return std::unexpected(status.error());
    return id;
  }
  const auto words = split(trim(**found), ' ');
  if (words.size() != 2) return fail(ErrorCode::corrupt, file.string() + " is damaged");
  if (words[1] != site.name || (!site.id.empty() && site.id != words[0])) {
    return fail(ErrorCode::conflict, fmt::format("{} belongs to the site \"{}\" ({}): choose another directory",
                                                 directory.string(), words[1], words[0]));
  }
  return words[0];
}

path next_heartbeat_key(const path& directory) {
  return directory / "secrets" / (file_name(Secret::heartbeat) + ".next");
}

/// In an exchange a host gets both keys: it seals with the first, and opens with either.
Status provide_next_heartbeat_key(Context& context) {
  const auto file = next_heartbeat_key(context.directory);
  const auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  if (!found->has_value() || context.stage == ExchangeStage::none) return {};
  const std::string next(trim(**found));
  if (!is_key(next)) return fail(ErrorCode::corrupt, file.string() + " is damaged: restore it");
  auto& text = context.secrets.at(Secret::heartbeat);
  if (context.stage == ExchangeStage::trusting) text += "\n" + next;
  if (context.stage == ExchangeStage::issuing) text = next + "\n" + text;
  if (context.stage == ExchangeStage::withdrawing) {
    text = next;
    std::error_code error;
    std::filesystem::rename(file, context.directory / "secrets" / file_name(Secret::heartbeat), error);
    if (error) return fail_errno(error.value(), "renaming " + file.string());
  }
  return {};
}

Status make_next_heartbeat_key(const path& directory) {
  const auto file = next_heartbeat_key(directory);
  const auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  if (found->has_value() && is_key(std::string(trim(**found)))) return {};
  const auto made = make_key();
  if (!made) return std::unexpected(made.error());
  return write_file(file, *made + "\n", secret_mode, Durability::flushed);
}

Status provide_secret(Context& context, Secret secret) {
  if (secret == Secret::application && context.external) {
    context.secrets[secret] = context.external->password;  // stays in the operator's file
    return {};
  }
  const auto file = context.directory / "secrets" / file_name(secret);
  const bool is_heartbeat = secret == Secret::heartbeat;
  const auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  const auto& chosen = secret == Secret::application ? context.application_password : std::nullopt;
  if (found->has_value()) {
    const std::string text(trim(**found));
    if (chosen && *chosen != text) {
      return fail(
          ErrorCode::conflict,
          fmt::format("the site has a password already, in {}: leave it empty to go on with that one", file.string()));
    }
    if (is_heartbeat ? !is_key(text) : !is_password(text)) {
      return fail(ErrorCode::corrupt, file.string() + " is damaged or too weak: restore it");
    }
    context.secrets[secret] = text;
    return {};
  }
  const auto made = chosen ? Result<std::string>(*chosen) : is_heartbeat ? make_key() : make_password();
  if (!made) return std::unexpected(made.error());
  context.secrets[secret] = *made;
  return write_file(file, *made + "\n", secret_mode, Durability::flushed);
}

/// One host's tree; notes each path for .permissions.
class HostTree {
 public:
  HostTree(Context& context, const Host& host) : context_(context), host_(host), root_(context.directory / host.name) {}

  Status write();

 private:
  Status directories();
  Status file(const std::string& name, const std::string& content, mode_t mode, std::string_view owner);
  Status certificate(const CertificateFiles& files);
  Status lay(const CertificateFiles& files, const KeyPair& pair);
  path place(const std::string& name) const { return path(root_.string() + std::string(etc)) / name; }
  void note(mode_t mode, std::string_view owner, const std::string& name) {
    permissions_ += fmt::format("{:04o} {}:{} {}{}\n", mode, owner, owner, etc, name.empty() ? "" : "/" + name);
  }

  Context& context_;
  const Host& host_;
  path root_;
  std::string permissions_;
};

Status HostTree::directories() {
  for (const auto& directory : {root_, root_ / "etc", place("")}) {
    if (auto status = make_directory(directory, open_directory); !status) return status;
  }
  note(open_directory, root_user, "");
  if (auto status = make_directory(place("pki"), open_directory); !status) return status;
  note(open_directory, root_user, "pki");
  if (auto status = make_directory(place("secrets"), secrets_directory); !status) return status;
  note(secrets_directory, root_user, "secrets");
  return {};
}

Status HostTree::file(const std::string& name, const std::string& content, mode_t mode, std::string_view owner) {
  note(mode, owner, name);
  return write_file(place(name), content, mode, Durability::replaceable);
}

Status HostTree::certificate(const CertificateFiles& files) {
  const bool is_one_file = files.certificate == files.key;
  if (files.is_for_users && context_.own_certificate) return lay(files, context_.own_certificate->pair);
  const auto& authority = context_.authorities.at(files.authority).issuer;
  const auto old_certificate = read_if_there(place(files.certificate));
  const auto old_key = read_if_there(place(files.key));
  if (!old_certificate) return std::unexpected(old_certificate.error());
  if (!old_key) return std::unexpected(old_key.error());
  KeyPair pair{old_certificate->value_or(""), old_key->value_or("")};
  if (is_current(pair, authority, files.request)) {
    if (is_one_file) return file(files.key, pair.key, secret_mode, files.owner);
  } else {
    auto issued = issue_certificate(authority, files.request);
    if (!issued) return std::unexpected(issued.error());
    pair = *std::move(issued);
    ++context_.certificates_issued;
  }
  return lay(files, pair);
}

Status HostTree::lay(const CertificateFiles& files, const KeyPair& pair) {
  if (files.certificate == files.key) return file(files.key, pair.certificate + pair.key, secret_mode, files.owner);
  if (auto status = file(files.certificate, pair.certificate, public_mode, files.owner); !status) return status;
  return file(files.key, pair.key, secret_mode, files.owner);
}

Status HostTree::write() {
  const auto files = files_of(context_.site, host_);
  if (auto status = directories(); !status) return status;
  const auto config = host_config(context_.site, context_.site_id, host_);
  if (auto status = file("host.toml", to_toml(config), public_mode, root_user); !status) return status;
  for (const auto authority : files.authorities) {
    const auto name = "pki/" + to_string(authority) + "-ca.crt";
    auto status = file(name, context_.authorities.at(authority).trusted, public_mode, root_user);
    if (!status) return status;
  }
  for (const auto& entry : files.certificates) {
    if (auto status = certificate(entry); !status) return status;
  }
  for (const auto& entry : files.secrets) {
    auto status =
        file("secrets/" + file_name(entry.secret), context_.secrets.at(entry.secret) + "\n", secret_mode, entry.owner);
    if (!status) return status;
  }
  return write_file(root_ / ".permissions", permissions_, public_mode, Durability::replaceable);
}

std::string address_text(const std::optional<FloatingAddress>& floating) {
  return floating ? fmt::format("{}/{}", floating->address, floating->prefix_length) : std::string("none");
}

std::string database_summary(const Site& site) {
  const auto& database = site.database;
  if (database.external) {
    return fmt::format("Database                {} of user {} at {}, external\n", database.database_name,
                       database.application_user, database.external->endpoint());
  }
  return fmt::format(
      "Virtual address         {}\nVirtual address (IPv6)  {}\n"
      "Database                {} of user {}, port {}\nCopies at least         {}\nSynchronous standbys    {}\n"
      "Service side            {}\n",
      address_text(site.vip), address_text(site.vip6), database.database_name, database.application_user,
      site.ports.postgres, site.min_copies, site.is_standalone() ? 0 : site.sync_standbys,
      site.service_targets.empty() ? std::string("not looked at") : join(site.service_targets, ", "));
}

std::string summary_of(const Context& context) {
  const auto& site = context.site;
  std::string text = fmt::format(
      "Site                    {}\nSite id                 {}\nMgmtserver DNS name     {}\n"
      "Networks                {}\n{}\n",
      site.name, context.site_id, site.dns_name, join(site.subnets, ", "), database_summary(site));
  text +=
      fmt::format("{:<20} {:<20} {:<16} {:<24} {:<8} {}\n", "Host", "Role", "Address", "IPv6 address", "Zone", "Voter");
  for (const auto& host : site.hosts) {
    text += fmt::format("{:<20} {:<20} {:<16} {:<24} {:<8} {}\n", host.name, host.role, host.address, host.address6,
                        host.zone, host.concepts.voter ? "yes" : "no");
  }
  text += fmt::format("\nConsole                 https://{}:{}/\n", site.dns_name, site.ports.https);
  if (context.own_certificate) {
    text += fmt::format("Its certificate         {}, your own, until {}\n", site.own_certificate->certificate.string(),
                        date_of(context.own_certificate->ends));
  }
  for (const auto& host : site.hosts) {
    if (!host.concepts.balancer) continue;
    text += fmt::format("Statistics              http://{}:{}/haproxy_stats (user admin)\n", host.address,
                        site.ports.statistics);
  }
  text += "\nPasswords are in secrets/, authorities in ca/. Keep ca/*.key off the hosts.\n";
  return text;
}

/// So that the next render issues them anew.
Status forget_certificates(const Site& site, const path& directory, Authority authority) {
  for (const auto& host : site.hosts) {
    for (const auto& files : files_of(site, host).certificates) {
      if (files.authority != authority) continue;
      for (const auto& name : {files.certificate, files.key}) {
        std::error_code error;
        const auto file = path((directory / host.name).string() + std::string(etc)) / name;
        std::filesystem::remove(file, error);
        if (error) return fail_errno(error.value(), "removing " + file.string());
      }
    }
  }
  return {};
}

}  // namespace

Result<ExchangeStage> advance_exchange(const Site& site, const path& directory, const Exchanged& what) {
  const auto lock = DirectoryLock::take(directory);
  if (!lock) return std::unexpected(lock.error());
  Authorities ca(directory);
  const auto stage = ca.stage();
  if (!stage) return stage;
  Status status;
  switch (*stage) {
    case ExchangeStage::none:
      if (what.is_heartbeat_key) status = make_next_heartbeat_key(directory);
      if (status) status = ca.begin_exchange(site.name, what.authorities);
      break;
    case ExchangeStage::trusting:
      // Those that keep their authority get new keys all the same.
      if (std::ranges::any_of(authorities, [&](Authority each) { return ca.has_next(each); })) {
        for (const auto authority : authorities)
          if (status && !ca.has_next(authority)) status = forget_certificates(site, directory, authority);
      }
      if (status) status = ca.begin_issuing();
      break;
    case ExchangeStage::issuing:
      status = ca.begin_withdrawing();
      break;
    case ExchangeStage::withdrawing:
      status = ca.end_exchange();
      break;
  }
  if (!status) return std::unexpected(status.error());
  return ca.stage();
}

Result<Rendered> render(const Site& site, const path& directory,
                        const std::optional<std::string>& application_password) {
  if (application_password) {
    const auto reason = why_no_password(*application_password);
    if (!reason.empty()) return fail(ErrorCode::invalid, reason);
  }
  // style: allow(wall-clock) a certificate is valid by the calendar
  const std::chrono::sys_seconds now{std::chrono::seconds(std::time(nullptr))};
  std::optional<OwnCertificate> own;
  if (site.own_certificate) {
    auto read = read_own_certificate(*site.own_certificate, site.dns_name, now);
    if (!read) return std::unexpected(read.error());
    own = *std::move(read);
  }
  std::optional<ExternalDatabaseSecrets> external;
  if (site.external_files) {
    if (application_password)
      return fail(ErrorCode::invalid, "the password of an external database is the one in its \"password_file\"");
    auto read = read_external_database(*site.external_files, now);
    if (!read) return std::unexpected(read.error());
    external = *std::move(read);
  }
  if (auto status = make_directories(directory); !status) return std::unexpected(status.error());
  const auto lock = DirectoryLock::take(directory);
  if (!lock) return std::unexpected(lock.error());
  const auto id = claim_directory(site, directory);
  if (!id) return std::unexpected(id.error());
  if (auto status = make_directory(directory, private_directory); !status) return std::unexpected(status.error());
  Context context{site,           directory,           *id, {}, {}, ExchangeStage::none, application_password,
                  std::move(own), std::move(external), 0};
  for (const auto* name : {"ca", "secrets"}) {
    if (auto status = make_directory(directory / name, private_directory); !status)
      return std::unexpected(status.error());
  }
  Authorities ca(directory);
  const auto stage = ca.stage();
  if (!stage) return std::unexpected(stage.error());
  context.stage = *stage;
  auto provided = ca.provide(site.name);
  if (!provided) return std::unexpected(provided.error());
  context.authorities = *std::move(provided);
  // The managers believe the provider's; what the site's own would sign, nobody has.
  if (context.external) context.authorities.at(Authority::db).trusted = context.external->authorities;
  for (const auto secret : secrets) {
    if (auto status = provide_secret(context, secret); !status) return std::unexpected(status.error());
  }
  if (auto status = provide_next_heartbeat_key(context); !status) return std::unexpected(status.error());
  for (const auto& host : site.hosts) {
    if (auto status = HostTree(context, host).write(); !status) return std::unexpected(status.error().with(host.name));
  }
  const auto summary = directory / "summary.txt";
  if (auto status = write_file(summary, summary_of(context), public_mode, Durability::replaceable); !status)
    return std::unexpected(status.error());
  Rendered rendered{*id, summary, context.certificates_issued, {}};
  if (context.own_certificate) rendered.findings = findings_of(*context.own_certificate, site, now);
  return rendered;
}

}  // namespace gemel::site
