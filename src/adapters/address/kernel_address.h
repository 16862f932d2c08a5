// The address keeper of the running kernel. Interface: address.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "adapters/address/address.h"

namespace gemel::adapters::address {

/// Opens a routing socket in the network namespace of the calling thread; changes nothing. acquire() opens packet
/// sockets in that of the loop thread: it must be the same one. `may_announce` is asked on
/// the loop before each announcement (normally whether the gate is open); empty means always.
Result<std::unique_ptr<AddressKeeper>> open_kernel_address(boost::asio::any_io_executor executor,
                                                           std::function<bool()> may_announce);

}  // namespace gemel::adapters::address
