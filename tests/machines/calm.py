"""A witness of the machine that runs the lab: what was measured while it stood still itself is measured once more.

All hosts of the lab share one machine and one disk. When its processors or its disk stop for longer than a quantity may
last, that quantity says nothing about the site. The witness does what a commit does, apart from the site.
"""
import os
import tempfile
import threading
import time

from lab_driver import ROOT

STILL_MS = 100    # the machine stood still: a turn of the witness took so much longer than it should
TURN = 0.005      # seconds between two looks


class Witness:
    """Sleeps and writes through to the disk in turn, as long as it is entered; knows the longest delay."""

    def __init__(self):
        self.longest_ms = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        folder = ROOT / "build"  # on the disk that the lab's machines live on
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            before = time.monotonic()
            while not self._ends.wait(TURN):
                os.pwrite(file.fileno(), b"witness", 0)
                os.fdatasync(file.fileno())
                now = time.monotonic()
                self.longest_ms = max(self.longest_ms, (now - before - TURN) * 1000)
                before = now


def measured(repetitions: int, once, witness=Witness) -> tuple[list, str]:
    """Results of `once(repetition)`, so many of them, and what to say of it: those during which the machine stood still
    are replaced, at most as many as there are repetitions. What is left after that counts, whatever the machine did."""
    results, stills, spare = [], [], repetitions
    turn = 0
    while len(results) < repetitions:
        with witness() as watch:
            result = once(turn)
        turn += 1
        if watch.longest_ms > STILL_MS and spare > 0:
            spare -= 1
            stills.append(watch.longest_ms)
            continue
        results.append(result)
    note = f"{len(stills)} repeated: the machine stood still for {min(stills):.0f} to {max(stills):.0f} ms" if stills else ""
    return results, note
