// The gate in the running kernel: nftables by netlink in this process, no child process. Interface: gate.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/gate/gate.h"

namespace gemel::adapters::gate {

/// Opens the sockets in the network namespace of the calling thread; changes nothing yet. `invalid` for a bad
/// address, `denied` without CAP_NET_ADMIN. Tables: `inet gemel_gate` and `arp gemel_gate`; nothing else is touched.
Result<std::unique_ptr<Gate>> open_kernel_gate(boost::asio::any_io_executor executor, const GateConfig& config);

}  // namespace gemel::adapters::gate
