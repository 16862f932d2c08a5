#!/usr/bin/env python3
"""Writes docs/handbook/wizard-screens.md: the screens of gemel wizard as a real terminal shows them.

Usage: tests/machines/wizard_screens.py [FILE]     as root; the hosts are those of test_wizard.py
"""
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab_driver import ROOT  # noqa: E402
from test_wizard import walk_to_the_end  # noqa: E402
from test_wizard_kinds import walk_to_conversion, walk_to_standalone_site  # noqa: E402
from wizard_terminal import HOSTS, STANDALONE, Hosts, Terminal  # noqa: E402

HEAD = """# The wizard's screens

Captures of a terminal of 80 columns and 24 rows, written by `tests/machines/wizard_screens.py`. What they are for is in
[wizard.md](wizard.md).
"""


PROGRESS_DELAY = 0.3  # of each command on a host: the picture of the progress is taken in the middle


def walk(folder: Path, site: dict, walk_through, parts: list[str], *words: str, delay: float = 0.05) -> bool:
    """Through the wizard in a terminal; what is seen on the way is added to the parts. False: it did not end well."""
    with Terminal(folder, Hosts(folder, delay, site).command(*words, own_state=True)) as terminal:
        def seen(title: str) -> None:
            if title == "Progress":
                time.sleep(3)  # a picture of the middle says more than one of the beginning
            lines = [line.rstrip() for line in terminal.screen().splitlines()]
            parts.append(f"## {title}\n\n```\n" + "\n".join(lines) + "\n```\n")
        walk_through(terminal, seen)
        if terminal.exit_code() == 0:
            return True
        print(terminal.screen(), file=sys.stderr)
        return False


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "handbook" / "wizard-screens.md"
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        if not walk(Path(first), HOSTS, walk_to_the_end, parts, delay=PROGRESS_DELAY):
            return 1
        folder = Path(second)
        if not walk(folder, STANDALONE, walk_to_standalone_site, parts):
            return 1
        state = Path("gemel/setup/lab")
        site_id = (folder / "lib" / state / "rendered" / "site.id").read_text().split()[0]
        Hosts(folder).run_already(STANDALONE, site_id)
        if not walk(folder, HOSTS, walk_to_conversion, parts, str("/var/lib" / state / "site.toml")):
            return 1
    target.write_text("\n".join(parts), encoding="utf-8")
    print(f"{target.relative_to(ROOT) if target.is_relative_to(ROOT) else target}: {len(parts) - 1} screens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
