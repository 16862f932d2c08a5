"""The command line of the campaign: see `tests/machines/run --help`."""
import argparse
import fcntl
import json
import os
import random
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab_driver import ROOT, Lab, Late  # noqa: E402 (the tests' driver is no installed package)

from . import idle_cost, report, soak, stale_reads, table  # noqa: E402
from .runner import Run, kept, run_fault  # noqa: E402
from .workload import load_name  # noqa: E402

REPORTS = ROOT / "build" / "campaign"


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/machines/run", description="The fault campaign on the lab's machines.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--all", action="store_true", help="every row that can be injected")
    what.add_argument("--quick", action="store_true", help="the chosen rows of ./check")
    what.add_argument("--row", action="append", metavar="N", help="a row (5: all its variants) or a variant (5b); repeatable")
    what.add_argument("--soak", metavar="TIME", help="faults drawn at random for so long: 90s, 30m, 2h")
    what.add_argument("--stale-reads", action="store_true", help="how long a primary that lost its right still answers")
    what.add_argument("--idle-cost", action="store_true", help="what an idle site costs, over 60 s")
    what.add_argument("--list", action="store_true", help="the table, with the reasons of what cannot be injected")
    parser.add_argument("--markdown", action="store_true", help="with --list: as in docs/campaign.md")
    parser.add_argument("--seed", type=int, help="of everything that is drawn; printed and kept")
    parser.add_argument("--repetitions", type=int, default=1, metavar="N", help="of each row, with seeds that follow")
    parser.add_argument("--long", action="store_true",
                        help="as for the record: losses and starvation for 10 minutes, kills again and again in one run")
    parser.add_argument("--report", type=Path, help="folder of the report; build/campaign/<time> otherwise")
    parser.add_argument("--continue", type=Path, dest="unfinished", metavar="REPORT",
                        help="what an interrupted campaign still lacks, with its seed, into its report")
    return parser.parse_args(words)


def begin(options: argparse.Namespace) -> tuple[int, Path, list[Run]]:
    """The seed, the report's folder and the runs that it holds already."""
    if options.unfinished:
        seed = json.loads((options.unfinished / "report.json").read_text())["seed"]
        return seed, options.unfinished, kept(options.unfinished)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    top = options.report or REPORTS / datetime.now(timezone.utc).strftime("%Y-%m-%dT%H%M%SZ")
    top.mkdir(parents=True, exist_ok=True)
    return seed, top, []


def seconds_of(text: str) -> float:
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text)


def say(run: Run) -> None:
    words = [finding for finding in run.findings if not finding.is_ok]
    print(f"{run.state:9} {run.fault:4} {run.name:60} gap {run.longest_gap_ms:7.0f} ms  "
          f"back in {run.converged_after_s or -1:5.1f} s", flush=True)
    for finding in words:
        print(f"          {finding.checker}: {finding.state}: {finding.detail[:400]}", flush=True)


def list_rows(markdown: bool) -> None:
    if markdown:
        print(table.markdown(), end="")
        return
    for fault in table.FAULTS:
        told = f"CANNOT: {fault.cannot}" if fault.cannot else f"{table.steps_text(fault.inject)} | {table.expectation_text(fault)}"
        print(f"{fault.id:4} {fault.name:68} {told}")


def chosen_faults(options: argparse.Namespace) -> list:
    if options.row:
        return table.of_rows(options.row)
    return [fault for fault in table.FAULTS if fault.quick] if options.quick else table.possible()


def main(words: list[str]) -> int:
    options = parse(words)
    if options.list:
        list_rows(options.markdown)
        return 0
    seed, top, runs = begin(options)
    print(f"seed {seed}, report {top}", flush=True)
    # Whoever ends the campaign leaves a site without its faults.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    lab = Lab()
    if not lab.is_up():
        lab.verb("up", limit=900)
    # Two campaigns on one site would heal each other's faults.
    alone = os.open("/run/gemel-lab", os.O_RDONLY)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another campaign works on this site", file=sys.stderr)
        return 3
    if options.stale_reads:
        return 0 if stale_reads.run(lab, options.repetitions, seed, top) else 1
    if options.idle_cost:
        return 0 if idle_cost.run(lab, 60, top) else 1
    program_of_load = load_name()
    print(f"load: {program_of_load}", flush=True)
    finished = {(run.fault, run.seed) for run in runs}

    def note(run: Run) -> None:
        runs.append(run)
        say(run)
        report.write(top, runs, seed)

    try:
        if options.soak:
            soak.run(lab, seed, time.monotonic() + seconds_of(options.soak), top, note)
        else:
            for fault in chosen_faults(options):
                if fault.cannot:
                    print(f"cannot    {fault.id:4} {fault.name}: {fault.cannot}")
                    continue
                for repetition in range(options.repetitions):
                    if (fault.id, seed + repetition) in finished:
                        continue
                    note(run_fault(lab, fault, seed + repetition, top, options.long))
    except Late as late:
        print(f"the site is not healthy, the campaign ends here: {late}")
        return 1
    finally:
        report.write(top, runs, seed)
    print(report.summary_text(runs))
    print(f"report: {top / 'index.html'}")
    return 0 if runs and all(run.state in ("ok", "over") for run in runs) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyError as unknown:
        print(f"no row {unknown}; --list shows them", file=sys.stderr)
        sys.exit(2)
