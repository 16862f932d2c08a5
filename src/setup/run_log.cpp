#include "setup/run_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/text.h"
#include "runtime/task_scope.h"

namespace gemel::setup {

Result<std::unique_ptr<RunLog>> RunLog::create(const std::filesystem::path& directory) {
  auto name = "apply-" + runtime::wall_now() + ".log";
  std::ranges::replace(name, ':', '-');
  const auto path = directory / name;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno(errno, "cannot write " + path.string());
  return std::unique_ptr<RunLog>(new RunLog(path, descriptor));
}

RunLog::~RunLog() { ::close(descriptor_); }

void RunLog::write(std::string_view text) {
  for (const auto& part : split(trim(text), '\n')) {
    auto line = fmt::format("{} {}\n", runtime::wall_now(), part);
    std::ranges::replace_if(
        line, [](char letter) { return static_cast<unsigned char>(letter) < ' ' && letter != '\n'; }, ' ');
    // A full disk must not stop a run in the middle: its steps matter more than their log.
    static_cast<void>(!::write(descriptor_, line.data(), line.size()));
  }
}

}  // namespace gemel::setup
