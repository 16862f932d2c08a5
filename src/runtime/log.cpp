#include "runtime/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/task_scope.h"

namespace gemel::runtime {

namespace {

// systemd sets JOURNAL_STREAM=device:inode of the stream it gave us; another value means standard error was redirected.
bool is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::debug:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

// sd-daemon(3) prefixes.
std::string_view journal_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "<3>";
    case LogLevel::warn:
      return "<4>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::debug:
      return "<7>";
  }
  return "<6>";
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warn:
      return "warn";
    case LogLevel::info:
      return "info";
    case LogLevel::debug:
      return "debug";
  }
  return "info";
}

spdlog::level::level_enum level_of_environment() {
  const char* wanted = std::getenv("GEMEL_LOG");
  if (wanted == nullptr) return spdlog::level::info;
  for (const auto level : {LogLevel::error, LogLevel::warn, LogLevel::info, LogLevel::debug}) {
    if (level_name(level) == wanted) return spdlog_level(level);
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_unique<spdlog::logger>("gemel", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(level_of_environment());
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

// One event stays one line, whatever a message quotes.
void append_as_one_line(std::string& line, std::string_view message) {
  for (const char character : message) {
    if (character == '\n') {
      line += "\\n";
    } else {
      line += character;
    }
  }
}

}  // namespace

void log(LogLevel level, std::string_view message) {
  static const bool to_journal = is_journal();
  if (!logger().should_log(spdlog_level(level))) return;
  std::string line;
  if (to_journal) {
    line = journal_prefix(level);
  } else {
    line = wall_now() + " " + std::string(level_name(level)) + " ";
  }
  append_as_one_line(line, message);
  logger().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

void set_log_level(LogLevel level) { logger().set_level(spdlog_level(level)); }

}  // namespace gemel::runtime
