// Where notes are kept, one attempt at a time. Waiting for a failover and repeating is the business of retry.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "manager/note.h"
#include "runtime/task_scope.h"

namespace gemel::manager {

struct StoredNote {
  Note note;
  bool is_new = false;  // this attempt wrote it
};

struct NotesQuery {
  std::size_t limit = 50;             // at most so many
  std::optional<std::int64_t> after;  // with it: ids above, oldest first; without: the newest, newest first
};

/// Loop thread only. Every call makes one attempt within `limit`. Errors: `conflict` = the key was used for another
/// text, and `invalid` = the database will never take it: both final. All others may pass: try again with the same key,
/// also after `timed_out`, which says that the note may or may not have been written.
class NotesStore {
 public:
  NotesStore() = default;
  NotesStore(const NotesStore&) = delete;
  NotesStore& operator=(const NotesStore&) = delete;
  virtual ~NotesStore() = default;

  /// Success: the note is as durable as the site promises, written now or before under the same key.
  virtual runtime::Task<Result<StoredNote>> add(NewNote note, Duration limit) = 0;
  virtual runtime::Task<Result<std::vector<Note>>> list(NotesQuery query, Duration limit) = 0;
  /// Success: the database answers (and its tables are there).
  virtual runtime::Task<Status> ping(Duration limit) = 0;
};

}  // namespace gemel::manager
