// gemel-torture: workloads while faults happen, and checkers of what must hold afterwards. See README.md beside this.
#include <fmt/format.h>

#include <csignal>

#include "torture/judge.h"
#include "torture/options.h"
#include "torture/run.h"
#include "torture/workload.h"

namespace gemel::torture {
namespace {

int prepare_only(const Options& options) {
  const auto prepared = prepare(options, {});
  if (prepared) return 0;
  fmt::print(stderr, "gemel-torture: {}\n", prepared.error().to_string());
  return 6;
}

int perform(const Options& options) {
  switch (options.command) {
    case Command::help:
      fmt::print("{}", usage);
      return 0;
    case Command::prepare:
      return prepare_only(options);
    case Command::run:
      return run(options);
    case Command::check:
      return check(options);
    case Command::endstate:
      return endstate(options);
  }
  return 2;
}

}  // namespace
}  // namespace gemel::torture

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto options = gemel::torture::parse_options({words + 1, words + count});
  if (!options) {
    fmt::print(stderr, "gemel-torture: {}\n{}", options.error().message, gemel::torture::usage);
    return 2;
  }
  return gemel::torture::perform(*options);
}
