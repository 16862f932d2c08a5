// A commented site file to begin with, made from the table of its keys. Pure.
#pragma once

#include <string>

namespace gemel::site {

/// A site of five hosts that parse_site() takes without a mistake or a warning. What may be left out is left out, by a
/// # at the beginning of its line with nothing between it and the key; comments have a blank there.
std::string site_sample();

}  // namespace gemel::site
