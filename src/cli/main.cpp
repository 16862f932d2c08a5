// The program `gemel`: what may be typed, and which verb it means.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "cli/verbs.h"

namespace {

using namespace gemel::cli;

struct Arguments {
  CommonOptions common;
  std::string output = "table";
  bool is_colour_off = false;
  StatusOptions status;
  SwitchoverOptions switchover;
  PauseOptions pause;
  ResumeOptions resume;
  ForceOptions force;
  unsigned timeout_seconds = 30;
  bool is_waiting_asked = false;  // the default anyway
  bool is_not_waiting = false;
  EventsOptions events;
  RulesOptions rules;
  ExplainOptions explain;
  RenderOptions render;
  PortsOptions ports;
  SchemaOptions schema;
  SetOptions set;
  SetupOptions setup;
  ExchangeOptions exchange;
  std::string destroy_phrase;
  ReplaceHostOptions replace_host;
  AddHostOptions add_host;
  RemoveHostOptions remove_host;
  ConvertOptions convert;
  unsigned convert_seconds = 14'400;
  unsigned replace_seconds = 14'400;
  WizardOptions wizard;
  std::string ports_output;  // empty: as --output says
};

const std::map<std::string, OutputFormat> output_formats = {{"table", OutputFormat::table},
                                                            {"wide", OutputFormat::wide},
                                                            {"json", OutputFormat::json},
                                                            {"yaml", OutputFormat::yaml}};

const std::map<std::string, PortsOutput> ports_outputs = {
    {"table", PortsOutput::table}, {"wide", PortsOutput::wide}, {"json", PortsOutput::json},
    {"yaml", PortsOutput::yaml},   {"aws", PortsOutput::aws},   {"openstack", PortsOutput::openstack}};

/// Options of every verb, allowed before and after it.
void add_common(CLI::App& app, Arguments& arguments) {
  app.add_option("-o,--output", arguments.output, "how to print")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml"}));
  app.add_flag("--no-color,--no-colour", arguments.is_colour_off, "no colours (also: NO_COLOR in the environment)");
  app.add_option("--config", arguments.common.config, "this host's file, default /etc/gemel/host.toml")
      ->type_name("PATH");
}

bool wants_colour(const Arguments& arguments) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (arguments.is_colour_off || (no_color != nullptr && *no_color != '\0')) return false;
  return isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

void add_timeout(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--timeout", arguments.timeout_seconds, "seconds to wait (default 30)")
      ->check(CLI::Range(1U, 3600U))
      ->type_name("SECONDS");
}

void add_switchover(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("switchover", "move the primary to another database host, nothing is lost");
  verb->add_option("--to", arguments.switchover.to, "the new primary; may be left out when there is only one choice")
      ->type_name("HOST");
  verb->add_flag("--yes", arguments.switchover.is_confirmed, "do not ask for the target's name");
  verb->add_flag("--dry-run", arguments.switchover.is_dry_run, "say what would be done, change nothing");
  auto* wait = verb->add_flag("--wait", arguments.is_waiting_asked, "wait until the new primary serves (the default)");
  verb->add_flag("--no-wait", arguments.is_not_waiting, "return when the request was accepted")->excludes(wait);
  add_timeout(*verb, arguments);
}

void add_pause(CLI::App& app, Arguments& arguments) {
  auto* pause = app.add_subcommand("pause", "nobody takes over and nothing is restarted for a while");
  pause->footer(
      "For maintenance: the primary serves on, also without its standby; a failure of it is not covered. Who paused,\n"
      "why and until when is in gemel status. A second pause replaces the first; it ends by itself.");
  pause->add_option("--reason", arguments.pause.reason, "why; everybody sees it")->required()->type_name("TEXT");
  pause->add_option("--for", arguments.pause.length, "how long: 90s, 30m, 2h, 1h30m, 1d; 10s to 7d (default 1h)")
      ->type_name("DURATION");
  pause->add_option("--host", arguments.pause.host, "ask the agent of this host instead of the primary's")
      ->type_name("HOST");
  add_timeout(*pause, arguments);
  auto* resume = app.add_subcommand("resume", "end a pause before its time");
  resume->add_option("--host", arguments.resume.host, "ask the agent of this host instead of the record's holder")
      ->type_name("HOST");
  add_timeout(*resume, arguments);
}

void add_force(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("force", "a host without every acknowledged write takes over: may lose data");
  verb->footer(
      "The last resort: the primary and every complete copy are gone for good. Prints what may be lost and asks for a\n"
      "phrase. Refused while any of them answers, and on a host that takes over by itself.");
  verb->add_option("--host", arguments.force.host, "the host that shall take over (default: this one)")
      ->type_name("HOST");
  verb->add_option("--confirm", arguments.force.phrase, "the phrase that --dry-run shows, instead of typing it")
      ->type_name("PHRASE");
  verb->add_flag("--dry-run", arguments.force.is_dry_run, "say what may be lost, change nothing");
  add_timeout(*verb, arguments);
}

void add_explain(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.explain;
  auto* verb = app.add_subcommand("explain", "why: replays the recorded inputs of an agent, decision by decision");
  verb->footer(
      "Prints for every change of decision the input, the rule that decided and what it started, and checks that the\n"
      "replay decides as was recorded. Exit code 1: it does not; 2: the file is no recording.");
  auto* file = verb->add_option("file", options.file,
                                "a recording (default: this host's, /var/lib/gemel/agent/inputs/inputs.jsonl)");
  file->type_name("FILE");
  verb->add_option("--host", options.host, "what the agent of this host has recorded")
      ->type_name("HOST")
      ->excludes(file);
  verb->add_option("--around", options.around, "only around the beginning of an epoch, or a time (UTC)")
      ->type_name("EPOCH|TIME");
  verb->add_option("--window", options.window_seconds, "seconds on each side of --around (default 5)")
      ->check(CLI::Range(1U, 86400U))
      ->type_name("SECONDS");
  verb->add_option("--rule", options.rule, "only where this rule matched")->type_name("ID");
  verb->add_flag("--all", options.is_every_step, "every input, not only changes of decision");
}

void add_ports(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("ports", "who speaks to whom by which port, also as security groups of clouds");
  verb->footer(
      "aws is a CloudFormation template, openstack a Heat template; both ask for the networks of users and operators.");
  verb->add_option("site", arguments.ports.site_file, "the site file")->required()->type_name("SITE");
  verb->add_option("-o,--output", arguments.ports_output, "how to print")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml", "aws", "openstack"}));
}

void add_schema(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("schema", "what a site file may hold: every section and key");
  auto* sample = verb->add_flag("--sample", arguments.schema.is_sample, "a commented site file to begin with");
  verb->add_flag("--markdown", arguments.schema.is_markdown, "as a page of the handbook")->excludes(sample);
}

/// Of every verb that goes to the hosts by SSH.
void add_ssh_options(CLI::App& verb, SetupOptions& options) {
  verb.add_option("--state", options.state,
                  "keys, certificates, pinned host keys, logs (default: /var/lib/gemel/setup/<site>)")
      ->type_name("DIR");
  verb.add_option("--key", options.key, "root's private key for the hosts (default: your ssh agent's)")
      ->type_name("FILE");
  verb.add_option("--packages", options.packages, "directory with Gemel's package files, for hosts that lack them")
      ->type_name("DIR");
  verb.add_option("--port", options.port, "port of the hosts' ssh (default 22)")->type_name("PORT");
}

void add_setup_options(CLI::App& verb, SetupOptions& options) {
  verb.add_option("site", options.site_file, "the site file")->required()->type_name("SITE");
  add_ssh_options(verb, options);
}

void add_doctor(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("doctor", "what stands in the way, why it matters, how to mend it");
  verb->add_option("--before", arguments.setup.site_file, "before this site is set up")->required()->type_name("SITE");
  add_ssh_options(*verb, arguments.setup);
  verb->add_flag("--yes", arguments.setup.is_confirmed, "do not ask whether new hosts' keys are the right ones");
  verb->footer("Changes no host. Exit code 3: something is in the way.");
}

void add_replace_host(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.replace_host;
  auto* verb = app.add_subcommand("replace-host", "a lost host, installed anew, does its part again");
  add_setup_options(*verb, options.setup);
  verb->add_option("--host", options.host, "the host, under its old name and address")->required()->type_name("HOST");
  verb->add_option("--host-key", options.host_key, "fingerprint of its new key, instead of being asked")
      ->type_name("SHA256:...");
  verb->add_flag("--yes", options.setup.is_confirmed, "do not ask about the plan; about a changed key it is asked");
  verb->add_option("--timeout", arguments.replace_seconds, "seconds to wait for the copy of a database (default 14400)")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("SECONDS");
  verb->footer(
      "Refused while the host is well; for a database host unless another one serves and does not count on it, for a "
      "manager or load balancer unless the others have a majority. Nothing is changed on the other hosts.");
}

void add_add_host(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.add_host;
  auto* verb = app.add_subcommand("add-host", "a further manager or standby comes to a site that runs");
  verb->add_option("name", options.host.name, "the new host")->required()->type_name("NAME");
  add_setup_options(*verb, options.setup);
  verb->add_option("--role", options.host.role, "CCM_SA_SECONDARY (a manager) or MGMTPOSTGRES_SLAVE (a standby)")
      ->required()
      ->type_name("ROLE");
  verb->add_option("--address", options.host.address, "its address in the site's network")->required();
  verb->add_option("--address6", options.host.address6, "its IPv6 address beside that one");
  verb->add_option("--zone", options.host.zone, "its zone");
  verb->add_option("--vip", options.host.vip, "what a cloud's public floating address leads to on it");
  verb->add_flag("--yes", options.setup.is_confirmed, "do not ask, neither about its key nor about the plan");
  verb->add_option("--timeout", arguments.replace_seconds, "seconds to wait for the copy of a database (default 14400)")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("SECONDS");
  verb->footer(
      "Writes it into the site file (comments stay), carries the plan out, and ends when the host does its part. The\n"
      "site must be as its file says, and healthy. Stopped? The same command, or gemel apply, goes on; gemel "
      "remove-host\n"
      "takes it back.");
}

void add_remove_host(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.remove_host;
  auto* verb = app.add_subcommand("remove-host", "a manager or standby leaves a site that goes on; its data is kept");
  verb->add_option("name", options.host, "the host")->required()->type_name("NAME");
  add_setup_options(*verb, options.setup);
  verb->add_flag("--lost", options.is_lost, "it does not answer any more and never will: leave it alone");
  verb->add_option("--confirm", options.phrase, "the name of a database host again, instead of typing it")
      ->type_name("NAME");
  verb->add_flag("--yes", options.setup.is_confirmed,
                 "do not ask about the plan; a database host's name is asked for still");
  verb->footer(
      "Refused for the primary, and for hosts that the site needs. The others stop counting on it first; then it is\n"
      "stopped, and what it had is moved to /var/lib/gemel-kept. Stopped? The same command goes on; gemel apply takes\n"
      "the host back.");
}

void add_wizard(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.wizard;
  auto* verb = app.add_subcommand("wizard", "asks for everything a site needs, then sets it up");
  verb->add_option("site", options.setup.site_file,
                   "the site file: read when it is there, and written (default: site.toml in the state directory)")
      ->type_name("SITE");
  add_ssh_options(*verb, options.setup);
  verb->add_flag("--plain", options.is_plain, "line by line instead of screens");
  auto* answers = verb->add_option("--answers", options.answers, "all answers from a file, nothing is asked for");
  answers->type_name("FILE");
  verb->add_flag("--resume", options.is_resumed, "go on where an earlier wizard stopped")->excludes(answers);
  verb->add_flag("--yes", options.setup.is_confirmed, "do not ask, neither about new hosts' keys nor about the plan");
  verb->footer("Safe to run again: what is done already is not done twice. See also gemel plan, gemel apply.");
}

void add_setup(CLI::App& app, Arguments& arguments) {
  auto* plan = app.add_subcommand("plan", "what would have to be done so that the hosts are as the site file says");
  add_setup_options(*plan, arguments.setup);
  plan->add_flag("--yes", arguments.setup.is_confirmed, "do not ask whether new hosts' keys are the right ones");
  plan->footer("Changes no host. Exit code 3: something is in the way; 6: a host cannot be reached.");
  auto* apply = app.add_subcommand("apply", "do it: install, configure and start what the site file says");
  add_setup_options(*apply, arguments.setup);
  apply->add_flag("--yes", arguments.setup.is_confirmed,
                  "do not ask, neither about new hosts' keys nor about the plan");
  apply->footer("Safe to run again: it goes on where it was stopped, and does nothing when nothing is to do.");
}

void add_set(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("set", "one setting of a site that runs, and back when it does the site harm");
  verb->add_option("setting", arguments.set.setting, "as database.min_copies=2")->required()->type_name("KEY=VALUE");
  add_setup_options(*verb, arguments.set.setup);
  verb->add_flag("--yes", arguments.set.setup.is_confirmed, "do not ask");
  verb->footer(
      "Changes the site file (comments stay) and the hosts, and looks whether the site is healthy then. Keys: gemel "
      "schema.\nInterrupted? The file has the new value, and gemel apply goes on with it.");
}

void add_convert(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("convert", "a standalone site that runs becomes highly available, with its data");
  verb->footer(
      "SITE is the site file of what it shall be: the hosts it has, with their new roles, and those that come to it. "
      "New\n"
      "hosts are started first; writes stand still for the restart of the one manager. Safe to run again: it goes on\n"
      "where it was stopped.");
  add_setup_options(*verb, arguments.convert.setup);
  verb->add_flag("--yes", arguments.convert.setup.is_confirmed, "do not ask");
  verb->add_option("--timeout", arguments.convert_seconds, "seconds to wait for the copy (default 14400)")
      ->check(CLI::Range(10U, 604'800U))
      ->type_name("SECONDS");
}

void add_rotate(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("rotate", "new secrets for a running site, without an interruption");
  verb->require_subcommand(1);
  auto* password = verb->add_subcommand("password", "of the managers' database user; both are valid in between");
  add_setup_options(*password, arguments.setup);
  password->add_flag("--yes", arguments.setup.is_confirmed, "do not ask");
  password->footer("Safe to run again: it goes on where it was stopped.");
  auto* certificates = verb->add_subcommand(
      "certificates",
      "every certificate, and the authorities of the site's own connections; both are valid in between");
  add_setup_options(*certificates, arguments.setup);
  certificates->add_flag("--yes", arguments.setup.is_confirmed, "do not ask");
  certificates->add_flag("--web-authority", arguments.exchange.is_web_included,
                         "the authority that browsers trust, too: they must be given the new one");
  certificates->footer("Safe to run again: it goes on where it was stopped.");
  auto* key = verb->add_subcommand("heartbeat-key", "of the database hosts; both are valid in between");
  add_setup_options(*key, arguments.setup);
  key->add_flag("--yes", arguments.setup.is_confirmed, "do not ask");
  key->footer("Safe to run again: it goes on where it was stopped.");
}

void add_destroy(CLI::App& app, Arguments& arguments) {
  auto* verb = app.add_subcommand("destroy", "take a site down for good; its data is moved aside on every host");
  add_setup_options(*verb, arguments.setup);
  verb->add_option("--confirm", arguments.destroy_phrase, "\"destroy SITE\", instead of typing it")
      ->type_name("PHRASE");
  verb->add_flag("--yes", arguments.setup.is_confirmed,
                 "do not ask about new hosts' keys; the phrase is asked for still");
  verb->footer("Deletes no data: everything is kept in /var/lib/gemel-kept on each host. Safe to run again.");
}

void add_verbs(CLI::App& app, Arguments& arguments) {
  auto* status =
      app.add_subcommand("status", "the site in one table: who serves, and whether a failover is possible now");
  status->add_flag("-w,--watch", arguments.status.is_watch, "again every second");
  app.add_subcommand("topology", "balancers, managers, primary and standbys as a tree");
  add_switchover(app, arguments);
  add_pause(app, arguments);
  add_force(app, arguments);
  auto* events = app.add_subcommand("events", "what the agents did, of all hosts, by time");
  events->add_flag("-f,--follow", arguments.events.is_follow, "go on with new events");
  events->add_option("-n,--newest", arguments.events.newest, "only so many of the past, 0 for all (default 50)")
      ->type_name("N");
  auto* rules = app.add_subcommand("rules", "the policy table");
  auto* host = rules->add_option("--host", arguments.rules.host, "ask this host's agent instead of this program");
  host->type_name("HOST");
  rules->add_flag("--mermaid", arguments.rules.is_mermaid, "as a chart for documentation")->excludes(host);
  add_explain(app, arguments);
  auto* render = app.add_subcommand("render", "turn one site file into one tree of files per host");
  render->add_option("site", arguments.render.site_file, "the site file")->required()->type_name("SITE");
  render->add_option("--out", arguments.render.out, "the directory to write")->required()->type_name("DIR");
  add_ports(app, arguments);
  add_schema(app, arguments);
  add_doctor(app, arguments);
  add_setup(app, arguments);
  add_set(app, arguments);
  add_convert(app, arguments);
  add_rotate(app, arguments);
  add_destroy(app, arguments);
  add_replace_host(app, arguments);
  add_add_host(app, arguments);
  add_remove_host(app, arguments);
  add_wizard(app, arguments);
  app.add_subcommand("ready", "whether this host's manager can serve");
  app.add_subcommand("version", "the version of this program");
}

ExitCode run(const CLI::App& app, Arguments& arguments) {
  arguments.common.output = output_formats.at(arguments.output);
  arguments.common.use_colour = wants_colour(arguments);
  arguments.switchover.is_waiting = !arguments.is_not_waiting;
  const std::chrono::seconds timeout(arguments.timeout_seconds);
  arguments.switchover.timeout = arguments.pause.timeout = arguments.resume.timeout = arguments.force.timeout = timeout;
  if (app.got_subcommand("status")) return run_status(arguments.common, arguments.status);
  if (app.got_subcommand("topology")) return run_topology(arguments.common);
  if (app.got_subcommand("switchover")) return run_switchover(arguments.common, arguments.switchover);
  if (app.got_subcommand("pause")) return run_pause(arguments.common, arguments.pause);
  if (app.got_subcommand("resume")) return run_resume(arguments.common, arguments.resume);
  if (app.got_subcommand("force")) return run_force(arguments.common, arguments.force);
  if (app.got_subcommand("events")) return run_events(arguments.common, arguments.events);
  if (app.got_subcommand("rules")) return run_rules(arguments.common, arguments.rules);
  if (app.got_subcommand("explain")) return run_explain(arguments.common, arguments.explain);
  if (app.got_subcommand("render")) return run_render(arguments.render);
  if (app.got_subcommand("schema")) return run_schema(arguments.common, arguments.schema);
  if (app.got_subcommand("plan")) return run_plan(arguments.common, arguments.setup);
  if (app.got_subcommand("doctor")) return run_doctor(arguments.common, arguments.setup);
  if (app.got_subcommand("replace-host")) {
    arguments.replace_host.timeout = std::chrono::seconds(arguments.replace_seconds);
    return run_replace_host(arguments.common, arguments.replace_host);
  }
  if (app.got_subcommand("add-host")) {
    arguments.add_host.timeout = std::chrono::seconds(arguments.replace_seconds);
    return run_add_host(arguments.common, arguments.add_host);
  }
  if (app.got_subcommand("remove-host")) return run_remove_host(arguments.common, arguments.remove_host);
  if (app.got_subcommand("convert")) {
    arguments.convert.timeout = std::chrono::seconds(arguments.convert_seconds);
    return run_convert(arguments.common, arguments.convert);
  }
  if (app.got_subcommand("set")) return run_set(arguments.common, arguments.set);
  if (app.got_subcommand("ready")) return run_ready(arguments.common);
  if (app.got_subcommand("apply")) return run_apply(arguments.common, arguments.setup);
  if (app.got_subcommand("destroy")) return run_destroy(arguments.setup, arguments.destroy_phrase);
  if (auto* rotate = app.get_subcommand("rotate"); rotate->parsed()) {
    if (rotate->got_subcommand("password")) return run_rotate_password(arguments.setup);
    if (rotate->got_subcommand("heartbeat-key")) arguments.exchange.subject = ExchangeSubject::heartbeat_key;
    return run_rotate_in_stages(arguments.common, arguments.setup, arguments.exchange);
  }
  if (app.got_subcommand("wizard")) return run_wizard(arguments.common, arguments.wizard);
  if (app.got_subcommand("ports")) {
    arguments.ports.output =
        ports_outputs.at(arguments.ports_output.empty() ? arguments.output : arguments.ports_output);
    return run_ports(arguments.common, arguments.ports);
  }
  return run_version(arguments.common);
}

}  // namespace

int main(int argument_count, char** argument_values) {
  CLI::App app{"gemel: state and operation of a highly available management site", "gemel"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "gemel " GEMEL_VERSION);
  app.fallthrough();
  app.footer(
      "Options may stand before or after the verb.\nExit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 "
      "timed out, 6 unreachable, 7 permission");
  Arguments arguments;
  try {
    add_common(app, arguments);
    add_verbs(app, arguments);
    app.parse(argument_count, argument_values);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  try {
    return static_cast<int>(run(app, arguments));
  } catch (const std::exception& error) {
    complain(error.what());
    return static_cast<int>(ExitCode::failed);
  }
}
