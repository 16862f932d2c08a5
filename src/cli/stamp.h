// A moment as part of a file's name.
#pragma once

#include <string>

namespace gemel::cli {

/// "2026-12-31T12:00:00.123Z" as "20261231T120000Z". Pure.
std::string stamp_of(std::string time);
/// That of now.
std::string now_stamp();

}  // namespace gemel::cli
