// The network between the places of a simulated site: every directed link may lose, delay, double or reorder datagrams
// and may be cut, for datagrams, for streams, or for both. Streams lose nothing; they stand still.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/random.h"
#include "base/time.h"

namespace gemel::sim {

/// A place that a cut can isolate: the database hosts first, then hosts with an etcd voter only.
using Place = std::uint8_t;
inline constexpr std::size_t most_hosts = 3;
inline constexpr std::size_t most_places = 6;

/// What a cut stops.
enum class Traffic : std::uint8_t { datagrams, streams, all };

struct Link {
  unsigned datagram_cuts = 0;  // so many faults cut it now
  unsigned stream_cuts = 0;
  unsigned loss_percent = 0;
  unsigned double_percent = 0;
  Duration delay{std::chrono::microseconds(300)};  // at least
  Duration jitter{0};                              // at most so much more, at random: reorders datagrams
};

class Network {
 public:
  [[nodiscard]] Link& link(Place from, Place to) { return links_[from][to]; }
  [[nodiscard]] const Link& link(Place from, Place to) const { return links_[from][to]; }
  void cut(Place from, Place to, Traffic traffic) { change(from, to, traffic, 1U); }
  void restore(Place from, Place to, Traffic traffic) { change(from, to, traffic, static_cast<unsigned>(-1)); }
  void heal() { links_ = {}; }

  [[nodiscard]] bool passes_datagrams(Place from, Place to) const { return link(from, to).datagram_cuts == 0; }
  /// In one direction.
  [[nodiscard]] bool passes_streams(Place from, Place to) const {
    return from == to || link(from, to).stream_cuts == 0;
  }
  /// In both.
  [[nodiscard]] bool connects(Place a, Place b) const { return passes_streams(a, b) && passes_streams(b, a); }

  /// How long the next datagram or piece of a stream takes.
  [[nodiscard]] Duration delay(Place from, Place to, Random& random) const {
    if (from == to) return std::chrono::microseconds(50);
    const Link& way = link(from, to);
    Duration total = way.delay + Duration{static_cast<Duration::rep>(random.below(300'000))};
    if (way.jitter.count() > 0)
      total += Duration{static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(way.jitter.count())))};
    return total;
  }

 private:
  void change(Place from, Place to, Traffic traffic, unsigned by) {
    Link& way = links_[from][to];
    if (traffic != Traffic::streams) way.datagram_cuts += by;
    if (traffic != Traffic::datagrams) way.stream_cuts += by;
  }
  std::array<std::array<Link, most_places>, most_places> links_{};
};

}  // namespace gemel::sim
