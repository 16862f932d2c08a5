// The statements of the shift log.
#include "manager/postgres_notes_store.h"

#include <charconv>
#include <utility>

namespace gemel::manager {
namespace {

using adapters::postgres::Rows;
using runtime::Task;

/// One implicit transaction. The lock keeps two managers that start together from making the same table twice; its
/// number is the schema's own ("gemel").
constexpr auto* migration =
    "SELECT pg_advisory_xact_lock(444085621100);"
    "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT "
    "now());"
    "CREATE TABLE IF NOT EXISTS notes ("
    " id bigserial PRIMARY KEY,"
    " written_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    " author text NOT NULL,"
    " text text NOT NULL,"
    " idempotency_key text NOT NULL UNIQUE,"
    " manager text NOT NULL);"
    "INSERT INTO schema_version (version) VALUES (1) ON CONFLICT DO NOTHING";

#define GEMEL_NOTE_COLUMNS                                                                                           \
  "id, to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), author, text, idempotency_key, " \
  "manager"

/// Writes in either case. A row that is already there may come from an attempt whose wait for the standby was cut
/// short: visible here, perhaps not there. The empty update is a commit of its own, behind that row in the log, so its
/// acknowledgement covers both. xmax is 0 only in a row this statement inserted.
constexpr auto* insert_note =
    "INSERT INTO notes (author, text, idempotency_key, manager) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (idempotency_key) DO UPDATE SET idempotency_key = EXCLUDED.idempotency_key "
    "RETURNING " GEMEL_NOTE_COLUMNS ", (xmax = 0)::int";
constexpr auto* select_newest = "SELECT " GEMEL_NOTE_COLUMNS " FROM notes ORDER BY id DESC LIMIT $1";
constexpr auto* select_after = "SELECT " GEMEL_NOTE_COLUMNS " FROM notes WHERE id > $2 ORDER BY id LIMIT $1";
#undef GEMEL_NOTE_COLUMNS

using Row = std::vector<std::optional<std::string>>;

Note note_of(const Row& row) {
  Note note;
  const std::string id = row.at(0).value_or("0");
  std::from_chars(id.data(), id.data() + id.size(), note.id);
  note.written_at = row.at(1).value_or("");
  note.author = row.at(2).value_or("");
  note.text = row.at(3).value_or("");
  note.idempotency_key = row.at(4).value_or("");
  note.manager = row.at(5).value_or("");
  return note;
}

/// Only "data exception" (class 22) is the note's own fault and final; a serialization conflict, a missing table or a
/// refusal may pass with the next attempt or the next primary.
Error classified(Error error, const std::string& sqlstate) {
  if (sqlstate.starts_with("22")) {
    error.code = ErrorCode::invalid;
  } else if (error.code == ErrorCode::conflict || error.code == ErrorCode::invalid) {
    error.code = ErrorCode::unavailable;
  }
  return error;
}

class PostgresNotesStore final : public NotesStore {
 public:
  PostgresNotesStore(boost::asio::any_io_executor executor, PostgresNotesOptions options)
      : manager_(std::move(options.manager)),
        pool_(std::move(executor), std::move(options.conninfos), options.max_connections) {}

  Task<Result<StoredNote>> add(NewNote note, Duration limit) override {
    std::vector<std::string> parameters = {note.author, note.text, note.idempotency_key, manager_};
    auto rows = co_await run(insert_note, std::move(parameters), limit);
    if (!rows) co_return std::unexpected(rows.error());
    if (rows->values.size() != 1 || rows->values[0].size() < 7) co_return fail(ErrorCode::corrupt, "no row came back");
    const auto& row = rows->values[0];
    StoredNote stored{note_of(row), row[6] == "1"};
    if (stored.note.author != note.author || stored.note.text != note.text) {
      co_return fail(ErrorCode::conflict, "this Idempotency-Key was used for another note; choose a new one");
    }
    co_return stored;
  }

  Task<Result<std::vector<Note>>> list(NotesQuery query, Duration limit) override {
    std::vector<std::string> parameters = {std::to_string(query.limit)};
    if (query.after) parameters.push_back(std::to_string(*query.after));
    auto rows = co_await run(query.after ? select_after : select_newest, std::move(parameters), limit);
    if (!rows) co_return std::unexpected(rows.error());
    std::vector<Note> notes;
    for (const auto& row : rows->values) notes.push_back(note_of(row));
    co_return notes;
  }

  Task<Status> ping(Duration limit) override {
    auto rows = co_await run("SELECT 1", {}, limit);
    if (!rows) co_return std::unexpected(rows.error());
    co_return Status{};
  }

 private:
  /// One statement on a connection of the pool, after the tables have been made once.
  Task<Result<Rows>> run(std::string sql, std::vector<std::string> parameters, Duration limit) {
    const auto deadline = runtime::boot_now() + limit;
    auto lease = co_await pool_.acquire(limit);
    if (!lease) co_return std::unexpected(lease.error());
    if (!is_migrated_) {
      auto migrated = co_await (*lease)->query(migration, {}, deadline - runtime::boot_now());
      if (!migrated)
        co_return std::unexpected(classified(migrated.error().with("making the tables"), (*lease)->last_sqlstate()));
      is_migrated_ = true;
    }
    auto rows = co_await (*lease)->query(std::move(sql), std::move(parameters), deadline - runtime::boot_now());
    if (!rows) co_return std::unexpected(classified(rows.error(), (*lease)->last_sqlstate()));
    co_return rows;
  }

  std::string manager_;
  ConnectionPool pool_;
  bool is_migrated_ = false;
};

}  // namespace

std::unique_ptr<NotesStore> postgres_notes_store(boost::asio::any_io_executor executor, PostgresNotesOptions options) {
  return std::make_unique<PostgresNotesStore>(std::move(executor), std::move(options));
}

}  // namespace gemel::manager
