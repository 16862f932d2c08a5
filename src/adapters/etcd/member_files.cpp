// What a member needs on disk before it starts: readable copies of its keys, and its data directory.
#include <fmt/format.h>
#include <grp.h>
#include <openssl/sha.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "adapters/etcd/member_config.h"
#include "runtime/files.h"

namespace gemel::adapters::etcd {
namespace {

namespace fs = std::filesystem;

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

Result<Owner> owner_of(const std::optional<std::string>& name) {
  if (!name) return Owner{geteuid(), getegid()};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name->c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return fail_errno(error, "user " + *name);
  if (found == nullptr) return fail(ErrorCode::not_found, "no such user: " + *name);
  return Owner{entry.pw_uid, entry.pw_gid};
}

struct Access {
  Owner owner;
  mode_t mode = 0700;
};

Status make_directory(const fs::path& path, Access access) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, "mkdir " + path.string());
  // A symbolic link in its place would be somebody's trick.
  if (!fs::is_directory(fs::symlink_status(path)))
    return fail(ErrorCode::invalid, path.string() + " is not a directory");
  if (lchown(path.c_str(), access.owner.user, access.owner.group) != 0)
    return fail_errno(errno, "chown " + path.string());
  if (chmod(path.c_str(), access.mode) != 0) return fail_errno(errno, "chmod " + path.string());
  return {};
}

Status copy_file(const fs::path& from, const fs::path& to, Owner owner) {
  const auto content = runtime::read_file(from);
  if (!content) return std::unexpected(content.error());
  const auto present = runtime::read_file(to);
  if (!present || *present != *content)
    if (auto written = runtime::write_file_durably(to, *content, 0600); !written) return written;
  if (chown(to.c_str(), owner.user, owner.group) != 0) return fail_errno(errno, "chown " + to.string());
  return {};
}

/// Eight digits that tell these files' contents from others'.
Result<std::string> version_of(const std::array<fs::path, 2>& files) {
  std::string all;
  for (const auto& file : files) {
    const auto content = runtime::read_file(file);
    if (!content) return std::unexpected(content.error());
    all += fmt::format("{}\n{}", content->size(), *content);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

/// Those of former members; a member that still runs has read them.
void forget_authorities(const fs::path& folder, const std::array<fs::path, 2>& but) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    const bool is_authority = name.starts_with("client-ca") || name.starts_with("peer-ca");
    if (is_authority && std::ranges::find(but, entry.path()) == but.end()) fs::remove(entry.path(), error);
  }
}

}  // namespace

Result<std::string> install_tls(const MemberConfig& given) {
  const auto owner = owner_of(given.user);
  if (!owner) return std::unexpected(owner.error().with("etcd"));
  const fs::path folder = tls_directory(given);
  if (auto made = make_directory(folder, {{geteuid(), owner->group}, 0750}); !made)
    return std::unexpected(made.error());
  auto version = version_of({given.server_tls.ca, given.peer_tls.ca});
  if (!version) return std::unexpected(version.error().with("etcd"));
  auto config = given;
  config.authority_version = *version;
  const auto client_authority = client_authority_file(config), peer_authority = peer_authority_file(config);
  const std::array<std::pair<fs::path, fs::path>, 6> files{{{config.server_tls.ca, client_authority},
                                                            {config.server_tls.certificate, folder / "server.crt"},
                                                            {config.server_tls.key, folder / "server.key"},
                                                            {config.peer_tls.ca, peer_authority},
                                                            {config.peer_tls.certificate, folder / "peer.crt"},
                                                            {config.peer_tls.key, folder / "peer.key"}}};
  for (const auto& [from, to] : files)
    if (auto copied = copy_file(from, to, *owner); !copied) return std::unexpected(copied.error().with("etcd"));
  forget_authorities(folder, {client_authority, peer_authority});
  return version;
}

Status prepare_data_directory(const MemberConfig& config) {
  const auto owner = owner_of(config.user);
  if (!owner) return std::unexpected(owner.error().with("etcd"));
  return make_directory(config.data_directory, {*owner, 0700});
}

}  // namespace gemel::adapters::etcd
