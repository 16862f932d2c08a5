#include "sim/player.h"

#include <algorithm>
#include <chrono>

namespace gemel::sim {

void Player::play() {
  world_.watch([this](Moment moment, Place place) { happens(moment, place); });
  TimePoint when = world_.now();
  for (std::size_t index = 0; index < faults_.size(); ++index) {
    when = when + faults_[index].pause;
    world_.at(when, [this, index] { arrive(index); });
  }
  // The last ones have some time to show what they do.
  world_.run_for(when - world_.now() + std::chrono::milliseconds(800));
  world_.watch({});
  is_over_ = true;
}

void Player::arrive(std::size_t index) {
  if (is_over_) return;
  if (!faults_[index].tie) return begin(index);
  armed_.push_back(index);
}

void Player::begin(std::size_t index) {
  if (is_over_) return;
  begin_fault(world_, faults_[index]);
  if (!lasts(faults_[index].kind)) return;
  world_.at(world_.now() + faults_[index].time, [this, index] {
    if (!is_over_) end_fault(world_, faults_[index]);
  });
}

void Player::happens(Moment moment, Place place) {
  for (const auto index : std::vector<std::size_t>(armed_)) {
    Fault& fault = faults_[index];
    if (fault.tie != moment) continue;
    std::erase(armed_, index);
    const auto next = static_cast<Place>((place + 1U) % world_.hosts());
    fault.at = fault.is_at_actor ? place : next;
    if (fault.other == fault.at) fault.other = fault.is_at_actor ? next : place;
    world_.at(world_.now() + fault.delay, [this, index] { begin(index); });
  }
}

}  // namespace gemel::sim
