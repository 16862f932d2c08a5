// What a host must be able to do before anything is changed: see preflight() in host_work.h.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "site/host_work.h"

namespace gemel::site {
namespace {

using std::chrono::milliseconds;

// Certificates are valid from the time they are made. Logs of hosts that differ by more than this cannot be read
// together.
constexpr milliseconds clock_worth_a_word(2'000);
constexpr milliseconds clock_too_far_off(60'000);
// The mission's sizing table: the smallest site has 4 GB and 50 GB. What the kernel keeps for itself is let off.
constexpr std::uint64_t memory_advised_mb = 3'600;
constexpr std::uint64_t memory_needed_mb = 900;
constexpr std::uint64_t disk_advised_mb = 50'000;
// A cluster, its WAL (up to 2 GB while a standby is away) and a copy of its control data.
constexpr std::uint64_t database_disk_needed_mb = 4'000;
constexpr std::uint64_t other_disk_needed_mb = 1'000;
// What PostgreSQL, etcd and HAProxy take once unpacked, beside their package files.
constexpr std::uint64_t system_disk_needed_mb = 700;
constexpr unsigned postgres_major = 15, postgres_minor = 13;

class Examiner {
 public:
  Examiner(const Site& site, const Host& host, const HostFacts& facts, bool may_answer)
      : site_(site), host_(host), facts_(facts), may_answer_(may_answer) {}
  std::vector<Problem> examine();

 private:
  struct Words {
    std::string what, why, mend;
  };
  void add(ProblemCode code, bool is_blocking, Words words) {
    problems_.push_back(
        {code, host_.name, is_blocking, std::move(words.what), std::move(words.why), std::move(words.mend)});
  }
  void examine_clock();
  void examine_memory();
  void examine_disk();
  void examine_addresses();
  void examine_taken();
  void examine_floating();
  void examine_provider();
  void examine_packages();
  void examine_data();

  const Site& site_;
  const Host& host_;
  const HostFacts& facts_;
  bool may_answer_;
  std::vector<Problem> problems_;
};

void Examiner::examine_clock() {
  const auto off = std::chrono::abs(facts_.clock_ahead);
  if (off < clock_worth_a_word) return;
  add(ProblemCode::clock_off, off >= clock_too_far_off,
      {fmt::format("the clock is {} s {} this host's", std::chrono::duration_cast<std::chrono::seconds>(off).count(),
                   facts_.clock_ahead.count() > 0 ? "ahead of" : "behind"),
       "certificates are refused before their time, and logs cannot be compared",
       "set it, and let chrony or systemd-timesyncd keep it"});
}

void Examiner::examine_memory() {
  if (facts_.memory_mb == 0 || facts_.memory_mb >= memory_advised_mb) return;
  const bool is_far_too_little = facts_.memory_mb < memory_needed_mb;
  if (!is_far_too_little && !host_.concepts.database && !host_.concepts.manager) return;
  add(ProblemCode::little_memory, is_far_too_little,
      {fmt::format("{} MB of memory", facts_.memory_mb),
       is_far_too_little ? fmt::format("its programs need {} MB", memory_needed_mb)
                         : std::string("4 GB are advised for managers and databases"),
       "give the host more"});
}

void Examiner::examine_disk() {
  if (facts_.free_disk_mb == 0) return;
  const auto needed = host_.concepts.database ? database_disk_needed_mb : other_disk_needed_mb;
  if (facts_.free_disk_mb < needed) {
    add(ProblemCode::little_disk, true,
        {fmt::format("{} MB are free below /var/lib/gemel", facts_.free_disk_mb),
         fmt::format("at least {} MB are needed{}", needed,
                     host_.concepts.database ? " for a cluster and the WAL it keeps for a standby that is away" : ""),
         "make room, or mount a larger disk there"});
  } else if (host_.concepts.database && facts_.free_disk_mb < disk_advised_mb) {
    add(ProblemCode::little_disk, false,
        {fmt::format("{} MB are free below /var/lib/gemel", facts_.free_disk_mb),
         fmt::format("the smallest site is advised to have {} MB", disk_advised_mb), "mount a larger disk there"});
  }
  if (facts_.free_system_mb != 0 && facts_.free_system_mb < system_disk_needed_mb) {
    add(ProblemCode::little_disk, true,
        {fmt::format("{} MB are free on the system's disk", facts_.free_system_mb),
         fmt::format("packages need {} MB", system_disk_needed_mb), "make room there"});
  }
}

void Examiner::examine_addresses() {
  if (facts_.interfaces.empty()) return;
  for (const auto& address : host_.addresses()) {
    const auto found = facts_.interfaces.find(address);
    if (found == facts_.interfaces.end()) {
      add(ProblemCode::other_address, true,
          {fmt::format("the host has no address {}", address), "what listens there could not start",
           "correct the site file, or give it to the host"});
    } else if (host_.concepts.database && found->second != site_.interface) {
      add(ProblemCode::no_interface, true,
          {fmt::format("{} is on {}", address, found->second),
           fmt::format("the floating address would be put on {}", site_.interface),
           "correct \"interface\" in the site file"});
    }
  }
}

void Examiner::examine_taken() {
  for (const auto& address : facts_.taken) {
    add(ProblemCode::address_taken, true,
        {fmt::format("another machine answers at {} too, the host's own address", address),
         "packets reach now the one, now the other", "take it from that machine, or give this host another"});
  }
}

void Examiner::examine_floating() {
  if (!host_.concepts.database || may_answer_) return;  // then it may be our own primary
  for (const auto& address : facts_.answering) {
    add(ProblemCode::floating_taken, true,
        {fmt::format("somebody answers at {} already", address), "two machines with one address break both",
         "choose a free one for the site's floating address, or take it from that machine"});
  }
}

/// Once the address may be in service these must not keep anybody from mending the site.
void Examiner::examine_provider() {
  if (!host_.concepts.database) return;
  if (const auto& command = site_.address.command; !command.empty()) {
    constexpr mode_t any_execute = 0111;
    const auto found = facts_.files.find(command.string());
    const bool is_there = found != facts_.files.end() && !found->second.is_directory;
    if (!is_there || (found->second.mode & any_execute) == 0) {
      add(ProblemCode::no_address_tool, !may_answer_,
          {fmt::format("{} {}", command.string(), is_there ? "cannot be executed" : "is not there"),
           "nobody would tell the network where the floating address belongs",
           is_there ? fmt::format("chmod 755 {}", command.string())
                    : std::string("install it, or correct \"address_command\" in the site file")});
    }
  }
  if (site_.address.provider == AddressProvider::openstack) {
    constexpr mode_t any_other = 0077;
    const auto path = site_.address.openstack.secret_file.string();
    const auto found = facts_.files.find(path);
    const bool is_there = found != facts_.files.end() && !found->second.is_directory;
    if (!is_there || (found->second.mode & any_other) != 0) {
      add(ProblemCode::no_cloud_secret, !may_answer_,
          {fmt::format("{} {}", path, is_there ? "can be read by others than root" : "is not there"),
           "the secret of OpenStack's application credential belongs in it, and without it the floating address does "
           "not move",
           is_there ? fmt::format("chmod 600 {}", path) : std::string("write it there, one line, mode 0600")});
    }
  }
  for (const auto& [address, reason] : facts_.stuck) {
    add(ProblemCode::address_stuck, false,
        {fmt::format("{} could not be moved to this host: {}", address, reason),
         "after a failover clients would not reach the database", "see docs/handbook/addresses.md"});
  }
}

/// "15.14-0+deb12u1" is (15, 14); nothing when it is no such number.
std::optional<std::pair<unsigned, unsigned>> version_numbers(const std::string& text) {
  std::pair<unsigned, unsigned> numbers;
  const auto* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, numbers.first);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  if (std::from_chars(major.ptr + 1, end, numbers.second).ec != std::errc{}) return std::nullopt;
  return numbers;
}

void Examiner::examine_packages() {
  for (const auto& name : system_packages(host_.concepts)) {
    const auto installed = facts_.packages.find(name);
    const auto candidate = facts_.candidates.find(name);
    const bool is_known = installed != facts_.packages.end() || candidate != facts_.candidates.end();
    // Without any candidate the host was not asked, or its lists were never fetched: apt says so when it is its turn.
    if (!is_known && !facts_.candidates.empty()) {
      add(ProblemCode::no_source, true,
          {fmt::format("{} is not installed and no package source has it", name), "the host's part needs it",
           "add Debian's archive (or a copy of it) to /etc/apt/sources.list.d, then apt update"});
    }
    if (name != "postgresql-15" || !is_known) continue;
    const auto& version = installed != facts_.packages.end() ? installed->second : candidate->second;
    const auto numbers = version_numbers(version);
    if (numbers && *numbers < std::pair(postgres_major, postgres_minor)) {
      add(ProblemCode::old_postgres, false,
          {fmt::format("PostgreSQL {}", version), "it has known flaws",
           fmt::format("update the package source, {}.{} or newer is advised", postgres_major, postgres_minor)});
    }
  }
}

void Examiner::examine_data() {
  if (!facts_.has_data_directory || !facts_.site_id.empty() || !host_.concepts.database) return;
  add(ProblemCode::data_directory, true,
      {"there is data in /var/lib/gemel/postgres/data already", "nothing says of which site, so it is not touched",
       "to begin anew, move it away and keep it; to go on with it, put back the host's /etc/gemel/host.toml"});
}

std::vector<Problem> Examiner::examine() {
  examine_clock();
  examine_memory();
  examine_disk();
  examine_addresses();
  examine_taken();
  examine_floating();
  examine_provider();
  examine_packages();
  examine_data();
  return std::move(problems_);
}

}  // namespace

std::vector<Problem> preflight(const Site& site, const Host& host, const HostFacts& facts, bool may_answer) {
  return Examiner(site, host, facts, may_answer).examine();
}

}  // namespace gemel::site
