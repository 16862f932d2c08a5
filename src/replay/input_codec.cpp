// JSON of the beginning of a run, of its inputs and of what was decided on them.
#include "replay/input_codec.h"

#include <fmt/format.h>

#include "replay/json_members.h"

namespace gemel::replay {
namespace {

/// FNV-1a, 64 bits (Fowler, Noll, Vo): finds differences, protects against nobody.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char byte : text) add_byte(static_cast<unsigned char>(byte));
    add_byte(0);
  }
  [[nodiscard]] std::string text() const { return fmt::format("{:016x}", value_); }

 private:
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001B3U; }
  std::uint64_t value_ = 0xCBF29CE484222325U;
};

std::string numbered(const core::Action& action) {
  return fmt::format("{} {}", action.id.value, core::describe(action.kind));
}

}  // namespace

Outcome outcome_of(const core::Output& output) {
  Outcome outcome;
  Digest digest;
  for (const auto rule : output.rules) digest.add(rule);
  for (const auto& id : output.cancel) digest.add(std::to_string(id.value));
  for (const auto& action : output.start) {
    const auto text = numbered(action);
    digest.add(text);
    // Not part of what people read; without it two runs of different seeds would look alike.
    if (const auto* swap = std::get_if<core::action::SwapRecord>(&action.kind)) digest.add(swap->next.token);
    if (core::slot_of(action.kind)) outcome.actions.push_back(text);
  }
  for (const auto& note : output.notes) digest.add(note.text);
  digest.add(std::to_string(output.wake_at.since_boot.count()));
  outcome.digest = digest.text();
  return outcome;
}

std::string encode_begin(const RunBegin& begin) { return json::serialize(json::object{{"begin", write(begin)}}); }

Result<RunBegin> decode_begin(const std::string& line) {
  try {
    RunBegin begin;
    read(parse(line).as_object().at("begin"), begin);
    return begin;
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid, std::string("not the beginning of a run: ") + error.what());
  }
}

std::string encode_step(const Step& step) {
  json::object line{{"t", step.input.now.since_boot.count()}, {"e", write(step.input.event)}};
  if (step.outcome) {
    line["o"] = step.outcome->digest;
    if (!step.outcome->actions.empty()) line["a"] = write(step.outcome->actions);
  }
  return json::serialize(line);
}

Result<Step> decode_step(const std::string& line) {
  try {
    const json::value value = parse(line);
    const auto& object = value.as_object();
    Step step;
    read(object.at("t"), step.input.now);
    read(object.at("e"), step.input.event);
    if (const auto* digest = object.if_contains("o")) {
      read(*digest, step.outcome.emplace().digest);
      if (const auto* actions = object.if_contains("a")) read(*actions, step.outcome->actions);
    }
    return step;
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid, std::string("not an input: ") + error.what());
  }
}

}  // namespace gemel::replay
