// One command and its answer over HAProxy's admin socket.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <string>

#include "runtime/task_scope.h"

namespace gemel::adapters::haproxy {

/// Sends one line and reads until HAProxy closes. Loop thread only.
/// `invalid` = not one line; `unavailable` = nobody listens, nothing was done; `timed_out` = effect unknown.
runtime::Task<Result<std::string>> ask_admin_socket(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                                    std::string command, Duration limit);

}  // namespace gemel::adapters::haproxy
