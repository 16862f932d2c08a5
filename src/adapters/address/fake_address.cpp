// FakeLink and FakeAddress: the keeper's promises without time and frames.
#include "adapters/address/fake_address.h"

#include <algorithm>

#include "adapters/address/frames.h"

namespace gemel::adapters::address {

void FakeLink::set_stranger(const std::string& address, std::optional<Mac> mac) {
  strangers_.erase(address);
  if (!mac) return;
  strangers_[address] = *mac;
  believed_[address] = *mac;
  for (auto* keeper : keepers_) keeper->hear_claim(address, *mac);
}

std::optional<Mac> FakeLink::neighbour_of(const std::string& address) const {
  const auto found = believed_.find(address);
  return found == believed_.end() ? std::nullopt : std::optional(found->second);
}

FakeAddress::~FakeAddress() { std::erase(link_.keepers_, this); }

void FakeAddress::hear_claim(const std::string& address, const Mac& mac) {
  const auto found = std::ranges::find(held_, address, &Address::address);
  if (!is_answering_ || found == held_.end()) return;
  link_.believed_[address] = mac_;  // defends it
  if (auto handler = conflict_) handler({*found, mac});
}

runtime::Task<Status> FakeAddress::ask(Address address, Duration) {
  if (broken_) co_return std::unexpected(*broken_);
  if (!Ip::parse(address.address)) co_return fail(ErrorCode::invalid, "not an address");
  if (address.interface.empty()) co_return fail(ErrorCode::invalid, "not an interface");
  if (const auto found = link_.strangers_.find(address.address); found != link_.strangers_.end())
    co_return fail(ErrorCode::conflict, address.address + " is held by " + to_string(found->second));
  for (const auto* other : link_.keepers_)
    if (other != this && other->is_answering_ && other->held_.contains(address))
      co_return fail(ErrorCode::conflict, address.address + " is held by " + to_string(other->mac_));
  co_return Status{};
}

runtime::Task<Status> FakeAddress::acquire(Address address, Epoch epoch, Duration probe) {
  if (broken_) co_return std::unexpected(*broken_);
  if (epoch < highest_) co_return fail(ErrorCode::refused, "the epoch is over");
  highest_ = epoch;
  if (!Ip::parse(address.address)) co_return fail(ErrorCode::invalid, "not an address");
  if (address.interface.empty()) co_return fail(ErrorCode::invalid, "not an interface");
  if (probe > Duration(0) && !held_.contains(address)) {
    if (auto asked = co_await ask(address, probe); !asked) co_return asked;
  }
  held_.insert(address);
  link_.believed_[address.address] = mac_;
  for (auto* other : link_.keepers_)
    if (other != this) other->hear_claim(address.address, mac_);
  co_return Status{};
}

Status FakeAddress::release(Address address) {
  if (broken_) return std::unexpected(*broken_);
  held_.erase(address);
  return {};
}

}  // namespace gemel::adapters::address
