// The keys of AddressSettings in TOML, read and written. Private to this folder.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "site/address_provider.h"
#include "site/toml_reader.h"

namespace gemel::site {

/// Of [network].
inline constexpr std::string_view provider_key = "address_provider";
inline constexpr std::string_view command_key = "address_command";
/// Sections of their own.
inline constexpr std::string_view aws_section = "aws";
inline constexpr std::string_view openstack_section = "openstack";

inline constexpr std::array<AddressProvider, 4> address_providers{AddressProvider::layer2, AddressProvider::command,
                                                                  AddressProvider::aws, AddressProvider::openstack};
/// Kinds of endpoints in OpenStack's catalogue.
inline constexpr std::array<std::string_view, 3> endpoint_interfaces{"public", "internal", "admin"};

/// Reads the two keys of `network` and the two sections of `root`, each value checked by itself and against the
/// provider. What needs other parts of the file is the caller's to check.
AddressSettings read_address_settings(TomlReader& reader, const TableView& root, const TableView& network);

/// Lines for [network], empty where announcements are enough.
std::string address_lines(const AddressSettings& settings);
/// The provider's own section with its heading; empty when it has none.
std::string address_section(const AddressSettings& settings);

}  // namespace gemel::site
