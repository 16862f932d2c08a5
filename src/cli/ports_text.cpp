#include "cli/ports_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/table.h"

namespace gemel::cli {

namespace json = boost::json;
using site::Party;
using site::Protocol;

std::string ports_table(const site::Site& site, bool is_wide, bool use_colour) {
  Table table;
  table.title = fmt::format("Ports of site {}: who speaks to whom", site.name);
  table.header = {"To", "Port", "From", "Why"};
  if (is_wide) table.header.push_back("Id");
  for (const auto& rule : site::port_rules(site)) {
    const auto port = rule.protocol == Protocol::icmp ? std::string("icmp echo")
                                                      : fmt::format("{}/{}", rule.port, to_string(rule.protocol));
    table.rows.push_back({{std::string(to_string(rule.to))}, {port}, {std::string(to_string(rule.from))}, {rule.why}});
    if (is_wide) table.rows.back().push_back({rule.id, Colour::faint});
  }
  return render_table(table, use_colour);
}

std::string ports_json(const site::Site& site) {
  json::array rules;
  for (const auto& rule : site::port_rules(site)) {
    rules.push_back({{"id", rule.id},
                     {"from", to_string(rule.from)},
                     {"to", to_string(rule.to)},
                     {"protocol", to_string(rule.protocol)},
                     {"port", rule.port == 0 ? json::value(nullptr) : json::value(rule.port)},
                     {"why", rule.why}});
  }
  json::array hosts;
  for (const auto& host : site.hosts) {
    json::array open;
    for (const auto& port : site::open_ports(site, host)) {
      json::value sources = nullptr;
      if (!port.is_for_everyone) sources = json::array(port.sources.begin(), port.sources.end());
      open.push_back({{"protocol", to_string(port.protocol)},
                      {"port", port.port == 0 ? json::value(nullptr) : json::value(port.port)},
                      {"sources", sources}});
    }
    hosts.push_back({{"host", host.name}, {"open", open}});
  }
  return json::serialize(json::object{{"api_version", "v1"}, {"site", site.name}, {"rules", rules}, {"hosts", hosts}});
}

}  // namespace gemel::cli
