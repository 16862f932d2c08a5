"""The command's arguments, and which contestants and faults they stand for. Nothing here touches a machine."""
import argparse
from pathlib import Path

from . import ROOT

FAULTS = ("crash", "poweroff", "isolate", "switchover", "standby-loss")
PATRONI_SETTINGS = {"fastest": ["patroni-fastest"], "defaults": ["patroni-defaults"],
                    "both": ["patroni-fastest", "patroni-defaults"]}


def positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of repetitions (1 or more)")
    return int(text)


def fault_list(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in FAULTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"no fault {', '.join(unknown) or 'named'}; there are {','.join(FAULTS)}")
    return [name for name in FAULTS if name in names]  # in the table's order, each once


def results_file(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json" or not path.is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is not the .json file of an earlier race")
    return path


def site_file(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".toml" or not path.is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is not a site file")
    return path.resolve()


def site_contestant(path: Path) -> str:
    """lab/site-fast.toml races as gemel-fast."""
    return "gemel-" + path.stem.removeprefix("site-")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench/failover/run", description="Gemel and Patroni, the same machines, client and "
                                   "faults, in turn. Needs root and the lab for itself.")
    made.add_argument("--repetitions", type=positive, default=10, metavar="N", help="of each fault per contestant (10)")
    made.add_argument("--faults", type=fault_list, default=list(FAULTS), metavar="A,B", help=f"some of {','.join(FAULTS)}")
    made.add_argument("--settings", choices=sorted(PATRONI_SETTINGS), default="both", help="of Patroni (both)")
    made.add_argument("--only", choices=("gemel", "patroni"), help="one side alone")
    made.add_argument("--site", type=site_file, action="append", default=[], metavar="FILE.toml",
                      help="a further contestant: Gemel with this site file of the lab's machines; may be repeated")
    made.add_argument("--out", type=Path, default=ROOT / "bench" / "results", metavar="DIR",
                      help="where the results are kept (bench/results)")
    group = made.add_mutually_exclusive_group()
    group.add_argument("--continue", dest="resumed", type=results_file, metavar="FILE.json",
                       help="do what is missing in an interrupted race, and write into its files")
    group.add_argument("--report", type=results_file, metavar="FILE.json",
                       help="only write the table and the plot of a race anew")
    return made


def contestants(options: argparse.Namespace) -> list[str]:
    """Names in the order of the report."""
    gemel = ["gemel", *(site_contestant(path) for path in options.site)]
    patroni = PATRONI_SETTINGS[options.settings]
    return {"gemel": gemel, "patroni": patroni, None: gemel + patroni}[options.only]


def plan(names: list[str], faults: list[str], repetitions: int, done: set[tuple[str, str, int]]) -> list[tuple]:
    """Blocks (round, contestant, faults): every contestant once per round, another one first each time.

    A block is one life of a site. What `done` holds, as (contestant, fault, round), is left out.
    """
    blocks = []
    for number in range(1, repetitions + 1):
        turn = (number - 1) % len(names)
        for name in names[turn:] + names[:turn]:
            missing = [fault for fault in faults if (name, fault, number) not in done]
            if missing:
                blocks.append((number, name, missing))
    return blocks
