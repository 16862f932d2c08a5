// Address keepers on a link in memory, for tests of what uses them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/address/address.h"

namespace gemel::adapters::address {

class FakeAddress;

/// The link that fake keepers share. Must outlive them. One thread.
class FakeLink {
 public:
  /// As if a machine that is not ours had the address and answered for it (or no longer, with nothing).
  void set_stranger(const std::string& address, std::optional<Mac> mac);
  /// Who announced the address last: what a neighbour believes.
  [[nodiscard]] std::optional<Mac> neighbour_of(const std::string& address) const;

 private:
  friend class FakeAddress;
  std::vector<FakeAddress*> keepers_;
  std::map<std::string, Mac> strangers_;
  std::map<std::string, Mac> believed_;
};

class FakeAddress final : public AddressKeeper {
 public:
  FakeAddress(FakeLink& link, Mac mac) : link_(link), mac_(mac) { link_.keepers_.push_back(this); }
  ~FakeAddress() override;

  runtime::Task<Status> ask(Address address, Duration time) override;
  runtime::Task<Status> acquire(Address address, Epoch epoch, Duration probe) override;
  Status release(Address address) override;
  [[nodiscard]] Result<bool> held(const Address& address) const override { return held_.contains(address); }
  void on_conflict(std::function<void(Conflict)> handler) override { conflict_ = std::move(handler); }

  /// A frozen or fenced host: keeps its addresses, answers nobody.
  void set_answering(bool is_answering) { is_answering_ = is_answering; }
  /// The next calls fail with this until it is cleared.
  void break_with(std::optional<Error> error) { broken_ = std::move(error); }

 private:
  friend class FakeLink;
  void hear_claim(const std::string& address, const Mac& mac);

  FakeLink& link_;
  Mac mac_;
  std::set<Address> held_;
  std::function<void(Conflict)> conflict_;
  std::optional<Error> broken_;
  Epoch highest_;
  bool is_answering_ = true;
};

}  // namespace gemel::adapters::address
