#include "site/host_entry.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "site/role_table.h"
#include "site/toml_reader.h"
#include "site/toml_text.h"

namespace gemel::site {
namespace {

constexpr std::string_view list_key = "host";
constexpr std::string_view balancer_role = "CCM_LB";

struct Field {
  std::string_view key;
  std::string NewHost::* value;
};
constexpr std::array<Field, 6> fields{{{"name", &NewHost::name},
                                       {"role", &NewHost::role},
                                       {"address", &NewHost::address},
                                       {"address6", &NewHost::address6},
                                       {"zone", &NewHost::zone},
                                       {"vip", &NewHost::vip}}};

Error no_place() {
  return {ErrorCode::invalid,
          "the site file's hosts are not written as sections [[host]] with one key per line: change the file there "
          "yourself, so that they are",
          0};
}

/// The hosts of a document, when each is a section of its own.
const toml::array* sections(const toml::table& document) {
  const auto* list = document.get_as<toml::array>(list_key);
  if (list == nullptr || list->empty()) return nullptr;
  for (const auto& node : *list) {
    const auto* table = node.as_table();
    if (table == nullptr || table->is_inline()) return nullptr;
  }
  return list;
}

/// The lines of one section without what stands around it: from its head to its last key.
struct Lines {
  unsigned first = 0;
  unsigned last = 0;
};
Lines lines_of(const toml::table& section) {
  Lines lines{section.source().begin.line, section.source().begin.line};
  for (const auto& [key, value] : section) lines.last = std::max(lines.last, value.source().end.line);
  return lines;
}

std::string_view line_at(const std::string& text, std::size_t begin) {
  return trim(std::string_view(text).substr(begin, text.find('\n', begin) - begin));
}

/// Behind the comments that follow a section's last key; those that stand right above the next head belong to that.
std::size_t behind_comments(std::string& text, std::size_t at) {
  auto end = at;
  while (end < text.size() && line_at(text, end).starts_with('#')) end = next_line(text, end);
  return end < text.size() && line_at(text, end).starts_with('[') ? at : end;
}

/// The value of a text in a file; nothing when it could not stand between quotation marks.
bool can_stand(const std::string& value) {
  const auto parsed = toml::parse(fmt::format("value = \"{}\"", value));
  return parsed && parsed.table().size() == 1 && parsed.table()["value"].value<std::string>() == value;
}

/// As wanted, and nothing else; the parser's answer to a text that is none is no table.
Result<std::string> checked(std::string text, const toml::table& wanted) {
  const auto after = toml::parse(text);
  if (!after || after.table() != wanted) return std::unexpected(no_place());
  return text;
}

toml::table table_of(const NewHost& host) {
  toml::table table;
  for (const auto& field : fields)
    if (!(host.*field.value).empty()) table.insert(field.key, host.*field.value);
  return table;
}

std::string text_of(const NewHost& host) {
  auto text = fmt::format("\n[[{}]]\n", list_key);
  for (const auto& field : fields)
    if (!(host.*field.value).empty()) text += fmt::format("{} = \"{}\"\n", field.key, host.*field.value);
  return text;
}

const Host* find(const Site& site, const std::string& name) {
  const auto found = std::ranges::find(site.hosts, name, &Host::name);
  return found == site.hosts.end() ? nullptr : &*found;
}

bool is_compact(const Site& site) { return std::ranges::count(site.hosts, role_all, &Host::role) != 0; }

/// The content that is on the host is what was rendered for it.
bool has_rendered(const HostFacts& facts, const std::vector<ManifestFile>& files, const std::string& path) {
  const auto present = facts.files.find(path);
  const auto file = std::ranges::find(files, path, &ManifestFile::path);
  return present != facts.files.end() && file != files.end() && present->second.sha256 == file->sha256;
}

/// Files that say who the site's hosts are.
bool names_hosts(const ManifestFile& file) { return file.path.ends_with("/host.toml"); }

}  // namespace

Result<std::string> with_host(const std::string& text, const NewHost& host) {
  for (const auto& field : fields) {
    if (!can_stand(host.*field.value)) {
      return fail(ErrorCode::invalid, fmt::format("\"{}\" cannot be the {} of a host", host.*field.value, field.key));
    }
  }
  const auto before = toml::parse(text);
  if (!before) return fail(ErrorCode::invalid, "this is not TOML");
  const auto* list = sections(before.table());
  if (list == nullptr) return std::unexpected(no_place());
  const auto at = offset_of(text, {lines_of(*list->back().as_table()).last, 1});
  if (!at) return std::unexpected(no_place());
  auto result = text;
  auto place = next_line(result, *at);
  place = behind_comments(result, place);
  result.insert(place, text_of(host));
  auto wanted = before.table();
  wanted.get_as<toml::array>(list_key)->push_back(table_of(host));
  return checked(std::move(result), wanted);
}

Result<std::string> without_host(const std::string& text, const std::string& name) {
  const auto before = toml::parse(text);
  if (!before) return fail(ErrorCode::invalid, "this is not TOML");
  const auto* list = sections(before.table());
  if (list == nullptr) return std::unexpected(no_place());
  const auto found = std::find_if(list->begin(), list->end(), [&](const toml::node& node) {
    return (*node.as_table())["name"].value<std::string>() == name;
  });
  if (found == list->end()) return fail(ErrorCode::not_found, fmt::format("the site file has no host \"{}\"", name));
  const auto lines = lines_of(*found->as_table());
  const auto head = offset_of(text, {lines.first, 1});
  const auto last = offset_of(text, {lines.last, 1});
  if (!head || !last || !line_at(text, *head).starts_with("[[")) return std::unexpected(no_place());
  auto result = text;
  const auto end = next_line(result, *last);
  auto begin = *head;
  // The empty line that sets it off goes with it.
  if (begin >= 2 && result[begin - 1] == '\n' && result[begin - 2] == '\n') --begin;
  result.erase(begin, end - begin);
  auto wanted = before.table();
  auto* kept = wanted.get_as<toml::array>(list_key);
  kept->erase(kept->begin() + (found - list->begin()));
  return checked(std::move(result), wanted);
}

std::string difference_of(const Site& site, const NewHost& host) {
  const auto* present = find(site, host.name);
  const std::array<std::pair<std::string_view, std::pair<const std::string*, const std::string*>>, 5> values{
      {{"role", {&present->role, &host.role}},
       {"address", {&present->address, &host.address}},
       {"address6", {&present->address6, &host.address6}},
       {"zone", {&present->zone, &host.zone}},
       {"vip", {&present->vip, &host.vip}}}};
  for (const auto& [key, pair] : values) {
    if (*pair.first == *pair.second) continue;
    return fmt::format("the site file has {} already, with {} {} instead of {}", host.name, key,
                       pair.first->empty() ? "none" : fmt::format("\"{}\"", *pair.first),
                       pair.second->empty() ? "none" : fmt::format("\"{}\"", *pair.second));
  }
  return {};
}

std::string why_no_host_is_added(const Site& site, const std::string& role) {
  const auto* known = find_role(role);
  if (known == nullptr) return {};
  if (site.is_standalone())
    return "a standalone site does not get single hosts: \"gemel convert\" makes it highly available";
  if (is_compact(site)) {
    return "a compact site has three or five hosts, each with a vote, and gets no single one: a manager or database of "
           "its own would need other roles";
  }
  if (known->is_standalone() || role == role_all)
    return fmt::format("{} is no role of a further host: it is CCM_SA_SECONDARY or MGMTPOSTGRES_SLAVE", role);
  if (role == balancer_role) {
    return "a further load balancer would be used by nobody: users come by one name and address; \"gemel "
           "replace-host\" "
           "puts a new machine into the place of a lost one";
  }
  if (known->at_most == 1) {
    return fmt::format("a site has one {}; a further host of its kind has the role {}", role,
                       known->concepts.database ? "MGMTPOSTGRES_SLAVE" : "CCM_SA_SECONDARY");
  }
  return {};
}

std::string changed_vote(const Site& one, const Site& other) {
  for (const auto* pair : {&one, &other}) {
    const auto& opposite = pair == &one ? other : one;
    for (const auto& host : pair->hosts) {
      const auto* same = find(opposite, host.name);
      if (host.concepts.voter && (same == nullptr || !same->concepts.voter)) return host.name;
    }
  }
  return {};
}

std::string why_host_stays(const Site& site, const Site* rest, const std::string& name) {
  const auto& host = *find(site, name);
  if (site.is_standalone() || is_compact(site))
    return "a site of this kind needs every one of its hosts: \"gemel destroy\" ends the whole of it";
  const auto* role = find_role(host.role);
  if (role != nullptr && role->at_most == 1) {
    return fmt::format("every site has one {}: \"gemel replace-host\" puts another machine into the place of {}",
                       host.role, name);
  }
  if (host.role == balancer_role) {
    return fmt::format(
        "users may come through {}, and it has no successor: \"gemel replace-host\" puts another machine "
        "into its place",
        name);
  }
  if (host.concepts.voter) {
    return fmt::format(
        "{} has a vote in the store, and votes do not move while the site runs: \"gemel replace-host\" puts another "
        "machine into its place; managers beyond the second have no vote and can leave",
        name);
  }
  if (rest == nullptr) return {};
  for (const auto& [key, list] :
       {std::pair{"service_targets", &rest->service_targets}, std::pair{"client_addresses", &rest->client_addresses}}) {
    for (const auto& address : host.addresses()) {
      if (std::ranges::count(*list, address) == 0) continue;
      return fmt::format("{} of {} is in \"{}\": take it out of there first, with \"gemel set network.{}=...\"",
                         address, name, key, key);
    }
  }
  return {};
}

std::string what_else_changes(const Plan& plan, const SiteFacts& facts, const Manifest& former) {
  for (const auto& step : plan.steps) {
    const bool is_start = step.kind == StepKind::start_agent || step.kind == StepKind::start_manager;
    if (step.kind == StepKind::install_packages || is_start)
      return fmt::format("{}: {}", step.host, join(step.changes, "; "));
    for (const auto& file : step.files) {
      const auto files = former.hosts.find(step.host);
      if (names_hosts(file) && files != former.hosts.end() &&
          has_rendered(facts.at(step.host), files->second, file.path))
        continue;
      return fmt::format("{}: {} is not as the site file wants it", step.host, file.path);
    }
  }
  return {};
}

}  // namespace gemel::site
