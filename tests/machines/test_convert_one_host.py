"""Everything on one host (CCM), then gemel convert: a compact site of three hosts (ALL), under load."""
import time

import pytest

from bare_site import CLIENT_SPACE, BareSite
from conversion import POSTMASTER, begin, convert, is_open, kept, writers
from lab_driver import ROOT, Lab, wait_until

HEAD = """[site]
name = "lab"
dns_name = "mgmt.lab.test"
[network]
subnets = ["10.77.0.0/24", "fd77::/64"]
interface = "eth0"
"""
ADDRESSES = {"ccm1": "10.77.0.11", "ccm2": "10.77.0.12", "db1": "10.77.0.21"}


def hosts(role: str, *names: str) -> str:
    return "".join(f'[[host]]\nname = "{name}"\nrole = "{role}"\naddress = "{ADDRESSES[name]}"\n' for name in names)


@pytest.fixture(scope="module")
def site(setup_site, tmp_path_factory) -> BareSite:
    begin(setup_site, tmp_path_factory.mktemp("one"), HEAD + hosts("CCM", "ccm1"))
    yield setup_site
    setup_site.site = ROOT / "lab" / "site.toml"
    setup_site.condition = "off"


@pytest.fixture
def lab(site) -> Lab:
    return site.lab


def test_one_host_has_everything(site, lab):
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Configured CCM successfully" in result.stdout
    summary = lab.summary()
    assert summary["health"] == "healthy" and summary["reason_code"] == "standalone", summary
    with writers(site, "one") as load:
        time.sleep(1)
        done = load.stop()
    assert done["failed"] == 0 and set(done["keys"]) == kept(lab, "ccm1", "one"), done
    assert not is_open(CLIENT_SPACE, "10.77.0.11", 5432)
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr


def test_one_host_becomes_three_under_load(site, lab, record):
    server = lab.inside("ccm1", "sh", "-c", POSTMASTER)
    grown = site.site.parent / "grown.toml"
    grown.write_text(HEAD + 'vip = "10.77.0.100"\n' + hosts("ALL", *ADDRESSES))
    with writers(site, "grow") as load:
        time.sleep(1)
        result = convert(site, grown)
        assert result.returncode == 0, result.stdout + result.stderr
        time.sleep(1)
        done = load.stop()
    site.site = grown
    assert "Configured CCM HA successfully" in result.stdout
    assert done["failed"] == 0, done["failures"]
    wait_until("both others are copies", lambda: len(lab.summary()["members"]) == 2, 60)
    assert lab.summary()["failover_possible"], lab.summary()
    assert lab.inside("ccm1", "sh", "-c", POSTMASTER) == server, "PostgreSQL was restarted"
    for host in ADDRESSES:
        wait_until(f"{host} has every row", lambda at=host: set(done["keys"]) == kept(lab, at, "grow"), 10)
    record.add("convert one host to three: longest wait of a write", [done["slowest_ms"]], "ms", 2000)
    assert done["slowest_ms"] < 2000, done["slowest_ms"]
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr


def test_the_first_host_is_lost_and_another_serves(site, lab):
    before = kept(lab, "ccm2", "grow")
    lab.verb("poweroff", "ccm1")
    wait_until("another host serves", lambda: lab.summary("ccm2").get("primary") in ("ccm2", "db1"), 30, 0.2)
    primary = lab.summary("ccm2")["primary"]
    assert kept(lab, primary, "grow") == before
