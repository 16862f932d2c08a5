"""The soak: one to three faults at a time, drawn from all rows, healed, checked, again; and whether anything leaks."""
import random
import time
from dataclasses import replace
from pathlib import Path

from lab_driver import Lab

from .fault import EITHER, Fault, Finding
from .observer import machine, paths
from .runner import Run, run_fault
from .table import possible
from .verdict import state_of

LONGEST_HOLD = 10        # seconds; a soak is made of many faults, not of long ones
WARM_UP = 3              # rounds before the first measure: caches and allocators fill
GROWTH = {"files": 20, "memory_kb": 8 << 10, "slots": 0, "rules": 0}   # allowed over the whole soak


def combine(faults: list[Fault], number: int) -> Fault:
    """All of them at once. Two faults together may stop the service, so no gap and no holder is promised: only safety."""
    steps = tuple(step for fault in faults for step in fault.inject)
    heals = tuple(step for fault in faults for step in fault.heal)
    names = " and ".join(f"{fault.id} {fault.name}" for fault in faults)
    if len(faults) == 1:
        only = faults[0]
        return replace(only, hold=min(only.hold, LONGEST_HOLD))
    # Steps that meet what another fault did (a host that is off) are skipped, not failed: see Stage.is_lenient.
    return Fault("+".join(fault.id for fault in faults), names, steps, heals, hold=min(max(f.hold for f in faults), LONGEST_HOLD),
                 gap_ms=None, takeover=EITHER, removal=EITHER, kills=sum(fault.kills for fault in faults),
                 stale_ms=max(fault.stale_ms for fault in faults), note=f"round {number}")


def draw(source: random.Random, number: int) -> Fault:
    return combine(source.sample(possible(), source.choice((1, 1, 2, 2, 3))), number)


def usage(host: str) -> dict[str, int]:
    """What could leak on a database host: the agent's files and memory, replication slots, packet filter rules."""
    agent = machine.named(host, "gemeld")
    process = agent[0] if agent else 0
    resident = [int(line.split()[1]) for line in paths.read_text(f"/proc/{process}/status").splitlines()
                if line.startswith("VmRSS:")]
    rules = machine.inside(host, "nft", "list", "ruleset")[1]
    slots = Lab().sql(host, "SELECT count(*) FROM pg_replication_slots")
    files = len(list(Path(f"/proc/{process}/fd").iterdir())) if process else 0
    return {"files": files, "memory_kb": resident[0] if resident else 0, "slots": int(slots[0]),
            "rules": sum(line.strip().endswith(("accept", "drop")) for line in rules.splitlines()), "agent": process}


def leaks(first: dict[str, int], last: dict[str, int]) -> list[str]:
    """What grew more than allowed; memory and files only of an agent that was not restarted in between."""
    kinds = GROWTH if first["agent"] == last["agent"] else {kind: GROWTH[kind] for kind in ("slots", "rules")}
    return [f"{kind} {first[kind]} then {last[kind]}" for kind, limit in kinds.items() if last[kind] > first[kind] + limit]


def run(lab: Lab, seed: int, until: float, top: Path, note) -> None:
    """Rounds until the time is over; the last one is finished. `note` is called with each run."""
    source = random.Random(seed)
    first: dict[str, dict[str, int]] = {}
    number = 0
    while time.monotonic() < until:
        number += 1
        done: Run = run_fault(lab, draw(source, number), seed + number, top)
        now = {host: usage(host) for host in paths.DATABASES} if done.converged_after_s is not None else {}
        for host, found in now.items():
            # A restarted agent starts a count of its own.
            if number <= WARM_UP or first.get(host, found)["agent"] != found["agent"] or host not in first:
                first[host] = {**found, **({k: first[host][k] for k in ("slots", "rules")} if host in first else {})}
            grown = leaks(first[host], found)
            done.findings.append(Finding(f"leaks {host}", "violated" if grown else "ok", "; ".join(grown)))
        done.counts = {**done.counts, "usage": now}
        done.state = state_of(done.findings)
        note(done)
