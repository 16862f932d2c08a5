#include "site/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "site/host_work.h"

namespace gemel::site {
namespace {

using Ids = std::vector<std::string>;

void add_all(Ids& to, const Ids& from) {
  for (const auto& id : from)
    if (std::ranges::count(to, id) == 0) to.push_back(id);
}

/// Puts the work of all hosts in order.
class Planner {
 public:
  explicit Planner(const PlanInput& input);
  Plan make();

 private:
  /// Appends a step that needs `needs` and the host's own step before it.
  std::string add(const HostWork& work, Step step, Ids needs);
  Step make_step(const HostWork& work, StepKind kind, std::string_view name) const;
  Step unit_step(const HostWork& work, StepKind kind) const;
  Step check_step(const HostWork& work, StepKind kind) const;

  [[nodiscard]] bool waits_for_turn(const HostWork& work, const Step& step) const;
  [[nodiscard]] bool waits_for_end(const HostWork& work, const Step& step) const;
  [[nodiscard]] StepKind check_of_new_manager(const HostWork& manager) const;
  void prepare_hosts();
  void start_voters();
  void start_voters_at_once(const std::vector<HostWork*>& starting);
  void join_voters(const std::vector<HostWork*>& starting);
  void bridge_database();
  void start_databases();
  void start_others();
  void start_managers();
  void check_balancers();
  void check_new_ones();
  void change_databases();
  void change_running();
  void change_one(HostWork& work);
  /// How it is seen that a manager does its part, in order.
  [[nodiscard]] std::vector<Step> manager_checks(const HostWork& work, StepKind check) const;
  void grow();
  void close_behind();

  std::vector<HostWork*> selected(bool (*matches)(const HostWork&));
  [[nodiscard]] bool is_bootstrapper(const HostWork& work) const { return work.host->name == bootstrapper_; }

  const PlanInput& input_;
  const std::optional<Growth> growth_;
  std::vector<HostWork> works_;              // reachable hosts, in the site's order
  std::map<std::string, std::string> last_;  // host to the id of its newest step
  std::set<std::string> used_;               // ids
  std::string bootstrapper_;
  StepKind manager_check_ = StepKind::check_manager;
  Ids running_prepared_;  // by hosts that run: they let in who comes
  Ids voters_started_;
  Ids agents_checked_;
  Ids databases_checked_;
  Ids managers_checked_;
  Ids block_;                      // last steps that the next change of a running host waits for
  std::set<std::string> changed_;  // hosts that have had their turn
  Plan plan_;
};

Planner::Planner(const PlanInput& input) : input_(input), growth_(growth_of(input)) {
  for (const auto& host : input.site.hosts) {
    const auto found = input.facts.find(host.name);
    if (found != input.facts.end() && found->second.is_reachable) works_.push_back(work_of(input, host, growth_));
  }
  if (!input.site.hosts.empty() && !input.site.database.external)
    bootstrapper_ = host_config(input.site, "", input.site.hosts.front()).bootstrapper().name;
  if (std::ranges::none_of(input.site.hosts, [](const Host& host) { return host.concepts.balancer; }))
    manager_check_ = StepKind::check_lone_manager;
}

std::vector<HostWork*> Planner::selected(bool (*matches)(const HostWork&)) {
  std::vector<HostWork*> found;
  for (auto& work : works_)
    if (matches(work)) found.push_back(&work);
  // The database that creates the cluster goes first among its like.
  const auto first = std::ranges::find_if(found, [this](const HostWork* work) { return is_bootstrapper(*work); });
  if (first != found.end()) std::rotate(found.begin(), first, first + 1);
  return found;
}

std::string Planner::add(const HostWork& work, Step step, Ids needs) {
  const auto own = last_.find(work.host->name);
  if (own != last_.end()) add_all(needs, {own->second});
  step.needs = std::move(needs);
  while (used_.contains(step.id)) step.id += "-again";
  const auto id = step.id;
  used_.insert(id);
  last_[work.host->name] = id;
  plan_.steps.push_back(std::move(step));
  return id;
}

Step Planner::make_step(const HostWork& work, StepKind kind, std::string_view name) const {
  Step step;
  step.id = fmt::format("{}/{}", work.host->name, name);
  step.host = work.host->name;
  step.kind = kind;
  return step;
}

Step Planner::unit_step(const HostWork& work, StepKind kind) const {
  const bool is_manager = kind == StepKind::start_manager || kind == StepKind::restart_manager;
  const bool is_start = kind == StepKind::start_agent || kind == StepKind::start_manager;
  auto step = make_step(work, kind, is_manager ? "manager" : "agent");
  const auto unit = is_manager ? manager_unit : agent_unit;
  if (is_start) {
    step.changes.push_back(fmt::format("enables and starts {}", unit));
    step.undo = fmt::format("systemctl disable --now {}", unit);
  } else {
    step.changes.push_back(fmt::format("{} reads its changed files", unit));
    step.restarts.emplace_back(unit);
  }
  return step;
}

Step Planner::check_step(const HostWork& work, StepKind kind) const {
  switch (kind) {
    case StepKind::check_database: {
      auto step = make_step(work, kind, "database-check");
      step.changes.emplace_back("nothing; waits until the database is primary or holds every write");
      return step;
    }
    case StepKind::check_manager: {
      auto step = make_step(work, kind, "manager-check");
      step.changes.emplace_back("nothing; waits until the balancers send requests to the manager");
      return step;
    }
    case StepKind::check_lone_manager: {
      auto step = make_step(work, kind, "manager-check");
      step.changes.emplace_back("nothing; waits until the manager is ready");
      return step;
    }
    case StepKind::check_balancer: {
      auto step = make_step(work, kind, "balancer-check");
      step.changes.emplace_back("nothing; waits until the balancer reaches every manager");
      return step;
    }
    default: {
      auto step = make_step(work, StepKind::check_agent, "agent-check");
      step.changes.emplace_back(work.host->concepts.voter || work.host->concepts.database
                                    ? "nothing; waits until the agent answers and the store has a majority"
                                    : "nothing; waits until the agent answers");
      return step;
    }
  }
}

std::vector<Step> Planner::manager_checks(const HostWork& work, StepKind check) const {
  std::vector<Step> checks;
  // What a provider refuses only the manager itself can tell; the balancers see no more than that it is not ready.
  if (input_.site.database.external && check != StepKind::check_lone_manager) {
    checks.push_back(check_step(work, StepKind::check_lone_manager));
    checks.back().id = work.host->name + "/database-reached";
  }
  checks.push_back(check_step(work, check));
  return checks;
}

/// Files and packages of a host whose agent runs wait for its turn: they, or what reads them, interrupt something.
bool Planner::waits_for_turn(const HostWork& work, const Step& step) const {
  const bool is_bridged = growth_ && growth_->database == work.host;
  if (is_bridged && step.kind == StepKind::lay_files) return true;
  // A manager that does not run yet needs its files now; then the agent's are there a little before its turn.
  if (step.kind == StepKind::lay_files) return work.is_agent_up && (work.is_manager_up || !work.host->concepts.manager);
  return step.kind == StepKind::install_packages && !step.restarts.empty();
}

/// Requests that were sent to the host that leaves, and what it needs to answer them, go on until nobody sends any.
bool Planner::waits_for_end(const HostWork& work, const Step& step) const {
  return !input_.leaving.empty() && work.is_agent_up && step.kind == StepKind::set_firewall;
}

void Planner::prepare_hosts() {
  for (auto& work : works_) {
    for (const auto& step : work.prepare) {
      if (waits_for_turn(work, step) || waits_for_end(work, step)) continue;
      const auto id = add(work, step, {});
      if (work.is_agent_up) add_all(running_prepared_, {id});
    }
  }
}

void Planner::start_voters_at_once(const std::vector<HostWork*>& starting) {
  for (const auto* work : starting) voters_started_.push_back(add(*work, unit_step(*work, StepKind::start_agent), {}));
  for (const auto* work : starting)
    agents_checked_.push_back(add(*work, check_step(*work, StepKind::check_agent), voters_started_));
}

/// A store that runs takes one member after the other: while one that was added has not come, it may have no majority.
void Planner::join_voters(const std::vector<HostWork*>& starting) {
  for (const auto* work : starting) {
    auto needs = running_prepared_;
    add_all(needs, agents_checked_);
    voters_started_.push_back(add(*work, unit_step(*work, StepKind::start_agent), needs));
    agents_checked_.push_back(add(*work, check_step(*work, StepKind::check_agent), {}));
  }
}

void Planner::start_voters() {
  const auto starting = selected([](const HostWork& work) { return !work.is_agent_up && work.host->concepts.voter; });
  if (growth_) {
    join_voters(starting);
    return;
  }
  start_voters_at_once(starting);
  // A compact host is a database too: the one that creates the cluster is waited for first.
  for (const auto* work : starting) {
    if (!work->host->concepts.database) continue;
    auto needs = agents_checked_;
    add_all(needs, databases_checked_);
    databases_checked_.push_back(add(*work, check_step(*work, StepKind::check_database), needs));
  }
}

/// The agent is told everything but its future standbys: its PostgreSQL goes on, takes the floating address, and is
/// still reached by its own.
void Planner::bridge_database() {
  for (const auto& work : works_) {
    if (!work.must_restart_bridge) continue;
    auto needs = running_prepared_;
    add_all(needs, agents_checked_);
    if (work.bridge) add(work, *work.bridge, std::exchange(needs, {}));
    auto restart = unit_step(work, StepKind::restart_agent);
    restart.id = work.host->name + "/bridge-agent";
    add(work, std::move(restart), std::move(needs));
    auto check = check_step(work, StepKind::check_database);
    check.id = work.host->name + "/bridge-check";
    databases_checked_.push_back(add(work, std::move(check), {}));
  }
}

void Planner::start_databases() {
  for (const auto* work :
       selected([](const HostWork& each) { return !each.is_agent_up && each.host->concepts.database; })) {
    // Without growth a voter was started, and is waited for, before.
    if (work->host->concepts.voter && !growth_) continue;
    auto needs = voters_started_;
    add_all(needs, running_prepared_);
    add_all(needs, agents_checked_);
    add_all(needs, databases_checked_);
    add_all(needs, block_);
    if (!work->host->concepts.voter) add(*work, unit_step(*work, StepKind::start_agent), std::exchange(needs, {}));
    databases_checked_.push_back(add(*work, check_step(*work, StepKind::check_database), std::move(needs)));
  }
}

void Planner::start_others() {
  for (const auto* work : selected([](const HostWork& each) {
         return !each.is_agent_up && !each.host->concepts.database && !each.host->concepts.voter;
       })) {
    auto needs = voters_started_;
    add_all(needs, running_prepared_);
    add(*work, unit_step(*work, StepKind::start_agent), std::move(needs));
    agents_checked_.push_back(add(*work, check_step(*work, StepKind::check_agent), {}));
  }
}

/// A balancer may not know it yet: one that runs and is changed sends it requests from its own turn on, which is later.
StepKind Planner::check_of_new_manager(const HostWork& manager) const {
  const bool is_known = std::ranges::any_of(works_, [&](const HostWork& work) {
    const bool has_its_turn = work.is_agent_up && work.must_restart_agent;
    return work.host->concepts.balancer && (!has_its_turn || work.facts->members.contains(manager.host->name));
  });
  return is_known ? manager_check_ : StepKind::check_lone_manager;
}

void Planner::start_managers() {
  for (const auto* work :
       selected([](const HostWork& each) { return each.host->concepts.manager && !each.is_manager_up; })) {
    auto needs = databases_checked_;
    add_all(needs, agents_checked_);
    add_all(needs, managers_checked_);
    add(*work, unit_step(*work, StepKind::start_manager), needs);
    for (auto& check : manager_checks(*work, check_of_new_manager(*work)))
      managers_checked_.push_back(add(*work, std::move(check), {}));
  }
}

void Planner::check_balancers() {
  for (const auto* work :
       selected([](const HostWork& each) { return each.host->concepts.balancer && !each.is_agent_up; }))
    block_.push_back(add(*work, check_step(*work, StepKind::check_balancer), managers_checked_));
}

/// The place of a host among those that run already: databases first, of them the primary last; balancers at the end.
constexpr int first_turn_of_others = 2;
constexpr int last_turn = 3;
int turn_of(const HostWork& work) {
  if (work.host->concepts.database) return work.facts->is_primary ? 1 : 0;
  return work.host->concepts.manager ? 2 : last_turn;
}

void Planner::change_one(HostWork& work) {
  const auto& concepts = work.host->concepts;
  Ids needs = block_;
  std::string newest;
  std::set<std::string> restarted;
  const auto next = [&](Step step) {
    for (const auto& unit : step.restarts) restarted.insert(unit);
    newest = add(work, std::move(step), std::exchange(needs, {}));
  };
  // Files first: a new package restarts its unit itself, and must find them.
  for (const auto& step : work.prepare)
    if (waits_for_turn(work, step) && step.kind == StepKind::lay_files) next(step);
  for (const auto& step : work.prepare)
    if (waits_for_turn(work, step) && step.kind == StepKind::install_packages) next(step);
  if (work.is_agent_up && work.must_restart_agent && !restarted.contains(std::string(agent_unit)))
    next(unit_step(work, StepKind::restart_agent));
  else if (work.must_enable_agent)
    next(unit_step(work, StepKind::start_agent));
  if (restarted.contains(std::string(agent_unit))) {
    next(check_step(work, concepts.database ? StepKind::check_database : StepKind::check_agent));
  }
  // A manager that was started a moment ago, on the host of the database, knows of the bridge only.
  const bool runs_manager = work.is_manager_up || (growth_ && growth_->database == work.host && concepts.manager);
  if (runs_manager && work.must_restart_manager && !restarted.contains(std::string(manager_unit)))
    next(unit_step(work, StepKind::restart_manager));
  else if (work.must_enable_manager)
    next(unit_step(work, StepKind::start_manager));
  if (restarted.contains(std::string(manager_unit)))
    for (auto& check : manager_checks(work, manager_check_)) next(std::move(check));
  if (concepts.balancer && restarted.contains(std::string(agent_unit)))
    next(check_step(work, StepKind::check_balancer));
  if (!newest.empty()) block_ = {newest};
}

/// A run that was stopped may have started a program anew without having seen it work. Before the next one is
/// interrupted, it is waited for. Of a site that runs as a whole: where a program is missing, others may wait for it.
void Planner::check_new_ones() {
  const auto is_missing = [](const HostWork& work) {
    return !work.is_agent_up || (work.host->concepts.manager && !work.is_manager_up);
  };
  if (std::ranges::none_of(works_, is_interrupted) || std::ranges::any_of(works_, is_missing)) return;
  for (const auto& work : works_) {
    if (is_interrupted(work)) continue;
    const auto kind = work.host->concepts.database ? StepKind::check_database : StepKind::check_agent;
    if (work.is_agent_new) add_all(block_, {add(work, check_step(work, kind), {})});
    if (work.is_manager_new) add_all(block_, {add(work, check_step(work, check_of_new_manager(work)), {})});
  }
}

/// Of those that run: each in its turn, once.
void Planner::change_databases() {
  for (int turn = 0; turn < first_turn_of_others; ++turn) {
    for (auto& work : works_)
      if (work.is_agent_up && turn_of(work) == turn && changed_.insert(work.host->name).second) change_one(work);
  }
}

void Planner::change_running() {
  for (const auto* list : {&agents_checked_, &databases_checked_, &managers_checked_}) add_all(block_, *list);
  for (int turn = 0; turn <= last_turn; ++turn) {
    for (auto& work : works_) {
      if (growth_ && turn < first_turn_of_others) continue;
      if ((work.is_agent_up || work.is_manager_up) && turn_of(work) == turn && changed_.insert(work.host->name).second)
        change_one(work);
    }
  }
}

/// From one database host to more. The database's own address is closed to the managers last, when none needs it any
/// more: so nobody's writes stand still but for the restart of the one manager.
void Planner::grow() {
  start_voters();
  bridge_database();
  start_others();
  start_managers();
  check_balancers();
  change_running();
  change_databases();
  start_databases();
}

/// After everything else: nobody speaks to the host that leaves any more.
void Planner::close_behind() {
  const auto needs = block_;
  for (const auto& work : works_) {
    for (const auto& step : work.prepare)
      if (waits_for_end(work, step)) add(work, step, needs);
  }
}

Plan Planner::make() {
  prepare_hosts();
  if (growth_) {
    grow();
  } else {
    start_voters();
    const bool is_database_missing = std::ranges::any_of(
        works_, [](const HostWork& work) { return work.host->concepts.database && !work.is_agent_up; });
    // A new standby is let in by those that know of it.
    if (is_database_missing) {
      block_ = agents_checked_;
      change_databases();
    }
    start_databases();
    start_others();
    start_managers();
    check_balancers();
    check_new_ones();
    change_running();
    close_behind();
  }
  plan_.problems = problems_of(input_);
  return std::move(plan_);
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::install_packages:
      return "install_packages";
    case StepKind::write_hosts:
      return "write_hosts";
    case StepKind::set_firewall:
      return "set_firewall";
    case StepKind::lay_files:
      return "lay_files";
    case StepKind::start_agent:
      return "start_agent";
    case StepKind::restart_agent:
      return "restart_agent";
    case StepKind::start_manager:
      return "start_manager";
    case StepKind::restart_manager:
      return "restart_manager";
    case StepKind::check_agent:
      return "check_agent";
    case StepKind::check_database:
      return "check_database";
    case StepKind::check_manager:
      return "check_manager";
    case StepKind::check_lone_manager:
      return "check_lone_manager";
    case StepKind::check_balancer:
      return "check_balancer";
  }
  return "";
}

Plan make_plan(const PlanInput& input) { return Planner(input).make(); }

Plan plan_of_host(Plan plan, const std::string& host) {
  std::erase_if(plan.steps, [&](const Step& step) { return step.host != host; });
  std::erase_if(plan.problems, [&](const Problem& problem) { return problem.host != host; });
  for (auto& step : plan.steps) {
    std::erase_if(step.needs,
                  [&](const std::string& need) { return std::ranges::count(plan.steps, need, &Step::id) == 0; });
  }
  return plan;
}

}  // namespace gemel::site
