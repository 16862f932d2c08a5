"""The campaign's own parts, without a site: the table is complete and documented, each checker finds what it is there for."""
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab_driver import ROOT, Late  # noqa: E402
from campaign import bad_disk, report, soak, table, timeline  # noqa: E402
from campaign.fault import NO, SAME, UNDAMPED, YES, Facts, Fault, Finding  # noqa: E402
from campaign.observer import intervals  # noqa: E402
from campaign.runner import Run, fault_bars, keep, kept, play  # noqa: E402
from campaign.steps import LAB_VERBS, Stage  # noqa: E402
from campaign.verdict import judge, state_of  # noqa: E402
from campaign.workload import gaps_between  # noqa: E402


def good_facts(**changes) -> Facts:
    """A run in which db2 took over and everything held."""
    fault = Fault("8", "power", ("poweroff primary",), gap_ms=1000, takeover=YES)
    facts = Facts(fault, injected_at=10, healed_at=14, converged_after=5, first_holder="db1", first_epoch=3, last_epoch=4,
                  holders=["db1", "db2"], service={"db1": [(0, 10)], "db2": [(10.8, 30)]}, gaps=[(10, 10.9)])
    for name, value in changes.items():
        setattr(facts, name, value)
    return facts


def state_with(**changes) -> dict[str, str]:
    return {finding.checker: finding.state for finding in judge(good_facts(**changes))}


def test_a_good_run_is_ok():
    assert state_of(judge(good_facts())) == "ok"


@pytest.mark.parametrize("checker, state, changes", [
    ("one gate", "violated", {"service": {"db1": [(0, 11)], "db2": [(10.8, 30)]}}),
    ("convergence", "violated", {"converged_after": None}),
    ("convergence", "violated", {"converged_after": 61}),
    ("gap", "over", {"gaps": [(10, 11.2)]}),
    ("reached", "undecided", {"unreached": "no pg_rewind"}),
    ("A", "violated", {"workloads": [Finding("A", "violated", "1 lost")]}),
    ("Z", "violated", {"end_state": [Finding("Z", "violated", "rows differ")]}),
    ("takeover", "violated", {"holders": ["db1"], "last_epoch": 3}),
    ("takeover", "violated", {"fault": Fault("13", "cut", takeover=NO)}),
    ("takeover", "violated", {"fault": Fault("13", "cut", takeover=NO), "holders": ["db1"], "last_epoch": 4}),
    ("takeover", "violated", {"fault": Fault("31", "no etcd", takeover=SAME)}),
    ("takeover", "violated", {"fault": Fault("1", "crash", takeover=UNDAMPED), "holders": [], "last_epoch": 3}),
    ("takeover", "ok", {"fault": Fault("1", "crash", takeover=UNDAMPED), "holders": [], "last_epoch": 4}),
    ("takeover", "ok", {"fault": Fault("31", "no etcd", takeover=SAME), "holders": ["db1"], "last_epoch": 4}),
    ("removal", "violated", {"fault": Fault("10", "off", removal=YES)}),
    ("removal", "violated", {"fault": Fault("15", "no etcd", removal=NO), "standby_left": True}),
    ("alarm", "violated", {"fault": Fault("30", "no etcd", shows=("no_quorum",)), "shown": "possible"}),
])
def test_each_checker_finds_its_fault(checker, state, changes):
    assert state_with(**changes)[checker] == state


def test_a_gap_that_is_not_promised_is_no_finding():
    assert state_with(fault=Fault("31", "no etcd", gap_ms=None), gaps=[(10, 20)])["gap"] == "ok"


def test_what_is_grave_comes_first():
    states = ["ok", "over", "undecided", "violated"]
    for count in range(1, 5):
        assert state_of([Finding("x", state) for state in states[:count]]) == states[count - 1]


def test_intervals_end_where_nothing_was_known():
    assert intervals([1.0, 1.05, 1.1, 3.0, 3.1]) == [(1.0, 1.1), (3.0, 3.1)]


def test_a_gap_in_which_the_holder_restarted_in_place_has_a_limit_of_its_own():
    crash = Fault("1", "crash", gap_ms=500, in_place_gap_ms=1200)
    assert state_with(fault=crash, gaps=[(10, 10.4), (14, 15.1)], in_place=[14.3])["gap"] == "ok"
    assert state_with(fault=crash, gaps=[(10, 10.4), (14, 15.3)], in_place=[14.3])["gap"] == "over"
    assert state_with(fault=crash, gaps=[(10, 10.6), (14, 15.1)], in_place=[14.3])["gap"] == "over"


def test_gaps_are_pauses_of_acknowledgements_and_the_last_one_counts():
    assert gaps_between([1.0, 1.01, 1.5, 1.52], 3.0) == [(1.01, 1.5), (1.52, 3.0)]


def test_a_fault_lasts_until_the_step_that_undoes_it():
    done = [(1, 1.1, "freeze db1 gemeld"), (1.1, 1.4, "wait 0.3"), (1.4, 1.5, "thaw db1"), (2, 2.1, "kill db2 etcd"),
            (3, 3.1, "cut db1 db2"), (5, 5.1, "thaw db2"), (6, 6.1, "heal")]
    assert fault_bars(done, {0, 1, 2, 3, 4}) == [(1, 1.5, "freeze db1 gemeld"), (2, 2.1, "kill db2 etcd"), (3, 6.1, "cut db1 db2")]


def test_every_row_is_in_the_table_once_per_variant():
    assert {fault.row for fault in table.FAULTS} == set(table.ROWS)
    assert len(table.BY_ID) == len(table.FAULTS)
    for fault in table.FAULTS:
        assert bool(fault.cannot) != bool(fault.inject), f"{fault.id}: steps, or the reason why not"


def test_every_step_is_known():
    roles_and_hosts = {"primary", "standby", "leader", "follower", "client", "ccm1", "ccm2", "db1", "db2", "lb1"}
    for fault in table.possible():
        for step in (*fault.inject, *fault.heal):
            verb, *words = step.split()
            assert verb.rstrip("?") in LAB_VERBS or callable(getattr(Stage, verb.replace("-", "_"), None)), step
            if verb in ("cut", "drop"):
                assert set(words[:2]) <= roles_and_hosts, step


def test_the_chosen_rows_fit_their_time():
    chosen = [fault for fault in table.FAULTS if fault.quick]
    assert len(chosen) >= 12
    assert {1, 5, 7, 8, 10, 13, 14, 20, 28, 50} <= {fault.row for fault in chosen}


def test_rows_are_found_by_number_and_variant():
    assert [fault.id for fault in table.of_rows(["5"])] == ["5a", "5b", "5c"]
    assert [fault.id for fault in table.of_rows(["5b"])] == ["5b"]
    with pytest.raises(KeyError):
        table.of_rows(["99"])


def test_the_documentation_shows_the_table():
    text = (ROOT / "docs" / "campaign.md").read_text(encoding="utf-8")
    assert table.markdown() in text, "renew it: tests/machines/run --list --markdown"


def example(state: str = "ok") -> Run:
    return Run("8", "host <loses> power", 7, "2026-01-01T00:00:00Z", state, [Finding("gap", state, "900 ms & more")], 900.0, 0, 0, 1,
               5.0, {}, 20.0, {"db1": [(0, "serves"), (5, "off")], "db2": [(0, "standby"), (6, "serves")], "lb1": [(0, "on")]},
               [(5, 9, "poweroff db1")], [(5.0, 5.9)], [], [(5.7, "db2", 4)], "run-000-8")


def test_a_report_that_was_interrupted_is_taken_up_again(tmp_path):
    for number, fault in enumerate(("8", "14")):
        folder = tmp_path / f"run-00{number}-{fault}"
        folder.mkdir()
        keep(folder, replace(example(), fault=fault), 0, with_evidence=False)
    assert [run.fault for run in kept(tmp_path)] == ["8", "14"]
    assert kept(tmp_path)[0].findings == example().findings
    report.write(tmp_path, kept(tmp_path), 7)   # what was read back is good enough for the page and its pictures


class Scene:
    """What the rounds of a fault need of the stage, the load and the lab: it only takes down what was asked of it."""

    def __init__(self, unhealthy_round: int = 0):
        self.told: list[str] = []
        self.lab, self.unhealthy_round, self.checks = self, unhealthy_round, 0

    def perform(self, step, heals=False):
        self.told.append(("heal: " if heals else "") + step)

    def learn_roles(self, _site):
        self.told.append("learns")

    def wait_healthy(self, _limit):
        self.checks += 1
        if self.checks == self.unhealthy_round:
            raise Late("no standby")

    def site(self, _host): ...
    def wait(self, _span): ...
    def mark(self, _what): ...
    def end_background(self): ...


def rounds(scene: Scene, long: bool) -> Facts:
    facts = Facts(Fault("8", "power", ("poweroff primary",), ("boot primary",), hold=0, kills=1, long_rounds=3))
    play(scene, facts, scene, long, 0)
    return facts


def test_a_long_run_suffers_the_fault_again_and_again_with_the_parts_dealt_anew():
    scene = Scene()
    facts = rounds(scene, long=True)
    one = ["poweroff primary", "heal: boot primary"]
    assert scene.told == one + (["learns"] + one) * 2 and facts.rounds == 3
    assert rounds(Scene(), long=False).rounds == 1


def test_a_long_run_ends_with_the_round_that_the_site_did_not_survive():
    facts = rounds(Scene(unhealthy_round=2), long=True)
    assert facts.rounds == 2 and facts.converged_after is None and facts.missing == "no standby"


def test_the_picture_is_well_formed_and_shows_lanes_faults_gaps_and_takeovers():
    shapes = xml.fromstring(timeline.draw(example()))
    kinds = [shape.get("class") for shape in shapes]
    assert kinds.count("gap") == 1 and kinds.count("fault") == 1 and "lane off" in kinds
    assert not any("lb1" in (shape.text or "") for shape in shapes), "a host to which nothing happened has no lane"
    assert any("db2, epoch 4" in (shape.text or "") for shape in shapes)


def test_the_report_is_one_page_and_counts_right(tmp_path):
    runs = [example(), replace(example("violated"), longest_gap_ms=100.0, lost=2, folder="run-001-8")]
    report.write(tmp_path, runs, 7)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#|run-)', page), "it needs nothing from elsewhere"
    assert "VIOLATED" in page and "host &lt;loses&gt; power" in page
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["summary"]
    assert (found["runs"], found["rows"], found["kills"], found["lost"], found["violated"]) == (2, 1, 2, 2, 1)
    assert (found["gap_p50_ms"], found["gap_p99_ms"], found["gap_max_ms"]) == (100.0, 900.0, 900.0)


def test_percentiles_are_values_that_occurred():
    assert [report.percentile([4, 1, 3, 2], share) for share in (0.5, 0.99, 1.0)] == [2, 4, 4]
    assert report.percentile([], 0.5) == 0


BREAK = """
import ctypes, os, sys, time
# As PostgreSQL does: a title over the memory that held the arguments.
ctypes.CDLL(None).memset(ctypes.c_char_p.in_dll(ctypes.CDLL(None), "program_invocation_short_name"), 88, 3)
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for call in (lambda: os.fsync(out), lambda: os.fdatasync(out), lambda: os.write(out, b"x"), lambda: os.pwrite(out, b"x", 0)):
    began = time.monotonic()
    try:
        call()
        print("slow" if time.monotonic() - began > 0.15 else "ok", end=" ")
    except OSError as error:
        print(error.errno, end=" ")
"""


@pytest.mark.parametrize("rule, answers", [
    ("python3 /pg_wal/ flush EIO", "5 5 ok ok"), ("python3 /pg_wal/ write ENOSPC", "ok ok 28 28"),
    ("python3 /pg_wal/ flush 200", "slow slow ok ok"), ("other /pg_wal/ flush EIO", "ok ok ok ok"),
    ("python3 /base/ flush EIO", "ok ok ok ok"), ("", "ok ok ok ok")])
def test_the_bad_disk_breaks_only_what_its_rule_names(tmp_path, rule, answers):
    library, file, where = tmp_path / "bad.so", tmp_path / "rule", tmp_path / "pg_wal" / "1"
    where.parent.mkdir()
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(bad_disk.SOURCE), "-ldl"], check=True)
    if rule:
        file.write_text(rule + "\n")
    command = ["/usr/bin/python3", "-c", BREAK, str(where)]
    done = subprocess.run(command, env={"LD_PRELOAD": str(library), "GEMEL_BAD_DISK_RULE": str(file)}, capture_output=True,
                          text=True, check=True)
    assert done.stdout.strip() == answers


def test_a_soak_draws_the_same_faults_from_the_same_seed_and_promises_only_safety_for_several():
    import random
    first = [soak.draw(random.Random(5), 1) for _ in range(2)]
    assert first[0] == first[1]
    both = soak.combine([table.BY_ID["1"], table.BY_ID["14"]], 1)
    assert both.id == "1+14" and both.gap_ms is None and both.takeover == "either" and both.kills == 1


def test_a_leak_is_found_and_a_restarted_agent_is_no_leak():
    first = {"files": 40, "memory_kb": 9000, "slots": 0, "rules": 12, "agent": 5}
    assert soak.leaks(first, {**first, "files": 50}) == []
    assert soak.leaks(first, {**first, "files": 61, "rules": 13}) == ["files 40 then 61", "rules 12 then 13"]
    assert soak.leaks(first, {**first, "files": 61, "agent": 6}) == []
    assert soak.leaks(first, {**first, "slots": 1, "agent": 6}) == ["slots 0 then 1"]
