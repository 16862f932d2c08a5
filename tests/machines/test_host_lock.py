"""Two runs of the setup meet on hosts that are only an ssh of our own, which runs the lock's own script. Needs no machine."""
import os
import signal
import subprocess
import time

import pytest

from lab_driver import ROOT, Late
from wizard_terminal import HOSTS, Hosts

HELD_AT = "db1/files"


@pytest.fixture
def hosts(tmp_path) -> Hosts:
    # What the ssh of our own says of the hosts has no IPv6.
    lines = (ROOT / "lab" / "site.toml").read_text().replace(', "fd77::/64"', "").splitlines(keepends=True)
    (tmp_path / "site.toml").write_text("".join(line for line in lines if "fd77::" not in line))
    return Hosts(tmp_path)


def command(hosts: Hosts, state: str, verb: str = "apply") -> list[str]:
    site = hosts.folder / "site.toml"
    return hosts.command(*([f"--before={site}"] if verb == "doctor" else [str(site)]), "--yes", f"--state={hosts.folder / state}",
                         verb=verb)


def run(hosts: Hosts, state: str, verb: str = "apply") -> subprocess.CompletedProcess:
    return subprocess.run(command(hosts, state, verb), capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


def log_of(hosts: Hosts, state: str) -> str:
    return "".join(log.read_text() for log in (hosts.folder / state).glob("apply-*.log"))


@pytest.fixture
def first(hosts):
    """A run that stands still in the middle."""
    process = subprocess.Popen(command(hosts, "first"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, start_new_session=True,
                               env={**os.environ, "GEMEL_SETUP_HOLD": f"{HELD_AT}@before"})
    end = time.monotonic() + 30
    while f"{HELD_AT}: held" not in log_of(hosts, "first"):
        if time.monotonic() > end or process.poll() is not None:
            raise Late(log_of(hosts, "first"))
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_second_run_is_refused_before_any_change_and_told_who_is_there(hosts, first):
    second = run(hosts, "second")
    assert second.returncode == 3, second.stdout + second.stderr
    assert "another run is changing ccm1: gemel apply of " in second.stderr
    assert f"{hosts.folder / 'first'})" in second.stderr
    assert ", from 192.0.2.7, since 20" in second.stderr
    assert "wait until it has ended, or end it there" in second.stderr and "nothing was changed" in second.stderr
    assert log_of(hosts, "second") == ""
    assert first.poll() is None


@pytest.mark.parametrize("verb", ["plan", "doctor"])
def test_who_changes_nothing_need_not_wait(hosts, first, verb):
    done = run(hosts, "second", verb)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_that_was_killed_leaves_the_hosts_free(hosts, first):
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    second = run(hosts, "second")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Configured CCM HA successfully" in second.stdout
    for host in HOSTS:
        assert (hosts.folder / f"{host}.holder").read_text() == "", "let go at the end"
