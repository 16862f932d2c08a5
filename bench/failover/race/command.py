"""The command: checks what it needs, runs the blocks of the race in turn, and writes table and plot, also when stopped."""
import os
import signal
import sys
import time
from pathlib import Path

from lab_driver import program

from . import ROOT, options, plot, repetition, report
from .results import Race, machine
from .sites import GemelSite, Site, is_any_up

FAILED, REFUSED, PERMISSION, INTERRUPTED = 1, 3, 7, 130
BOOTS = 3  # attempts to make a site before the race gives up
EVIDENCE = ROOT / "build" / "bench" / "failover"


class Refusal(Exception):
    """Why the race cannot start, and the exit code that says so."""

    def __init__(self, text: str, code: int = REFUSED):
        super().__init__(text)
        self.code = code


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def site_named(name: str, site_files: dict[str, Path]) -> Site:
    if name == "gemel" or name in site_files:
        return GemelSite(name, site_files.get(name))
    from .patroni_site import PatroniSite
    return PatroniSite(name)


def check_host() -> None:
    if os.geteuid() != 0:
        raise Refusal("only root can boot machines; use sudo", PERMISSION)
    try:
        program("gemel-outage")
    except AssertionError as error:
        raise Refusal(str(error)) from error
    if is_any_up():
        raise Refusal("a site is up in this lab; `lab/lab down` ends it (its data goes with it)")


def write_report(race: Race) -> None:
    race.path.with_suffix(".md").write_text(report.page(race), encoding="utf-8")
    race.path.with_suffix(".svg").write_text(plot.draw(race), encoding="utf-8")


def keep_evidence(site: Site, race: Race, row: repetition.Row) -> None:
    """The journals of a run that lost something or did not end well, outside the kept results: they are large."""
    folder = EVIDENCE / race.path.stem / f"{row.contestant}-{row.fault}-{row.round}"
    folder.mkdir(parents=True, exist_ok=True)
    for host, journal in site.journals().items():
        (folder / f"{host}.log").write_text(journal, encoding="utf-8")
    say(f"journals kept in {shown(folder)}")


def is_notable(row: repetition.Row) -> bool:
    return bool(row.trouble or row.lost or row.wrong or any(row.lost_on.values()))


def block(race: Race, number: int, site: Site, faults: list[str]) -> None:
    """One life of one site: each fault once. A site in trouble is thrown away, and the next fault gets a fresh one."""
    name = site.name
    left, failed = list(faults), 0
    while left:
        say(f"round {number}: {name} boots")
        try:
            try:
                site.up()
                race.note_versions(site.versions())
            except AssertionError as error:
                failed += 1
                say(f"{name} did not become whole ({failed} of {BOOTS}): {error}")
                if failed == BOOTS:
                    raise
                continue
            while left:
                row = repetition.run(site, left.pop(0), number)
                race.add(row)
                say(f"round {number}: {name}, {row.fault}: {row.gap_ms / 1000:.3f} s, lost {row.lost} {row.lost_on}"
                    + (f", TROUBLE: {row.trouble}" if row.trouble else ""))
                if is_notable(row):
                    keep_evidence(site, race, row)
                if row.trouble:
                    break
        finally:
            site.down()


def summary(race: Race) -> None:
    write_report(race)
    print(report.table(race))
    for line in report.notes(race):
        print(line)
    print(f"kept: {shown(race.path)}, with .md and .svg beside it")


def run_race(given) -> int:
    check_host()
    resumed = given.resumed
    race = Race.read(resumed) if resumed else Race.new(given.out.resolve(), machine(), time.strftime("%Y-%m-%d", time.gmtime()))
    names = options.contestants(given)
    code = 0
    site_files = {options.site_contestant(path): path for path in given.site}
    if any(name.startswith("patroni") for name in names):
        from .patroni_site import IMAGE_WITH
        Site().when_free("image", IMAGE_WITH)
    try:
        for number, name, faults in options.plan(names, given.faults, given.repetitions, race.done()):
            block(race, number, site_named(name, site_files), faults)
            write_report(race)
    except KeyboardInterrupt:
        say("stopped; what was measured is kept, `--continue` does the rest")
        code = INTERRUPTED
    finally:
        if race.rows:
            summary(race)
    ours = [row for row in race.rows if row.contestant.startswith("gemel") and is_notable(row)]
    return code or (FAILED if ours else 0)


def stop(_number, _frame) -> None:
    raise KeyboardInterrupt


def main(words: list[str]) -> int:
    """Exit codes: 0 done, 1 Gemel lost something or was in trouble, 2 usage, 3 refused, 7 not root, 130 stopped."""
    given = options.parser().parse_args(words)
    if given.report:
        summary(Race.read(Path(given.report).resolve()))
        return 0
    # Started in the background or ended by a time limit, it still takes its site down and writes its report.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return run_race(given)
    except Refusal as error:
        print(f"bench/failover/run: {error}", file=sys.stderr)
        return error.code
    except AssertionError as error:  # the lab's own words
        print(f"bench/failover/run: {error}", file=sys.stderr)
        return FAILED
