"""One fault against one contestant: what is done, what is waited for, and what the client and the servers then say."""
import random
import time
from dataclasses import dataclass, field
from typing import Callable

from lab_driver import Late, missing_on, outage_load, wait_until

from .sites import Site

SERVES_SECONDS = 120  # until writes are acknowledged again; Patroni's defaults need some 40
REPLAY_SECONDS = 10   # a standby shows a row when it has replayed it


@dataclass(frozen=True)
class Fault:
    title: str
    victim: Callable[[Site], str]
    strike: Callable[[Site, str], None]
    mend: Callable[[Site, str], None]
    moves_service: bool = True  # False: the same run of the same server goes on


def nothing(_site: Site, _host: str) -> None:
    """The host comes back without a step of ours."""


def verb(name: str, *more: str) -> Callable[[Site, str], None]:
    return lambda site, host: site.verb(name, host, *more) and None


def primary(site: Site) -> str:
    return site.primary()


def standby(site: Site) -> str:
    return site.standby()


FAULTS = {
    "crash": Fault("primary's postmaster gets SIGKILL", primary, verb("kill", "postgres"), nothing),
    "poweroff": Fault("primary's host loses power", primary, verb("poweroff"), verb("boot")),
    "isolate": Fault("primary's host is cut off, later healed", primary, verb("isolate"), verb("heal")),
    "switchover": Fault("planned switchover", primary, lambda site, _host: site.switch_over(), nothing),
    "standby-loss": Fault("standby's host loses power", standby, verb("poweroff"), verb("boot"), moves_service=False),
}


@dataclass
class Row:
    """One repetition. Times: gap_ms as the client measured it; served_s and whole_s as an observer saw them, coarser."""
    contestant: str
    fault: str
    round: int
    at: str
    gap_ms: float = 0
    served_s: float = 0   # from the fault until a write was acknowledged again
    whole_s: float = 0    # from the end of the fault until the site had all its copies again
    acknowledged: int = 0
    unknown: int = 0
    lost: int = 0         # acknowledged rows that the primary does not have at the end
    lost_on: dict[str, int] = field(default_factory=dict)  # the same per database host
    wrong: int = 0        # rows that are there twice, or though they were refused
    trouble: str = ""     # why the repetition did not end as it should


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def serves_again(site: Site, fault: Fault, before: str) -> bool:
    if fault.moves_service:
        wait_until("another run of a server serves", lambda: site.serving() not in ("", before), SERVES_SECONDS, 0.2)
    return wait_until("writes are acknowledged", lambda: site.takes_writes(SERVES_SECONDS), SERVES_SECONDS, 0.2)


def run(site: Site, name: str, number: int) -> Row:
    """Strikes, waits until the site is whole again, and has the client verify its rows. Never raises for a slow site:
    what it failed to do is in `trouble`, and the site must then be made anew."""
    fault = FAULTS[name]
    row = Row(site.name, name, number, utc())
    client = f"{name}-{number}-{time.time_ns()}"
    try:
        site.wait_whole()
        victim, before = fault.victim(site), site.serving()
        with outage_load(site, client) as load:
            # An even flow of rows before the fault, which then falls on any moment of the contestant's own loop.
            time.sleep(0.5 + random.uniform(0, site.period))
            struck = time.monotonic()
            try:
                fault.strike(site, victim)
                serves_again(site, fault, before)
                row.served_s = round(time.monotonic() - struck, 1)
                mended = time.monotonic()
                fault.mend(site, victim)
                site.wait_whole()
                row.whole_s = round(time.monotonic() - mended, 1)
            except (Late, AssertionError) as error:
                row.trouble = str(error)
            result = load.stop(limit=120)
        read_result(row, result)
        count_lost(site, client, result, row)
    except (AssertionError, OSError, ValueError) as error:
        row.trouble = row.trouble or str(error)
    return row


def read_result(row: Row, result: dict) -> None:
    row.gap_ms = result["longest_gap_ms"]
    row.acknowledged, row.unknown = result["acknowledged"], result["unknown"]
    verdict = result["verdict"]
    if not verdict:
        raise AssertionError("the rows could not be read back")
    row.lost = verdict["lost"]
    row.wrong = verdict["duplicated"] + verdict["phantom"]


def count_lost(site: Site, client: str, result: dict, row: Row) -> None:
    """Which acknowledged rows each server lacks; a standby gets time to replay them."""
    for host in site.databases:
        end = time.monotonic() + REPLAY_SECONDS
        while (lost := missing_on(site, host, client, result)) and time.monotonic() < end:
            time.sleep(0.2)
        row.lost_on[host] = len(lost)
