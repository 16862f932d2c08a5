// Notes in memory, with failures on demand: the store of the unit tests. Follows the promises of notes_store.h.
#pragma once

#include <deque>
#include <vector>

#include "manager/notes_store.h"

namespace gemel::manager::testing {

class FakeNotesStore final : public NotesStore {
 public:
  /// What the next call does instead of succeeding. `lost_answer`: the note is written, the caller hears `timed_out`.
  enum class Fault { unavailable, lost_answer };
  std::deque<Fault> faults;
  bool is_dead = false;  // every call is `unavailable`
  std::vector<Note> notes;
  unsigned calls = 0;

  runtime::Task<Result<StoredNote>> add(NewNote note, Duration) override {
    ++calls;
    const bool has_fault = !faults.empty();
    const auto fault = has_fault ? faults.front() : Fault::unavailable;
    if (has_fault) faults.pop_front();
    if (is_dead || (has_fault && fault == Fault::unavailable)) co_return fail(ErrorCode::unavailable, "down");
    auto stored = write(note);
    if (has_fault && fault == Fault::lost_answer) co_return fail(ErrorCode::timed_out, "lost");
    co_return stored;
  }

  runtime::Task<Result<std::vector<Note>>> list(NotesQuery query, Duration) override {
    ++calls;
    if (is_dead) co_return fail(ErrorCode::unavailable, "down");
    std::vector<Note> result;
    if (query.after) {
      for (const auto& note : notes) {
        if (note.id > *query.after && result.size() < query.limit) result.push_back(note);
      }
    } else {
      for (auto note = notes.rbegin(); note != notes.rend() && result.size() < query.limit; ++note)
        result.push_back(*note);
    }
    co_return result;
  }

  runtime::Task<Status> ping(Duration) override {
    if (is_dead) co_return fail(ErrorCode::unavailable, "down");
    co_return Status{};
  }

 private:
  Result<StoredNote> write(const NewNote& note) {
    for (const auto& existing : notes) {
      if (existing.idempotency_key != note.idempotency_key) continue;
      if (existing.author != note.author || existing.text != note.text) return fail(ErrorCode::conflict, "key used");
      return StoredNote{existing, false};
    }
    notes.push_back({static_cast<std::int64_t>(notes.size()) + 1, "2026-01-31T12:00:00.000Z", note.author, note.text,
                     note.idempotency_key, "ccm1"});
    return StoredNote{notes.back(), true};
  }
};

}  // namespace gemel::manager::testing
