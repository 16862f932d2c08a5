#include "setup/host_facts_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <set>
#include <utility>

#include "base/text.h"
#include "runtime/wall_clock.h"
#include "setup/database_login.h"

namespace gemel::setup {
namespace {

constexpr auto facts_limit = std::chrono::seconds(60);

// One fact per line, fields apart by tabulators: no name that is asked for holds one. The answer to a missing program
// is no fact, as on a host where nothing is installed yet.
constexpr const char* facts_script = R"sh(set -u
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
t=$(printf '\t')
fact() { line=fact; for word in "$@"; do line="$line$t$word"; done; printf '%s\n' "$line"; }
has() { command -v "$1" >/dev/null 2>&1; }
ask_file() {
  if [ -d "$1" ]; then fact directory "$1" $(stat -c '%a %U %G' "$1")
  elif [ -f "$1" ]; then sum=$(sha256sum <"$1") && fact file "$1" "${sum%% *}" $(stat -c '%a %U %G %Y' "$1"); fi
}
ask_name() { getent ahosts "$1" | awk '{print $1}' | sort -u | while read -r address; do fact resolved "$1" "$address"; done; }
ask_package() {
  state=$(dpkg-query -W -f='${db:Status-Status} ${Version}' "$1" 2>/dev/null) || state=
  case $state in
    "installed "*) fact package "$1" "${state#installed }" ;;
    *) apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}' |
      while read -r version; do fact candidate "$1" "$version"; done ;;
  esac
}
ask_unit() {
  has systemctl || return 0
  if systemctl is-active --quiet "$1" 2>/dev/null; then
    fact running "$1"
    since=$(systemctl show --property=ExecMainStartTimestamp --value "$1" 2>/dev/null)
    [ -n "$since" ] && since=$(date -d "$since" +%s 2>/dev/null) && fact started "$1" "$since"
  fi
  systemctl is-enabled --quiet "$1" 2>/dev/null && fact enabled "$1"
}
ask_firewall() {
  if has firewall-cmd && firewall-cmd --state -q 2>/dev/null; then
    fact firewall firewalld
    firewall-cmd --permanent --list-rich-rules | while read -r rule; do fact rule "$rule"; done
    return 0
  fi
  fact firewall nftables
  has nft || return 0
  nft list table inet gemel_ports 2>/dev/null | awk '$1 == "chain" {print $2}' | while read -r rule; do fact rule "$rule"; done
  nft list ruleset 2>/dev/null | awk '$1 == "table" {table = $2 " " $3} /hook input/ && /policy drop/ && table !~ / gemel/ {print table}' |
    while read -r rule; do fact dropping "$rule"; done
}
ask_taken() {
  interface=$(ip -o addr show to "$1" 2>/dev/null | awk '{print $2; exit}')
  [ -n "$interface" ] || return 0
  case $1 in *:*)
    [ -z "$(ip -o addr show dadfailed to "$1")" ] || fact taken "$1"
    return 0 ;;
  esac
  # RFC 5227: who asks without an address of its own gets an answer from another owner only.
  has arping || return 0
  case $(arping -D -c 1 -w 1 -I "$interface" "$1" 2>/dev/null) in *"reply from"*) fact taken "$1" ;; esac
}
ask_peer() {
  has ping && has ip || return 0
  time=$(ping -n -q -c 3 -i 0.2 -W 1 "$1" 2>/dev/null | awk -F/ '/^rtt/ {print int($5 * 1000)}')
  [ -n "$time" ] || return 0
  fact trip "$1" "$time"
  link=$(ip -o route get "$1" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
  mtu=$(ip -o link show dev "$link" | sed -n 's/.* mtu \([0-9]*\).*/\1/p')
  [ -n "$mtu" ] || return 0
  case $1 in *:*) head=48 ;; *) head=28 ;; esac
  ping -n -q -c 2 -i 0.2 -W 1 -M do -s $((mtu - head)) "$1" >/dev/null 2>&1 || fact small "$1"
}
# A port without a program is refused by the host itself; only the second datagram can hear of it.
ask_datagram() {
  said=$(timeout 3 bash -c 'exec 3>"/dev/udp/$1/$2" && for i in 1 2 3; do printf x >&3; sleep 0.2; done' - "${1% *}" "${1#* }" 2>&1)
  case $said in *"refused"*) ;; *) fact unheard "${1% *}" "${1#* }" ;; esac
}
ask_answer() { has ping && ping -n -q -c 1 -W 1 "$1" >/dev/null 2>&1 && fact answering "$1"; }
# The program of our package, on a host that knows its site already; what it checks it does not change.
ask_move() {
  [ -x /usr/sbin/gemel-address ] && [ -r /etc/gemel/host.toml ] || return 0
  said=$(timeout 12 /usr/sbin/gemel-address check "${1% *}" 0 "${1#* }" 2>&1) ||
    fact stuck "${1% *}" "$(printf '%s' "$said" | tr '\n\t' '  ' | cut -c 1-500)"
}
ask_path() {
  said=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "${1% *}" "${1#* }" 2>&1)
  code=$?
  case $code:$said in 124:* | *"No route to host"* | *"administratively"*) fact silent "${1% *}" "${1#* }" ;; esac
}
# Of a database elsewhere the reason counts: a name nobody knows is mended otherwise than a port that is shut.
ask_endpoint() {
  getent ahosts "${1% *}" >/dev/null 2>&1 || { fact unreached "its name is not known here"; return 0; }
  said=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "${1% *}" "${1#* }" 2>&1)
  case $? in
    0) ;;
    124) fact unreached "no answer within 5 s" ;;
    *) fact unreached "$(printf '%s' "$said" | tail -n 1 | sed 's/.*: //' | tr '\n\t' '  ')" ;;
  esac
}
fact clock "$(date +%s%3N)"
fact name "$(uname -n)"
fact memory "$(awk '$1 == "MemTotal:" {print int($2 / 1024)}' /proc/meminfo)"
free_mb() { df -Pk "$1" | awk 'NR == 2 {print int($4 / 1024)}'; }
data=/var/lib
for place in /var/lib/gemel /var/lib/gemel/postgres /var/lib/gemel/postgres/data; do [ ! -d "$place" ] || data=$place; done
fact disk "$(free_mb "$data")"
fact system_disk "$(free_mb /usr)"
has ip && ip -o addr show | awk '{split($4, part, "/"); print $2, part[1]}' |
  while read -r interface address; do fact address "$address" "$interface"; done
( . /etc/os-release && fact system "$ID ${VERSION_ID:-}" )
for word in "$@"; do
  value=${word#*:}
  case $word in
    file:*) ask_file "$value" ;;
    name:*) ask_name "$value" ;;
    package:*) ask_package "$value" ;;
    unit:*) ask_unit "$value" ;;
    answer:*) ask_answer "$value" ;;
    path:*) ask_path "$value" & ;;
    endpoint:*) ask_endpoint "$value" & ;;
    move:*) ask_move "$value" & ;;
    datagram:*) ask_datagram "$value" & ;;
    peer:*) ask_peer "$value" & ;;
    taken:*) ask_taken "$value" & ;;
  esac
done
wait
has ss && ss -Hltnp | awk '$4 !~ /^127\./ && $4 !~ /^\[::1\]/ {
    n = split($4, part, ":"); who = $6; sub(/^users:\(\("/, "", who); sub(/".*/, "", who); print part[n], who}' |
  sort -u -k 1,1n | while read -r port who; do
    fact listening "$port"
    [ -z "$who" ] || fact listener "$port" "$who"
  done
ask_firewall
if [ -r /etc/gemel/host.toml ]; then
  id=$(sed -n "s/^id = [\"']\([^\"']*\)[\"']\$/\1/p" /etc/gemel/host.toml | head -n 1)
  [ -n "$id" ] && fact site "$id"
  tr -d "\"'" </etc/gemel/host.toml | awk '
    function say() { if (name != "") print "member", name, address, kind }
    /^\[/ { section = $1 }
    section == "[timers]" && $2 == "=" { print "timer", $1, $3 }
    section == "[database]" && $1 == "endpoint" { print "endpoint", $3 }
    /^vip6? = / { sub("/.*", "", $3); print "floating", $3 }
    $1 == "[[host]]" { say(); name = "?"; address = "?"; kind = "other"; next }
    name == "" { next }
    $1 == "name" { name = $3 }
    $1 == "address" { address = $3 }
    $1 == "concepts" && /database/ { kind = "database" }
    END { say() }' | while read -r what name address kind; do fact "$what" "$name" $address $kind; done
fi
[ -n "$(ls -A /var/lib/gemel/postgres/data 2>/dev/null)" ] && fact data
if has gemel && [ -r /etc/gemel/host.toml ]; then
  primary=$(gemel status -o json 2>/dev/null | sed -n 's/^ *"primary": "\([^"]*\)",*$/\1/p' | head -n 1)
  [ -n "$primary" ] && fact primary "$primary"
fi
fact end
)sh";

/// 0 for what is no number: not known.
std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

double fraction_of(const std::string& text) {
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Reads one line's fields into the facts; what is not understood is passed over.
class FactReader {
 public:
  void read(const std::vector<std::string>& words);
  site::HostFacts facts;
  std::string primary;                 // the host that the site's agents call primary
  std::chrono::milliseconds clock{0};  // what the host's clock showed, since 1970
  bool is_complete = false;

 private:
  void read_file(const std::vector<std::string>& words);
  void read_text(const std::string& what, const std::string& value);
};

/// fact, "file", path, sha256, mode, owner, group, time of its content; a directory has neither the hash nor the time.
void FactReader::read_file(const std::vector<std::string>& words) {
  const bool is_directory = words[1] == "directory";
  site::FileFact file;
  file.is_directory = is_directory;
  // stat's fields are apart by blanks where the shell split them, so each is a word of its own.
  const std::size_t first = is_directory ? 3 : 4;
  if (words.size() != first + (is_directory ? 3 : 4)) return;
  if (!is_directory) file.sha256 = words[3];
  std::from_chars(words[first].data(), words[first].data() + words[first].size(), file.mode, 8);
  file.owner = words[first + 1];
  file.group = words[first + 2];
  if (!is_directory) file.changed = number_of(words[first + 3]);
  facts.files[words[2]] = std::move(file);
}

void FactReader::read_text(const std::string& what, const std::string& value) {
  if (what == "name") facts.host_name = value;
  if (what == "system") facts.system = value;
  if (what == "running") facts.running_units.insert(value);
  if (what == "enabled") facts.enabled_units.insert(value);
  if (what == "rule") facts.firewall_rules.push_back(value);
  if (what == "answering") facts.answering.insert(value);
  if (what == "clock") {
    clock = std::chrono::milliseconds(number_of(value));
    facts.clock = std::chrono::duration_cast<std::chrono::seconds>(clock).count();
  }
  if (what == "memory") facts.memory_mb = static_cast<std::uint64_t>(number_of(value));
  if (what == "taken") facts.taken.insert(value);
  if (what == "small") facts.small_packets.insert(value);
  if (what == "system_disk") facts.free_system_mb = static_cast<std::uint64_t>(number_of(value));
  if (what == "disk") facts.free_disk_mb = static_cast<std::uint64_t>(number_of(value));
  if (what == "dropping") facts.dropping_tables.push_back(value);
  if (what == "site") facts.site_id = value;
  if (what == "floating") facts.floating.insert(value);
  if (what == "primary") primary = value;
  if (what == "endpoint") facts.endpoint = value;
  if (what == "unreached") facts.unreached = value;
  if (what == "firewall" && value == "firewalld") facts.firewall = site::FirewallKind::firewalld;
  if (what == "listening") {
    std::uint16_t port = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), port).ec == std::errc{})
      facts.listening.insert(port);
  }
}

void FactReader::read(const std::vector<std::string>& words) {
  if (words.size() < 2 || words[0] != "fact") return;
  if (words[1] == "file" || words[1] == "directory") return read_file(words);
  if (words[1] == "end") is_complete = true;
  if (words[1] == "data") facts.has_data_directory = true;
  if (words.size() == 3) read_text(words[1], words[2]);
  if (words.size() == 5 && words[1] == "member") facts.members[words[2]] = {words[3], words[4] == "database"};
  if (words.size() != 4) return;
  if (words[1] == "started") facts.started[words[2]] = number_of(words[3]);
  if (words[1] == "timer") facts.timers[words[2]] = fraction_of(words[3]);
  if (words[1] == "package") facts.packages[words[2]] = words[3];
  if (words[1] == "stuck") facts.stuck[words[2]] = words[3];
  if (words[1] == "candidate") facts.candidates[words[2]] = words[3];
  if (words[1] == "silent") facts.silent.insert({words[2], static_cast<std::uint16_t>(number_of(words[3]))});
  if (words[1] == "unheard") facts.silent_udp.insert({words[2], static_cast<std::uint16_t>(number_of(words[3]))});
  if (words[1] == "trip") facts.round_trips[words[2]] = std::chrono::microseconds(number_of(words[3]));
  if (words[1] == "listener") facts.listeners[static_cast<std::uint16_t>(number_of(words[2]))] = words[3];
  if (words[1] == "address") facts.interfaces[words[2]] = words[3];
  if (words[1] == "resolved") facts.resolved[words[2]].push_back(words[3]);
}

/// The host looked at its clock somewhere between the question and the answer: only what lies outside counts.
std::chrono::milliseconds clock_ahead(std::chrono::milliseconds shown, Exchange times) {
  if (shown.count() == 0 || times.answered.count() == 0) return {};
  if (shown > times.answered) return shown - times.answered;
  return shown < times.asked ? shown - times.asked : std::chrono::milliseconds(0);
}

/// What ssh prints about a host key that changed is a page; one sentence of it counts here.
void describe_failure(const Error& error, site::HostFacts& facts) {
  facts.why_unreachable = error.message;
  if (error.code != ErrorCode::denied) return;
  facts.obstacle = site::Obstacle::key_refused;
  if (!error.message.contains("IDENTIFICATION HAS CHANGED")) return;
  facts.obstacle = site::Obstacle::other_host_key;
  facts.why_unreachable = "it shows another host key than the one that was agreed to";
}

runtime::Task<void> gather_one(Remote* remote, std::string host, RemoteCommand command,
                               std::optional<RemoteCommand> login, site::SiteFacts* facts, std::size_t* open) {
  Exchange times;
  times.asked = runtime::wall_clock();
  auto result = co_await remote->run(host, std::move(command));
  times.answered = runtime::wall_clock();
  site::HostFacts found;
  if (!result) {
    describe_failure(result.error(), found);
  } else if (auto parsed = parse_facts(result->output, times); parsed) {
    found = *std::move(parsed);
    // The script cannot know which name the site file gives this host.
    found.is_primary = found.is_primary && found.host_name == host;
  } else {
    found.why_unreachable = parsed.error().message;
  }
  if (found.is_reachable && found.unreached.empty() && login) {
    const auto said = co_await remote->run(host, *std::move(login));
    if (said) found.login_refused = refusal_of_login(*said);  // who cannot be asked any more, a step will meet
  }
  (*facts)[host] = std::move(found);
  --*open;
}

/// What there is to ask of the floating address on a database host.
template <typename Ask>
void ask_provider(const site::Site& site, const site::Host& host, const Ask& ask) {
  const auto& address = site.address;
  // A cloud's public address answers from outside of the site: that says nothing of who else has it.
  if (host.vip.empty()) {
    for (const auto* floating : {&site.vip, &site.vip6})
      if (*floating) ask("answer", (*floating)->address);
  }
  if (!address.command.empty()) ask("file", address.command.string());
  if (address.provider == site::AddressProvider::openstack) ask("file", address.openstack.secret_file.string());
  if (address.program() != site::address_program) return;
  const auto config = site::host_config(site, site.id, host);
  for (const auto* floating : {&config.vip, &config.vip6})
    if (*floating) ask("move", fmt::format("{} {}", (*floating)->address, site.interface));
}

}  // namespace

RemoteCommand facts_command(const site::Site& site, const site::Manifest& manifest, const site::Host& host) {
  std::vector<std::string> questions;
  const auto ask = [&](std::string_view kind, std::string_view value) {
    questions.push_back(fmt::format("{}:{}", kind, value));
  };
  if (const auto files = manifest.hosts.find(host.name); files != manifest.hosts.end())
    for (const auto& file : files->second) ask("file", file.path);
  ask("file", site::firewall_file);
  ask("file", site::firewall_unit_file);
  for (const auto& other : site.hosts) ask("name", other.name);
  ask("name", site.dns_name);
  if (host.concepts.database) ask_provider(site, host, ask);
  if (const auto& external = site.database.external; external && host.concepts.manager) {
    ask("endpoint", fmt::format("{} {}", external->host, external->port));
    ask("file", external->ca.string());
  }
  for (const auto& address : host.addresses()) ask("taken", address);
  for (const auto& [address, port] : site::used_endpoints(site, host)) ask("path", fmt::format("{} {}", address, port));
  for (const auto& [address, port] : site::used_endpoints(site, host, site::Protocol::udp))
    ask("datagram", fmt::format("{} {}", address, port));
  for (const auto& other : site.hosts)
    if (other.name != host.name) ask("peer", other.address);
  for (const auto* package :
       {"nftables", "postgresql-15", "etcd-server", "haproxy", "gemel", "gemel-agent", "gemel-manager"})
    ask("package", package);
  for (const auto unit :
       {site::agent_unit, site::manager_unit, site::firewall_unit, std::string_view("postgresql@15-main.service"),
        std::string_view("etcd.service"), std::string_view("haproxy.service")})
    ask("unit", unit);
  auto command = script_command(facts_script, std::move(questions));
  command.limit = facts_limit;
  return command;
}

Result<site::HostFacts> parse_facts(const std::string& output, Exchange times) {
  FactReader reader;
  for (const auto& line : split(output, '\n')) reader.read(split(line, '\t'));
  if (!reader.is_complete) {
    const auto said = trim(output);
    return fail(ErrorCode::corrupt, fmt::format("it did not say everything it was asked: {}",
                                                said.substr(said.size() - std::min<std::size_t>(said.size(), 200))));
  }
  reader.facts.is_reachable = true;
  reader.facts.clock_ahead = clock_ahead(reader.clock, times);
  reader.facts.is_primary = !reader.primary.empty() && reader.primary == reader.facts.host_name;
  return std::move(reader.facts);
}

runtime::Task<site::SiteFacts> gather_facts(Remote* remote, site::Site site, site::Manifest manifest) {
  site::SiteFacts facts;
  std::size_t open = site.hosts.size();
  const auto executor = co_await boost::asio::this_coro::executor;
  runtime::TaskScope scope(executor, "facts");
  for (const auto& host : site.hosts)
    scope.spawn(host.name, gather_one(remote, host.name, facts_command(site, manifest, host),
                                      login_command(site, manifest, host), &facts, &open));
  while (open > 0) co_await runtime::sleep_for(std::chrono::milliseconds(20));
  co_return facts;
}

}  // namespace gemel::setup
