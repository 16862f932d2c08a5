// The one place where toml++ is compiled; every other file sees declarations only.
//
// Version 3.3 states in debug builds, and lets the optimiser assume in release builds, that a table header begins with
// a letter of a key, before it checks for that: "[=" aborts or is undefined. Without both it goes on to its own error.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
