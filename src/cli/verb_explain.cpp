// gemel explain: replays what an agent recorded and says, decision by decision, which rule decided on which input.
#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "cli/document.h"
#include "cli/explain_text.h"
#include "cli/verbs.h"
#include "core/policy.h"
#include "runtime/files.h"

namespace gemel::cli {
namespace {

const std::filesystem::path own_recording = "/var/lib/gemel/agent/inputs/inputs.jsonl";

/// The file, and before it the older one that the agent keeps beside it.
Result<std::string> read_recording(const std::filesystem::path& file) {
  std::string text;
  const auto older = file.string() + ".1";
  if (std::error_code ignored; std::filesystem::is_regular_file(older, ignored)) {
    auto content = runtime::read_file(older);
    if (!content) return std::unexpected(content.error().with(older));
    text = std::move(*content);
  }
  if (std::error_code ignored; std::filesystem::is_directory(file, ignored))
    return fail(ErrorCode::invalid, file.string() + " is a directory, not a recording");
  auto content = runtime::read_file(file);
  if (!content) return std::unexpected(content.error().with(file.string()));
  return text + *content;
}

runtime::Task<ExitCode> fetch_into(api::AgentClient* agents, std::string host, std::string* text) {
  auto answer = co_await agents->fetch_inputs(host, std::chrono::seconds(30));
  if (!answer) co_return give_up(answer.error());
  *text = std::move(*answer);
  co_return ExitCode::done;
}

bool is_rule(const std::string& id) {
  return std::ranges::any_of(core::policy_table(), [&](const auto& rule) { return rule.id == id; });
}

ExitCode show(const CommonOptions& common, const std::string& name, const std::string& text,
              const ExplainFilter& filter) {
  const auto recording = replay::parse_recording(text);
  if (!recording) return give_up(recording.error().with(name));
  const auto explanation = explain(*recording, filter);
  switch (common.output) {
    case OutputFormat::json:
      print(pretty_json(explanation_json(explanation)));
      break;
    case OutputFormat::yaml:
      print(to_yaml(explanation_json(explanation)));
      break;
    case OutputFormat::table:
    case OutputFormat::wide:
      print(explanation_text(explanation, common.use_colour));
      break;
  }
  return explanation.differences() == 0 ? ExitCode::done : ExitCode::failed;
}

}  // namespace

ExitCode run_explain(const CommonOptions& common, const ExplainOptions& options) {
  ExplainFilter filter;
  filter.is_every_step = options.is_every_step;
  filter.rule = options.rule;
  filter.window = std::chrono::seconds(options.window_seconds);
  if (!options.rule.empty() && !is_rule(options.rule)) {
    complain("there is no rule \"" + options.rule + "\": see gemel rules");
    return ExitCode::usage;
  }
  if (!options.around.empty()) {
    filter.around = parse_around(options.around);
    if (!filter.around) {
      complain(
          "--around takes an epoch (7), a time of day (12:00:03.5, UTC) or a moment (2026-01-31T12:00:03Z), not \"" +
          options.around + "\"");
      return ExitCode::usage;
    }
  }
  if (!options.host.empty()) {
    auto session = Session::open(common);
    if (!session) return give_up(session.error());
    std::string text;
    const auto fetched = (*session)->run(fetch_into(&(*session)->agents(), options.host, &text));
    return fetched == ExitCode::done ? show(common, options.host, text, filter) : fetched;
  }
  const auto file = options.file.empty() ? own_recording : options.file;
  const auto text = read_recording(file);
  if (!text) return give_up(text.error());
  return show(common, file.string(), *text, filter);
}

}  // namespace gemel::cli
