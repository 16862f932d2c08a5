// The members of the structs of host_status.h, for json_reflection.h. Here and not in the public header, so that users
// of the structs do not pay for Boost.Describe and Boost.JSON.
#pragma once

#include "api/host_status.h"
#include "api/json_reflection.h"

namespace gemel::api {

BOOST_DESCRIBE_STRUCT(PauseStatus, (), (by, reason, until, length_seconds, remaining_seconds))
BOOST_DESCRIBE_STRUCT(RecordStatus, (), (epoch, holder, members, state, revision, pause))
BOOST_DESCRIBE_STRUCT(StandbyStatus, (), (host, is_streaming, flush_lsn, lag_bytes))
BOOST_DESCRIBE_STRUCT(LinkStatus, (), (host, heard_age_ms, confirmed_age_ms))
BOOST_DESCRIBE_STRUCT(DatabaseStatus, (),
                      (run, role, timeline, wal_lsn, upstream, is_receiving, served_epoch, standbys, links,
                       is_gate_open, permit_remaining_ms, is_address_held, rule, reason, doing, service_targets,
                       service_reachable))
BOOST_DESCRIBE_STRUCT(HistoryStatus, (), (epoch, host, is_complete, timeline, switch_lsn))
BOOST_DESCRIBE_STRUCT(StoreStatus, (), (voters, reachable, leader, has_quorum, silent))
BOOST_DESCRIBE_STRUCT(BackendStatus, (), (host, state, sessions))
BOOST_DESCRIBE_STRUCT(BalancerStatus, (), (is_running, backends))
BOOST_DESCRIBE_STRUCT(ManagerStatus, (), (database, is_answering, is_database_reached, reason))
BOOST_DESCRIBE_STRUCT(HostStatus, (),
                      (api_version, host, role, zone, version, time, uptime_seconds, problems, record, database, store,
                       balancer, manager, history))
BOOST_DESCRIBE_STRUCT(PhaseTime, (), (phase, ms))
BOOST_DESCRIBE_STRUCT(Event, (), (id, time, host, level, rule, message, epoch, phases))

}  // namespace gemel::api
