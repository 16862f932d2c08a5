"""The witness of the machine: what is measured again, and that it ends."""
import time

import calm


class Scripted:
    """A witness that saw what it is told to have seen."""
    seen: list[float] = []

    def __enter__(self):
        self.longest_ms = Scripted.seen.pop(0)
        return self

    def __exit__(self, *_):
        pass


def test_a_disturbed_repetition_is_replaced_and_told():
    Scripted.seen = [3, 400, 5, 9]
    assert calm.measured(3, lambda turn: turn, Scripted) == ([0, 2, 3], "1 repeated: the machine stood still for 400 to 400 ms")


def test_a_machine_that_is_never_calm_is_measured_all_the_same():
    Scripted.seen = [500] * 6
    results, note = calm.measured(3, lambda turn: turn, Scripted)
    assert results == [3, 4, 5] and note.startswith("3 repeated")


def test_nothing_is_said_of_a_calm_machine():
    Scripted.seen = [1] * 2
    assert calm.measured(2, lambda turn: turn, Scripted) == ([0, 1], "")


def test_the_witness_notices_that_it_did_not_run(monkeypatch):
    slow = calm.os.fdatasync

    def stalled(descriptor):
        time.sleep(0.15)  # what a disk does that stands still
        slow(descriptor)

    monkeypatch.setattr(calm.os, "fdatasync", stalled)
    with calm.Witness() as witness:
        time.sleep(0.3)  # one turn at least
    assert witness.longest_ms >= 150
