"""gemel set where it refuses: the site file stays as it was. On hosts that are only an ssh of our own; needs no machine."""
import subprocess

import pytest

from lab_driver import ROOT
from wizard_terminal import Hosts


@pytest.fixture
def hosts(tmp_path) -> Hosts:
    # What the ssh of our own says of the hosts has no IPv6.
    lines = (ROOT / "lab" / "site.toml").read_text().replace(', "fd77::/64"', "").splitlines(keepends=True)
    (tmp_path / "site.toml").write_text("".join(line for line in lines if "fd77::" not in line))
    return Hosts(tmp_path)


def refused(hosts: Hosts, setting: str, code: int) -> str:
    """What is said; the site file is not touched."""
    site = hosts.folder / "site.toml"
    before = site.read_text()
    done = subprocess.run(hosts.command(setting, str(site), "--yes", f"--state={hosts.folder / 'state'}", verb="set"),
                          capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    assert site.read_text() == before
    assert "nothing was changed" in done.stderr
    return done.stderr


@pytest.mark.parametrize("setting, said", [
    ("host.db1.role=ALL", "gemel convert"), ("network.vip=10.77.0.101", "gemel convert"), ("site.name=other", "gemel destroy"),
    ("timers.lease_ms=600", "timers.md"), ("host.db1.address=10.77.0.29", "gemel replace-host")])
def test_what_a_running_site_cannot_change_is_refused_with_the_way_that_can(hosts, setting, said):
    assert said in refused(hosts, setting, 3)
    assert not (hosts.folder / "state").exists(), "before anything was begun"


def test_a_key_or_value_that_is_none_is_a_mistake(hosts):
    assert 'Did you mean "database.min_copies"?' in refused(hosts, "database.min_copis=2", 2)
    assert "must be a whole number" in refused(hosts, "database.min_copies=two", 2)
    assert "min_copies" in refused(hosts, "database.min_copies=7", 2), "more copies than database hosts"


def test_a_site_that_is_not_as_its_file_says_is_not_changed(hosts):
    assert "the site is not as its file says" in refused(hosts, "database.min_copies=2", 3)
