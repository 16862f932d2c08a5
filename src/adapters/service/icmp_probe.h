// The probe over ICMP and ICMPv6 echoes: the kernels of the targets answer, no service of theirs is woken or logs it.
#pragma once

#include <memory>

#include "adapters/service/service_probe.h"
#include "base/error.h"

namespace gemel::adapters::service {

/// `targets` are IPv4 or IPv6 literals. Needs CAP_NET_RAW. Errors: `invalid` (no address), `denied`, `unavailable`.
Result<std::unique_ptr<ServiceProbe>> open_icmp_probe(const std::vector<std::string>& targets);

}  // namespace gemel::adapters::service
