#include "setup/remote.h"

#include <fmt/format.h>

#include <utility>

namespace gemel::setup {
namespace {

// The temporary file is made beside the target (rename must not cross file systems) and by mktemp with mode 0600.
constexpr const char* put_script = R"sh(set -eu
umask 077
target=$1 mode=$2 owner=$3 size=$4
new=$(mktemp "$target.XXXXXX")
trap 'rm -f "$new"' EXIT
cat >"$new"
if [ "$(stat -c %s "$new")" != "$size" ]; then
  echo "$target: the content came incompletely" >&2
  exit 1
fi
if [ -f "$target" ] && [ ! -L "$target" ] && cmp -s "$new" "$target"; then
  chown "$owner" "$target"
  chmod "$mode" "$target"
  exit 0
fi
chown "$owner" "$new"
chmod "$mode" "$new"
sync "$new"
mv -f "$new" "$target"
)sh";

}  // namespace

std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      quoted += R"('\'')";
    } else {
      quoted += letter;
    }
  }
  return quoted + "'";
}

RemoteCommand script_command(std::string script, std::vector<std::string> arguments) {
  RemoteCommand command;
  command.arguments = {"/bin/sh", "-c", std::move(script), "gemel-setup"};
  for (auto& argument : arguments) command.arguments.push_back(std::move(argument));
  return command;
}

RemoteCommand put_command(const std::string& path, unsigned mode, const std::string& owner, std::size_t size) {
  return script_command(put_script, {path, fmt::format("{:04o}", mode), owner, std::to_string(size)});
}

}  // namespace gemel::setup
