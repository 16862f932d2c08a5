// gemel rules: the policy table, from the program itself (needs no site), or from one host's agent.
#include <boost/json.hpp>

#include "cli/document.h"
#include "cli/rules_chart.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/policy.h"

namespace gemel::cli {
namespace {

std::string own_rules_json() {
  boost::json::array rules;
  for (const auto& rule : core::policy_table()) {
    rules.push_back({{"id", rule.id},
                     {"protocol", rule.protocol},
                     {"when", rule.when},
                     {"then", rule.then},
                     {"go_on", rule.go_on}});
  }
  return boost::json::serialize(rules);
}

std::string own_rules_table(bool use_colour) {
  Table table;
  table.title = "Policy: the first rule that holds decides; * lets the rules below decide too";
  table.header = {"Rule", "From", "When", "Then"};
  for (const auto& rule : core::policy_table()) {
    table.rows.push_back({{std::string(rule.id) + (rule.go_on ? " *" : "")},
                          {std::string(rule.protocol), Colour::faint},
                          {std::string(rule.when)},
                          {std::string(rule.then)}});
  }
  return render_table(table, use_colour);
}

runtime::Task<ExitCode> show_rules_of(api::AgentClient* agents, std::string host, CommonOptions common) {
  const auto rules = co_await agents->fetch_rules(host, common.limit);
  if (!rules) co_return give_up(rules.error());
  print(common.output == OutputFormat::yaml ? to_yaml(*rules) : pretty_json(*rules));
  co_return ExitCode::done;
}

}  // namespace

ExitCode run_rules(const CommonOptions& common, const RulesOptions& options) {
  if (options.is_mermaid) {
    print(rules_chart());
    return ExitCode::done;
  }
  if (!options.host.empty()) {
    auto session = Session::open(common);
    if (!session) return give_up(session.error());
    return (*session)->run(show_rules_of(&(*session)->agents(), options.host, common));
  }
  switch (common.output) {
    case OutputFormat::json:
      print(pretty_json(own_rules_json()));
      break;
    case OutputFormat::yaml:
      print(to_yaml(own_rules_json()));
      break;
    case OutputFormat::table:
    case OutputFormat::wide:
      print(own_rules_table(common.use_colour));
      break;
  }
  return ExitCode::done;
}

}  // namespace gemel::cli
