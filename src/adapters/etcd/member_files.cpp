// What a member needs on disk before it starts: readable copies of its keys, and its data directory.
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

}  // namespace

Status install_tls(const MemberConfig& config) {
  const auto owner = owner_of(config.user);
  if (!owner) return std::unexpected(owner.error().with("etcd"));
  const fs::path folder = tls_directory(config);
  if (auto made = make_directory(folder, {{geteuid(), owner->group}, 0750}); !made) return made;
  const std::array<std::pair<fs::path, const char*>, 6> files{{{config.server_tls.ca, "client-ca.crt"},
                                                               {config.server_tls.certificate, "server.crt"},
                                                               {config.server_tls.key, "server.key"},
                                                               {config.peer_tls.ca, "peer-ca.crt"},
                                                               {config.peer_tls.certificate, "peer.crt"},
                                                               {config.peer_tls.key, "peer.key"}}};
  for (const auto& [from, name] : files)
    if (auto copied = copy_file(from, folder / name, *owner); !copied)
      return std::unexpected(copied.error().with("etcd"));
  return {};
}

Status prepare_data_directory(const MemberConfig& config) {
  const auto owner = owner_of(config.user);
  if (!owner) return std::unexpected(owner.error().with("etcd"));
  return make_directory(config.data_directory, {*owner, 0700});
}

}  // namespace gemel::adapters::etcd
