// The authorities of a rendered site on disk (ca/ below its directory), and their exchange in stages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "site/certificates.h"
#include "site/host_files.h"

namespace gemel::site {

/// How far an exchange of authorities is. Between two stages every host must have the files of the first, and every
/// program must have read them: then each accepts what any other shows.
enum class ExchangeStage : std::uint8_t {
  none,         // one authority each; signs and is trusted
  trusting,     // the next ones are trusted too; the former still sign
  issuing,      // the next ones sign; the former are still trusted
  withdrawing,  // the former are gone; as none, but not every host may know
};
/// The one after it; after withdrawing comes none.
ExchangeStage next_stage(ExchangeStage stage);
std::string_view to_string(ExchangeStage stage);  // "trusting"

/// What takes part.
struct Exchanged {
  std::set<Authority> authorities = {};  // whose next ones are made; none: no certificate is issued anew
  bool is_heartbeat_key = false;
};

/// What certificates of one purpose are signed by, and which are believed.
struct Trust {
  KeyPair issuer;
  std::string trusted;  // PEM texts of one or two certificates
};

/// The ca directory of a site. Blocks. Whoever calls holds the DirectoryLock of the rendered site.
class Authorities {
 public:
  /// `directory`: the rendered site's; its ca directory must be there.
  explicit Authorities(const std::filesystem::path& directory) : directory_(directory / "ca") {}

  /// `corrupt` when the file that says so is damaged.
  [[nodiscard]] Result<ExchangeStage> stage() const;
  /// All of them; those that are missing are made, named after the site. `refused` when one cannot be used.
  Result<std::map<Authority, Trust>> provide(const std::string& site_name);
  /// Takes part in the exchange that goes on.
  [[nodiscard]] bool has_next(Authority authority) const;

  /// From `none` to `trusting`: makes the next authorities of `which`. A pair that lies there already as
  /// NAME-ca.next.crt and .key is taken when it can be used, `refused` when not.
  Status begin_exchange(const std::string& site_name, const std::set<Authority>& which);
  /// From `trusting` to `issuing`.
  Status begin_issuing();
  /// From `issuing` to `withdrawing`: the next authorities take the places of the former, whose keys are deleted.
  /// Interrupted in the middle, it is completed by provide().
  Status begin_withdrawing();
  /// From `withdrawing` to `none`.
  Status end_exchange();

 private:
  Result<KeyPair> load(const std::string& name) const;
  Result<KeyPair> make(const std::string& name, const std::string& common_name) const;
  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] std::filesystem::path certificate_file(const std::string& name) const;
  [[nodiscard]] std::filesystem::path key_file(const std::string& name) const;
  Status note(std::string_view word) const;
  Status replace_former() const;

  std::filesystem::path directory_;
};

}  // namespace gemel::site
