#include "torture/linearizable.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace gemel::torture {

namespace {

using Kind = RegisterOperation::Kind;

/// A doubly linked list of the calls and returns in time order; an operation leaves it when it is put in its place.
struct Entry {
  std::size_t operation = 0;
  bool is_call = true;
  std::size_t before = 0, after = 0;
  std::size_t partner = 0;  // the return of a call; the list's head when there is none
};

/// Which operations have their place, and the value after them.
struct Place {
  std::vector<std::uint64_t> taken;
  std::int64_t value = 0;
  bool operator==(const Place&) const = default;
};

struct PlaceHash {
  std::size_t operator()(const Place& place) const {
    auto hash = static_cast<std::uint64_t>(place.value) * 0x9E3779B97F4A7C15u;
    for (const auto word : place.taken) hash = (hash ^ word) * 0x100000001B3u + (hash >> 29);
    return hash;
  }
};

/// The value after the operation, or nothing when its answer contradicts the value before.
std::optional<std::int64_t> apply(const RegisterOperation& operation, std::int64_t value) {
  switch (operation.kind) {
    case Kind::read:
      return operation.value == value ? std::optional(value) : std::nullopt;
    case Kind::write:
      return operation.value;
    case Kind::cas:
      if (operation.is_swapped) return operation.expected == value ? std::optional(operation.value) : std::nullopt;
      return operation.expected != value ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

class Search {
 public:
  Search(std::vector<RegisterOperation> operations, std::int64_t initial) : operations_(std::move(operations)) {
    place_.value = initial;
    place_.taken.assign(operations_.size() / 64 + 1, 0);
    struct Point {
      Time time;
      bool is_call;
      std::size_t operation;
    };
    std::vector<Point> points;
    for (std::size_t index = 0; index < operations_.size(); ++index) {
      points.push_back({operations_[index].from, true, index});
      if (operations_[index].is_open()) continue;
      points.push_back({operations_[index].to, false, index});
      ++closed_;
    }
    // At one time calls come first: what touches overlaps.
    std::ranges::sort(points, [](const Point& a, const Point& b) {
      return a.time != b.time ? a.time < b.time : a.is_call && !b.is_call;
    });
    entries_.resize(points.size() + 1);
    std::vector<std::size_t> call_of(operations_.size(), 0);
    for (std::size_t index = 1; index <= points.size(); ++index) {
      const auto& point = points[index - 1];
      entries_[index] = {point.operation, point.is_call, index - 1, (index + 1) % entries_.size(), head};
      if (point.is_call)
        call_of[point.operation] = index;
      else
        entries_[call_of[point.operation]].partner = index;
    }
    entries_[head].after = points.empty() ? head : 1;
    entries_[head].before = points.size();
  }

  Judgement run(std::size_t max_states) {
    auto here = entries_[head].after;
    while (closed_ > 0) {
      if (visited_.size() > max_states) return Judgement::undecided;
      // The end of the list, or the return of an operation without a place: the last choice was wrong.
      if (here == head || !entries_[here].is_call) {
        if (choices_.empty()) return Judgement::violated;
        here = entries_[take_back()].after;
        continue;
      }
      here = try_place(here) ? entries_[head].after : entries_[here].after;
    }
    return Judgement::linearizable;
  }

 private:
  static constexpr std::size_t head = 0;
  struct Choice {
    std::size_t call;
    std::int64_t value_before;
  };

  bool try_place(std::size_t call) {
    const auto operation = entries_[call].operation;
    const auto value = apply(operations_[operation], place_.value);
    if (!value) return false;
    const auto before = place_.value;
    flip(operation);
    place_.value = *value;
    if (!visited_.insert(place_).second) {
      flip(operation);
      place_.value = before;
      return false;
    }
    choices_.push_back({call, before});
    unlink(call);
    if (entries_[call].partner != head) {
      unlink(entries_[call].partner);
      --closed_;
    }
    return true;
  }

  std::size_t take_back() {
    const auto [call, value] = choices_.back();
    choices_.pop_back();
    if (entries_[call].partner != head) {
      link(entries_[call].partner);
      ++closed_;
    }
    link(call);
    flip(entries_[call].operation);
    place_.value = value;
    return call;
  }

  void flip(std::size_t operation) { place_.taken[operation / 64] ^= std::uint64_t{1} << (operation % 64); }
  void unlink(std::size_t index) {
    entries_[entries_[index].before].after = entries_[index].after;
    entries_[entries_[index].after].before = entries_[index].before;
  }
  void link(std::size_t index) {
    entries_[entries_[index].before].after = index;
    entries_[entries_[index].after].before = index;
  }

  std::vector<RegisterOperation> operations_;
  std::vector<Entry> entries_;  // [0] is the head
  std::vector<Choice> choices_;
  std::unordered_set<Place, PlaceHash> visited_;
  Place place_;
  std::size_t closed_ = 0;  // operations that need a place and have none yet
};

}  // namespace

Judgement judge_register(std::vector<RegisterOperation> operations, std::int64_t initial, std::size_t max_states) {
  std::erase_if(operations, [](const RegisterOperation& operation) {
    return operation.is_open() && (operation.kind == Kind::read || !operation.is_swapped);
  });
  return Search(std::move(operations), initial).run(max_states);
}

}  // namespace gemel::torture
