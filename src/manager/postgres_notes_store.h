// Notes in PostgreSQL, over a small pool of connections to the address of the primary.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "manager/connection_pool.h"
#include "manager/notes_store.h"

namespace gemel::manager {

struct PostgresNotesOptions {
  ConnectionPool::Conninfos conninfos;  // with host, user, password, TLS
  std::string manager;                  // this host's name, stored with each note
  std::size_t max_connections = 4;
};

/// Starts without a database: connects at the first call, makes its tables at the first connection (both managers may
/// do so at once), and connects again after a loss. One lost connection closes the idle ones, too: after a failover
/// they all lead to the old primary. Calls beyond `max_connections` wait for a free one within their limit.
std::unique_ptr<NotesStore> postgres_notes_store(boost::asio::any_io_executor executor, PostgresNotesOptions options);

}  // namespace gemel::manager
