// The record and the history entries as the JSON texts that lie in etcd. Pure text work; keys, revisions and requests
// are in gateway.h.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "core/record.h"

namespace gemel::adapters::etcd {

/// One line of JSON with every field, in a fixed order.
std::string encode_record(const core::Record& record);
std::string encode_history(const core::HistoryEntry& entry);

/// Strict: `corrupt` for text that is not JSON, a missing field, a wrong type, a number out of range, an empty holder
/// or one that is not a member; `invalid` for a state this version does not know. Fields it does not know are ignored,
/// so that a newer version may add some.
Result<core::Record> decode_record(std::string_view text);
Result<core::HistoryEntry> decode_history(std::string_view text);

}  // namespace gemel::adapters::etcd
