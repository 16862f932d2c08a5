"""One run of one fault: healthy site, load, inject, hold, heal, convergence, checkers, verdict. Leaves a folder of files."""
import json
import random
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

from lab_driver import Lab, Late

from . import bad_disk, end_state
from .fault import Facts, Fault, Finding
from .observer import Observer, View, machine, paths, site
from .steps import Stage, Unreached
from .verdict import CONVERGENCE_LIMIT, judge, longest_gap_ms, state_of
from .workload import load_for

READABLE = ("journal", "status", "events")


@dataclass
class Run:
    """What is kept of one run."""
    fault: str
    name: str
    seed: int
    started: str                       # RFC 3339, UTC
    state: str = "undecided"
    findings: list[Finding] = field(default_factory=list)
    longest_gap_ms: float = 0
    lost: int = 0
    overlaps: int = 0
    kills: int = 0
    converged_after_s: float | None = None
    counts: dict = field(default_factory=dict)
    # For the timeline: all times in seconds since `began`.
    length: float = 0
    lanes: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    faults: list[tuple[float, float, str]] = field(default_factory=list)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    read_gaps: list[tuple[float, float]] = field(default_factory=list)
    takeovers: list[tuple[float, str, int]] = field(default_factory=list)
    folder: str = ""


def now_text() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def events_since(began_wall: float) -> list[dict]:
    """Of all hosts that answer, oldest first."""
    found = []
    for host in paths.MACHINES:
        code, body = site.agent(host, "/events?after=0", 2)
        if code == 200:
            found += [event for event in json.loads(body) if wall(event["time"]) >= began_wall]
    return sorted(found, key=lambda event: event["time"])


def wall(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def shown_now(began_wall: float) -> str:
    """Everything that a person could read at this moment: each agent's own status, the site's summary, new events."""
    parts = [site.agent(host, "/status")[1] for host in paths.MACHINES if machine.state(host) == "on"]
    asker = next((host for host in ("lb1", *paths.DATABASES, "ccm1", "ccm2") if machine.state(host) == "on"), "lb1")
    parts.append(json.dumps(Lab().site(asker)))
    return "\n".join(parts + [json.dumps(event) for event in events_since(began_wall)])


def run_fault(lab: Lab, fault: Fault, seed: int, top: Path, long: bool = False) -> Run:
    """The whole run; raises only when the site was not healthy to begin with."""
    lab.wait_healthy(CONVERGENCE_LIMIT)
    if any(step.startswith("disk ") for step in fault.inject):
        bad_disk.prepare(lab)
    folder = top / f"{len(list(top.glob('run-*'))):03d}-{fault.id}".replace("/", "_")
    folder = folder.with_name("run-" + folder.name)
    folder.mkdir(parents=True)
    run = Run(fault.id, fault.name, seed, now_text(), folder=folder.name)
    facts = Facts(fault)
    began, began_wall = time.monotonic(), time.time()
    load = load_for(lab, folder, f"c{fault.id}-{seed}-{int(began_wall)}".replace("+", "-"))
    with Observer() as observer:
        while not observer.newest().holder:
            time.sleep(0.02)
        stage = Stage(lab, observer, random.Random(f"{seed}/{fault.id}"))
        stage.is_lenient = "+" in fault.id
        facts.first_holder, facts.first_epoch = stage.roles["primary"], stage.first_epoch
        try:
            load.start()
            play(stage, facts, load, long, began_wall)
            load.stop()
            outcome = load.check(fault.stale_ms, facts.converged_after is not None)
            facts.workloads, facts.gaps = outcome.findings, [gap for gap in outcome.gaps if gap[1] >= facts.injected_at]
            run.lost, run.overlaps, run.counts, run.read_gaps = outcome.lost, outcome.overlaps, outcome.counts, outcome.read_gaps
            if facts.converged_after is not None:
                facts.end_state = end_state.check(lab)
        except Exception as error:  # pylint: disable=broad-exception-caught  # one run's failure must not end the campaign
            facts.workloads.append(Finding("run", "undecided", f"{type(error).__name__}: {error}"[:600]))
        finally:
            load.close()
            stage.heal_all()
        finish(run, facts, stage, observer, began)
    keep(folder, run, began_wall, with_evidence=run.state != "ok")
    return run


def play(stage: Stage, facts: Facts, load, long: bool, began_wall: float) -> None:
    """The rounds of the fault: its steps, the hold between them, and the wait for convergence."""
    fault = facts.fault
    stage.wait("0.5..1.5")
    load.mark("fault")
    facts.injected_at = time.monotonic()
    for index in range(fault.long_rounds if long else 1):
        if index:
            stage.learn_roles(stage.lab.site("lb1"))
            stage.wait("0.2..1")
        try:
            for step in fault.inject:
                stage.perform(step)
            hold_on(fault.long_hold if long and fault.long_hold else fault.hold)
            if fault.shows:
                facts.shown = shown_now(began_wall)
        except Unreached as unreached:
            facts.unreached = str(unreached)
        facts.rounds += 1
        load.mark("heal")
        for step in fault.heal:
            stage.perform(step, heals=True)
        stage.end_background()
        if facts.unreached:
            stage.heal_all()
        facts.healed_at = time.monotonic()
        load.mark("healed")
        try:
            stage.lab.wait_healthy(CONVERGENCE_LIMIT)
            facts.converged_after = max(facts.converged_after or 0, time.monotonic() - facts.healed_at)
        except Late as late:
            facts.missing = str(late)
            facts.converged_after = None
        if facts.unreached or facts.missing:
            break
    stage.wait("0.5")


def hold_on(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(1.0, left))  # the fault's length


def finish(run: Run, facts: Facts, stage: Stage, observer: Observer, began: float) -> None:
    """Fills the run from the facts."""
    newest: View = observer.newest()
    facts.last_epoch = newest.epoch
    facts.holders = [holder for _, holder, _ in observer.holders]
    facts.in_place = [at for (_, before, _), (at, holder, _) in pairwise(observer.holders) if holder == before]
    facts.service = observer.service()
    standby = stage.roles["standby"]
    facts.standby_left = any(view.holder == facts.first_holder and view.members and standby not in view.members
                             for host in paths.DATABASES for _, view in observer.views[host])
    if facts.fault.shows and not facts.unreached and not facts.shown:
        facts.shown = "(nothing could be asked)"
    run.findings = judge(facts)
    run.state = state_of(run.findings)
    run.kills = facts.fault.kills * facts.rounds
    run.longest_gap_ms = round(longest_gap_ms(facts), 1)
    run.converged_after_s = facts.converged_after
    run.overlaps += sum(finding.checker == "one gate" and not finding.is_ok for finding in run.findings)
    shift = lambda at: round(at - began, 3)
    run.length = shift(time.monotonic())
    for host, views in observer.views.items():
        lane: list[tuple[float, str]] = []
        for at, view in views:
            what = view.lane() if host in paths.DATABASES else view.machine
            if not lane or lane[-1][1] != what:
                lane.append((shift(at), what))
        run.lanes[host] = lane
    run.faults = [(shift(start), shift(end), text) for start, end, text in fault_bars(stage.done, stage.injected)]
    run.gaps = [(shift(a), shift(b)) for a, b in facts.gaps]
    run.read_gaps = [(shift(a), shift(b)) for a, b in run.read_gaps]
    run.takeovers = [(shift(at), holder, epoch) for at, holder, epoch in observer.holders if epoch != facts.first_epoch]


UNDOES = {"thaw": ("freeze",), "boot": ("poweroff",), "heal": ("cut", "drop", "isolate"), "calm": ("busy", "cancel-storm"),
          "disk": ("disk",), "memory": ("memory",), "prompt-agent": ("late-agent",)}
UNSEEN = ("wait", "await", "thaw", "boot", "heal", "calm", "prompt-agent")


def fault_bars(done: list[tuple[float, float, str]], injected: set[int]) -> list[tuple[float, float, str]]:
    """When each fault began and ended: with the step that undid it, or with its own when it is over at once (a kill)."""
    found = []
    for index, (start, end, text) in enumerate(done):
        verb, *words = text.split()
        if verb in UNSEEN or index not in injected:
            continue
        undone = [at for _, at, later in done[index + 1:]
                  if verb in UNDOES.get(later.split()[0], ()) and (len(later.split()) == 1 or later.split()[1] in words)]
        found.append((start, min(undone, default=end), text))
    return found


def kept(top: Path) -> list[Run]:
    """The runs that a report holds already, in their order."""
    runs = []
    for file in sorted(top.glob("run-*/run.json")):
        found = json.loads(file.read_text())
        runs.append(Run(**{**found, "findings": [Finding(**finding) for finding in found["findings"]]}))
    return runs


def keep(folder: Path, run: Run, began_wall: float, with_evidence: bool) -> None:
    """run.json always; journals, input rings, status and events of a run that is not ok."""
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=1) + "\n")
    if not with_evidence:
        return
    (folder / "events.json").write_text(json.dumps(events_since(began_wall), indent=1))
    (folder / "status.json").write_text(json.dumps(Lab().site("lb1"), indent=1))
    since = datetime.fromtimestamp(began_wall, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    for host in paths.MACHINES:
        text = Lab().verb("logs", host, "--since", since, check=False).stdout
        (folder / f"{host}.log").write_text(text)
    for host in paths.DATABASES:
        ring = Path(paths.root_of(host) + "/var/lib/gemel/agent/inputs")
        target = folder / f"{host}-inputs"
        target.mkdir(exist_ok=True)
        for file in sorted(ring.glob("*")):
            (target / file.name).write_bytes(file.read_bytes())
