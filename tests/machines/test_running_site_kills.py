"""gemel apply changes a site that serves, and is killed at every step on its way: users notice nothing, and it finishes."""
import json
import shutil
import sys
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite, on_all
from lab_driver import HERE, Load
from test_setup_kills import LEFT_OVERS, kill_at

# Every program of the site reads it at its start.
CHANGE = 'service_targets = ["10.77.0.11", "10.77.0.31"]'


@pytest.fixture
def site(setup_site, monkeypatch, tmp_path) -> BareSite:
    setup_site.be_whole()
    file = tmp_path / "site.toml"
    shutil.copy(setup_site.site, file)
    monkeypatch.setattr(setup_site, "site", file)
    monkeypatch.setattr(setup_site.lab, "in_client", lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command])
    return setup_site


def steps_of(site: BareSite) -> list[str]:
    plan = site.run("plan", "--yes", "-o", "json")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    return [step["id"] for step in json.loads(plan.stdout)["steps"]]


def points_of(step: str) -> list[str]:
    """A check has one command and changes nothing; one file is laid, so that before it is after the step before; the
    halves of a restart are that it is enabled, which it is, and the restart."""
    return ["before", "during"] if step.endswith(("/agent", "/manager")) else ["during"]


def next_point(steps: list[str], tried: set[str]) -> str | None:
    """The first place of this plan at which no run was killed yet. A step of the plan is done by a run that is held
    behind it: so the places come in the order of the plan."""
    return next((f"{step}@{point}" for step in steps for point in points_of(step) if f"{step}@{point}" not in tried), None)


def test_a_change_killed_at_every_step_of_every_host_finishes_and_nobody_notices(site, record):
    before = site.lab.summary()
    site.site.write_text(site.site.read_text().replace("[network]\n", f"[network]\n{CHANGE}\n"))
    first = steps_of(site)
    assert {step.split("/")[0] for step in first} == set(HOSTS) and len(first) >= 18 and first[-1] == "lb1/balancer-check", first
    site.condition = "open"
    load = Load(site.lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", "kills")
    tried: set[str] = set()
    with load:
        while (hold := next_point(steps_of(site), tried)) is not None:
            kill_at(site, hold, {hold.split("@")[0]})
            tried.add(hold)
        done = site.run("apply", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        result = load.stop()
    # A run after the last restart has nothing to do, and so nothing to check.
    unseen = {step for step in first if step.startswith("lb1/") and step.endswith("-check")}
    assert {hold.split("@")[0] for hold in tried} | unseen == set(first), "every step was killed"
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "[" not in again.stdout, again.stdout + again.stderr
    assert result["failed"] == 0 and result["requests"] > 100, result
    kept = set(site.lab.sql(site.lab.primary(), "SELECT idempotency_key FROM notes WHERE author = 'kills'"))
    assert set(result["keys"]) <= kept, "a note that was answered is lost"
    after = site.lab.summary()
    assert (after["primary"], after["epoch"]) == (before["primary"], before["epoch"]), "somebody took over"
    left = on_all(lambda host: site.lab.inside(host, "sh", "-c", LEFT_OVERS, check=False).strip())
    assert left == {host: "" for host in HOSTS}
    record.add("kills of a run that changes a running site", [len(tried)], "", 100)
    site.site.write_text(site.site.read_text().replace(CHANGE + "\n", ""))
    began = time.monotonic()
    back = site.run("apply", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    record.add("apply: a running site changed, host by host", [time.monotonic() - began], "s", 60)
    site.condition = "whole"
