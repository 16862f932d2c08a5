"""What a race leaves: one JSON file with every repetition, rewritten whole after each, so that an interrupted race counts.

Statistics of the rows live here too. Nothing here touches a machine but to describe it.
"""
import json
import os
import platform
import re
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from .repetition import Row, utc


class Statistic(NamedTuple):
    """Of one contestant under one fault; times in ms. `runs` counts those that ended as they should."""
    runs: int
    median: float
    minimum: float
    maximum: float
    percentile_99: float | None  # None below 100 runs: the maximum says it then
    whole: float       # median of the seconds from the end of the fault until all copies were there again
    lost: int          # acknowledged rows that the site no longer has
    runs_with_loss: int
    lacking: int       # runs after which a database host lacked acknowledged rows, the primary or the standby
    unknown: int       # inserts whose outcome the client never learned
    troubles: int


def machine() -> dict[str, str]:
    """What the numbers depend on, without the machine's name."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*:\s*(.+)$", information, re.M)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"), re.M)
    return {"cores": str(len(os.sched_getaffinity(0))), "memory_gib": str(round(int(memory.group(1)) / 2**20)),
            "kernel": platform.release(), "processor": model.group(1).strip() if model else platform.machine(),
            "load_at_start": f"{os.getloadavg()[0]:.1f}"}


def slug(about: dict[str, str]) -> str:
    kernel = re.match(r"\d+\.\d+", about["kernel"])
    return f"{about['cores']}-cores-{about['memory_gib']}-gib-linux-{kernel.group(0) if kernel else 'unknown'}"


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]


def statistic(rows: list[Row]) -> Statistic | None:
    """None without a row. A run in trouble counts as such; its gap is no measurement, its losses are."""
    if not rows:
        return None
    gaps = [row.gap_ms for row in rows if not row.trouble]
    returns = [row.whole_s for row in rows if not row.trouble]
    return Statistic(
        len(gaps), statistics.median(gaps) if gaps else 0, min(gaps, default=0), max(gaps, default=0),
        percentile(gaps, 0.99) if len(gaps) >= 100 else None, statistics.median(returns) if returns else 0,
        sum(row.lost for row in rows),
        sum(row.lost > 0 for row in rows), sum(any(row.lost_on.values()) for row in rows), sum(row.unknown for row in rows),
        sum(bool(row.trouble) for row in rows))


class Race:
    """The rows of one race and where they are kept."""

    def __init__(self, path: Path, content: dict):
        self.path, self.content = path, content
        self.rows = [Row(**row) for row in content["rows"]]

    @classmethod
    def new(cls, folder: Path, about: dict[str, str], date: str) -> "Race":
        """A new file `<date>-<machine>.json`; a number is added when that day has one already."""
        folder.mkdir(parents=True, exist_ok=True)
        number, path = 1, folder / f"{date}-{slug(about)}.json"
        while path.exists():
            number += 1
            path = folder / f"{date}-{slug(about)}-{number}.json"
        return cls(path, {"began": utc(), "machine": about, "versions": {}, "rows": []})

    @classmethod
    def read(cls, path: Path) -> "Race":
        return cls(path, json.loads(path.read_text(encoding="utf-8")))

    def of(self, contestant: str, fault: str) -> list[Row]:
        return [row for row in self.rows if (row.contestant, row.fault) == (contestant, fault)]

    def done(self) -> set[tuple[str, str, int]]:
        """What need not be done again; a run in trouble stays on record and is not repeated."""
        return {(row.contestant, row.fault, row.round) for row in self.rows}

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.write()

    def note_versions(self, versions: dict[str, str]) -> None:
        self.content["versions"].update(versions)

    def write(self) -> None:
        """Whole or not at all."""
        content = {**self.content, "ended": utc(), "rows": [asdict(row) for row in self.rows]}
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, self.path)
