// gemel events: what all agents did, merged by time; --follow goes on.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "cli/document.h"
#include "cli/site_text.h"
#include "cli/verbs.h"

namespace gemel::cli {
namespace {

using Seen = std::map<std::string, std::uint64_t>;  // host → highest id printed

struct Batch {
  std::vector<api::Event> events;   // by time, then host and id
  std::vector<std::string> silent;  // "host: why"
  std::size_t answered = 0;
};

runtime::Task<Batch> fetch(api::AgentClient* agents, Seen* seen, Duration limit) {
  Batch batch;
  for (auto& answer : co_await agents->fetch_events(*seen, limit)) {
    if (!answer.events) {
      batch.silent.push_back(answer.host + ": " + answer.events.error().message);
      continue;
    }
    ++batch.answered;
    for (auto& event : *answer.events) {
      auto& highest = (*seen)[answer.host];
      highest = std::max(highest, event.id);
      if (event.host.empty()) event.host = answer.host;
      batch.events.push_back(std::move(event));
    }
  }
  std::ranges::sort(batch.events, {}, [](const api::Event& it) { return std::tie(it.time, it.host, it.id); });
  co_return batch;
}

void show(const std::vector<api::Event>& events, const CommonOptions& common, bool is_stream) {
  if (common.output != OutputFormat::json && common.output != OutputFormat::yaml) {
    print(events_text(events, common.use_colour));
    return;
  }
  if (!is_stream) {
    const auto json = api::to_json(events);
    print(common.output == OutputFormat::json ? pretty_json(json) : to_yaml(json));
    return;
  }
  for (const auto& event : events) {  // one JSON object per line
    const auto array = api::to_json(std::vector{event});
    print(array.substr(1, array.size() - 2) + "\n");
  }
}

runtime::Task<ExitCode> show_events(api::AgentClient* agents, CommonOptions common, EventsOptions options) {
  Seen seen;
  auto batch = co_await fetch(agents, &seen, common.limit);
  for (const auto& silent : batch.silent) complain(silent);
  if (batch.answered == 0) {
    complain("no agent answered");
    if (!options.is_follow) co_return ExitCode::unreachable;
  }
  if (options.newest != 0 && batch.events.size() > options.newest) {
    batch.events.erase(batch.events.begin(),
                       std::prev(batch.events.end(), static_cast<std::ptrdiff_t>(options.newest)));
  }
  show(batch.events, common, options.is_follow);
  while (options.is_follow) {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    batch = co_await fetch(agents, &seen, common.limit);
    show(batch.events, common, true);
  }
  co_return ExitCode::done;
}

}  // namespace

ExitCode run_events(const CommonOptions& common, const EventsOptions& options) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(show_events(&(*session)->agents(), common, options));
}

}  // namespace gemel::cli
