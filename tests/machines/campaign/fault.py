"""What a fault is: the steps that bring it about and undo it, and what must hold while it lasts and afterwards.

A step is a line of words. Its first word is a verb of lab/lab or of `steps`; hosts may be named by their part at the start
of the run: primary, standby, leader (of etcd), follower (another voter). The table of all faults is in `table`.
"""
from dataclasses import dataclass, field

YES, NO, EITHER = "yes", "no", "either"
SAME = "same"             # no other holder; the holder may win a new epoch, as each promotion does
UNDAMPED = "yes, but the third crash within ten minutes"  # then the holder restarts in place: another epoch all the same
UNPROMISED = None  # as gap: the service is not promised while the fault lasts; only its return is


@dataclass(frozen=True)
class Fault:
    """One row of the table, or one variant of a row ("5a", "5b")."""
    id: str
    name: str
    inject: tuple[str, ...] = ()
    heal: tuple[str, ...] = ()
    hold: float = 3.0             # seconds between the last step of `inject` and the first of `heal`
    gap_ms: int | None = 1000     # the longest write gap
    in_place_gap_ms: int = 0      # ... in which the holder won the next epoch itself (crashes are damped); 0: the same
    takeover: str = EITHER        # whether the record names another holder afterwards
    removal: str = EITHER         # whether the standby leaves S while its first holder stays
    shows: tuple[str, ...] = ()   # texts that status or events must contain while the fault lasts
    kills: int = 0                # how many processes or machines die or freeze
    quick: bool = False           # among the chosen of ./check
    long_hold: float = 0          # the hold of a run for the record (--long)
    long_rounds: int = 1          # a run for the record suffers the fault so often, whole again in between
    stale_ms: int = 0             # reads so old are within the promise: a whole machine pauses
    cannot: str = ""              # why these machines cannot inject it
    note: str = ""                # what to know about the expectation

    @property
    def row(self) -> int:
        return int("".join(letter for letter in self.id if letter.isdigit()))


@dataclass
class Finding:
    """What one checker says of one run."""
    checker: str
    state: str                # ok, violated, undecided, over (a limit of time)
    detail: str = ""

    @property
    def is_ok(self) -> bool:
        return self.state == "ok"


@dataclass
class Facts:
    """All that a verdict is made of. Times are seconds of CLOCK_MONOTONIC; intervals are (from, to)."""
    fault: Fault
    injected_at: float = 0
    healed_at: float = 0
    rounds: int = 0                            # how often the fault was injected
    converged_after: float | None = None       # seconds since the last step of healing, the longest; None: never
    missing: str = ""                          # what was missing when it never did
    first_holder: str = ""
    first_epoch: int = 0
    last_epoch: int = 0
    holders: list[str] = field(default_factory=list)              # in the order in which the record named them
    in_place: list[float] = field(default_factory=list)           # when the record named the holder of before again
    standby_left: bool = False
    service: dict[str, list[tuple[float, float]]] = field(default_factory=dict)   # per host: gate seen open
    gaps: list[tuple[float, float]] = field(default_factory=list)                 # of acknowledged writes
    shown: str = ""                            # status and events while the fault lasted
    workloads: list[Finding] = field(default_factory=list)        # of the program that drives the load
    end_state: list[Finding] = field(default_factory=list)
    unreached: str = ""                        # a step whose condition never came: the run proves nothing
