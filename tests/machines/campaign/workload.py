"""The load of a run: gemel-torture with all its workloads where it is built, else gemel-outage's append log.

Both run in the client's network. Times come out as seconds of CLOCK_MONOTONIC.
"""
import json
import os
import subprocess
import time
from pathlib import Path

from lab_driver import Lab, Load, outage_load, program, missing_on

from .fault import Finding
from .observer import SOCKETS, paths

NOTABLE = 0.05           # seconds; shorter gaps are no gaps
CHECK_LIMIT = 180        # seconds for all checkers of one run


class Outcome:
    """What a load found: gaps of acknowledged writes, the findings of its checkers, counts for the report."""

    def __init__(self):
        self.gaps: list[tuple[float, float]] = []
        self.read_gaps: list[tuple[float, float]] = []
        self.findings: list[Finding] = []
        self.counts: dict[str, object] = {}
        self.lost = 0
        self.overlaps = 0


def gaps_between(times: list[float], end: float) -> list[tuple[float, float]]:
    """The notable pauses between successive acknowledgements, and the one up to the end."""
    return [(a, b) for a, b in zip(times, [*times[1:], end]) if b - a > NOTABLE]


class AppendLog:
    """gemel-outage: one client, one row per insert."""

    def __init__(self, lab: Lab, folder: Path, name: str):
        self.lab, self.folder, self.name = lab, folder, name
        self.load: Load | None = None
        self.began = 0.0

    def start(self) -> None:
        # A slow answer is a gap, not a new connection.
        self.load = outage_load(self.lab, self.name, answer=1500, settle=90_000)
        # It says that it is ready after 20 rows, some milliseconds each; its times count from the first.
        self.began = time.monotonic() - 0.06

    def mark(self, name: str) -> None:
        """This load keeps no marks."""

    def stop(self) -> None:
        self.result = self.load.stop(150)
        (self.folder / "outage.json").write_text(json.dumps(self.result, indent=1))

    def close(self) -> None:
        if self.load:
            self.load.close()

    def check(self, stale_ms: int, has_converged: bool) -> Outcome:
        outcome, result = Outcome(), self.result
        outcome.counts = {key: result[key] for key in ("acknowledged", "unknown", "refused", "connections")}
        outcome.gaps = [(self.began + gap["from_ms"] / 1000, self.began + (gap["from_ms"] + gap["length_ms"]) / 1000)
                        for gap in result["gaps"] if gap["length_ms"] > 1000 * NOTABLE]
        # The list ends after a hundred; the longest is known in any case.
        first, length = self.began + result["longest_gap_from_ms"] / 1000, result["longest_gap_ms"] / 1000
        if length > max((end - start for start, end in outcome.gaps), default=NOTABLE):
            outcome.gaps.append((first, first + length))
        verdict = result["verdict"]
        if not verdict:
            outcome.findings.append(Finding("A append log", "undecided", "the rows could not be read back"))
            return outcome
        # A standby that is not back yet lacks rows and has lost none.
        lost = {host: missing_on(self.lab, host, self.name, result) for host in paths.DATABASES} if has_converged else {}
        outcome.lost = max([verdict["lost"], *map(len, lost.values())])
        detail = f"{result['acknowledged']} acknowledged, {result['unknown']} unknown, {outcome.lost} lost"
        is_clean = verdict["is_clean"] and outcome.lost == 0
        outcome.findings.append(Finding("A append log", "ok" if is_clean else "violated",
                                        detail if is_clean else f"{detail}: {verdict}, {lost}"))
        return outcome


class Torture:
    """gemel-torture: append log, bank, registers, stamps, notes through the balancer, probes, and the tables at the end."""

    NAMES = {"A": "A append log", "B": "B bank", "C": "C registers", "E": "E stamps", "F": "F notes", "G": "G probes",
             "Z": "Z tables"}

    def __init__(self, lab: Lab, folder: Path, name: str, settings: tuple[str, ...] = ()):
        self.lab, self.folder, self.name, self.settings = lab, folder, name, settings
        self.history = folder / "torture"
        self.nodes = [word for host in paths.DATABASES
                      for word in ("--node", f"{host}=host={SOCKETS / host} user=postgres dbname=gemel")]
        self.process: subprocess.Popen | None = None

    def environment(self) -> dict[str, str]:
        return {**os.environ, **{key: value for key, value in self.lab.environment().items() if key.startswith("GEMEL_")}}

    def start(self) -> None:
        command = [str(program("gemel-torture")), "run", str(self.history), "--run", self.name, *self.nodes, *self.settings]
        self.errors = open(self.folder / "torture.stderr", "w+", encoding="utf-8")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(self.lab.in_client(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=self.environment())
        end = time.monotonic() + 60
        while "ready" not in Path(self.errors.name).read_text(encoding="utf-8").splitlines():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"gemel-torture did not get ready: {Path(self.errors.name).read_text(encoding='utf-8')}")
            time.sleep(0.05)

    def mark(self, name: str) -> None:
        self.process.stdin.write(f"mark {name}\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        output, _ = self.process.communicate("stop\n", timeout=90)
        (self.folder / "torture.json").write_text(output)
        self.counts = json.loads(output)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.errors.close()

    def check(self, stale_ms: int, has_converged: bool) -> Outcome:
        outcome = Outcome()
        outcome.counts = self.counts
        done = subprocess.run([str(program("gemel-torture")), "check", str(self.history),
                               *(self.nodes if has_converged else ()), "--stale-read-ms", str(stale_ms)], env=self.environment(), capture_output=True, text=True,
                              timeout=CHECK_LIMIT, check=False)
        (self.folder / "torture-check.txt").write_text(done.stdout + done.stderr)
        try:
            verdict = json.loads(done.stdout)
        except ValueError:
            outcome.findings.append(Finding("A-G", "undecided", f"exit code {done.returncode}: {done.stderr[-300:]}"))
            return outcome
        for item in verdict["verdicts"]:
            detail = "; ".join(item.get("findings", [])) or ", ".join(f"{v} {k}" for k, v in item.get("counts", {}).items())
            outcome.findings.append(Finding(self.NAMES.get(item["checker"], item["checker"]), item["state"], detail))
            counts = item.get("counts", {})
            # What A and F find is a row that is gone or should not be there; what E finds is service at one time.
            outcome.lost += counts.get("violations", 0) if item["checker"] in "AF" else 0
            outcome.overlaps += counts.get("violations", 0) if item["checker"] == "E" else 0
        outcome.gaps, outcome.read_gaps = self.gaps()
        return outcome

    def gaps(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Of acknowledged write and read probes."""
        times: dict[str, list[float]] = {"write": [], "read": []}
        last = 0.0
        with open(self.history / "probes.jsonl", encoding="utf-8") as file:
            for line in file:
                probe = json.loads(line)
                last = max(last, probe["to_us"] / 1e6)
                if probe["outcome"] == "ok":
                    times[probe["op"]].append(probe["to_us"] / 1e6)
        return tuple(gaps_between(sorted(times[op]), last) for op in ("write", "read"))


def load_name() -> str:
    """The strongest load that is built; AssertionError when there is none."""
    try:
        return program("gemel-torture").name
    except AssertionError:
        return program("gemel-outage").name


def load_for(lab: Lab, folder: Path, name: str):
    if load_name() == "gemel-outage":
        return AppendLog(lab, folder, name)
    # On a starved machine a session takes longer to stand than the load waits by default: --connect-ms and the like.
    return Torture(lab, folder, name, tuple(os.environ.get("GEMEL_TORTURE_OPTIONS", "").split()))
