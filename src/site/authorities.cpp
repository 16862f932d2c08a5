#include "site/authorities.h"

#include <fmt/format.h>

#include <system_error>

#include "base/text.h"
#include "site/secrets.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

constexpr mode_t public_mode = 0644;
constexpr mode_t secret_mode = 0600;
constexpr const char* stage_file = "exchange";

std::string next_of(Authority authority) { return to_string(authority) + "-ca.next"; }
std::string present_of(Authority authority) { return to_string(authority) + "-ca"; }

/// A subject of its own, so that people can tell the two apart.
Result<std::string> next_name(const std::string& site_name, Authority authority) {
  const auto random = make_uuid();
  if (!random) return random;
  return fmt::format("{} {} CA {}", site_name, to_string(authority), random->substr(0, 8));
}

Status rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) return fail_errno(error.value(), fmt::format("renaming {} to {}", from.string(), to.string()));
  return {};
}

}  // namespace

std::string_view to_string(ExchangeStage stage) {
  switch (stage) {
    case ExchangeStage::none:
      return "none";
    case ExchangeStage::trusting:
      return "trusting";
    case ExchangeStage::issuing:
      return "issuing";
    case ExchangeStage::withdrawing:
      return "withdrawing";
  }
  return "";
}

ExchangeStage next_stage(ExchangeStage stage) {
  switch (stage) {
    case ExchangeStage::none:
      return ExchangeStage::trusting;
    case ExchangeStage::trusting:
      return ExchangeStage::issuing;
    case ExchangeStage::issuing:
      return ExchangeStage::withdrawing;
    case ExchangeStage::withdrawing:
      return ExchangeStage::none;
  }
  return ExchangeStage::none;
}

std::filesystem::path Authorities::certificate_file(const std::string& name) const {
  return directory_ / (name + ".crt");
}
std::filesystem::path Authorities::key_file(const std::string& name) const { return directory_ / (name + ".key"); }

bool Authorities::has(const std::string& name) const {
  std::error_code error;
  return std::filesystem::exists(certificate_file(name), error);
}

bool Authorities::has_next(Authority authority) const { return has(next_of(authority)); }

Status Authorities::note(std::string_view word) const {
  return write_file(directory_ / stage_file, std::string(word) + "\n", public_mode, Durability::flushed);
}

Result<ExchangeStage> Authorities::stage() const {
  const auto file = directory_ / stage_file;
  const auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  if (!found->has_value()) return ExchangeStage::none;
  for (const auto stage : {ExchangeStage::trusting, ExchangeStage::issuing, ExchangeStage::withdrawing})
    if (trim(**found) == to_string(stage)) return stage;
  return fail(ErrorCode::corrupt, fmt::format("{} is damaged: it holds one of the words {}, {} and {}", file.string(),
                                              to_string(ExchangeStage::trusting), to_string(ExchangeStage::issuing),
                                              to_string(ExchangeStage::withdrawing)));
}

Result<KeyPair> Authorities::load(const std::string& name) const {
  const auto certificate = read_if_there(certificate_file(name));
  if (!certificate) return std::unexpected(certificate.error());
  const auto key = read_if_there(key_file(name));
  if (!key) return std::unexpected(key.error());
  KeyPair pair{certificate->value_or(""), key->value_or("")};
  if (const auto fault = fault_of_authority(pair); !fault.empty()) {
    return fail(ErrorCode::refused,
                fmt::format("{} with {}: {}. Every certificate of the site would be refused; put the right pair there, "
                            "or, before the site is set up, remove both: then a new one is made",
                            certificate_file(name).string(), key_file(name).string(), fault));
  }
  return pair;
}

/// The key first: a key without a certificate is what an interruption leaves, and nothing was signed with it.
Result<KeyPair> Authorities::make(const std::string& name, const std::string& common_name) const {
  auto made = make_authority(common_name);
  if (!made) return made;
  if (auto status = write_file(key_file(name), made->key, secret_mode, Durability::flushed); !status)
    return std::unexpected(status.error());
  if (auto status = write_file(certificate_file(name), made->certificate, public_mode, Durability::flushed); !status)
    return std::unexpected(status.error());
  return made;
}

Result<std::map<Authority, Trust>> Authorities::provide(const std::string& site_name) {
  const auto stage = this->stage();
  if (!stage) return std::unexpected(stage.error());
  if (*stage == ExchangeStage::withdrawing) {
    if (auto status = replace_former(); !status) return std::unexpected(status.error());
  }
  const bool is_exchanging = *stage == ExchangeStage::trusting || *stage == ExchangeStage::issuing;
  std::map<Authority, Trust> all;
  for (const auto authority : authorities) {
    const auto name = present_of(authority);
    auto present = has(name) ? load(name) : make(name, fmt::format("{} {} CA", site_name, to_string(authority)));
    if (!present) return std::unexpected(present.error());
    auto& trust = all[authority];
    trust = {*present, present->certificate};
    // Before an exchange has begun a next pair that somebody laid there means nothing yet.
    if (!is_exchanging || !has_next(authority)) continue;
    auto next = load(next_of(authority));
    if (!next) return std::unexpected(next.error());
    trust.trusted += next->certificate;
    if (*stage == ExchangeStage::issuing) trust.issuer = *std::move(next);
  }
  return all;
}

Status Authorities::begin_exchange(const std::string& site_name, const std::set<Authority>& which) {
  for (const auto authority : which) {
    const auto name = next_of(authority);
    if (has(name)) {
      if (auto present = load(name); !present) return std::unexpected(present.error());
      continue;
    }
    const auto subject = next_name(site_name, authority);
    if (!subject) return std::unexpected(subject.error());
    if (auto made = make(name, *subject); !made) return std::unexpected(made.error());
  }
  return note(to_string(ExchangeStage::trusting));
}

Status Authorities::begin_issuing() { return note(to_string(ExchangeStage::issuing)); }

Status Authorities::begin_withdrawing() {
  if (auto status = note(to_string(ExchangeStage::withdrawing)); !status) return status;
  return replace_former();
}

/// The key first: what is left to do is seen by the certificate.
Status Authorities::replace_former() const {
  for (const auto authority : authorities) {
    if (!has_next(authority)) continue;
    const auto next = next_of(authority);
    const auto present = present_of(authority);
    std::error_code error;
    if (std::filesystem::exists(key_file(next), error)) {
      if (auto status = rename_file(key_file(next), key_file(present)); !status) return status;
    }
    if (auto status = rename_file(certificate_file(next), certificate_file(present)); !status) return status;
  }
  return {};
}

Status Authorities::end_exchange() {
  const auto file = directory_ / stage_file;
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) return fail_errno(error.value(), "removing " + file.string());
  return {};
}

}  // namespace gemel::site
