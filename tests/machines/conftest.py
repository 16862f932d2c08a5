"""Fixtures of the whole-machine tests: one site for the session, and the record of what was measured."""
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bare_site import BareSite  # noqa: E402
from lab_driver import RECORD, Lab  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--repetitions", type=int, default=3, help="of each measured failure")


class Record:
    """Measurements of the session: a table for people and JSON for programs."""

    def __init__(self):
        self.rows = []

    def add(self, what: str, values: list[float], unit: str, limit: float, note: str = "") -> None:
        self.rows.append({"what": what, "unit": unit, "limit": limit, "median": statistics.median(values),
                          "minimum": min(values), "maximum": max(values), "values": values, "note": note})
        self.write()

    def table(self) -> str:
        lines = [f"| {'What':<44} | Limit | Median | Min | Max | Runs | Unit | Note |", "|---|---|---|---|---|---|---|---|"]
        for row in self.rows:
            mark = "" if row["median"] <= row["limit"] else " (over)"
            lines.append(f"| {row['what']:<44} | {row['limit']:g} | {row['median']:.1f}{mark} | {row['minimum']:.1f} | "
                         f"{row['maximum']:.1f} | {len(row['values'])} | {row['unit']} | {row['note']} |")
        return "\n".join(lines) + "\n"

    def write(self) -> None:
        RECORD.mkdir(parents=True, exist_ok=True)
        taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        (RECORD / "results.json").write_text(json.dumps({"taken": taken, "rows": self.rows}, indent=1) + "\n")
        (RECORD / "results.md").write_text(f"# Whole-machine measurements, {taken}\n\n{self.table()}")


RECORD_OF_SESSION = Record()


def pytest_terminal_summary(terminalreporter):
    if RECORD_OF_SESSION.rows:
        terminalreporter.write_sep("-", "measured")
        terminalreporter.write(RECORD_OF_SESSION.table())


@pytest.fixture(scope="session")
def record() -> Record:
    return RECORD_OF_SESSION


@pytest.fixture
def repetitions(request) -> int:
    return request.config.getoption("--repetitions")


@pytest.fixture(scope="session")
def running_lab():
    """A site: the one that is up (with the binaries just built), or a fresh one that is gone afterwards."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root")
    lab = Lab()
    was_up = lab.is_up()
    if was_up:
        lab.verb("heal")
        lab.verb("redeploy", limit=300)
    else:
        lab.verb("up", limit=900)
    yield lab
    if not was_up:
        lab.verb("down", limit=120)


@pytest.fixture(scope="session")
def setup_site():
    """Machines for the setup, handed on from test to test; gone afterwards. Tests say in which condition they want them."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root")
    site = BareSite()
    yield site
    site.close()


@pytest.fixture
def lab(running_lab, request):
    """The site, healthy before the test, and put together again after a test that failed in the middle."""
    running_lab.wait_healthy()
    yield running_lab
    running_lab.verb("heal", check=False)
    for line in running_lab.verb("status", check=False).stdout.splitlines():
        words = line.split()
        if len(words) > 2 and words[2] == "off":
            running_lab.verb("boot", words[0], check=False)
        if len(words) > 2 and words[2] == "frozen":
            running_lab.verb("thaw", words[0], check=False)
    if getattr(request.node, "has_failed", False):
        keep_evidence(running_lab, request.node.name)


def keep_evidence(lab: Lab, name: str) -> None:
    """What a person needs to understand a failed test: each host's journal, the status and the events."""
    folder = RECORD / "failed" / "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "status.txt").write_text(lab.gemel("status", check=False).stdout)
    (folder / "events.txt").write_text(lab.gemel("events", check=False).stdout)
    for host in ("ccm1", "ccm2", "db1", "db2", "lb1"):
        result = lab.verb("exec", host, "--", "journalctl", "--no-pager", "-o", "short-precise", "-n", "2000", check=False)
        (folder / f"{host}.log").write_text(result.stdout + result.stderr)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.has_failed = True
