"""The faults, as data: rows 1 to 31, 39 to 46 and 50 to 60 of the campaign's specification, each in one or more variants."""
from .fault import EITHER, NO, SAME, UNDAMPED, UNPROMISED, YES, Fault

VOTERS = ("ccm1", "ccm2", "lb1")
POSTGRES = "/usr/lib/postgresql/15/bin"
DATA = "/var/lib/gemel/postgres/data"
AS_POSTGRES = "setpriv --reuid=postgres --regid=postgres --clear-groups"
CRASH_MOVES = "undamped clean_up_crash 605 2"  # the third crash within ten minutes is recovered in place

FAULTS = (
    Fault("1", "primary's postmaster killed", ("kill primary postgres",), gap_ms=500, in_place_gap_ms=1200,
          takeover=UNDAMPED, long_rounds=40, kills=1, quick=True),
    Fault("2", "one session's process killed", ("kill primary postgres:cliqr",), gap_ms=1000, long_rounds=20, kills=1,
          note="PostgreSQL restarts by itself or the agent resigns, by policy"),
    Fault("3", "the whole group of PostgreSQL killed", ("kill primary postgres:all",), gap_ms=500, in_place_gap_ms=1200,
          takeover=UNDAMPED, long_rounds=25, kills=1),
    Fault("4a", "primary's agent killed, restarted at once", ("kill primary gemeld",), gap_ms=500, takeover=NO,
          long_rounds=25, kills=1),
    Fault("4b", "primary's agent killed, restarted after 5 s", ("late-agent primary 5", "kill primary gemeld"),
          ("prompt-agent primary",), hold=6, takeover=YES, kills=1, gap_ms=1200),
    Fault("5a", "primary's agent stopped for 0.3 s", ("freeze primary gemeld", "wait 0.3", "thaw primary"), gap_ms=500,
          takeover=NO, kills=1),
    Fault("5b", "primary's agent stopped for 1 s", ("freeze primary gemeld", "wait 1", "thaw primary"), gap_ms=1200,
          takeover=YES, long_rounds=10, kills=1, quick=True),
    Fault("5c", "primary's agent stopped for 30 s", ("freeze primary gemeld",), ("thaw primary",), hold=30, gap_ms=1200,
          takeover=YES, kills=1),
    Fault("6", "primary's PostgreSQL frozen", ("freeze primary postgres:all",), ("thaw primary",), hold=6, gap_ms=5000,
          takeover=YES, kills=1, note="the write probe finds it after 3 s"),
    Fault("7", "primary's host frozen, thawed after the takeover", ("freeze primary",), ("thaw primary",), hold=3,
          gap_ms=1200, takeover=YES, long_rounds=15, kills=1, stale_ms=700, quick=True),
    Fault("8", "primary's host loses power", ("poweroff primary",), ("boot primary",), takeover=YES, gap_ms=1200,
          long_rounds=35, kills=1, quick=True),
    Fault("9", "power lost together with data that was not flushed",
          cannot="needs a layer below the file system that forgets what was not flushed; the library that makes the disk "
                 "slow sees calls, not the page cache"),
    Fault("10a", "standby's host loses power", ("poweroff standby",), ("boot standby",), gap_ms=500, takeover=NO,
          removal=YES, long_rounds=35, kills=1, quick=True),
    Fault("10b", "standby's host frozen", ("freeze standby",), ("thaw standby",), gap_ms=500, takeover=NO, removal=YES,
          kills=1),
    Fault("11", "standby's receiver stopped", ("freeze standby postgres:walreceiver",), ("thaw standby",), hold=4,
          gap_ms=1200, takeover=NO, removal=YES, kills=1),
    Fault("12", "standby freezes five times in 20 s", ("freeze standby", "wait 2", "thaw standby", "wait 2") * 5,
          gap_ms=500, takeover=NO, removal=YES, kills=5),
    Fault("13", "the database hosts do not see each other", ("cut primary standby",), ("heal",), hold=4, gap_ms=600,
          takeover=NO, removal=YES, quick=True),
    Fault("14", "primary's host sees nobody", ("isolate primary",), ("heal",), hold=3, gap_ms=1200, takeover=YES,
          long_rounds=20, quick=True),
    Fault("15", "primary does not reach etcd",
          tuple(f"drop primary {host} --only=tcp/2379" for host in VOTERS), ("heal",), hold=8, gap_ms=100, takeover=NO,
          removal=NO),
    Fault("16", "one-way: the standby does not hear the primary", ("cut primary standby --one-way",), ("heal",), hold=4,
          gap_ms=600, takeover=NO, removal=YES),
    Fault("17", "one-way: the primary does not hear the standby", ("cut standby primary --one-way",), ("heal",), hold=4,
          gap_ms=600, takeover=NO, removal=YES),
    Fault("18", "heartbeats dropped, WAL flows", ("drop primary standby --only=udp/7401",), ("heal",), hold=4, gap_ms=600,
          takeover=NO, removal=YES),
    Fault("19", "WAL dropped, heartbeats flow", ("drop primary standby --only=tcp/5432",), ("heal",), hold=4, gap_ms=1200,
          takeover=NO, removal=YES),
    Fault("20a", "10 % loss between the database hosts", ("drop primary standby --percent=10",), ("heal",), hold=20,
          long_hold=600, gap_ms=1500, takeover=NO),
    Fault("20b", "30 % loss between the database hosts", ("drop primary standby --percent=30",), ("heal",), hold=30,
          long_hold=600, gap_ms=UNPROMISED, takeover=NO, quick=True, note="TCP stalls under such loss; commits wait for it"),
    Fault("20c", "60 % loss between the database hosts", ("drop primary standby --percent=60",), ("heal",), hold=20,
          gap_ms=UNPROMISED),
    Fault("21", "delay of 100 to 400 ms with jitter",
          cannot="this kernel has no netem, and a relay of our own in the middle of the cable is not built"),
    Fault("22", "ring: every host sees only its two neighbours",
          ("cut db1 db2", "cut db1 lb1", "cut db2 ccm1", "cut ccm1 ccm2", "cut ccm2 lb1"), ("heal",), hold=6, gap_ms=1300),
    Fault("23", "links go one by one and come back in another order", ("swizzle 0.3",), ("heal",), hold=0,
          gap_ms=UNPROMISED),
    Fault("24", "primary's network to the clients is dead",
          ("undamped yield_service 61", "cut primary client", "cut primary ccm1", "cut primary lb1"), ("heal",), hold=8, gap_ms=4000, takeover=YES,
          quick=True, note="up to half a second to see it, 2 s of patience, a switchover"),
    Fault("25", "announcements of the address are lost", ("drop standby client --only=arp", "poweroff primary"),
          ("heal", "boot primary"), hold=5, gap_ms=36_000, takeover=YES, kills=1),
    Fault("26", "another machine takes the virtual address",
          ("run ccm2 ip address add 10.77.0.100/24 dev eth0", "run ccm2 arping -c 2 -U -I eth0 10.77.0.100"),
          ("run ccm2 ip address del 10.77.0.100/24 dev eth0",), hold=4, gap_ms=36_000, takeover=NO),
    Fault("27", "large packets vanish between the database hosts", ("drop primary standby --larger=600",), ("heal",),
          hold=4, gap_ms=1500, takeover=NO),
    Fault("28", "etcd's leader killed", ("kill leader etcd",), hold=4, gap_ms=100, takeover=NO, removal=NO,
          long_rounds=25, kills=1, quick=True,
          note="all three voters are witnesses here: no database host has a member"),
    Fault("29", "etcd's leader and the primary lose power together", ("poweroff leader", "poweroff primary"),
          ("boot leader", "boot primary"), hold=4, gap_ms=1500, takeover=YES, long_rounds=10, kills=2),
    Fault("30", "two of three etcd members lose power", ("poweroff ccm1", "poweroff ccm2"), ("boot ccm1", "boot ccm2"),
          hold=10, long_hold=300, gap_ms=100, takeover=NO, removal=NO, shows=("no_quorum",), kills=2),
    Fault("31", "no majority in etcd, then the standby loses power",
          ("freeze ccm1 etcd", "freeze ccm2 etcd", "wait 2", "poweroff standby"),
          ("thaw ccm1", "thaw ccm2", "boot standby"), hold=5, gap_ms=UNPROMISED, takeover=SAME,
          shows=("gate is shut",), kills=3, quick=True),
    Fault("39a", "primary's data disk full", ("disk primary postgres /base/ write ENOSPC",), ("disk primary",), hold=5,
          gap_ms=UNPROMISED),
    Fault("39b", "standby's data disk full", ("disk standby postgres /base/ write ENOSPC",), ("disk standby",), hold=5,
          gap_ms=2000, takeover=NO),
    Fault("39c", "both data disks full", ("disk primary postgres /base/ write ENOSPC",
          "disk standby postgres /base/ write ENOSPC"), ("disk primary", "disk standby"), hold=5, gap_ms=UNPROMISED),
    Fault("40", "primary's WAL disk full", ("disk primary postgres pg_wal write ENOSPC",), ("disk primary",), hold=5,
          gap_ms=2000),
    Fault("41a", "primary's flush takes 200 ms", ("disk primary postgres pg_wal flush 200",), ("disk primary",), hold=5,
          gap_ms=1500, takeover=NO),
    Fault("41b", "primary's flush takes 2 s", ("disk primary postgres pg_wal flush 2000",), ("disk primary",), hold=10,
          gap_ms=UNPROMISED),
    Fault("41c", "primary's flush takes 60 s", ("disk primary postgres pg_wal flush 60000",), ("disk primary",), hold=10,
          gap_ms=6000, takeover=YES),
    Fault("42", "standby's flush takes 60 s", ("disk standby postgres pg_wal flush 60000",), ("disk standby",), hold=5,
          gap_ms=1500, takeover=NO, removal=YES),
    Fault("43", "primary's flush fails with EIO", ("disk primary postgres pg_wal flush EIO",), ("disk primary",), hold=4,
          gap_ms=1000, takeover=YES),
    Fault("44a", "the agent's own files cannot be written", ("disk primary gemeld /gemel/agent write ENOSPC",),
          ("disk primary",), hold=5, gap_ms=200, takeover=NO, removal=NO),
    Fault("44b", "the agent's own files take 3 s to flush or write", ("disk primary gemeld /gemel/agent write 3000",),
          ("disk primary",), hold=8, gap_ms=200, takeover=NO, removal=NO),
    Fault("45", "PostgreSQL out of memory: the kernel kills", ("memory primary postgres 40",), ("memory primary",), hold=5,
          gap_ms=2000, kills=1),
    Fault("46", "200 busy threads on the primary's host", ("busy primary 200",), ("calm primary",), hold=20, long_hold=600,
          gap_ms=UNPROMISED, takeover=NO),
    Fault("50", "checkpointer stopped while a standby is added",
          ("kill standby postgres", "await removed 5", "freeze primary postgres:checkpointer"), ("thaw primary",),
          hold=6, gap_ms=1000, takeover=NO, removal=YES, kills=1, quick=True),
    Fault("51a", "holder's host dies while a standby is removed", ("kill standby postgres", "wait 0..0.6", "poweroff primary"),
          ("boot primary",), gap_ms=UNPROMISED, kills=2, note="failpoints: none; the moment is drawn at random"),
    Fault("51b", "holder's host dies while a standby is added",
          ("poweroff standby", "await removed 5", "boot standby", "wait 2..6", "poweroff primary"), ("boot primary",),
          gap_ms=UNPROMISED, kills=2),
    Fault("51c", "holder's host dies in a switchover", ("switchover", "wait 0..0.4", "poweroff primary"),
          ("boot primary",), gap_ms=1500, long_rounds=10, kills=1),
    Fault("51d", "holder's agent dies in a switchover", ("switchover", "wait 0..0.4", "kill primary gemeld"),
          gap_ms=3000, long_rounds=10, kills=1),
    Fault("51e", "holder's PostgreSQL dies in a switchover", ("switchover", "wait 0..0.4", "kill? primary postgres"),
          gap_ms=3000, long_rounds=10, kills=1),
    Fault("51f", "old holder's agent dies while it rejoins",
          (CRASH_MOVES, "kill primary postgres", "await taken 5", "wait 0..1.5", "kill primary gemeld"), gap_ms=1000,
          kills=2, takeover=YES),
    Fault("52a", "taker's agent dies between winning and opening",
          ("poweroff primary", "await won 5", "wait 0..0.15", "kill standby gemeld"), ("boot primary",), gap_ms=6000,
          long_rounds=5, kills=2),
    Fault("52b", "taker's PostgreSQL dies between winning and opening",
          ("poweroff primary", "await won 5", "wait 0..0.15", "kill? standby postgres"), ("boot primary",),
          gap_ms=UNPROMISED, kills=2),
    Fault("52c", "taker's host dies between winning and opening",
          ("poweroff primary", "await won 5", "wait 0..0.15", "poweroff standby"), ("boot primary", "boot standby"), hold=1,
          gap_ms=UNPROMISED, kills=2),
    Fault("53", "the new primary's postmaster dies 100 ms after it opened",
          ("poweroff primary", "await taken 5", "wait 0.1", "kill standby postgres"), ("boot primary",), hold=4,
          gap_ms=4000, long_rounds=5, kills=2, takeover=YES),
    Fault("54", "a long query on the standby conflicts with replay at the takeover",
          (CRASH_MOVES, "conflict", "kill primary postgres"), gap_ms=1000, takeover=YES, kills=1),
    Fault("55", "sessions are cancelled without end while the standby dies", ("cancel-storm primary", "poweroff standby"),
          ("calm primary", "boot standby"), hold=3, gap_ms=UNPROMISED, takeover=NO, removal=YES, kills=1),
    Fault("56", "standby frozen while a switchover stops the primary", ("switchover", "wait 0..0.1", "freeze standby"),
          ("thaw standby",), hold=5, gap_ms=4000, kills=1),
    Fault("57", "rewind killed",
          ("isolate primary", "await taken 5", "wait 1", "heal", "await process primary pg_rewind 30",
           "kill? primary pg_rewind"), gap_ms=1200, takeover=YES, kills=1),
    Fault("58", "copy killed, its source restarts meanwhile",
          ("poweroff standby", "await removed 5", "erase standby", "boot standby", "await process standby pg_basebackup 30",
           "kill primary postgres", "kill? standby pg_basebackup"), gap_ms=3000, kills=3, removal=YES,
          note="with two hosts the source cannot fail over to a third: it restarts"),
    Fault("59", "a third standby is ahead of the taker", cannot="the lab's site has two database hosts"),
    Fault("60a", "somebody promotes the standby by hand", (f"run standby {AS_POSTGRES} {POSTGRES}/pg_ctl promote -D {DATA}",),
          hold=4, gap_ms=1500, takeover=NO, quick=True),
    Fault("60b", "somebody starts the old primary by hand, without the agent",
          ("run primary systemctl stop gemeld", "await taken 10", f"run primary rm -f {DATA}/standby.signal",
           f"run primary {AS_POSTGRES} {POSTGRES}/pg_ctl start -W -D {DATA} -l /dev/null", "run primary systemctl start gemeld"),
          (f"run primary {AS_POSTGRES} {POSTGRES}/pg_ctl stop -m fast -D {DATA}",), hold=4, gap_ms=1000, takeover=YES,
          shows=("that Gemel did not start",), note="whoever started it may have a reason, and writes in it: it is refused"),
)
BY_ID = {fault.id: fault for fault in FAULTS}
ROWS = (*range(1, 32), *range(39, 47), *range(50, 61))


def of_rows(words: list[str]) -> list[Fault]:
    """The faults of rows ("5": all its variants) or of single variants ("5b"); KeyError for what does not exist."""
    chosen = []
    for word in words:
        found = [fault for fault in FAULTS if fault.id == word or str(fault.row) == word]
        if not found:
            raise KeyError(word)
        chosen += found
    return chosen


def possible() -> list[Fault]:
    return [fault for fault in FAULTS if not fault.cannot]


def steps_text(steps: tuple[str, ...]) -> str:
    """For a person: repetitions folded."""
    for size in range(1, len(steps) // 2 + 1):
        if len(steps) % size == 0 and steps == steps[:size] * (len(steps) // size):
            return f"{len(steps) // size} times: " + "; ".join(steps[:size])
    return "; ".join(steps)


def expectation_text(fault: Fault) -> str:
    parts = ["gap not promised" if fault.gap_ms is None else f"gap ≤ {fault.gap_ms} ms"]
    if fault.in_place_gap_ms:
        parts.append(f"≤ {fault.in_place_gap_ms} ms where the holder restarts in place")
    if fault.takeover != EITHER:
        parts.append({YES: "takeover", NO: "no takeover", SAME: "no other holder",
                      UNDAMPED: "takeover, or a new epoch in place after two of them"}[fault.takeover])
    if fault.removal != EITHER:
        parts.append("standby leaves S" if fault.removal == YES else "S unchanged")
    parts += [f"shows “{text}”" for text in fault.shows]
    return ", ".join(parts) + (f" ({fault.note})" if fault.note else "")


def markdown() -> str:
    """The table of docs/campaign.md."""
    lines = ["| Row | Fault | Steps | Healed by | Must hold beside the rules for all |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        row = fault.id + (" *" if fault.quick else "")
        if fault.cannot:
            lines.append(f"| {row} | {fault.name} | not injectable | | {fault.cannot} |")
            continue
        heal = f"`{steps_text(fault.heal)}`" if fault.heal else "itself"
        lines.append(f"| {row} | {fault.name} | `{steps_text(fault.inject)}`, {fault.hold:g} s | {heal} | "
                     f"{expectation_text(fault)} |")
    return "\n".join(lines) + "\n"
