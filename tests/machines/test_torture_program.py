"""gemel-torture against a real PostgreSQL and its standby, damaged by hand: what it must find, and what it must not."""
import json
import subprocess

import pytest

from lab_driver import program, wait_until
from test_measuring_programs import Server, server  # noqa: F401 (a fixture)

FAST = ["--append-rate", "100", "--transfer-rate", "50", "--register-seconds", "1"]


class Standby(Server):
    """A streaming standby of `primary`, beside it."""

    def __init__(self, primary: Server):  # pylint: disable=super-init-not-called
        self.data = primary.data.parent / "standby"
        self.port = Server.free_port()
        self.call("pg_basebackup", "-d", primary.dsn, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"port = {self.port}\ncluster_name = 'standby'\n")
        self.start()
        self.dsn = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"


@pytest.fixture
def standby(server):  # noqa: F811
    running = Standby(server)
    yield running
    running.stop()


class Torture:
    """A run in the background, over one server."""

    def __init__(self, folder, server: Server, *words: str):  # noqa: F811
        self.folder = folder / "run"
        self.process = subprocess.Popen(
            [str(program("gemel-torture")), "run", str(self.folder), "--dsn", server.dsn, "--url", "", "--run", "r", *FAST, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr.readline() == "ready\n"

    def say(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self) -> dict:
        self.say("stop")
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return json.loads(output)


def check(folder, *words: str) -> tuple[int, dict]:
    """Exit code and the verdicts by letter, with the whole report under "report"."""
    result = subprocess.run([str(program("gemel-torture")), "check", str(folder), *words], capture_output=True, text=True,
                            timeout=90, check=False)
    report = json.loads(result.stdout)
    assert report == json.loads((folder / "verdict.json").read_text())
    return result.returncode, {"report": report, **{entry["checker"]: entry for entry in report["verdicts"]}}


def rows(server: Server, least: int) -> None:  # noqa: F811
    """Waits for this many more rows in the append log."""
    have = int(server.sql("SELECT count(*) FROM torture_append"))
    wait_until("rows are written", lambda: int(server.sql("SELECT count(*) FROM torture_append")) > have + least, 30)


def test_a_run_with_a_crash_and_a_standby_is_clean(tmp_path, server, standby):  # noqa: F811
    torture = Torture(tmp_path, server, "--node", f"standby={standby.dsn}")
    rows(server, 50)
    torture.say("mark crash")
    server.stop()
    server.start()
    rows(server, 50)
    summary = torture.finish()
    assert summary["workloads"]["A"]["unknown"] + summary["workloads"]["A"]["failed"] > 0, "the crash was not noticed"
    nodes = ["--node", f"server={server.dsn}", "--node", f"standby={standby.dsn}"]
    code, verdicts = check(torture.folder, *nodes)
    # Checksums are off on this server, and nothing else is wrong.
    assert code == 1 and {name for name, entry in verdicts.items() if entry["state"] != "ok"} == {"report", "Z"}, verdicts
    assert all("checksums" in finding for finding in verdicts["Z"]["findings"]), verdicts["Z"]
    assert check(torture.folder, "--no-endstate", *nodes)[0] == 0
    assert verdicts["E"]["counts"]["reigns"] == 1 and verdicts["B"]["counts"]["snapshots standby"] > 0
    before, during = verdicts["report"]["intervals"]
    assert (before["mark"], during["mark"]) == ("start", "crash")
    assert during["write"]["gap_max_ms"] > 20 and during["write"]["ok"] > 0


@pytest.mark.parametrize("checker, damage, finding", [
    ("A", "DELETE FROM torture_append WHERE client = 1 AND counter = 3", "row 3 of client 1 was acknowledged and is lost"),
    ("A", "INSERT INTO torture_append (run, client, counter) VALUES ('r', 2, 1)", "row 1 of client 2 is there 2 times"),
    ("B", "UPDATE torture_account SET balance = balance + 1 WHERE run = 'r' AND id = 3", "account 3 holds"),
    ("B", "DELETE FROM torture_transfer WHERE client = 1 AND counter = 2", "row 2 of client 1 was acknowledged and is lost"),
    ("C", "UPDATE torture_register SET value = 1 WHERE run = 'r' AND key = 0", "register 0: no order explains"),
])
def test_damage_is_found_by_its_checker_alone(tmp_path, server, checker, damage, finding):  # noqa: F811
    torture = Torture(tmp_path, server, "--workloads", "ABC")
    rows(server, 100)
    torture.finish()
    assert check(torture.folder, "--dsn", server.dsn)[0] == 0
    server.sql(damage)
    code, verdicts = check(torture.folder, "--dsn", server.dsn)
    assert code == 1 and any(finding in text for text in verdicts[checker]["findings"]), verdicts
    assert [name for name in "ABC" if verdicts[name]["state"] != "ok"] == [checker], verdicts


def test_money_made_while_it_runs_shows_in_the_snapshots(tmp_path, server):  # noqa: F811
    torture = Torture(tmp_path, server, "--workloads", "AB")
    server.sql("UPDATE torture_account SET balance = balance + 7 WHERE id = 0")
    rows(server, 100)
    torture.finish()
    code, verdicts = check(torture.folder, "--dsn", server.dsn)
    assert code == 1 and any("snapshot from service" in text for text in verdicts["B"]["findings"]), verdicts["B"]


def test_a_deposed_primary_that_still_acknowledges_is_found(tmp_path, server, standby):  # noqa: F811
    """Two servers take writes at once; the histories of their clients make one."""
    torture = Torture(tmp_path, server, "--workloads", "AE")
    rows(server, 50)
    standby.call("pg_ctl", "-D", str(standby.data), "-w", "promote")
    second = Torture(tmp_path / "second", standby, "--workloads", "AE")
    rows(standby, 50)
    second.finish()
    rows(server, 50)
    torture.finish()
    # One history of what the clients of the one address saw.
    for name in ("history.jsonl", "probes.jsonl"):
        with open(torture.folder / name, "a", encoding="ascii") as file:
            text = (second.folder / name).read_text()
            file.write(text.replace('"client":', '"client":1'))  # clients 11 to 14
    code, verdicts = check(torture.folder, "--dsn", server.dsn)
    assert code == 1 and any("served at the same time" in text for text in verdicts["E"]["findings"]), verdicts["E"]
    assert any("acknowledged and is lost" in text for text in verdicts["A"]["findings"]), verdicts["A"]


def test_two_primaries_are_no_end_state(tmp_path, server, standby):  # noqa: F811
    torture = Torture(tmp_path, server, "--workloads", "A")
    rows(server, 20)
    torture.finish()
    standby.call("pg_ctl", "-D", str(standby.data), "-w", "promote")
    result = subprocess.run([str(program("gemel-torture")), "endstate", "--converge-seconds", "1", "--node", f"server={server.dsn}",
                             "--node", f"standby={standby.dsn}"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and "2 hosts are not in recovery" in result.stdout, result.stdout


def test_what_cannot_be_judged_is_not_called_clean(tmp_path, server):  # noqa: F811
    torture = Torture(tmp_path, server, "--workloads", "A")
    rows(server, 20)
    torture.finish()
    nowhere = "host=127.0.0.1 port=1 user=postgres dbname=postgres"
    code, verdicts = check(torture.folder, "--no-endstate", "--converge-seconds", "1", "--node", f"server={server.dsn}", "--node",
                           f"away={nowhere}")
    assert code == 5 and verdicts["A"]["state"] == "undecided" and not verdicts["report"]["is_clean"]
    (torture.folder / "run.json").write_text('{"run":"r","from_us":1,"options":{"workloads":"A"}}')
    result = subprocess.run([str(program("gemel-torture")), "check", str(torture.folder), "--dsn", server.dsn], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 4 and "did not end in order" in result.stderr
