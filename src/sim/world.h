// World: a simulated site. Database hosts that each run the real core::Controller and the real heartbeat Conversation
// over models of the network, of etcd, of PostgreSQL, of the gate and of clocks, all in virtual time. Event-driven:
// what nobody waits for costs nothing. The checkers judge every change; the first violation ends the run.
//
//   world.cpp            time, agents, steps of the controllers, the gate
//   world_heartbeat.cpp  datagrams
//   world_store.cpp      actions upon etcd
//   world_postgres.cpp   procedures and observations of PostgreSQL
//   world_wal.cpp        writing, flushing, streaming, acknowledging
//   world_clients.cpp    the workloads
//   world_faults.cpp     what a fault does to it
//   world_people.cpp     what people do to it, asked and unasked
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/agenda.h"
#include "sim/clients.h"
#include "sim/conditions.h"
#include "sim/etcd.h"
#include "sim/host.h"
#include "sim/marks.h"
#include "sim/moment.h"

namespace gemel::sim {

/// One thread at a time; nothing is shared between worlds.
class World {
 public:
  /// `mutation` may be null; otherwise it must outlive the world.
  World(const Conditions& conditions, const Mutation* mutation, bool wants_story);
  World(const World&) = delete;  // what is on the agenda refers to this world
  World& operator=(const World&) = delete;

  /// Stops early at a violation.
  void run_for(Duration time);
  [[nodiscard]] TimePoint now() const { return agenda_.now(); }
  [[nodiscard]] const std::string& violation() const { return checker_.violation(); }
  void violate(std::string complaint) { checker_.violate(std::move(complaint)); }
  /// `job` runs at `when`; what it captures must live as long as this world runs.
  template <typename Job>
  void at(TimePoint when, Job job) {
    agenda_.at(when, job);
  }
  /// From now on `watcher` is told of every moment and its host, after the step in which it came; empty: nobody is.
  void watch(std::function<void(Moment, Place)> watcher) { watcher_ = std::move(watcher); }

  // ---- faults: world_faults.cpp ----
  void crash_postgres(Place place);
  void power_off(Place place);
  void power_on(Place place);
  void end_agent(Place place);
  void start_agent(Place place);
  void stop_agent(Place place);  // politely: it hands over first; started again later by start_agent
  void freeze_agent(Place place, Duration time);
  void stall_loop(Place place, Duration time);
  void freeze_host(Place place, Duration time, bool does_clock_stop);
  void freeze_postgres(Place place, bool is_frozen);
  void stall_disk(Place place, bool is_stalled);
  void block_promotion(Place place, bool is_blocked);
  void delay_names(Place place, Duration time) { hosts_[place].names_delay = time; }
  void fail_next_procedure(Place place, bool takes_effect);
  void cut(Place from, Place to, Traffic traffic);
  void restore(Place from, Place to, Traffic traffic);
  Network& network() { return network_; }
  void set_store_up(bool is_up) { etcd_.is_up = is_up; }
  void set_store_space(bool has_space) { etcd_.has_space = has_space; }
  void lose_leader(Duration time);
  void lose_next_answer() { lose_answer_ = true; }
  void delay_next_swap(Duration time) { delay_swap_ = time; }
  void set_stale_reads(bool is_stale) { is_reading_stale_ = is_stale; }
  void set_watch_gap(bool is_silent) { is_watch_silent_ = is_silent; }
  void cancel_waits();
  void restore_store(std::size_t back);
  // ---- people: world_people.cpp ----
  void ask_switch_over(Place from, std::optional<Place> to);
  void ask_pause(Duration length);  // at every host: the one that serves may accept
  void ask_resume();
  void promote_by_hand(Place place);  // there, or at the next host with a standby; nobody told its agent
  void recycle_wal();                 // primaries keep only what their standbys need that receive now
  void blind_service(Place place, bool is_blind);
  /// Powers all of S off; from then on an operator tries to take over by force at `place`, or at the next host outside
  /// of S, as long as all of S is off. end_force() powers on what this powered off.
  void begin_force(Place place);
  void end_force();
  /// Ends every fault and starts what is down.
  void heal();
  void tell(const std::string& line);
  void hit(Mark mark) { marks_.hit(mark); }

  // ---- what it is like ----
  [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }
  [[nodiscard]] std::size_t places() const { return places_; }
  [[nodiscard]] const Host& host(Place place) const { return hosts_[place]; }
  [[nodiscard]] const Etcd& etcd() const { return etcd_; }
  [[nodiscard]] std::optional<Place> primary() const;
  /// A primary serves, all other hosts stream and have everything, as many as wanted are in S.
  [[nodiscard]] bool is_whole() const;
  /// etcd lost changes of the record for an old copy.
  [[nodiscard]] bool is_store_restored() const { return is_store_restored_; }
  /// ... and a host that knows better has stopped and asks.
  [[nodiscard]] bool has_halted() const;
  /// R8: nobody serves beside a record that is not the one etcd holds.
  void check_record_served();
  /// Why not, for people.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::size_t writes_done() const { return clients_.done(); }
  /// The workloads' judgement of the logs; pre: is_whole().
  void check_end();
  [[nodiscard]] const MarkCounts& marks() const { return marks_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  /// Who waits for an answer of etcd: an agent that was started since gets none.
  struct Caller {
    std::uint32_t incarnation = 0;
    core::ActionId id;
  };
  // world.cpp
  void install(Beginning beginning);
  void boot(Host& host);
  void begin_agent(Host& host);
  void feed(Host& host, core::Event event);
  void step(Host& host, core::Event event);
  void collect(Host& host);
  void thaw(Host& host);
  void go_on(Host& host);
  [[nodiscard]] bool is_exempt(const Host& host) const;
  void thaw_at(Host& host, TimePoint when);
  void arrange_wake(Host& host, TimePoint own_wake);
  void wake(Host& host, TimePoint planned);
  void carry_out(Host& host, const core::Output& output);
  void note_marks(const core::Note& note);
  void begin(Host& host, const core::Action& action);
  void at_once(Host& host, const core::ActionKind& kind);
  void refresh_gate(Host& host, const core::action::RefreshGate& refresh);
  void gate_opened(Host& host);
  void end(Host& host, core::ActionId id, core::Certainty certainty, core::Payload payload = {});
  [[nodiscard]] bool is_open(const Host& host) const;
  [[nodiscard]] TimePoint loop_free_at(const Host& host) const;
  [[nodiscard]] bool is_frozen(const Host& host) const { return now() < host.frozen_until; }
  [[nodiscard]] std::optional<Place> place_of(const NodeId& node) const;
  [[nodiscard]] HostMask mask_of(const NodeSet& nodes) const;
  void happens(Moment moment, Place place);
  void mix(std::uint64_t value);
  [[nodiscard]] bool is_broken(BrokenModel model) const { return broken_ == model; }
  Duration around(Duration time);  // between three quarters and five quarters of it

  // world_heartbeat.cpp
  void arrange_talk(Host& host);
  void talk(Host& host, TimePoint planned);
  void deliver(Place from, Place to, std::uint32_t incarnation, std::uint32_t packet);
  void hear(Host& host, Place from, const adapters::heartbeat::Packet& packet);
  void quiesce(Host& host, core::ActionId id);

  // world_store.cpp
  void begin_store(Host& host, const core::Action& action);
  void reach_store(Place place, std::uint32_t request);
  void perform_store(Host& host, const core::Action& action, std::uint32_t incarnation);
  void swap(Host& host, const Caller& caller, const core::action::SwapRecord& swap);
  std::optional<Revision> commit(const core::action::SwapRecord& swap);
  void answer_store(Host& host, const Caller& caller, core::Certainty certainty, core::Payload payload = {});
  void check_promise(const core::Record& before, const core::Record& next);
  void hint_all();

  // world_postgres.cpp
  void begin_postgres(Host& host, const core::Action& action);
  void cancel_procedure(Host& host, core::ActionId id);
  void perform_postgres(Place place, std::uint64_t serial);
  bool is_hanging(Host& host, const core::ActionKind& kind);
  core::Payload take_effect(Host& host, const core::ActionKind& kind, std::uint32_t source_run,
                            core::Certainty& certainty);
  void set_names(Host& host, core::ActionId id, const core::action::SetNames& set);
  void promote(Host& host, HostMask names, std::uint32_t timeline);
  struct Copy {
    NodeId source;
    std::uint32_t source_run = 0;
    bool is_whole = false;  // cloned, not rewound
  };
  void replace_directory(Host& host, const Copy& copy, core::Certainty& certainty);
  void stop_server(Host& host);
  void end_server(Host& host);
  void observe(Place place, std::uint32_t incarnation);
  void look(Host& host);
  bool is_seen_trying(const Host& host);
  [[nodiscard]] core::PostgresFacts facts(const Host& host);
  [[nodiscard]] Duration duration_of(const Host& host, const core::ActionKind& kind);

  // world_wal.cpp
  void append(Host& host, Row row);
  void arrange_flush(Host& host);
  void flush(Place place, std::uint32_t run_number);
  void pump(Host& primary, Host& standby);
  void arrive(Place primary, Place standby, std::uint32_t connection, std::uint64_t end);
  void report(Place primary, Place standby, std::uint32_t connection, std::uint64_t end);
  void release(Host& host);
  void check_fork(const Host& primary, const Host& standby);
  void retry_receive(Host& standby);
  void try_receive(Place standby, std::uint32_t run_number);
  void watch_connection(Place primary, Place standby, std::uint32_t connection, int bad_seconds);
  [[nodiscard]] bool flows(const Host& primary, const Host& standby) const;
  [[nodiscard]] bool is_writing(const Host& host) const;
  [[nodiscard]] Log durable(const Host& host) const;
  void check_members();

  // world_people.cpp
  void hear_answer(Host& host, const core::Answer& answer);
  void look_at_service(Host& host);
  void ask_force(Place place, unsigned tries);
  void forced(const core::Record& before, Host& host);
  void check_pause(const core::Record& before, const core::Record& next);

  // world_clients.cpp
  void think(std::uint8_t client);
  void local_write(Place place);
  void write(Host& host, std::uint8_t client, bool is_through_gate);
  void commit_row(Host& host, Row row);
  void read(Host& host);
  [[nodiscard]] Log visible(const Host& host) const;

  struct Datagram {
    adapters::heartbeat::Packet packet;
    Place from = 0;
    std::uint32_t incarnation = 0;  // of the sender
  };
  struct Request {
    core::Action action;
    std::uint32_t incarnation = 0;
  };
  struct ClientState {
    std::optional<std::uint32_t> operation;
    TimePoint since;
    std::uint32_t session = 0;  // run of PostgreSQL that it is connected to, 0: none yet
  };

  Conditions conditions_;
  const Mutation* mutation_;
  BrokenModel broken_;
  std::vector<core::Rule> policy_;
  bool wants_story_;
  std::function<void(Moment, Place)> watcher_;
  Agenda agenda_;
  Random random_;
  Network network_;
  Etcd etcd_;
  WalTree tree_;
  std::vector<std::uint32_t> timelines_{1};  // by branch of tree_
  std::set<std::uint32_t> hand_numbers_;     // of timelines that somebody's promotion by hand made
  Checker checker_;
  Clients clients_;
  std::vector<ClientState> client_states_;
  std::vector<Host> hosts_;
  std::size_t places_ = 0;
  std::array<bool, most_places> is_place_up_{};
  Pool<Datagram> datagrams_;
  Pool<Request> requests_;
  Pool<core::action::SwapRecord> late_swaps_;
  Pool<core::VersionedRecord> watched_;
  HostMask members_ = 0;
  bool lose_answer_ = false;
  std::optional<Duration> delay_swap_;
  bool is_reading_stale_ = false;
  bool is_watch_silent_ = false;
  bool is_store_restored_ = false;
  HostMask fenced_ = 0;  // powered off by who forces
  std::uint32_t connections_ = 0;
  std::uint32_t runs_ = 0;
  std::uint64_t procedures_ = 0;
  std::uint64_t services_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t steps_ = 0;
  MarkCounts marks_;
  std::vector<std::string> story_;
};

}  // namespace gemel::sim
