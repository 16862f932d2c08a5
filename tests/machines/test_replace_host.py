"""A host is lost for good and installed anew: gemel replace-host makes it do its part again while the others serve."""
import json
import re
import time

import pytest

from bare_site import HOSTS, BareSite
from lab_driver import Load, program, wait_until

POSTMASTER = "head -n 3 /var/lib/gemel/postgres/data/postmaster.pid"


@pytest.fixture(scope="module")
def site(setup_site) -> BareSite:
    setup_site.be_whole()
    return setup_site


def status(site: BareSite, ask: str = "ccm1") -> dict:
    return json.loads(site.lab.inside(ask, "gemel", "status", "-o", "json"))


def whole(site: BareSite, ask: str = "ccm1") -> dict:
    """The summary of one look that shows a primary and a possible failover: on a busy machine an agent may miss one."""
    def look():
        now = status(site, ask)["summary"]
        return now if now["primary"] and now["failover_possible"] else None
    return wait_until("a failover is possible", look, 60, 0.5)


def writer(site: BareSite, client: str) -> Load:
    """Inserts through the floating address, from a manager's place: nobody else reaches it. An answer may take as long as
    a standby's loss does."""
    rendered = site.state / "rendered"
    password = (rendered / "secrets" / "application.password").read_text().strip()
    data_source = (f"host=10.77.0.100 port=5432 user=cliqr dbname=gemel password={password} sslmode=verify-full "
                   f"sslrootcert={rendered}/ca/db-ca.crt")
    site.lab.in_client = lambda *command: ["ip", "netns", "exec", "gemel-ccm1", *command]
    return Load(site.lab, str(program("gemel-outage")), "--client", client, "--pace-ms", "5", "--answer-ms", "20000",
                environment={"GEMEL_DSN": data_source})


def replace(site: BareSite, host: str, *words: str, typed: str = ""):
    return site.run("replace-host", f"--host={host}", *words, typed=typed)


def test_a_host_that_is_not_lost_is_refused(site):
    primary = whole(site)["primary"]
    standby = {"db1": "db2", "db2": "db1"}[primary]
    for host, code, words in ((standby, 3, "there is nothing to replace"), (primary, 3, "is the primary"),
                              ("ccm1", 3, "there is nothing to replace"), ("lb1", 3, "there is nothing to replace"), ("nobody", 4, "no host")):
        result = replace(site, host, "--yes")
        assert result.returncode == code and words in result.stderr, result.stdout + result.stderr


def test_a_lost_standby_is_replaced_while_the_other_serves(site, record):
    lab = site.lab
    survivor = whole(site)["primary"]
    lost = {"db1": "db2", "db2": "db1"}[survivor]
    site.condition = "open"
    server = lab.inside(survivor, "sh", "-c", POSTMASTER)
    agent = lab.service_pid(survivor, "gemeld.service")
    known = (site.state / "known_hosts").read_text()
    with writer(site, "standby") as load:
        lab.verb("poweroff", lost)
        lab.verb("reinstall", lost)
        site.let_in(lost)

        unasked = replace(site, lost, "--yes")
        assert unasked.returncode == 3 and "shows another key than before" in unasked.stderr, unasked.stdout + unasked.stderr
        wrong = replace(site, lost, "--yes", "--host-key=SHA256:" + "A" * 43)
        assert wrong.returncode == 3 and "not the key of --host-key" in wrong.stderr, wrong.stderr
        assert (site.state / "known_hosts").read_text() == known
        assert lab.verb("exec", lost, "--", "ls", "/etc/gemel", check=False).returncode != 0
        shown = re.findall(r"^  now +ssh-ed25519 (SHA256:\S+)", unasked.stderr, re.MULTILINE)
        assert shown == lab.inside(lost, "ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1:2]

        result = replace(site, lost, "--yes", typed="yes\n")
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"{lost} holds every write; a failover is possible again." in result.stdout
        after = whole(site)
        measured = load.stop()
    assert after["primary"] == survivor and set(after["members"]) == {"db1", "db2"} and after["failover_possible"]
    assert lab.inside(survivor, "sh", "-c", POSTMASTER) == server, "PostgreSQL was restarted on the survivor"
    assert lab.service_pid(survivor, "gemeld.service") == agent
    assert measured["refused"] == measured["unknown"] == 0, measured
    assert measured["connections"] == measured["attempts"] == 1, measured
    assert measured["verdict"]["is_clean"] and measured["acknowledged"] > 100
    record.add("replace-host: longest wait of a writer", [measured["longest_gap_ms"]], "ms", 5000)
    site.condition = "whole"


def test_the_replaced_host_takes_over_with_every_row(site):
    lab = site.lab
    survivor = whole(site)["primary"]
    other = {"db1": "db2", "db2": "db1"}[survivor]
    rows = lab.sql(survivor, "SELECT count(*) FROM gemel_outage")
    lab.inside("ccm1", "gemel", "switchover", "--yes", f"--to={other}")
    assert whole(site)["primary"] == other
    assert lab.sql(other, "SELECT count(*) FROM gemel_outage") == rows
    assert site.run("apply", "--yes").stdout.count("[") == 0


VOTERS = ("ccm1", "ccm2", "lb1")


def processes(site: BareSite, host: str) -> list[str]:
    """What runs there and must not be touched: the agent, its member of the store, PostgreSQL, the manager, HAProxy."""
    names = ("gemeld", "etcd", "gemel-manager", "haproxy")
    found = [site.lab.inside(host, "sh", "-c", f"pgrep -o -x {name} || true").strip() for name in names]
    return [*found, site.lab.inside(host, "sh", "-c", POSTMASTER) if host.startswith("db") else ""]


def wait_for_all_voters(site: BareSite, ask: str) -> None:
    def look():
        stores = [entry["status"]["store"] for entry in status(site, ask)["hosts"] if entry["status"]]
        return len(stores) == len(HOSTS) and all(store and store["reachable"] == len(VOTERS) for store in stores)
    wait_until("every host reaches every member of the store", look, 60, 0.5)


@pytest.mark.parametrize("lost", ("ccm2", "lb1"))
def test_a_lost_member_of_the_store_is_replaced_while_the_others_serve(site, record, lost):
    lab = site.lab
    before = whole(site)
    site.condition = "open"
    others = [host for host in HOSTS if host != lost]
    running = {host: processes(site, host) for host in others}
    with writer(site, lost) as load:
        lab.verb("poweroff", lost)
        lab.verb("reinstall", lost)
        site.let_in(lost)
        unasked = replace(site, lost, "--yes")
        assert unasked.returncode == 3 and "shows another key than before" in unasked.stderr, unasked.stdout + unasked.stderr
        began = time.monotonic()
        result = replace(site, lost, "--yes", typed="yes\n")
        took = time.monotonic() - began
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"{lost} does its part again." in result.stdout
        measured = load.stop()
    assert {host: processes(site, host) for host in others} == running, "another host was touched"
    after = whole(site)
    assert (after["primary"], after["epoch"], after["revision"]) == (before["primary"], before["epoch"], before["revision"])
    assert measured["refused"] == measured["unknown"] == 0, measured
    assert measured["connections"] == measured["attempts"] == 1, measured
    assert measured["verdict"]["is_clean"] and measured["acknowledged"] > 100
    assert lab.inside(lost, "ls", "/var/lib/gemel/etcd.has-run")
    assert "its former self is removed" in lab.verb("logs", lost, "gemeld").stdout
    wait_for_all_voters(site, "db1")
    result = site.run("apply", "--yes")
    assert result.returncode == 0 and "nothing to do" in result.stdout, result.stdout + result.stderr
    record.add(f"replace-host of {lost}", [took], "s", 120)
    site.condition = "whole"


def test_the_members_that_joined_make_a_majority(site):
    """Both replaced members without the one that was there from the beginning: a switchover needs their votes."""
    lab = site.lab
    site.condition = "open"
    primary = whole(site)["primary"]
    other = {"db1": "db2", "db2": "db1"}[primary]
    lab.verb("poweroff", "ccm1")
    whole(site, "db1")
    lab.inside("db1", "gemel", "switchover", "--yes", f"--to={other}")
    assert whole(site, "db1")["primary"] == other
    lab.verb("boot", "ccm1")
    wait_for_all_voters(site, "db1")
    site.condition = "whole"
