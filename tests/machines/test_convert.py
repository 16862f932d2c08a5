"""A standalone site (CCM_SA and MGMTPOSTGRES) on two of the lab's bare machines, then gemel convert: the same site with
five hosts, under load, killed once on the way. The managers' users come to the only manager itself, by its name."""
import json
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite
from conversion import POSTMASTER, begin, convert, is_open, kept, kill_convert_at, lead_name_to, writers
from lab_driver import ROOT, Lab, wait_until

FIRST = ("ccm1", "db1")
GROWN = ROOT / "lab" / "site.toml"
STANDALONE = """[site]
name = "lab"
dns_name = "mgmt.lab.test"
[network]
subnets = ["10.77.0.0/24", "fd77::/64"]
interface = "eth0"
[[host]]
name = "ccm1"
role = "CCM_SA"
address = "10.77.0.11"
address6 = "fd77::11"
[[host]]
name = "db1"
role = "MGMTPOSTGRES"
address = "10.77.0.21"
address6 = "fd77::21"
"""


@pytest.fixture(scope="module")
def site(setup_site, tmp_path_factory) -> BareSite:
    begin(setup_site, tmp_path_factory.mktemp("standalone"), STANDALONE)
    for host in FIRST:
        lead_name_to(setup_site.lab, host, "10.77.0.11")
    yield setup_site
    setup_site.site = GROWN
    setup_site.condition = "off"


@pytest.fixture
def lab(site) -> Lab:
    return site.lab


def test_convert_of_hosts_without_a_site_is_refused(site):
    result = convert(site, GROWN)
    assert result.returncode == 3 and "nothing to convert" in result.stderr, result.stdout + result.stderr


def test_a_standalone_site_is_set_up_and_serves(site, lab, record):
    began = time.monotonic()
    result = site.run("apply", "--yes")
    took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Configured CCM successfully" in result.stdout and "HA" not in result.stdout
    summary = lab.summary()
    assert summary["health"] == "healthy" and summary["reason_code"] == "standalone", summary
    assert summary["primary"] == "db1" and summary["members"] == ["db1"]
    assert lab.inside("ccm1", "gemel", "ready").strip() == "ready"
    with writers(site, "standalone") as load:
        time.sleep(2)
        done = load.stop()
    assert done["failed"] == 0 and done["requests"] > 50, done
    assert set(done["keys"]) == kept(lab, "db1", "standalone")
    began = time.monotonic()
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr
    assert time.monotonic() - began < 10
    record.add("standalone site: bare hosts with packages to serving", [took], "s", 90)


def test_high_availability_is_refused_with_the_way_out(site):
    text = site.site.read_text()
    site.site.write_text(text + '[[host]]\nname = "db2"\nrole = "MGMTPOSTGRES_SLAVE"\naddress = "10.77.0.22"\n')
    refused = site.run("apply", "--yes")
    site.site.write_text(text)
    assert refused.returncode == 2 and "does not allow high availability" in refused.stderr, refused.stderr
    assert "gemel convert" in refused.stderr
    same = site.run("convert", "--yes")
    assert same.returncode == 2 and "still describes a standalone site" in same.stderr, same.stdout + same.stderr


def test_the_database_of_a_standalone_site_comes_back_by_itself(site, lab):
    pid = lab.inside("db1", "sh", "-c", POSTMASTER).split()[0]
    lab.inside("db1", "kill", "-9", pid)
    wait_until("the database serves again", lambda: lab.primary() == "db1" and lab.inside(
        "db1", "sh", "-c", POSTMASTER, check=False).split()[:1] not in ([], [pid]), 30)
    with writers(site, "back") as load:
        time.sleep(0.5)
        done = load.stop()
    assert done["failed"] == 0 and set(done["keys"]) == kept(lab, "db1", "back"), done


def test_a_conversion_under_load_keeps_every_row_and_pauses_once(site, lab, record):
    server = lab.inside("db1", "sh", "-c", POSTMASTER)
    with writers(site, "convert") as load:
        time.sleep(1)
        began = time.monotonic()
        kill_convert_at(site, GROWN, "db1/bridge-agent")
        result = convert(site, GROWN)
        took = time.monotonic() - began
        assert result.returncode == 0, result.stdout + result.stderr
        time.sleep(1)
        done = load.stop()
    site.site = GROWN
    assert "Configured CCM HA successfully" in result.stdout
    assert "still leads to the first manager" in result.stdout and "10.77.0.31" in result.stdout, result.stdout
    assert done["failed"] == 0 and done["requests"] > 200, done["failures"]
    lab.wait_healthy()
    assert lab.primary() == "db1"
    assert lab.inside("db1", "sh", "-c", POSTMASTER) == server, "PostgreSQL was restarted"
    for host in ("db1", "db2"):
        assert set(done["keys"]) == kept(lab, host, "convert"), host
    record.add("convert: longest wait of a write at the manager", [done["slowest_ms"]], "ms", 2000)
    record.add("convert: two hosts to five, killed once", [took], "s", 120)
    assert done["slowest_ms"] < 2000, done["slowest_ms"]


def test_what_was_converted_is_a_site_like_any_other(site, lab):
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr
    assert not is_open("gemel-ccm1", "10.77.0.21", 5432), "the database's own address is for databases only"
    assert is_open("gemel-ccm1", "10.77.0.100", 5432)
    assert is_open(CLIENT_SPACE, "10.77.0.11", 443), "users still come to the manager itself"
    # The name leads to the balancer: the manager's own port is closed to users.
    lead_name_to(lab, "ccm1", "10.77.0.31")
    lead_name_to(lab, "db1", "10.77.0.31")
    closing = site.run("apply", "--yes")
    assert closing.returncode == 0, closing.stdout + closing.stderr
    assert ": 1 steps" in closing.stdout and "ccm1/firewall" in closing.stdout, closing.stdout
    assert not is_open(CLIENT_SPACE, "10.77.0.11", 443)
    assert is_open(CLIENT_SPACE, "10.77.0.31", 443)
    assert site.run("apply", "--yes").stdout.count("nothing to do") == 1


def test_after_the_conversion_a_lost_database_is_taken_over_with_every_row(site, lab):
    before = {author: kept(lab, "db1", author) for author in ("standalone", "back", "convert")}
    lab.verb("poweroff", "db1")
    wait_until("db2 serves", lambda: lab.primary() == "db2", 30, 0.2)
    assert {author: kept(lab, "db2", author) for author in before} == before
    members = json.loads(lab.inside("ccm1", "gemel", "status", "-o", "json"))["summary"]["members"]
    assert members == ["db2"] and set(HOSTS) > set(members)
    lab.verb("boot", "db1")
    lab.wait_healthy(90)
