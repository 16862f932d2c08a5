"""Tests of the race's arithmetic, report, plot and arguments; they touch no machine. Run by ./check."""
import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from race import command, options, patroni_files, plot, repetition, report, results  # noqa: E402

ABOUT = {"cores": "2", "memory_gib": "24", "kernel": "6.18.5-custom", "processor": "A <fast> one", "load_at_start": "0.1"}


def row(contestant="gemel", fault="crash", number=1, gap=100.0, **more) -> repetition.Row:
    return repetition.Row(contestant, fault, number, "2026-01-01T00:00:00Z", gap_ms=gap, **more)


def race_of(folder: Path, *rows: repetition.Row) -> results.Race:
    race = results.Race.new(folder, ABOUT, "2026-01-01")
    for item in rows:
        race.add(item)
    return race


# --- statistics

def test_median_and_extremes_of_the_gaps():
    found = results.statistic([row(gap=gap) for gap in (300, 100, 200, 900)])
    assert (found.runs, found.median, found.minimum, found.maximum) == (4, 250, 100, 900)
    assert found.percentile_99 is None, "four runs have no 99th percentile"


def test_a_run_in_trouble_is_counted_but_its_gap_is_no_measurement():
    found = results.statistic([row(gap=100), row(gap=99999, trouble="late", lost=2)])
    assert (found.runs, found.maximum, found.troubles, found.lost) == (1, 100, 1, 2)
    alone = results.statistic([row(trouble="late")])
    assert (alone.runs, alone.troubles) == (0, 1)
    assert results.statistic([]) is None


def test_losses_on_the_site_and_on_single_hosts_are_told_apart():
    found = results.statistic([row(lost=3, lost_on={"db1": 3, "db2": 3}), row(lost_on={"db1": 0, "db2": 5}), row(lost_on={"db1": 0})])
    assert (found.lost, found.runs_with_loss, found.lacking) == (3, 1, 2)


@pytest.mark.parametrize("count, expected", [(100, 99), (200, 198), (101, 100)])
def test_percentile_is_an_observed_value(count, expected):
    assert results.percentile(list(range(count, 0, -1)), 0.99) == expected


# --- the file

def test_results_survive_an_interruption_and_are_continued(tmp_path):
    first = race_of(tmp_path, row(number=1), row("patroni-fastest", number=1, gap=1300))
    again = results.Race.read(first.path)
    assert again.rows == first.rows and not list(tmp_path.glob("*.new"))
    blocks = options.plan(["gemel", "patroni-fastest"], ["crash", "poweroff"], 1, again.done())
    assert blocks == [(1, "gemel", ["poweroff"]), (1, "patroni-fastest", ["poweroff"])]


def test_a_second_race_of_the_day_does_not_overwrite_the_first(tmp_path):
    first, second = race_of(tmp_path, row()), race_of(tmp_path, row())
    assert first.path.name == "2026-01-01-2-cores-24-gib-linux-6.18.json"
    assert second.path.name == "2026-01-01-2-cores-24-gib-linux-6.18-2.json"


def test_results_name_the_machine_but_not_the_host(tmp_path):
    about = results.machine()
    race = results.Race.new(tmp_path, about, "2026-01-01")
    race.add(row())
    assert set(about) == set(ABOUT) and os.uname().nodename not in race.path.read_text()


# --- the plan

def test_every_round_begins_with_another_contestant():
    names = ["gemel", "patroni-fastest", "patroni-defaults"]
    blocks = options.plan(names, ["crash"], 3, set())
    assert [name for _, name, _ in blocks] == [*names, *names[1:], names[0], names[2], *names[:2]]


@pytest.mark.parametrize("words, expected", [
    ([], ["gemel", "patroni-fastest", "patroni-defaults"]), (["--only", "gemel"], ["gemel"]),
    (["--only", "patroni", "--settings", "defaults"], ["patroni-defaults"]),
    (["--settings", "fastest"], ["gemel", "patroni-fastest"]),
    (["--only", "gemel", "--site", str(options.ROOT / "lab" / "site.toml")], ["gemel", "gemel-site"])])
def test_contestants(words, expected):
    assert options.contestants(options.parser().parse_args(words)) == expected


# --- report and plot

def test_table_has_ratios_to_gemel_and_losses(tmp_path):
    race = race_of(tmp_path, row(gap=800, fault="isolate"), row("patroni-fastest", "isolate", gap=22000, lost=4),
                   row("patroni-fastest", "isolate", 2, gap=24000), row("patroni-fastest", gap=1300, whole_s=4.25))
    lines = report.table(race).splitlines()
    assert lines[2] == "| crash | patroni-fastest | 1 | 1.30 | 1.30 | 1.30 | - | 4.2 | 0 (0) | 0 | 0 | 0 |"
    assert lines[3].startswith("| isolate | gemel | 1 | 0.800 | 0.800 | 0.800 | 1.0 | 0.0 | 0 (0)")
    assert lines[4].startswith("| isolate | patroni-fastest | 2 | 23.0 | 22.0 | 24.0 | 29 | 0.0 | 4 (1)")


def test_a_hundred_runs_have_a_99th_percentile(tmp_path):
    race = race_of(tmp_path)
    race.rows = [row(number=number, gap=10.0 * number) for number in range(1, 101)]
    assert "| 0.505 | 0.010 | 1.00 (p99 0.990) |" in report.table(race)


def test_page_tells_losses_and_troubles(tmp_path):
    page = report.page(race_of(tmp_path, row(lost=1, lost_on={"db1": 1, "db2": 0}), row(number=2, trouble="not within\n9 s"), row(number=3)))
    told = page.partition("## Losses and troubles")[2]
    assert "1 acknowledged rows lost; db1 lacks 1" in told and "not within 9 s" in told and "round 3" not in told
    assert "Losses" not in report.page(race_of(tmp_path, row()))


def test_plot_is_well_formed_and_shows_every_measurement(tmp_path):
    race = race_of(tmp_path, row(gap=83), row(number=2, gap=120), row("patroni-fastest", gap=1300),
                   row("patroni-fastest", "poweroff", gap=22000), row(fault="poweroff", gap=1, trouble="late"))
    picture = xml.fromstring(plot.draw(race))
    dots = [float(item.get("cx")) for item in picture.findall(".//{*}circle")]
    assert len(dots) == 4, "one dot per run that ended well"
    assert dots == sorted(dots), "longer is further right"
    axis = plot.Axis([83, 120, 1300, 22000])
    assert (axis.low, axis.high) == (-2, 2)
    assert axis.x(1000) - axis.x(100) == pytest.approx(axis.x(10000) - axis.x(1000)), "equal decades are equally wide"


def test_plot_of_one_value_and_of_zero_does_not_divide_by_nothing(tmp_path):
    for gap in (1000, 0):
        xml.fromstring(plot.draw(race_of(tmp_path, row(gap=gap))))


def test_report_is_written_anew_from_the_file(tmp_path):
    race = race_of(tmp_path, row())
    done = subprocess.run([str(HERE / "run"), "--report", str(race.path)], capture_output=True, text=True, check=True)
    assert "| crash | gemel | 1 |" in done.stdout
    assert race.path.with_suffix(".md").exists() and race.path.with_suffix(".svg").exists()


# --- Patroni's files

@pytest.mark.parametrize("name", patroni_files.SETTINGS)
def test_patroni_settings_keep_the_documented_limits(name):
    settings = patroni_files.SETTINGS[name]
    dcs = settings.dcs
    assert dcs["ttl"] >= 20 and dcs["loop_wait"] >= 1 and dcs["retry_timeout"] >= 3
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    text = json.loads(patroni_files.patroni("db2", settings, {"superuser": "a", "replication": "b"}))
    assert text["bootstrap"]["dcs"]["ttl"] == dcs["ttl"] and text["name"] == "db2"
    # Without these two Patroni 3.0.2 cannot read its own timeline and refuses every switchover.
    assert {"host replication all 127.0.0.1/32 scram-sha-256",
            "host replication all ::1/128 scram-sha-256"} <= set(text["postgresql"]["pg_hba"])


def test_balancer_asks_patroni_about_both_servers():
    text = patroni_files.haproxy(patroni_files.SETTINGS["patroni-fastest"])
    assert len(re.findall(r"server db\d 10\.77\.0\.2\d:5432 .*check port 8008", text)) == 2 and "OPTIONS /primary" in text


# --- arguments

@pytest.mark.parametrize("words, message", [
    (["--repetitions", "0"], "not a number of repetitions"), (["--repetitions", "many"], "not a number of repetitions"),
    (["--faults", "crash,flood"], "no fault flood; there are crash,poweroff"), (["--faults", ","], "no fault named"),
    (["--only", "pacemaker"], "invalid choice"), (["--settings", "slow"], "invalid choice"),
    (["--site", "nowhere.toml"], "is not a site file"),
    (["--continue", "nowhere.json"], "not the .json file of an earlier race"), (["--speed"], "unrecognized arguments")])
def test_bad_arguments_are_told_and_touch_nothing(words, message):
    done = subprocess.run([str(HERE / "run"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_faults_are_taken_in_the_tables_order():
    assert options.fault_list("isolate,crash,isolate") == ["crash", "isolate"]
    assert set(options.FAULTS) == set(repetition.FAULTS)


# --- the shell around it, with a site that is none

class FakeSite:
    name = "gemel"

    def __init__(self, refuses: int = 0):
        self.ups, self.downs, self.refuses = 0, 0, refuses

    def up(self):
        self.ups += 1
        if self.ups <= self.refuses:
            raise AssertionError("no image")

    def down(self):
        self.downs += 1

    def versions(self):
        return {"gemel": "gemel 1"}

    def journals(self):
        return {"db1": "a journal\n"}


@pytest.fixture
def fake(monkeypatch, tmp_path):
    site = FakeSite()
    monkeypatch.setattr(command, "EVIDENCE", tmp_path / "evidence")
    monkeypatch.setattr(repetition, "run", lambda _site, fault, number: row(
        fault=fault, number=number, trouble="late" if fault == "poweroff" else ""))
    return site


def test_a_site_in_trouble_is_replaced_before_the_next_fault(fake, tmp_path):
    race = race_of(tmp_path)
    command.block(race, 1, fake, ["crash", "poweroff", "isolate"])
    assert [item.fault for item in race.rows] == ["crash", "poweroff", "isolate"]
    assert (fake.ups, fake.downs) == (2, 2)
    assert (command.EVIDENCE / race.path.stem / "gemel-poweroff-1" / "db1.log").read_text() == "a journal\n"


def test_a_site_that_never_boots_ends_the_race(fake, tmp_path):
    fake.refuses = 1
    command.block(race_of(tmp_path), 1, fake, ["crash"])
    fake.ups, fake.refuses = 0, 99
    with pytest.raises(AssertionError, match="no image"):
        command.block(race_of(tmp_path), 1, fake, ["crash"])
    assert fake.ups == command.BOOTS


def test_a_race_that_is_ended_still_reports(fake, tmp_path, monkeypatch, capsys):
    def ended(_site, fault, number):
        if fault == "isolate":
            os.kill(os.getpid(), signal.SIGTERM)
        return row(fault=fault, number=number)
    monkeypatch.setattr(repetition, "run", ended)
    monkeypatch.setattr(command, "check_host", lambda: None)
    monkeypatch.setattr(command, "site_named", lambda _name, _files: fake)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        code = command.main(["--only", "gemel", "--repetitions", "1", "--out", str(tmp_path)])
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before):
            signal.signal(number, handler)
    assert (code, fake.downs) == (command.INTERRUPTED, 1)
    kept = results.Race.read(next(tmp_path.glob("*.json")))
    assert [item.fault for item in kept.rows] == ["crash", "poweroff"]
    assert "| crash | gemel | 1 |" in capsys.readouterr().out and len(list(tmp_path.glob("*.svg"))) == 1


# --- one repetition, with a site that is none

class Client:
    """In place of the measuring program: what it says at its end."""
    result = {"longest_gap_ms": 321.0, "acknowledged": 50, "unknown": 1, "acknowledged_ranges": "1-50",
              "verdict": {"lost": 0, "duplicated": 0, "phantom": 0}}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def stop(self, limit):
        return self.result


class CalmSite(FakeSite):
    """Whole at once after every fault; `rows` is what each server has."""
    databases, period = ("db1", "db2"), 0
    runs = 0

    def __init__(self, is_whole=True, moves=True):
        super().__init__()
        self.whole, self.moves, self.done = is_whole, moves, []
        self.rows = {"db1": 50, "db2": 50}

    def wait_whole(self):
        if not self.whole and self.done:
            raise repetition.Late("not within 240 s: whole")

    def primary(self):
        return "db1"

    def serving(self):
        return f"run {len(self.done) if self.moves else 0}"

    def takes_writes(self, _limit):
        return True

    def verb(self, *words):
        self.done.append(" ".join(words))

    def sql(self, host, _statement):
        return [str(number + 1) for number in range(self.rows[host])]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(repetition, "outage_load", lambda _site, _client: Client())
    monkeypatch.setattr(repetition, "SERVES_SECONDS", 0.3)
    monkeypatch.setattr(repetition, "REPLAY_SECONDS", 0.3)


def test_a_repetition_strikes_mends_and_measures(quick):
    site = CalmSite()
    found = repetition.run(site, "poweroff", 4)
    assert site.done == ["poweroff db1", "boot db1"]
    assert (found.gap_ms, found.round, found.trouble, found.lost_on) == (321.0, 4, "", {"db1": 0, "db2": 0})


def test_rows_that_only_the_standby_lacks_are_seen(quick):
    site = CalmSite()
    site.rows["db2"] = 47
    assert repetition.run(site, "isolate", 1).lost_on == {"db1": 0, "db2": 3}


def test_a_site_that_stays_broken_is_trouble_and_its_client_is_still_heard(quick):
    found = repetition.run(CalmSite(is_whole=False), "crash", 1)
    assert "240 s" in found.trouble and found.acknowledged == 50


def test_a_fault_that_changes_nothing_is_trouble_not_a_measurement(quick):
    found = repetition.run(CalmSite(moves=False), "crash", 1)
    assert "another run of a server serves" in found.trouble and results.statistic([found]).runs == 0


def test_rows_that_cannot_be_read_back_are_trouble(quick, monkeypatch):
    monkeypatch.setattr(Client, "result", {**Client.result, "verdict": None})
    assert "could not be read back" in repetition.run(CalmSite(), "crash", 1).trouble
