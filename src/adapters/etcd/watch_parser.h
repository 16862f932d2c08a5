// WatchParser: the answer of /v3/watch, a sequence of JSON objects that arrives in pieces of any size. Pure.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "adapters/etcd/gateway.h"

namespace gemel::adapters::etcd {

struct WatchNews {
  Revision revision;              // of the store
  std::vector<KeyValue> changed;  // values after the change; deletions are left out
};

/// One per stream. A stream that turned out broken stays broken.
class WatchParser {
 public:
  WatchParser();
  ~WatchParser();
  WatchParser(const WatchParser&) = delete;
  WatchParser& operator=(const WatchParser&) = delete;

  /// The news that are complete with this piece. `corrupt`: not what a watch sends; `cancelled`: the server ended the
  /// watch (also for compaction) or reports an error. Start another stream after both.
  Result<std::vector<WatchNews>> feed(std::string_view piece);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemel::adapters::etcd
