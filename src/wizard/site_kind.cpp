#include "wizard/site_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "site/role_table.h"

namespace gemel::wizard {
namespace {

std::optional<SiteKind> find_kind(std::string_view word) {
  const auto* found = std::ranges::find(site_kinds, word, word_of);
  return found == site_kinds.end() ? std::nullopt : std::optional(*found);
}

/// The one kind that a running site of `kind` can become (ADR 0026); nothing when it stays what it is.
std::optional<SiteKind> grown(SiteKind kind) {
  switch (kind) {
    case SiteKind::standalone:
      return SiteKind::ha;
    case SiteKind::one_host:
      return SiteKind::compact;
    case SiteKind::ha:
    case SiteKind::compact:
      break;
  }
  return std::nullopt;
}

std::string_view roles_of(SiteKind kind) {
  return kind == SiteKind::one_host ? "The role CCM does" : "The roles CCM_SA and MGMTPOSTGRES do";
}

}  // namespace

std::string_view word_of(SiteKind kind) {
  switch (kind) {
    case SiteKind::ha:
      return "ha";
    case SiteKind::compact:
      return "compact";
    case SiteKind::standalone:
      return "standalone";
    case SiteKind::one_host:
      return "one-host";
  }
  return "";
}

std::string_view description_of(SiteKind kind) {
  switch (kind) {
    case SiteKind::ha:
      return "High availability on five hosts or more, each with its own role";
    case SiteKind::compact:
      return "High availability on three hosts, each is everything (role ALL)";
    case SiteKind::standalone:
      return "Standalone on two hosts: CCM_SA (manager), MGMTPOSTGRES (database)";
    case SiteKind::one_host:
      return "Everything on one host (role CCM)";
  }
  return "";
}

SiteKind kind_of(const Answers& answers) {
  const auto found = answers.values.find(std::string(kind_id));
  return found == answers.values.end() ? SiteKind::ha : find_kind(found->second).value_or(SiteKind::ha);
}

SiteKind kind_of(const site::Site& site) {
  const auto has = [&](auto is_it) {
    return std::ranges::any_of(site.hosts, [&](const site::Host& host) { return is_it(host.role); });
  };
  if (has([](const std::string& role) { return role == site::role_all; })) return SiteKind::compact;
  if (has([](const std::string& role) { return role == site::role_one_host; })) return SiteKind::one_host;
  const auto is_standalone = [](const std::string& name) {
    const auto* role = site::find_role(name);
    return role != nullptr && role->is_standalone();
  };
  return has(is_standalone) ? SiteKind::standalone : SiteKind::ha;
}

bool is_highly_available(SiteKind kind) { return kind == SiteKind::ha || kind == SiteKind::compact; }

std::string why_not_kind(const Answers& answers, const std::string& word) {
  const auto running = find_kind(answers.running);
  const auto wanted = find_kind(word);
  if (!running || !wanted || *wanted == *running || wanted == grown(*running)) return {};
  if (!is_highly_available(*running)) {
    return fmt::format(
        "{} not allow that. The site runs as \"{}\", which \"gemel convert\" turns into \"{}\": answer "
        "one of these two.",
        roles_of(*running), word_of(*running), word_of(*grown(*running)));
  }
  return fmt::format(
      "The site runs as \"{0}\", and no way leads from there to \"{1}\": answer \"{0}\", or set up another site on "
      "other "
      "hosts.",
      word_of(*running), word);
}

bool is_conversion(const Answers& answers) {
  const auto running = find_kind(answers.running);
  return running && grown(*running) == kind_of(answers) && answers.values.contains(std::string(kind_id));
}

std::string conversion_text(const Answers& answers, const std::string& command) {
  const auto running = find_kind(answers.running).value_or(SiteKind::standalone);
  return fmt::format(
      "{} not allow high availability. This site runs already, and \"gemel convert\" turns it into a highly available "
      "one in place, with its data.\n\n"
      "The hosts that run keep their names and addresses and get other roles; new hosts and a floating address come "
      "to them. Writes wait once, while the manager that runs is restarted. There is no way back.\n\n"
      "Say yes, and the wizard asks for what is new, writes the site file, shows the plan, and converts the site when "
      "you agree to it. With a site file of your own the same is done by\n\n"
      "  {}\n",
      roles_of(running), command);
}

}  // namespace gemel::wizard
