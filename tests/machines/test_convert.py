"""A standalone site (CCM_SA and MGMTPOSTGRES) on two of the lab's bare machines, then gemel convert: the same site with
five hosts, under load, killed once on the way. The managers' users come to the only manager itself, by its name."""
import json
import re
import subprocess
import sys
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite
from lab_driver import HERE, ROOT, Lab, Load, wait_until

FIRST = ("ccm1", "db1")
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
POSTMASTER = "head -n 3 /var/lib/gemel/postgres/data/postmaster.pid"
MANAGER = "https://10.77.0.11"


@pytest.fixture(scope="module")
def site(setup_site, tmp_path_factory) -> BareSite:
    setup_site.condition = "bare" if setup_site.condition == "bare" else "off"
    setup_site.be_bare()
    setup_site.condition = "open"
    grown = setup_site.site
    setup_site.site = tmp_path_factory.mktemp("standalone") / "site.toml"
    setup_site.site.write_text(STANDALONE)
    for host in FIRST:
        lead_name_to(setup_site.lab, host, "10.77.0.11")
    setup_site.lab.in_client = lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command]
    yield setup_site
    setup_site.site = grown
    setup_site.condition = "off"


@pytest.fixture
def lab(site) -> Lab:
    return site.lab


def lead_name_to(lab: Lab, host: str, address: str) -> None:
    """What the DNS would say; in place, because the file is a mount's target on no machine but may be on some."""
    lab.inside(host, "sh", "-c", f"sed 's/^[^ ]* mgmt.lab.test$/{address} mgmt.lab.test/' /etc/hosts >/tmp/hosts && "
               "cat /tmp/hosts >/etc/hosts")


def writers(site: BareSite, author: str) -> Load:
    """Posts notes to the first manager itself and repeats each until it is answered."""
    return Load(site.lab, sys.executable, str(HERE / "web_load.py"), "--url", MANAGER, "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", author, "--patience", "20")


def kept(lab: Lab, host: str, author: str) -> set[str]:
    return set(lab.sql(host, f"SELECT idempotency_key FROM notes WHERE author = '{author}'"))


def convert(site: BareSite, *words: str) -> subprocess.CompletedProcess:
    command = site.command("convert", "--yes", *words)
    command[command.index(str(site.site))] = str(ROOT / "lab" / "site.toml")
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)


def kill_convert_at(site: BareSite, step: str) -> None:
    """Starts a conversion and ends it, as a power loss would, where it stands still."""
    here, site.site = site.site, ROOT / "lab" / "site.toml"
    before = set(site.state.glob("apply-*.log"))
    process = site.start("convert", "--yes", GEMEL_SETUP_HOLD=f"{step}@after")
    site.site = here

    def held():
        logs = set(site.state.glob("apply-*.log")) - before
        return process.poll() is not None or any(f"{step}: held" in log.read_text() for log in logs)
    try:
        wait_until(f"the conversion stands still after {step}", held, 180)
        is_over = process.poll() is not None
    finally:
        site.kill(process)
    shown = process.stdout.read()
    process.stdout.close()
    assert not is_over, shown


def test_convert_of_hosts_without_a_site_is_refused(site):
    result = convert(site)
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
        kill_convert_at(site, "db1/bridge-agent")
        result = convert(site)
        took = time.monotonic() - began
        assert result.returncode == 0, result.stdout + result.stderr
        time.sleep(1)
        done = load.stop()
    site.site = ROOT / "lab" / "site.toml"
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
    address = lab.inside("ccm1", "sh", "-c", "nc -zw 1 10.77.0.21 5432 2>&1 || bash -c 'exec 3<>/dev/tcp/10.77.0.100/5432' "
                         "&& echo floating")
    assert address.strip() == "floating", "the managers reach the database by the floating address only"
    # The name leads to the balancer: the manager's own port is closed to users.
    lead_name_to(lab, "ccm1", "10.77.0.31")
    lead_name_to(lab, "db1", "10.77.0.31")
    closing = site.run("apply", "--yes")
    assert closing.returncode == 0 and re.findall(r"ccm1/\S+", closing.stdout), closing.stdout + closing.stderr
    assert set(re.findall(r"(\w+/[a-z-]+)", closing.stdout)) == {"ccm1/firewall"}, closing.stdout
    direct = subprocess.run(lab.in_client("bash", "-c", "timeout 2 bash -c 'exec 3<>/dev/tcp/10.77.0.11/443'"), check=False)
    assert direct.returncode != 0
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
