// The words for a site's state on a terminal.
#include "cli/site_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/table.h"

namespace gemel::cli {
namespace {

using api::HostEntry;
using api::SiteStatus;

bool has_duty(const HostEntry& host, std::string_view duty) { return std::ranges::count(host.duties, duty) != 0; }

Cell database_state(const api::DatabaseStatus& database) {
  std::string text = printable(database.role);
  auto colour = Colour::warning;
  if (database.role == "primary") {
    text = database.is_gate_open ? "primary" : "primary, gate shut";
    colour = database.is_gate_open ? Colour::good : Colour::warning;
  } else if (database.role == "standby") {
    text = database.is_receiving ? "standby, streaming" : "standby, not streaming";
    colour = database.is_receiving ? Colour::good : Colour::warning;
  } else if (database.role == "fenced" || database.run == "ruined") {
    text = database.run == "ruined" ? "ruined" : text;
    colour = Colour::bad;
  }
  if (!database.doing.empty()) text += ", " + printable(database.doing);
  return {text, colour};
}

Cell balancer_state(const api::BalancerStatus& balancer) {
  if (!balancer.is_running) return {"balancer stopped", Colour::bad};
  const auto up = std::ranges::count_if(balancer.backends, [](const auto& it) { return it.state.starts_with("UP"); });
  const auto all = static_cast<std::ptrdiff_t>(balancer.backends.size());
  return {fmt::format("balancer, {} of {} managers up", up, all), up == all ? Colour::good : Colour::warning};
}

/// How the balancers see a manager; the agents of manager hosts do not look into it themselves.
Cell manager_state(const SiteStatus& site, const std::string& name) {
  for (const auto& host : site.hosts) {
    if (!host.status || !host.status->balancer) continue;
    for (const auto& backend : host.status->balancer->backends) {
      if (backend.host != name) continue;
      const bool is_up = backend.state.starts_with("UP");
      return {"manager " + printable(is_up ? "up" : backend.state), is_up ? Colour::good : Colour::bad};
    }
  }
  const bool has_balancer =
      std::ranges::any_of(site.hosts, [](const HostEntry& host) { return has_duty(host, "balancer"); });
  return {has_balancer ? "manager, not seen by a balancer" : "manager", Colour::faint};
}

Cell state_of(const SiteStatus& site, const HostEntry& host) {
  if (!host.status) return {"no answer", Colour::bad};
  std::vector<Cell> states;
  if (host.status->database) states.push_back(database_state(*host.status->database));
  if (host.status->balancer) states.push_back(balancer_state(*host.status->balancer));
  if (has_duty(host, "manager")) states.push_back(manager_state(site, host.host));
  if (states.empty()) return {"agent up", Colour::good};
  Cell result = states.front();
  for (std::size_t index = 1; index < states.size(); ++index) {
    result.text += "; " + states[index].text;
    if (states[index].colour != Colour::good) result.colour = states[index].colour;
  }
  return result;
}

bool is_external(const SiteStatus& site) {
  return std::ranges::none_of(site.hosts, [](const HostEntry& host) { return has_duty(host, "database"); });
}

/// "external, db.example.org:5432; reached by ccm1, not by ccm2"
Cell external_database(const SiteStatus& site) {
  std::vector<std::string> reached, missed;
  bool is_complete = true;
  for (const auto& host : site.hosts) {
    if (!has_duty(host, "manager")) continue;
    if (!host.status || !host.status->manager) {
      is_complete = false;
    } else {
      (host.status->manager->is_database_reached ? reached : missed).push_back(host.host);
    }
  }
  std::string text = "external";
  if (!site.summary.database.empty()) text += ", " + printable(site.summary.database);
  if (reached.empty() && missed.empty()) return {text + "; nobody says whether it is reached", Colour::warning};
  if (reached.empty()) return {text + "; reached by no manager", Colour::bad};
  text += "; reached by " + join(reached, " and ");
  if (missed.empty()) return {text, is_complete ? Colour::good : Colour::warning};
  return {text + ", not by " + join(missed, " and "), Colour::warning};
}

/// Lag of a standby as the primary sees it.
std::string lag_of(const SiteStatus& site, const std::string& name) {
  for (const auto& host : site.hosts) {
    if (host.host != site.summary.primary || !host.status || !host.status->database) continue;
    for (const auto& standby : host.status->database->standbys) {
      if (standby.host == name && standby.is_streaming) return bytes_text(standby.lag_bytes);
    }
  }
  return {};
}

std::string in_sync(const SiteStatus& site, const HostEntry& host) {
  if (!has_duty(host, "database")) return {};
  if (site.summary.members.empty()) return "?";  // no agent told the record
  return std::ranges::count(site.summary.members, host.host) != 0 ? "yes" : "no";
}

void add_wide_cells(const HostEntry& host, std::vector<Cell>& row) {
  row.push_back({host.zone});
  row.push_back({join(host.duties, ", ")});
  const bool is_known = host.status.has_value();
  const auto database = is_known ? host.status->database : std::nullopt;
  row.push_back({database ? printable(database->wal_lsn) : ""});
  row.push_back({database && database->is_gate_open ? fmt::format("{} ms", database->permit_remaining_ms) : "",
                 Colour::none, true});
  row.push_back({database ? (database->is_address_held ? "yes" : "no") : ""});
  row.push_back({database ? printable(database->rule) : ""});
  row.push_back({is_known ? printable(host.status->version) : ""});
  row.push_back({is_known ? duration_text(host.status->uptime_seconds) : "", Colour::none, true});
}

Table host_table(const SiteStatus& site, TableWidth width) {
  Table table;
  table.title = fmt::format("Site: {}", site.site);
  if (!is_external(site))
    table.title += fmt::format(" (epoch {}, revision {})", site.summary.epoch, site.summary.revision);
  table.header = {"Host", "Role", "Address", "State", "TL", "Lag", "In sync"};
  if (width == TableWidth::wide) {
    for (const auto* name : {"Zone", "Duties", "WAL", "Permit", "Address held", "Rule", "Version", "Up"})
      table.header.emplace_back(name);
  }
  for (const auto& host : site.hosts) {
    const bool has_database = host.status && host.status->database;
    const auto timeline = has_database ? host.status->database->timeline : 0;
    std::vector<Cell> row = {{host.host},
                             {host.role},
                             {host.address},
                             state_of(site, host),
                             {timeline != 0 ? std::to_string(timeline) : "", Colour::none, true},
                             {lag_of(site, host.host), Colour::none, true},
                             {in_sync(site, host)}};
    if (width == TableWidth::wide) add_wide_cells(host, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Colour health_colour(const std::string& health) {
  if (health == "healthy") return Colour::good;
  return health == "degraded" ? Colour::warning : Colour::bad;
}

std::string host_line(const SiteStatus& site, const HostEntry& host, bool use_colour) {
  const auto state = state_of(site, host);
  const auto lag = lag_of(site, host.host);
  return fmt::format("{} ({}): {}{}\n", host.host, host.address, coloured(state.text, state.colour, use_colour),
                     lag.empty() ? "" : ", lag " + lag);
}

std::string group(const SiteStatus& site, const std::vector<const HostEntry*>& hosts, const std::string& indent,
                  bool use_colour) {
  std::string text;
  for (std::size_t index = 0; index < hosts.size(); ++index) {
    text += indent + (index + 1 == hosts.size() ? "`- " : "|- ") + host_line(site, *hosts[index], use_colour);
  }
  return text;
}

std::string pause_banner(const api::SiteSummary& summary, bool use_colour) {
  if (!summary.pause) return {};
  const auto& pause = *summary.pause;
  const auto line = fmt::format("PAUSED by {} until {} (another {}): {}", printable(pause.by), printable(pause.until),
                                duration_text(pause.remaining_seconds), printable(pause.reason));
  return coloured(line, Colour::warning, use_colour) + "\nNobody takes over meanwhile. End it with: gemel resume\n";
}

}  // namespace

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 0) return "unknown";
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  std::string_view unit = "B";
  for (const std::string_view next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = next;
  }
  return fmt::format("{:.1f} {}", amount, unit);
}

std::string duration_text(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string status_text(const SiteStatus& site, TableWidth width, bool use_colour) {
  const auto& summary = site.summary;
  std::string text = pause_banner(summary, use_colour) + render_table(host_table(site, width), use_colour);
  text += fmt::format("Health:   {}\n", coloured(summary.health, health_colour(summary.health), use_colour));
  if (is_external(site)) {
    const auto database = external_database(site);
    text += fmt::format("Database: {}\n", coloured(database.text, database.colour, use_colour));
  } else {
    text += fmt::format("Primary:  {}\n", summary.primary.empty() ? "none" : summary.primary);
  }
  if (!summary.state.empty() && summary.state != "normal")
    text += fmt::format("State:    {}\n", printable(summary.state));
  const auto failover = summary.failover_possible           ? Colour::good
                        : summary.reason_code == "external" ? Colour::none
                                                            : Colour::bad;
  text += fmt::format("Failover: {}\n", coloured(printable(summary.reason), failover, use_colour));
  for (const auto& problem : summary.problems) {
    if (problem != summary.reason)
      text += fmt::format("Problem:  {}\n", coloured(printable(problem), Colour::warning, use_colour));
  }
  return text;
}

std::string topology_text(const SiteStatus& site, bool use_colour) {
  std::vector<const HostEntry*> managers, standbys;
  std::string text;
  const HostEntry* primary = nullptr;
  for (const auto& host : site.hosts) {
    if (has_duty(host, "balancer")) text += host_line(site, host, use_colour);
    if (has_duty(host, "manager")) managers.push_back(&host);
    if (!has_duty(host, "database")) continue;
    if (host.host == site.summary.primary) {
      primary = &host;
    } else {
      standbys.push_back(&host);
    }
  }
  text += group(site, managers, " ", use_colour);
  text += "    |\n    `- ";
  if (is_external(site)) {
    const auto database = external_database(site);
    text += "database: " + coloured(database.text, database.colour, use_colour) + "\n";
  } else {
    text += primary != nullptr ? host_line(site, *primary, use_colour)
                               : coloured("no primary", Colour::bad, use_colour) + "\n";
  }
  text += group(site, standbys, "        ", use_colour);
  return text + fmt::format("Failover: {}\n", site.summary.reason);
}

std::string events_text(const std::vector<api::Event>& events, bool use_colour) {
  std::string text;
  for (const auto& event : events) {
    const auto colour = event.level == "error" ? Colour::bad : event.level == "warn" ? Colour::warning : Colour::none;
    text +=
        fmt::format("{} {:<6} {:<5} e{} {}: {}\n", printable(event.time), printable(event.host), printable(event.level),
                    event.epoch, printable(event.rule), coloured(printable(event.message), colour, use_colour));
  }
  return text;
}

}  // namespace gemel::cli
