"""gemel add-host and remove-host on machines: a third manager, then a third database host, come to a site that serves and
leave it again, under web load and with a writer at the database. No request fails, no row is lost, nobody takes over.

The lab gets two spare machines for this, so no lab may be up before: tests/machines/run -k add_remove_host
"""
import os
import re
import subprocess
import sys
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite
from lab_driver import HERE, Load, missing_on, program, wait_until

SPARE = {"ccm3": ("CCM_SA_SECONDARY", 13), "db3": ("MGMTPOSTGRES_SLAVE", 23)}
DATA = {**SPARE, "db2": ("MGMTPOSTGRES_SLAVE", 22)}
POSTMASTER = "head -n 3 /var/lib/gemel/postgres/data/postmaster.pid"
TABLE = "nft list table inet gemel_ports"


@pytest.fixture(scope="module")
def site(setup_site, tmp_path_factory) -> BareSite:
    """Two machines more than other tests have, so they are begun anew; the site file is a copy that the verbs change."""
    setup_site.lab.verb("down", limit=120)
    setup_site.condition = "off"
    os.environ["GEMEL_LAB_SPARE"] = ",".join(f"{name}={number}" for name, (_, number) in SPARE.items())
    own, setup_site.site = setup_site.site, tmp_path_factory.mktemp("hosts") / "site.toml"
    setup_site.site.write_text(own.read_text())
    setup_site.be_whole()
    for name in SPARE:
        setup_site.let_in(name)
    yield setup_site
    setup_site.lab.verb("down", limit=120)
    setup_site.condition = "off"
    setup_site.site = own
    del os.environ["GEMEL_LAB_SPARE"]


def command_of(site: BareSite, verb: str, name: str, *words: str) -> list[str]:
    command = site.command(verb, *words)
    command.insert(command.index(verb) + 1, name)
    return command


def run(site: BareSite, verb: str, name: str, *words: str, typed: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(command_of(site, verb, name, *words), capture_output=True, text=True, timeout=400, check=False,
                          input=typed)


def must(site: BareSite, verb: str, name: str, *words: str) -> tuple[str, float]:
    """What it printed, and the seconds it took."""
    began = time.monotonic()
    done = run(site, verb, name, *words, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, time.monotonic() - began


def data_of(name: str) -> tuple[str, ...]:
    role, number = DATA[name]
    return (f"--role={role}", f"--address=10.77.0.{number}", f"--address6=fd77::{number}", "--zone=b")


def section(name: str) -> str:
    role, number = DATA[name]
    return (f'\n[[host]]\nname = "{name}"\nrole = "{role}"\naddress = "10.77.0.{number}"\naddress6 = "fd77::{number}"\n'
            'zone = "b"\n')


def readers(site: BareSite, *words: str) -> Load:
    """At the balancer, from the client's place."""
    site.lab.in_client = lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command]
    return Load(site.lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), *words)


def writer(site: BareSite, client: str) -> Load:
    """At the floating address, from a manager's place: nobody else reaches it. An answer may take as long as a standby's
    loss does."""
    rendered = site.state / "rendered"
    password = (rendered / "secrets" / "application.password").read_text().strip()
    data_source = (f"host=10.77.0.100 port=5432 user=cliqr dbname=gemel password={password} sslmode=verify-full "
                   f"sslrootcert={rendered}/ca/db-ca.crt")
    site.lab.in_client = lambda *command: ["ip", "netns", "exec", "gemel-ccm1", *command]
    return Load(site.lab, str(program("gemel-outage")), "--client", client, "--pace-ms", "5", "--answer-ms", "20000",
                environment={"GEMEL_DSN": data_source})


class Loads:
    """Who uses the site meanwhile: readers, writers of notes, and a writer at the database."""

    def __init__(self, site: BareSite, name: str):
        self.site, self.name = site, f"{name}-{int(time.time())}"
        self.loads: list[Load] = []

    def __enter__(self):
        try:
            self.loads.append(readers(self.site))
            self.loads.append(readers(self.site, "--notes", self.name))
            self.loads.append(writer(self.site, self.name))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.close()

    def judge(self, hosts: tuple[str, ...]) -> tuple[float, float]:
        """Ends them: no request failed, no write was refused, no session was lost, and each of `hosts` has everything that
        was acknowledged. The slowest request and the writer's longest gap, in ms."""
        reads, notes, writes = [load.stop() for load in self.loads]
        for web in (reads, notes):
            assert web["failed"] == 0 and web["hung"] == 0, web["failures"]
            assert web["requests"] > 100
        assert writes["refused"] == writes["unknown"] == 0, writes
        assert writes["connections"] == writes["attempts"] == 1, writes
        assert writes["verdict"]["is_clean"] and writes["acknowledged"] > 100, writes["verdict"]
        for host in hosts:
            wait_until(f"{host} has every note", lambda: set(notes["keys"]) <= self.kept(host), 10, 0.5)
            wait_until(f"{host} has every row", lambda: not missing_on(self.site.lab, host, self.name, writes), 10, 0.5)
        return max(reads["slowest_ms"], notes["slowest_ms"]), writes["longest_gap_ms"]

    def kept(self, host: str) -> set[str]:
        return set(self.site.lab.sql(host, f"SELECT idempotency_key FROM notes WHERE author = '{self.name}'"))


def servers_of(site: BareSite) -> dict[str, str]:
    """PostgreSQL of the first two, which must be the same processes before and after."""
    return {host: site.lab.inside(host, "sh", "-c", POSTMASTER) for host in ("db1", "db2")}


def healthy(site: BareSite) -> dict:
    def look():
        now = site.lab.summary()
        return now if now.get("health") == "healthy" else None
    return wait_until("the site is healthy", look, 90, 0.5)


def expect_same_rule(site: BareSite, before: dict) -> None:
    after = healthy(site)
    assert (after["primary"], after["epoch"]) == (before["primary"], before["epoch"]), "somebody took over"


def nothing_is_left_to_do(site: BareSite) -> None:
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr


def know(site: BareSite, hosts: tuple[str, ...], name: str) -> set[bool]:
    """Whether the hosts' own files name the host."""
    return {f"name = '{name}'" in site.lab.inside(host, "cat", "/etc/gemel/host.toml") for host in hosts}


def let_in(site: BareSite, hosts: tuple[str, ...], name: str) -> set[bool]:
    """Whether the hosts' packet filters do."""
    address = re.compile(rf"10\.77\.0\.{DATA[name][1]}\b")
    return {bool(address.search(site.lab.inside(host, "sh", "-c", TABLE))) for host in hosts}


def expect_gone(site: BareSite, name: str) -> None:
    """As gemel destroy leaves a host, with what it had kept; and the others know it no more."""
    left = site.lab.inside(name, "sh", "-c", "ls -d /etc/gemel /var/lib/gemel 2>/dev/null; nft list tables | grep gemel_; "
                           "pgrep -x 'gemeld|etcd|haproxy|postgres|gemel-manager'; true")
    assert left.strip() == "", left
    kept = site.lab.inside(name, "sh", "-c", "stat -c %a /var/lib/gemel-kept; ls /var/lib/gemel-kept/*").split()
    assert kept[0] == "700" and "etc" in kept and "var" in kept, kept
    assert know(site, HOSTS, name) == let_in(site, HOSTS, name) == {False}
    assert f"{name} " not in (site.state / "known_hosts").read_text()


def backends(site: BareSite) -> dict[str, str]:
    found = {}
    for entry in site.lab.site()["hosts"]:
        for backend in ((entry["status"] or {}).get("balancer") or {}).get("backends", []):
            found[backend["host"]] = backend["state"]
    return found


def test_what_a_healthy_site_refuses(site):
    former = site.site.read_text()
    healthy(site)
    for name, code in (("ccm1", 3), ("ccm2", 3), ("lb1", 3), ("db1", 3), ("db2", 2)):
        refused = run(site, "remove-host", name, "--yes", f"--confirm={name}")
        assert refused.returncode == code and "nothing was changed" in refused.stderr, refused.stdout + refused.stderr
    unknown = run(site, "add-host", "ccm3", *data_of("ccm3"))
    assert unknown.returncode == 3 and "the keys were not accepted" in unknown.stderr, unknown.stdout + unknown.stderr
    shown = re.findall(r"ccm3 ssh-ed25519 (SHA256:\S+)", unknown.stderr)
    assert shown == site.lab.inside("ccm3", "ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1:2]
    unagreed = run(site, "add-host", "ccm3", *data_of("ccm3"), typed="yes\nno\n")
    assert unagreed.returncode == 3 and "nothing was changed" in unagreed.stderr, unagreed.stdout + unagreed.stderr
    assert site.site.read_text() == former
    assert site.lab.verb("exec", "ccm3", "--", "ls", "/etc/gemel", check=False).returncode != 0
    nothing_is_left_to_do(site)


def test_a_manager_comes_under_load_and_gets_its_share(site, record):
    site.condition = "open"
    former, before, servers = site.site.read_text(), healthy(site), servers_of(site)
    with Loads(site, "manager-comes") as loads:
        said, took = must(site, "add-host", "ccm3", *data_of("ccm3"))
        assert "ccm3 does its part." in said
        assert backends(site)["ccm3"].startswith("UP")
        time.sleep(2)  # with all three
        slowest, gap = loads.judge(("db1", "db2"))
    expect_same_rule(site, before)
    assert servers_of(site) == servers, "PostgreSQL goes on"
    assert site.site.read_text() == former + section("ccm3"), "comments and layout stay"
    assert (site.state / "site.toml.former").read_text() == former
    assert know(site, (*HOSTS, "ccm3"), "ccm3") == {True}
    with readers(site) as load:
        time.sleep(2)
        assert {"ccm1", "ccm2", "ccm3"} <= set(load.stop()["managers"])
    record.add("add-host of a manager", [took], "s", 120)
    record.add("add-host of a manager: slowest request", [slowest], "ms", 5000)
    record.add("add-host of a manager: longest gap of a writer", [gap], "ms", 1000)
    nothing_is_left_to_do(site)
    again, _ = must(site, "add-host", "ccm3", *data_of("ccm3"))
    assert "ccm3 does its part." in again
    other = run(site, "add-host", "ccm3", "--role=CCM_SA_SECONDARY", "--address=10.77.0.14", "--yes")
    assert other.returncode == 3 and "has ccm3 already" in other.stderr, other.stdout + other.stderr


def test_a_host_deleted_from_the_file_only_stands_in_the_way(site):
    former = site.site.read_text()
    site.site.write_text(former.replace(section("ccm3"), ""))
    refused = site.run("apply", "--yes")
    site.site.write_text(former)
    assert refused.returncode == 3 and "gemel remove-host ccm3" in refused.stdout + refused.stderr, refused.stdout + refused.stderr
    nothing_is_left_to_do(site)


def test_a_manager_leaves_under_load(site, record):
    site.condition = "open"
    former, before, servers = site.site.read_text(), healthy(site), servers_of(site)
    lost = run(site, "remove-host", "ccm3", "--lost", "--yes")
    assert lost.returncode == 3 and "something answers at 10.77.0.13" in lost.stderr, lost.stdout + lost.stderr
    with Loads(site, "manager-leaves") as loads:
        time.sleep(2)  # with all three
        said, took = must(site, "remove-host", "ccm3")
        assert "ccm3 is no host of the site any more." in said
        time.sleep(1)
        slowest, gap = loads.judge(("db1", "db2"))
    expect_same_rule(site, before)
    assert servers_of(site) == servers, "PostgreSQL goes on"
    assert set(backends(site)) == {"ccm1", "ccm2"}
    assert site.site.read_text() == former.replace(section("ccm3"), "")
    expect_gone(site, "ccm3")
    record.add("remove-host of a manager", [took], "s", 120)
    record.add("remove-host of a manager: slowest request", [slowest], "ms", 5000)
    record.add("remove-host of a manager: longest gap of a writer", [gap], "ms", 1000)
    nothing_is_left_to_do(site)


def kill_at(site: BareSite, step: str, verb: str, name: str, *words: str) -> None:
    """Begins it and ends it, as a power loss would, where it stands still after a step."""
    before = set(site.state.glob("apply-*.log"))
    process = subprocess.Popen(command_of(site, verb, name, *words, "--yes"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, stdin=subprocess.DEVNULL, env={**os.environ, "GEMEL_SETUP_HOLD": f"{step}@after"})

    def held():
        logs = set(site.state.glob("apply-*.log")) - before
        return process.poll() is not None or any(f"{step}: held" in log.read_text() for log in logs)
    try:
        wait_until(f"{verb} stands still after {step}", held, 180)
        is_over = process.poll() is not None
    finally:
        site.kill(process)
    shown = process.stdout.read()
    process.stdout.close()
    assert not is_over, shown


def test_a_killed_run_is_gone_on_with_or_taken_back(site):
    site.condition = "open"
    former, before = site.site.read_text(), healthy(site)
    kill_at(site, "ccm3/manager", "add-host", "ccm3", *data_of("ccm3"))
    assert section("ccm3") in site.site.read_text()
    must(site, "remove-host", "ccm3")  # half of the hosts know it
    assert site.site.read_text() == former
    expect_gone(site, "ccm3")
    kill_at(site, "ccm1/files", "add-host", "ccm3", *data_of("ccm3"))
    must(site, "add-host", "ccm3", *data_of("ccm3"))
    nothing_is_left_to_do(site)
    kill_at(site, "lb1/files", "remove-host", "ccm3")
    assert section("ccm3") in site.site.read_text(), "until it is gone"
    must(site, "remove-host", "ccm3")
    assert site.site.read_text() == former
    expect_gone(site, "ccm3")
    expect_same_rule(site, before)
    nothing_is_left_to_do(site)


def test_a_third_database_host_comes_under_load(site, record):
    site.condition = "open"
    former, before, servers = site.site.read_text(), healthy(site), servers_of(site)
    with Loads(site, "standby-comes") as loads:
        said, took = must(site, "add-host", "db3", *data_of("db3"))
        assert "db3 does its part." in said
        slowest, gap = loads.judge(("db1", "db2", "db3"))
    expect_same_rule(site, before)
    assert servers_of(site) == servers, "PostgreSQL goes on"
    assert site.site.read_text() == former + section("db3")
    record.add("add-host of a standby", [took], "s", 180)
    record.add("add-host of a standby: slowest request", [slowest], "ms", 5000)
    record.add("add-host of a standby: longest gap of a writer", [gap], "ms", 2000)
    nothing_is_left_to_do(site)


def test_a_standby_that_commits_wait_for_is_lost_and_leaves(site, record):
    """db3 takes its place; then a machine that was installed anew comes under its name."""
    site.condition = "open"
    if healthy(site)["primary"] != "db1":
        site.lab.inside("ccm1", "gemel", "switchover", "--yes", "--to=db1")
    before = healthy(site)
    assert "db2" in before["members"], before
    answers = run(site, "remove-host", "db2", "--lost", "--yes", "--confirm=db2")
    assert answers.returncode == 3 and "something answers" in answers.stderr, answers.stdout + answers.stderr
    unnamed = run(site, "remove-host", "db2", "--yes", "--confirm=db3")
    assert unnamed.returncode == 3 and "not confirmed" in unnamed.stderr, unnamed.stdout + unnamed.stderr
    with Loads(site, "standby-lost") as loads:
        site.lab.verb("poweroff", "db2")
        silent = run(site, "remove-host", "db2", "--yes", "--confirm=db2")
        assert silent.returncode == 6 and "--lost" in silent.stderr, silent.stdout + silent.stderr
        said, took = must(site, "remove-host", "db2", "--lost", "--confirm=db2")
        assert "Never let that machine come back with its disk" in said
        loads.judge(("db1", "db3"))
    after = healthy(site)
    assert (after["primary"], after["epoch"]) == (before["primary"], before["epoch"])
    assert set(after["members"]) == {"db1", "db3"}, after
    record.add("remove-host of a lost standby", [took], "s", 120)
    nothing_is_left_to_do(site)
    site.lab.verb("reinstall", "db2")
    site.let_in("db2")
    must(site, "add-host", "db2", *data_of("db2"))
    nothing_is_left_to_do(site)


def test_a_standby_that_commits_wait_for_leaves_under_load(site, record):
    site.condition = "open"
    before = healthy(site)
    assert set(before["members"]) == {"db1", "db3"}, before
    server = site.lab.inside("db1", "sh", "-c", POSTMASTER)
    with Loads(site, "standby-leaves") as loads:
        said, took = must(site, "remove-host", "db3", "--confirm=db3")
        assert "Nobody counts on db3 any more." in said
        slowest, gap = loads.judge(("db1", "db2"))
    expect_same_rule(site, before)
    assert site.lab.inside("db1", "sh", "-c", POSTMASTER) == server, "PostgreSQL goes on"
    expect_gone(site, "db3")
    assert site.lab.inside("db3", "sh", "-c", "cat /var/lib/gemel-kept/*/var/postgres/data/PG_VERSION").strip() == "15"
    record.add("remove-host of a standby", [took], "s", 120)
    record.add("remove-host of a standby: slowest request", [slowest], "ms", 5000)
    record.add("remove-host of a standby: longest gap of a writer", [gap], "ms", 2000)
    nothing_is_left_to_do(site)


def test_the_two_that_are_left_take_over_from_each_other_with_every_row(site):
    rows = site.lab.sql("db1", "SELECT count(*) FROM gemel_outage")
    site.lab.inside("ccm1", "gemel", "switchover", "--yes", "--to=db2")
    assert healthy(site)["primary"] == "db2"
    assert site.lab.sql("db2", "SELECT count(*) FROM gemel_outage") == rows
