// What a host knows of its own PostgreSQL server at one moment. The postgres adapter fills it, the controller reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/lsn.h"
#include "base/time.h"

namespace gemel::core {

enum class PostgresRun : std::uint8_t {
  unknown,   // nothing observed yet
  absent,    // no data directory
  ruined,    // a data directory with the durable marker of an unfinished clone or rewind: clone again
  stopped,   // data directory, no process
  starting,  // processes, not yet answering
  standby,   // answering, in recovery
  primary,   // answering, not in recovery
};
std::string_view to_string(PostgresRun run);

/// One row of pg_stat_replication of a Gemel standby (application_name = host name).
struct StandbyLink {
  NodeId node;
  bool is_streaming = false;
  Lsn flush_lsn;
  bool operator==(const StandbyLink&) const = default;
};

struct PostgresFacts {
  PostgresRun run = PostgresRun::unknown;
  bool is_answering = true;    // false: it runs, but did not answer this look; what only it can tell is then missing
  std::string system_id;       // empty when absent
  std::uint32_t timeline = 0;  // of the running server, else of the control file
  Lsn wal_end;  // primary: flushed; standby: received and flushed or replayed, whichever is more; stopped: best known
  bool is_receiving = false;          // standby: a WAL receiver is streaming
  std::uint32_t receiver = 0;         // which one: its process, another one for every connection; 0: unknown
  NodeId upstream;                    // standby: the node that primary_conninfo names; empty for nobody
  std::vector<StandbyLink> standbys;  // primary only
  NodeSet names;                      // synchronous standbys in the configuration file
  Epoch served;                       // epoch.served: highest epoch this directory accepted writes for
  bool bootstrap_pending = false;     // initialised here, record not yet created
  bool was_primary = false;           // stopped: it ended as a primary, or was killed as one
  Duration write_probe_age{0};        // primary: since the last write probe that was answered; 0 when fresh
  bool operator==(const PostgresFacts&) const = default;
};

}  // namespace gemel::core
