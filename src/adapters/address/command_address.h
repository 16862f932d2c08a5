// A virtual address that the kernel alone cannot move: in clouds, and wherever the network ignores announcements. A
// program of the site's operator tells the network where it belongs; the kernel's keeper does the rest.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "adapters/address/address.h"

namespace gemel::adapters::address {

/// How often and how long the program is run. Times of CLOCK_BOOTTIME.
struct CommandTimes {
  Duration limit = std::chrono::seconds(10);  // one call; then its process group is killed
  Duration again = std::chrono::seconds(10);  // while held: heals a move that an earlier holder's call undid late
  Duration check = std::chrono::minutes(10);  // between two checks
};

/// acquire() adds the address to the kernel and then runs `program take ADDRESS EPOCH INTERFACE` as this process's
/// user, with PATH only, no input; exit code 0: the network leads here. Anything else is `unavailable` with the end of
/// what it printed, the caller tries again. While the address is held the program is run again and again, so it must be
/// quick and change nothing when nothing is to change. Never two calls for one address at a time; release() kills one
/// that runs. Nobody is asked whether he has the address (the networks this is for answer for everybody), and no
/// conflict is reported. Otherwise as AddressKeeper says.
///
/// `checked`: only for a program that has a second verb, `program check ADDRESS 0 INTERFACE`, which changes nothing and
/// fails when a take would. It is asked for each of these soon and then again and again, held or not, so that a right
/// that is missing is in the log before a failover needs it.
///
/// Who may write is not decided by this address, but by the gate: a move that comes late costs reachability only.
std::unique_ptr<AddressKeeper> open_command_address(boost::asio::any_io_executor executor,
                                                    std::unique_ptr<AddressKeeper> kernel,
                                                    std::filesystem::path program, CommandTimes times = {},
                                                    std::vector<Address> checked = {});

}  // namespace gemel::adapters::address
