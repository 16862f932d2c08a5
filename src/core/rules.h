// The rules by subject, each file one subject; policy.cpp puts them in order.
#pragma once

#include "core/policy.h"

namespace gemel::core::rules {

std::span<const Rule> fence();      // R5, R9: what must not go on
std::span<const Rule> operators();  // R11, force: what an operator asked for
std::span<const Rule> hand_over();  // switchover, resignation, stop of the agent
std::span<const Rule> store();      // R8, reading, bootstrap
std::span<const Rule> holder();     // R2, R3, R4: the node that the record names
std::span<const Rule> bid();        // R1, R6, R7
std::span<const Rule> member();     // R10 and following

/// Opens the gate for as long as the permit allows (R5); while it drains only for who has a session.
void set_gate(State& state, Decision& decision);
/// Shuts the gate for good (until the next opening) and gives up the address.
void stop_serving(State& state, Decision& decision);
/// The present record with a new writer and token: the base of every change.
Record next_record(State& state);
/// Starts a compare-and-swap against the known revision.
void start_swap(State& state, Decision& decision, SwapPurpose purpose, Record next,
                std::optional<HistoryEntry> history = {});
/// The store can be written now: nothing is unresolved, and at most a read is in the way (which a write preempts).
bool is_store_free(const State& state);
/// A PostgreSQL procedure can start now.
bool is_postgres_free(const State& state);

}  // namespace gemel::core::rules
