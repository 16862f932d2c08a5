#include "torture/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>

namespace gemel::torture {

const char* const usage =
    R"(Usage: gemel-torture prepare [--dsn DSN]
       gemel-torture run DIR [--dsn DSN] [--url URL --ca FILE] [--workloads ABCEFG] [--seconds N] [--run NAME]
                     [--node NAME=DSN]... [--node-id SQL] [SETTING N]...
       gemel-torture check DIR [--node NAME=DSN]... [--dsn DSN] [--converge-seconds 60] [--stale-read-ms 0]
                     [--max-gap-ms N] [--max-wal-mb 2048] [--no-endstate]
       gemel-torture endstate --node NAME=DSN [--node NAME=DSN]... [--converge-seconds 60] [--max-wal-mb 2048]
Drives workloads through one address while faults happen, and judges the history and the tables afterwards.
DSN, URL and CA default to $GEMEL_DSN, $GEMEL_URL and $GEMEL_CA. README.md beside the sources describes workloads,
checkers and files.
Settings of run: --append-rate --transfer-rate --snapshot-rate --register-rate --stamp-rate --note-rate --probe-rate,
  --append-clients --transfer-clients --register-clients --stamp-clients --note-clients, --register-keys
  --register-seconds, --reach-ms --connect-ms --answer-ms, --probe-reach-ms --probe-connect-ms --probe-answer-ms,
  --settle-seconds
While it runs: "ready" on stderr once every workload had an acknowledged operation; "mark NAME" and "stop" on stdin;
  SIGINT and SIGTERM stop it in order.
Exit codes: 0 done, clean; 1 something that must hold does not; 2 usage; 4 folder or history unusable; 5 not decided;
  6 never connected.
)";

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int most = 1'000'000'000;

Result<int> number_of(const std::string& name, const std::string& text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 0 || number > most)
    return fail(ErrorCode::invalid, name + " wants a whole number, not " + text);
  return number;
}

bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= 80 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

std::map<std::string, std::function<void(int)>> numbers_of(Options& options) {
  auto& rates = options.rates;
  const auto whole = [](int& target) { return [&target](int number) { target = number; }; };
  const auto millis = [](milliseconds& target) { return [&target](int number) { target = milliseconds(number); }; };
  const auto second = [](seconds& target) { return [&target](int number) { target = seconds(number); }; };
  return {
      {"--append-rate", whole(rates.append)},
      {"--transfer-rate", whole(rates.transfer)},
      {"--snapshot-rate", whole(rates.snapshot)},
      {"--register-rate", whole(rates.registers)},
      {"--stamp-rate", whole(rates.stamp)},
      {"--note-rate", whole(rates.note)},
      {"--probe-rate", whole(rates.probe)},
      {"--append-clients", whole(rates.append_clients)},
      {"--transfer-clients", whole(rates.transfer_clients)},
      {"--register-clients", whole(rates.register_clients)},
      {"--stamp-clients", whole(rates.stamp_clients)},
      {"--note-clients", whole(rates.note_clients)},
      {"--register-keys", whole(rates.register_keys)},
      {"--max-wal-mb", whole(options.max_wal_mb)},
      {"--register-seconds", second(rates.register_life)},
      {"--seconds", second(options.duration)},
      {"--settle-seconds", second(options.settle)},
      {"--converge-seconds", second(options.converge)},
      {"--reach-ms", millis(options.limits.reach)},
      {"--connect-ms", millis(options.limits.connect)},
      {"--answer-ms", millis(options.limits.answer)},
      {"--probe-reach-ms", millis(options.probe_limits.reach)},
      {"--probe-connect-ms", millis(options.probe_limits.connect)},
      {"--probe-answer-ms", millis(options.probe_limits.answer)},
      {"--stale-read-ms", millis(options.stale_read)},
      {"--max-gap-ms", millis(options.max_gap)},
  };
}

std::map<std::string, std::function<void(const std::string&)>> texts_of(Options& options) {
  const auto text = [](std::string& target) { return [&target](const std::string& value) { target = value; }; };
  return {{"--dsn", text(options.dsn)},
          {"--url", text(options.url)},
          {"--ca", [&options](const std::string& value) { options.ca = value; }},
          {"--workloads", text(options.workloads)},
          {"--run", text(options.run)},
          {"--node-id", text(options.node_id)}};
}

Status add_node(Options& options, const std::string& value) {
  const auto split = value.find('=');
  if (split == std::string::npos || !is_plain_name(value.substr(0, split)))
    return fail(ErrorCode::invalid, "--node wants NAME=DSN");
  options.nodes.emplace_back(value.substr(0, split), value.substr(split + 1));
  return {};
}

Result<Options> checked(Options options) {
  const auto& rates = options.rates;
  if (options.command == Command::run) {
    if (options.url.empty()) std::erase(options.workloads, 'F');
    if (options.workloads.empty() || options.workloads.find_first_not_of("ABCEFG") != std::string::npos)
      return fail(ErrorCode::invalid, "--workloads takes letters of ABCEFG");
    if (!is_plain_name(options.run)) return fail(ErrorCode::invalid, "--run takes letters, digits, - and _");
    for (const int rate : {rates.append, rates.transfer, rates.snapshot, rates.registers, rates.stamp, rates.note,
                           rates.probe, rates.register_keys, static_cast<int>(rates.register_life.count())})
      if (rate < 1) return fail(ErrorCode::invalid, "rates, keys and their life are at least 1");
    for (const int clients : {rates.append_clients, rates.transfer_clients, rates.register_clients, rates.stamp_clients,
                              rates.note_clients})
      if (clients < 1 || clients > 100) return fail(ErrorCode::invalid, "1 to 100 clients");
  }
  const bool needs_folder = options.command == Command::run || options.command == Command::check;
  if (needs_folder && options.folder.empty()) return fail(ErrorCode::invalid, "DIR is missing");
  if (options.command == Command::endstate && options.nodes.empty())
    return fail(ErrorCode::invalid, "endstate needs --node NAME=DSN for every database host");
  if (options.dsn.empty() && options.nodes.empty()) return fail(ErrorCode::invalid, "--dsn or GEMEL_DSN is missing");
  return options;
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& words) {
  Options options;
  options.dsn = from_environment("GEMEL_DSN");
  options.url = from_environment("GEMEL_URL");
  options.ca = from_environment("GEMEL_CA");
  options.run = fmt::format("{}-{}", std::chrono::system_clock::now().time_since_epoch() / seconds(1), getpid());
  const std::map<std::string, Command> commands = {
      {"help", Command::help}, {"--help", Command::help}, {"-h", Command::help},          {"prepare", Command::prepare},
      {"run", Command::run},   {"check", Command::check}, {"endstate", Command::endstate}};
  if (words.empty() || !commands.contains(words[0]))
    return fail(ErrorCode::invalid, "the first word is prepare, run, check or endstate");
  options.command = commands.at(words[0]);
  if (options.command == Command::help) return options;
  const auto numbers = numbers_of(options);
  const auto texts = texts_of(options);
  for (std::size_t index = 1; index < words.size(); ++index) {
    const auto& word = words[index];
    if (word == "--no-endstate") {
      options.with_endstate = false;
      continue;
    }
    if (!word.starts_with("--") && options.folder.empty()) {
      options.folder = word;
      continue;
    }
    const bool is_known = word == "--node" || numbers.contains(word) || texts.contains(word);
    if (!is_known) return fail(ErrorCode::invalid, "unknown word " + word);
    if (++index == words.size()) return fail(ErrorCode::invalid, word + " wants a value");
    const auto& value = words[index];
    if (word == "--node") {
      if (auto added = add_node(options, value); !added) return std::unexpected(added.error());
    } else if (const auto text = texts.find(word); text != texts.end()) {
      text->second(value);
    } else {
      const auto number = number_of(word, value);
      if (!number) return std::unexpected(number.error());
      numbers.at(word)(*number);
    }
  }
  return checked(std::move(options));
}

}  // namespace gemel::torture
