"""gemel apply is killed at every step of every host, and the run after it finishes.

GEMEL_SETUP_HOLD lets a run stand still where it is to be killed. The steps that prepare the hosts have the same names
everywhere and wait for nobody: one run is killed when every host stands there. The others are killed one after the other.
"""
import json
import re
import time

import pytest

from bare_site import HOSTS, BareSite, on_all

PREPARING = ("packages", "hosts", "firewall", "files")
LAST = "lb1/balancer-check"  # planned only by a run that starts the balancer's agent
LEFT_OVERS = r"""find /etc /var/cache/gemel-setup -xdev -regextype posix-extended \
  -regex '.*\.[A-Za-z0-9]{6}' -newer /etc/machine-id -type f; ls /run/gemel-setup.* 2>/dev/null | grep -v -e lock -e holder; dpkg --audit
  cat /run/gemel-setup.holder; flock -n /run/gemel-setup.holder true || echo somebody holds this host"""


@pytest.fixture(scope="module")
def site(setup_site) -> BareSite:
    # Whole machines of an earlier test are of no use here.
    setup_site.condition = "bare" if setup_site.condition == "bare" else "off"
    setup_site.be_bare()
    return setup_site


def points_of(name: str) -> list[str]:
    """After a step is before the next one. What was held during its last command may have ended all the same. Once a
    program runs, the next plan has no check of it: so the run that is killed in a check is the one that started it."""
    if name.endswith("-check"):
        return ["during"]
    if name in PREPARING:
        return ["before", "during"] if name == "hosts" else ["before", "between", "during"]
    return ["before", "between"]


def schedule(steps: list[str]) -> list[tuple[str, set[str]]]:
    """What to hold at, and the steps that stand there; in the order in which a run comes by."""
    names = list(dict.fromkeys(step.split("/")[1] for step in steps))
    voters = {step.split("/")[0] for step in steps if step.endswith("/agent-check")}
    groups = [(name, {step for step in steps if step.split("/")[1] == name}) for name in PREPARING if name in names]
    groups += [(name, {f"{host}/{name}" for host in voters}) for name in ("agent", "agent-check")]
    together = set().union(*(group for _, group in groups))
    groups += [(step, {step}) for step in steps if step not in together and step != LAST]
    return [(f"{name}@{point}", group) for name, group in groups for point in points_of(name.split("/")[-1])]


def kill_at(site: BareSite, hold: str, waiting: set[str]) -> str:
    """Starts a run, kills it once all of `waiting` stand still; what it printed when it ended by itself."""
    before = set(site.state.glob("apply-*.log"))
    process = site.start("apply", "--yes", GEMEL_SETUP_HOLD=hold)
    end = time.monotonic() + 90
    held: set[str] = set()
    while process.poll() is None and time.monotonic() < end and not waiting <= held:
        for log in set(site.state.glob("apply-*.log")) - before:
            held |= set(re.findall(r"Z (\S+): held$", log.read_text(), re.MULTILINE))
        time.sleep(0.02)
    is_ended = process.poll() is not None
    site.kill(process)
    shown = process.stdout.read()
    process.stdout.close()
    assert waiting <= held, f"{hold}: {sorted(waiting - held)} was not reached{' and the run ended' * is_ended}\n{shown}"
    return shown


def test_killed_at_every_step_of_every_host_it_finishes(site, record):
    site.condition = "open"
    plan = json.loads(site.run("plan", "--yes", "-o", "json").stdout)
    steps = [step["id"] for step in plan["steps"]]
    assert len(steps) >= 25 and {step.split("/")[0] for step in steps} == set(HOSTS)
    holds = schedule(steps)
    killed = set()
    began = time.monotonic()
    for hold, waiting in holds:
        kill_at(site, hold, waiting)
        killed |= waiting
    assert killed == set(steps) - {LAST}
    record.add(f"setup: a run killed, of {len(holds)}", [(time.monotonic() - began) / len(holds)], "s", 6)
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    site.lab.inside("lb1", "systemctl", "stop", "gemeld")
    kill_at(site, f"{LAST}@during", {LAST})
    second = site.run("apply", "--yes")
    assert second.returncode == 0 and "[" not in second.stdout, second.stdout + second.stderr
    site.lab.wait_healthy()
    site.condition = "whole"


def test_nothing_half_done_is_left_on_the_hosts(site):
    left = on_all(lambda host: site.lab.inside(host, "sh", "-c", LEFT_OVERS, check=False).strip())
    assert left == {host: "" for host in HOSTS}
