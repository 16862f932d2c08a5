// Offsets of pg_control version 1300. They are checked against pg_controldata on the real server's file in
// real_postgres_contract_test.cpp.
#include "adapters/postgres/control_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace gemel::adapters::postgres {
namespace {

static_assert(std::endian::native == std::endian::little, "the offsets below are those of a little-endian server");

constexpr std::uint32_t known_version = 1300;
constexpr std::size_t system_id_at = 0;
constexpr std::size_t version_at = 8;
constexpr std::size_t state_at = 16;
constexpr std::size_t checkpoint_at = 32;
constexpr std::size_t redo_at = 40;          // first field of the copy of the checkpoint record
constexpr std::size_t timeline_at = 48;      // second field of it
constexpr std::size_t minimum_end_at = 136;  // behind that copy and the unlogged LSN
constexpr std::size_t minimum_timeline_at = 144;
constexpr std::size_t segment_size_at = 228;
constexpr std::size_t checksum_at = 288;
constexpr std::size_t needed_size = 296;

/// As pg_controldata words them, by number.
constexpr std::array<std::string_view, 7> states = {"starting up",   "shut down",         "shut down in recovery",
                                                    "shutting down", "in crash recovery", "in archive recovery",
                                                    "in production"};

template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number number{};
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  constexpr std::uint32_t polynomial = 0x82F63B78;
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? polynomial : 0U);
  }
  return ~crc;
}

Result<ControlData> parse_control_file(std::string_view bytes) {
  if (bytes.size() < needed_size) return fail(ErrorCode::corrupt, "pg_control is too short");
  // The version stands at the same place in every version, the checksum does not.
  if (const auto version = number_at<std::uint32_t>(bytes, version_at); version != known_version)
    return fail(ErrorCode::unsupported, "pg_control is of version " + std::to_string(version));
  if (crc32c(bytes.substr(0, checksum_at)) != number_at<std::uint32_t>(bytes, checksum_at))
    return fail(ErrorCode::corrupt, "pg_control: the checksum does not fit");
  const auto state = number_at<std::uint32_t>(bytes, state_at);
  if (state >= states.size()) return fail(ErrorCode::corrupt, "pg_control: state " + std::to_string(state));
  ControlData control;
  control.system_id = std::to_string(number_at<std::uint64_t>(bytes, system_id_at));
  control.state = states[state];
  control.checkpoint = Lsn{number_at<std::uint64_t>(bytes, checkpoint_at)};
  control.redo = Lsn{number_at<std::uint64_t>(bytes, redo_at)};
  control.minimum_recovery_end = Lsn{number_at<std::uint64_t>(bytes, minimum_end_at)};
  control.timeline =
      std::max(number_at<std::uint32_t>(bytes, timeline_at), number_at<std::uint32_t>(bytes, minimum_timeline_at));
  control.segment_size = number_at<std::uint32_t>(bytes, segment_size_at);
  return control;
}

}  // namespace gemel::adapters::postgres
