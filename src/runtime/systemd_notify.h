// What a Type=notify service tells systemd (sd_notify(3)), without libsystemd. Each message is one datagram.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace gemel::runtime {

/// Sends e.g. "READY=1", "STATUS=primary, epoch 7", "WATCHDOG=1", "STOPPING=1". Nothing happens without NOTIFY_SOCKET.
/// Never blocks; a message that cannot be sent is dropped. Any thread.
void notify_systemd(std::string_view state);

/// How long systemd waits for WATCHDOG=1 before it restarts the service; send it at half of this. Empty without a
/// watchdog (WATCHDOG_USEC unset, or WATCHDOG_PID names another process).
std::optional<Duration> watchdog_interval();

}  // namespace gemel::runtime
