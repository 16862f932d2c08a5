"""Watches the machines during a run: what each database host's agent says of itself, 20 times a second, and who is off.

It asks the agents on their local sockets, so cuts of the network do not blind it. One thread per host.
"""
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "lab"))
from gemel_lab import machine, paths, site  # noqa: E402 (the lab is no installed package)

PERIOD = 0.05
BLIND = 0.5              # seconds without an answer end an interval of service: nothing is known in between
SOCKETS = Path("/run/gemel-campaign")   # links to the databases' sockets, right across restarts of machines


class View(NamedTuple):
    """What is known of one host at one moment."""
    machine: str                    # on, off, frozen
    role: str = ""                  # as the agent says; empty: it does not answer
    is_open: bool = False           # its gate, and its permit still runs
    holds_address: bool = False
    holder: str = ""
    epoch: int = 0
    members: tuple[str, ...] = ()
    state: str = ""
    rule: str = ""
    problems: tuple[str, ...] = ()

    def lane(self) -> str:
        """What the timeline shows."""
        if self.machine != "on":
            return self.machine
        if not self.role:
            return "silent"
        return "serves" if self.is_open else "standby" if self.role == "standby" else "closed"


def look(host: str) -> View:
    state = machine.state(host)
    if state != "on":
        return View(state)
    code, body = site.agent(host, "/status", 0.3)
    if code != 200:
        return View(state)
    try:
        status = json.loads(body)
    except ValueError:
        return View(state)
    database, record = status.get("database") or {}, status.get("record") or {}
    # Alone in S a holder needs no permit.
    has_permit = database.get("permit_remaining_ms", 0) > 0 or record.get("members") == [host]
    return View(state, database.get("role", ""), bool(database.get("is_gate_open")) and has_permit,
                bool(database.get("is_address_held")), record.get("holder", ""), record.get("epoch", 0),
                tuple(record.get("members", [])), record.get("state", ""), database.get("rule", ""),
                tuple(status.get("problems", [])))


def link_sockets() -> None:
    """Keeps /run/gemel-campaign/HOST pointing at the folder of the database's socket in that machine."""
    SOCKETS.mkdir(exist_ok=True)
    for host in paths.DATABASES:
        first = machine.leader(host)
        link, target = SOCKETS / host, f"/proc/{first}/root/run/gemel/postgres"
        if first and (not link.is_symlink() or os.readlink(link) != target):
            fresh = SOCKETS / f".{host}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target)
            fresh.rename(link)


class Observer:
    """Use as a context; `views` holds per host (time, View) for every change and `samples` the times of open gates."""

    def __init__(self):
        self.views: dict[str, list[tuple[float, View]]] = {host: [] for host in paths.MACHINES}
        self.open_samples: dict[str, list[float]] = {host: [] for host in paths.DATABASES}
        self.holders: list[tuple[float, str, int]] = []     # by the newest record anyone knows
        self.ends = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.watch, args=(host,), daemon=True) for host in paths.DATABASES]
        self.threads.append(threading.Thread(target=self.watch_machines, daemon=True))

    def watch(self, host: str) -> None:
        while not self.ends.wait(PERIOD):
            asked = time.monotonic()
            view = look(host)
            with self.lock:
                self.note(host, asked, view)

    def watch_machines(self) -> None:
        while not self.ends.wait(4 * PERIOD):
            link_sockets()
            for host in paths.MACHINES:
                if host not in paths.DATABASES:
                    with self.lock:
                        self.note(host, time.monotonic(), View(machine.state(host), "runs"))

    def note(self, host: str, at: float, view: View) -> None:
        if not self.views[host] or self.views[host][-1][1] != view:
            self.views[host].append((at, view))
        if view.is_open:
            self.open_samples[host].append(at)
        if view.holder and (not self.holders or view.epoch > self.holders[-1][2]):
            self.holders.append((at, view.holder, view.epoch))

    def now(self, host: str) -> View:
        with self.lock:
            return self.views[host][-1][1] if self.views[host] else View("off")

    def newest(self) -> View:
        """The view with the newest record."""
        return max((self.now(host) for host in paths.DATABASES), key=lambda view: (view.epoch, view.is_open))

    def server(self) -> str:
        return next((host for host in paths.DATABASES if self.now(host).is_open), "")

    def service(self) -> dict[str, list[tuple[float, float]]]:
        """Per host the intervals in which every sample found its gate open: inner bounds of its service."""
        return {host: intervals(found) for host, found in self.open_samples.items()}

    def __enter__(self):
        link_sockets()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join(2)


def intervals(times: list[float]) -> list[tuple[float, float]]:
    found: list[list[float]] = []
    for at in times:
        if found and at - found[-1][1] <= BLIND:
            found[-1][1] = at
        else:
            found.append([at, at])
    return [(start, end) for start, end in found]
