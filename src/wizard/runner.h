// What the wizard asks of the set-up, as an interface: look at the hosts, plan, carry the plan out. The command line
// has the real one; tests of the screens need no hosts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "wizard/answers.h"

namespace gemel::wizard {

/// One thing at a time, advanced by poll(): idle -> looking -> (keys ->) planned -> configuring -> done, or failed from
/// anywhere. Used by one thread.
class Runner {
 public:
  enum class Phase : unsigned char {
    idle,
    looking,      // at the hosts
    keys,         // a person has to compare the fingerprints in text()
    planned,      // text() is the plan, with what stands in the way
    configuring,  // hosts() tells how far; text() is the log's path
    done,         // text() is what to write down
    failed,       // text() says why
  };
  struct Host {
    std::string name;
    std::size_t done = 0;   // steps
    std::size_t steps = 0;  // at least 1
    std::string doing;      // the step it is at, or how it ended
  };

  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  /// Writes the site file and looks at the hosts; what was before is forgotten. Pre: the answers are without a mistake.
  virtual void begin(const Answers& answers) = 0;
  /// Pre: keys. The fingerprints are right.
  virtual void believe() = 0;
  /// Pre: planned and is_applicable().
  virtual void apply() = 0;
  /// Back to idle; not while configuring.
  virtual void forget() = 0;
  /// Does what is ready and returns; to be called some times a second while looking or configuring.
  virtual void poll() = 0;

  [[nodiscard]] virtual Phase phase() const = 0;
  [[nodiscard]] virtual const std::string& text() const = 0;
  /// Planned: nothing stands in the way.
  [[nodiscard]] virtual bool is_applicable() const = 0;
  [[nodiscard]] virtual const std::vector<Host>& hosts() const = 0;

  /// What would do the same as a conversion by these answers, without the wizard: "gemel convert site.toml ...".
  [[nodiscard]] virtual std::string convert_command(const Answers& answers) const = 0;
  /// Planned: a site that runs becomes a highly available one.
  [[nodiscard]] virtual bool is_conversion() const = 0;
  /// The mission's messages around carrying the plan out, for this kind of site.
  [[nodiscard]] virtual std::string configuring_message() const = 0;
  [[nodiscard]] virtual std::string configured_message() const = 0;
};

}  // namespace gemel::wizard
