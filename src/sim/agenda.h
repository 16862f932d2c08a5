// Agenda: what will happen, in the order of virtual time; the only clock of a simulated world. Jobs are small values
// kept in place, so that nothing is allocated for them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <vector>

#include "base/time.h"

namespace gemel::sim {

/// Jobs due at the same time run in the order in which they were put down. Not thread-safe.
class Agenda {
 public:
  static constexpr std::size_t largest_job = 40;

  [[nodiscard]] TimePoint now() const { return now_; }

  /// `job` is called once at `when`, or now when that is past.
  template <typename Job>
  void at(TimePoint when, Job job) {
    static_assert(std::is_trivially_copyable_v<Job> && sizeof(Job) <= largest_job && alignof(Job) <= 8,
                  "capture `this`, indices and times; what is larger belongs into a pool");
    Entry entry;
    entry.when = std::max(when, now_);
    entry.order = order_++;
    entry.run = [](const std::byte* bytes) { (*std::launder(reinterpret_cast<const Job*>(bytes)))(); };
    new (entry.bytes.data()) Job(job);
    entries_.push_back(entry);
    std::push_heap(entries_.begin(), entries_.end(), is_later);
  }
  template <typename Job>
  void after(Duration delay, Job job) {
    at(now_ + delay, job);
  }

  /// Runs the next job if it is due by `limit`; otherwise the time becomes `limit` and nothing ran.
  bool run_next(TimePoint limit) {
    if (entries_.empty() || entries_.front().when > limit) {
      now_ = std::max(now_, limit);
      return false;
    }
    std::pop_heap(entries_.begin(), entries_.end(), is_later);
    const Entry entry = entries_.back();
    entries_.pop_back();
    now_ = entry.when;
    entry.run(entry.bytes.data());
    return true;
  }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t order = 0;
    void (*run)(const std::byte*) = nullptr;
    alignas(8) std::array<std::byte, largest_job> bytes;
  };
  static bool is_later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  TimePoint now_{std::chrono::seconds(1)};
  std::uint64_t order_ = 0;
  std::vector<Entry> entries_;
};

/// Values that jobs refer to by number; a place is used again once it was taken.
template <typename T>
class Pool {
 public:
  std::uint32_t put(T value) {
    if (free_.empty()) {
      places_.push_back(std::move(value));
      return static_cast<std::uint32_t>(places_.size() - 1);
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    places_[place] = std::move(value);
    return place;
  }
  T take(std::uint32_t place) {
    free_.push_back(place);
    return std::move(places_[place]);
  }

 private:
  std::vector<T> places_;
  std::vector<std::uint32_t> free_;
};

}  // namespace gemel::sim
