// The log of a daemon: one line per event on standard error, which systemd files in the journal with its priority.
// Thin on purpose: no spdlog header leaves log.cpp.
#pragma once

#include <string>
#include <string_view>

namespace gemel::runtime {

/// error = a person must act; warn = degraded, handled; info = state changed; debug = each step.
enum class LogLevel { error, warn, info, debug };

/// Any thread. `fields` are appended as key=value by the caller's own formatting. Never logs secrets.
void log(LogLevel level, std::string_view message);
inline void log_error(std::string_view message) { log(LogLevel::error, message); }
inline void log_warn(std::string_view message) { log(LogLevel::warn, message); }
inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_debug(std::string_view message) { log(LogLevel::debug, message); }
/// Lines below `level` are dropped. Default info; GEMEL_LOG=debug in the environment changes it at start.
void set_log_level(LogLevel level);

}  // namespace gemel::runtime
