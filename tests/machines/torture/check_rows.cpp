// A and F: rows that stand for operations, each exactly once or, when unknown, at most once.
#include <fmt/format.h>

#include "torture/checkers.h"

namespace gemel::torture {

namespace {

using Key = std::pair<int, std::int64_t>;  // client and counter

struct Presence {
  std::int64_t times = 0, position = 0;
};

std::string name_of_row(const std::string& what, const Key& key) {
  return fmt::format("{}: row {} of client {}", what, key.second, key.first);
}

void check_order(Verdict& verdict, const std::string& what, const std::map<Key, Presence>& acknowledged) {
  const std::pair<const Key, Presence>* before = nullptr;
  for (const auto& here : acknowledged) {
    if (before != nullptr && before->first.first == here.first.first &&
        before->second.position >= here.second.position) {
      verdict.violate(fmt::format("{} stands before row {}, which was acknowledged first",
                                  name_of_row(what, here.first), before->first.second));
    }
    before = &here;
  }
}

}  // namespace

std::vector<const Event*> events_of(const History& history, char workload, std::string_view op) {
  std::vector<const Event*> found;
  for (const auto& event : history.events)
    if (event.workload == workload && event.op == op) found.push_back(&event);
  return found;
}

void count_outcomes(Verdict& verdict, const std::vector<const Event*>& events) {
  for (const auto outcome : {Outcome::acknowledged, Outcome::refused, Outcome::unknown})
    verdict.counts.try_emplace(std::string(name_of(outcome)), 0);
  for (const auto* event : events) ++verdict.counts[std::string(name_of(event->outcome))];
}

void check_rows(Verdict& verdict, const std::string& what, const std::vector<const Event*>& events,
                const std::vector<NumberedRow>& rows) {
  std::map<Key, Presence> present;
  for (const auto& row : rows) {
    auto& found = present[{row.client, row.counter}];
    ++found.times;
    found.position = row.position;
  }
  std::map<Key, Presence> acknowledged;
  std::int64_t unknown_present = 0;
  for (const auto* event : events) {
    const Key key{event->client, event->in.at(0)};
    const auto found = present.find(key);
    const bool is_there = found != present.end();
    if (is_there && found->second.times > 1)
      verdict.violate(fmt::format("{} is there {} times", name_of_row(what, key), found->second.times));
    if (event->outcome == Outcome::acknowledged && !is_there)
      verdict.violate(name_of_row(what, key) + " was acknowledged and is lost");
    if (event->outcome == Outcome::refused && is_there)
      verdict.violate(name_of_row(what, key) + " was refused and is there: " + event->error);
    if (event->outcome == Outcome::acknowledged && is_there) acknowledged.insert(*found);
    if (event->outcome == Outcome::unknown && is_there) ++unknown_present;
    if (is_there) present.erase(found);
  }
  for (const auto& [key, presence] : present) verdict.violate(name_of_row(what, key) + " was never sent");
  check_order(verdict, what, acknowledged);
  verdict.counts["unknown and there (" + what + ")"] = unknown_present;
}

Verdict check_append(const History& history, const std::vector<Tables>& tables) {
  Verdict verdict{.checker = "A"};
  const auto events = events_of(history, 'A', "append");
  count_outcomes(verdict, events);
  for (const auto& node : tables) check_rows(verdict, node.node, events, node.appends);
  return verdict;
}

Verdict check_notes(const History& history, const std::vector<Tables>& tables) {
  Verdict verdict{.checker = "F"};
  const auto events = events_of(history, 'F', "note");
  count_outcomes(verdict, events);
  for (const auto* event : events)
    if (event->outcome == Outcome::acknowledged && event->out.at(1) != "1") ++verdict.counts["repeated"];
  for (const auto& node : tables) {
    std::vector<NumberedRow> rows;
    std::map<Key, std::int64_t> ids;
    for (const auto& note : node.notes) {
      rows.push_back(note.row);
      ids[{note.row.client, note.row.counter}] = note.row.position;
      if (!note.is_intact)
        verdict.violate(name_of_row(node.node, {note.row.client, note.row.counter}) + " has another author or text");
    }
    check_rows(verdict, node.node, events, rows);
    for (const auto* event : events) {
      const Key key{event->client, event->in.at(0)};
      if (event->outcome == Outcome::acknowledged && ids.contains(key) && std::to_string(ids[key]) != event->out.at(0))
        verdict.violate(name_of_row(node.node, key) + " has another id than was acknowledged");
    }
  }
  return verdict;
}

}  // namespace gemel::torture
