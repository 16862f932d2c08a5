// The verbs of the command line: one function per verb, one source file per function. Each prints its answer on
// standard output, complaints on standard error, and gives the exit code. Command line parsing is in main.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/session.h"
#include "site/host_entry.h"

namespace gemel::cli {

struct StatusOptions {
  bool is_watch = false;  // again every second until interrupted
};
/// `unreachable` when no agent at all answered.
ExitCode run_status(const CommonOptions& common, const StatusOptions& options);

ExitCode run_topology(const CommonOptions& common);

struct SwitchoverOptions {
  std::string to;  // empty: the only other member, or the agent's choice among several
  bool is_confirmed = false;
  bool is_dry_run = false;
  bool is_waiting = true;
  std::chrono::seconds timeout{30};
};
ExitCode run_switchover(const CommonOptions& common, const SwitchoverOptions& options);

struct PauseOptions {
  std::string reason;
  std::string length = "1h";  // see pause_length.h
  std::string host;           // asked; empty: the primary
  std::chrono::seconds timeout{30};
};
/// `usage` for a bad length or no reason.
ExitCode run_pause(const CommonOptions& common, const PauseOptions& options);

struct ResumeOptions {
  std::string host;  // asked; empty: the record's holder
  std::chrono::seconds timeout{30};
};
ExitCode run_resume(const CommonOptions& common, const ResumeOptions& options);

struct ForceOptions {
  std::string host;    // shall take over; empty: this one
  std::string phrase;  // typed beforehand; empty: asked for
  bool is_dry_run = false;
  std::chrono::seconds timeout{30};
};
/// `refused` when the phrase is not the exact one.
ExitCode run_force(const CommonOptions& common, const ForceOptions& options);

struct EventsOptions {
  bool is_follow = false;
  std::size_t newest = 50;  // at most so many at first; 0: all
};
ExitCode run_events(const CommonOptions& common, const EventsOptions& options);

struct RulesOptions {
  std::string host;         // not empty: the table of that host's agent
  bool is_mermaid = false;  // this program's table as a chart for documentation
};
/// Prints the table of this program, or of a host's agent.
ExitCode run_rules(const CommonOptions& common, const RulesOptions& options);

struct ExplainOptions {
  std::filesystem::path file;  // empty: what this host's agent records
  std::string host;            // not empty: what that host's agent records
  std::string around;
  unsigned window_seconds = 5;
  std::string rule;
  bool is_every_step = false;
};
/// `failed` when the replay decides otherwise than recorded, `usage` when the file is no recording.
ExitCode run_explain(const CommonOptions& common, const ExplainOptions& options);

struct RenderOptions {
  std::filesystem::path site_file;
  std::filesystem::path out;
};
/// `usage` when the site file has mistakes: every one is printed as file:line:column: message.
ExitCode run_render(const RenderOptions& options);

enum class PortsOutput { table, wide, json, yaml, aws, openstack };
struct PortsOptions {
  std::filesystem::path site_file;
  PortsOutput output = PortsOutput::table;
};
/// Prints the port matrix of a site file. `usage` when it has mistakes.
ExitCode run_ports(const CommonOptions& common, const PortsOptions& options);

struct SchemaOptions {
  bool is_sample = false;    // a commented site file
  bool is_markdown = false;  // the handbook's page
};
/// Prints what a site file may hold.
ExitCode run_schema(const CommonOptions& common, const SchemaOptions& options);

struct SetupOptions {
  std::filesystem::path site_file;
  std::filesystem::path state;     // empty: /var/lib/gemel/setup/<site>
  std::filesystem::path key;       // root's private key for the hosts; empty: the user's agent
  std::filesystem::path packages;  // directory with Gemel's package files; empty: they are installed already
  std::uint16_t port = 22;         // of the hosts' ssh
  bool is_confirmed = false;       // do not ask, neither about host keys nor about the plan
  std::optional<std::string> application_password;  // chosen by a person; empty: the site's, or a random one
};
/// Prints the plan. `usage` for mistakes in the site file, `unreachable` or `refused` when something is in the way.
ExitCode run_plan(const CommonOptions& common, const SetupOptions& options);
/// Carries it out. Codes of run_plan before anything was changed; `failed`, `timed_out`, `unreachable` after a step
/// failed: doing it again goes on from there.
ExitCode run_apply(const CommonOptions& common, const SetupOptions& options);

struct SetOptions {
  SetupOptions setup;
  std::string setting;  // "database.min_copies=2"
};
/// One setting of a site that runs: into the site file, onto the hosts, and back when the site is not healthy then.
/// `usage`: no such key or value; `refused`: not changed on a running site, the site is not as its file says or not
/// healthy, nobody agreed; `failed`: tried, and the former value is back, or what to do about it was said.
ExitCode run_set(const CommonOptions& common, const SetOptions& options);

struct ConvertOptions {
  SetupOptions setup;
  std::chrono::seconds timeout{std::chrono::hours(4)};  // a copy of a large database takes its time
};
/// Makes a standalone site that runs highly available, in place. `usage`: the site file is no such site's; `refused`:
/// none runs; else the codes of run_apply().
ExitCode run_convert(const CommonOptions& common, const ConvertOptions& options);

/// Asks this host's manager whether it can serve. `refused` when not, `unreachable` without an answer, `not_found` on a
/// host without manager.
ExitCode run_ready(const CommonOptions& common);

/// Takes a site down for good; its data is kept aside. `phrase`: typed beforehand; empty: asked for. `refused` when it
/// is not "destroy SITE"; `unreachable` and nothing done when a host does not answer.
ExitCode run_destroy(const SetupOptions& options, const std::string& phrase);

/// A new password for the managers' database user; both are valid in between. `refused` when nobody agreed or no host
/// is primary; after any other error doing it again goes on from there.
ExitCode run_rotate_password(const SetupOptions& options);

enum class ExchangeSubject : std::uint8_t { certificates, heartbeat_key };
struct ExchangeOptions {
  ExchangeSubject subject = ExchangeSubject::certificates;
  bool is_web_included = false;  // certificates: the authority that browsers trust, too
};
/// New certificates for a running site, signed by new authorities, or a new key for its heartbeats; former and next are
/// both valid in between. `refused` when nobody agreed, the site is not as its file says, or something stands in the
/// way; after an interruption or another error doing it again goes on from there.
ExitCode run_rotate_in_stages(const CommonOptions& common, const SetupOptions& options,
                              const ExchangeOptions& exchange);

/// Prints what would keep the site from being set up. `refused` when something would, unreachable hosts included.
ExitCode run_doctor(const CommonOptions& common, const SetupOptions& options);

struct ReplaceHostOptions {
  SetupOptions setup;
  std::string host;
  std::string host_key;  // fingerprint of its new key, agreed to beforehand; empty: a person is asked
  std::chrono::seconds timeout{std::chrono::hours(4)};  // a copy of a large database takes its time
};
/// Makes a host that was installed anew do its part again: a full copy, a member of the store, a manager, a balancer.
/// `not_found`: no such host; `refused`: it is not
/// lost, or the site cannot take it back now; codes of run_apply() afterwards.
ExitCode run_replace_host(const CommonOptions& common, const ReplaceHostOptions& options);

struct AddHostOptions {
  SetupOptions setup;
  site::NewHost host;
  std::chrono::seconds timeout{std::chrono::hours(4)};  // a copy of a large database takes its time
};
/// A host comes to a site that runs: into the site file, then onto the hosts, until it does its part. `usage`: the site
/// file would have mistakes; `refused`: such a host does not come to a running site, it is in the file otherwise, the
/// site is not as its file says or not healthy, nobody agreed: the file is as it was. After a step failed, codes of
/// run_apply(): the file has the host, and doing it again goes on.
ExitCode run_add_host(const CommonOptions& common, const AddHostOptions& options);

struct RemoveHostOptions {
  SetupOptions setup;
  std::string host;
  std::string phrase;    // a database host's name, typed beforehand; empty: asked for
  bool is_lost = false;  // it does not answer any more, and never will
};
/// A host leaves a site that runs; what it has is kept aside. `not_found`: no such host; `usage`, `refused`: as above.
/// After anything failed the file still has it: doing it again goes on, and `gemel apply` takes it back.
ExitCode run_remove_host(const CommonOptions& common, const RemoveHostOptions& options);

struct WizardOptions {
  SetupOptions setup;  // site_file: read when it is there, and written; empty: site.toml in the state directory
  std::filesystem::path answers;  // not empty: nothing is asked but for agreement
  bool is_plain = false;          // line by line
  bool is_resumed = false;        // go on with the draft
};
/// Asks for everything a site needs, then plans and applies. `usage` for a missing terminal or wrong answers,
/// `not_found` without a draft to resume, else the codes of run_apply.
ExitCode run_wizard(const CommonOptions& common, const WizardOptions& options);

ExitCode run_version(const CommonOptions& common);

}  // namespace gemel::cli
