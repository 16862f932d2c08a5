// What kinds of site there are, in the words of a person, and which of them a site that runs can become. Pure.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "site/site.h"
#include "wizard/answers.h"

namespace gemel::wizard {

enum class SiteKind : unsigned char {
  ha,          // every role on hosts of its own
  compact,     // three or five hosts with the role ALL
  standalone,  // CCM_SA and MGMTPOSTGRES
  one_host,    // CCM
};
inline constexpr std::array<SiteKind, 4> site_kinds{SiteKind::ha, SiteKind::compact, SiteKind::standalone,
                                                    SiteKind::one_host};

/// The id of the field that asks for it.
inline constexpr std::string_view kind_id = "site.kind";

/// "one-host": what an answer says.
std::string_view word_of(SiteKind kind);
/// A sentence without its end; at most 70 letters.
std::string_view description_of(SiteKind kind);

/// The kind that these answers ask for; without one, or with a word that is none, `ha`.
SiteKind kind_of(const Answers& answers);
SiteKind kind_of(const site::Site& site);

/// Somebody takes over.
bool is_highly_available(SiteKind kind);

/// Why the site that runs (`answers.running`) cannot become what `word` names, and what to do; empty when it can, or is
/// it already, or when none runs.
std::string why_not_kind(const Answers& answers, const std::string& word);

/// A site that runs would become a highly available one: what `gemel convert` does.
bool is_conversion(const Answers& answers);

/// What a person has to know before a conversion. `command`: what does the same by hand. Pre: is_conversion().
std::string conversion_text(const Answers& answers, const std::string& command);

}  // namespace gemel::wizard
