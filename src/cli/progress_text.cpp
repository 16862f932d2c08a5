#include "cli/progress_text.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace gemel::cli {
namespace {

constexpr std::size_t bar_width = 20;

std::string bar(std::size_t done, std::size_t all) {
  const auto filled = all == 0 ? bar_width : done * bar_width / all;
  return std::string(filled, '#') + std::string(bar_width - filled, '.');
}

}  // namespace

std::string progress_line(const setup::Progress& progress, std::size_t name_width, bool use_colour) {
  using Phase = setup::Progress::Phase;
  if (progress.phase == Phase::begun && !progress.step->id.ends_with("-check") && progress.step->restarts.empty() &&
      progress.step->kind != site::StepKind::install_packages)
    return {};
  const auto* what = progress.phase == Phase::begun ? "..." : progress.phase == Phase::done ? "done" : "FAILED: ";
  const auto colour = progress.phase == Phase::failed ? Colour::bad : Colour::none;
  const auto name = progress.step->id.substr(progress.step->id.find('/') + 1);
  const auto text = printable(fmt::format("{} {}{}", name, what, progress.text));
  return fmt::format("{:<{}} [{}] {}/{} {}\n", progress.step->host, name_width, bar(progress.done, progress.of_host),
                     progress.done, progress.of_host, coloured(text, colour, use_colour));
}

}  // namespace gemel::cli
