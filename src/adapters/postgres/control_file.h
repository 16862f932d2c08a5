// The control file of a server (global/pg_control), read directly: what a failover waits for should not start a program
// first. Only the layout that is known byte for byte is read; for any other version there is pg_controldata.
#pragma once

#include <cstdint>
#include <string_view>

#include "adapters/postgres/control_data.h"
#include "base/error.h"

namespace gemel::adapters::postgres {

/// `bytes`: the file from its beginning, at least 296 bytes of it; little endian, 8 byte alignment (amd64, arm64).
/// `unsupported`: another version of the control file than 1300 (PostgreSQL 13 to 16); ask pg_controldata.
/// `corrupt`: too short, the checksum does not fit (also a file that is being written just now: read it again), or a
/// state that does not exist.
Result<ControlData> parse_control_file(std::string_view bytes);

/// CRC-32C (Castagnoli, reflected, as in RFC 3720): "123456789" gives 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace gemel::adapters::postgres
