"""gemel add-host and remove-host as whole runs, stopped and gone on with: the order of what the hosts are told, and the
site file after each. On hosts that are only an ssh of our own; needs no machine. What it means to a site that serves is in
test_add_remove_host.py."""
import pytest

from kept_hosts import KeptHosts
from lab_driver import ROOT

HOSTS = ("ccm1", "ccm2", "db1", "db2", "lb1")
DATA = {"ccm3": ("CCM_SA_SECONDARY", "10.77.0.13"), "db3": ("MGMTPOSTGRES_SLAVE", "10.77.0.23")}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory) -> KeptHosts:
    """A site that runs. Each test leaves it as it was."""
    kept = KeptHosts(tmp_path_factory.mktemp("hosts"))
    kept.site.write_text((ROOT / "lab" / "site.toml").read_text())
    kept.must("apply", "--yes")
    return kept


@pytest.fixture(autouse=True)
def as_before(hosts):
    former = hosts.site.read_text()
    hosts.take_log()
    yield
    assert hosts.site.read_text() == former
    assert "nothing to do" in hosts.must("apply", "--yes")


def words_of(name: str) -> tuple[str, ...]:
    role, address = DATA[name]
    return name, f"--role={role}", f"--address={address}", "--yes"


def section(name: str) -> str:
    role, address = DATA[name]
    return f'\n[[host]]\nname = "{name}"\nrole = "{role}"\naddress = "{address}"\n'


def knows(hosts: KeptHosts, host: str, name: str) -> bool:
    return f"name = '{name}'" in hosts.kept(host)["texts"]["/etc/gemel/host.toml"]


def place(log: list[str], *wanted: str) -> list[int]:
    return [log.index(line) for line in wanted]


def test_a_manager_comes_and_leaves(hosts):
    former = hosts.site.read_text()
    assert "ccm3 does its part." in hosts.must("add-host", *words_of("ccm3"))
    log = hosts.take_log()
    assert hosts.site.read_text() == former + section("ccm3")
    assert all(knows(hosts, host, "ccm3") for host in (*HOSTS, "ccm3"))
    let_in = [f"{host} lays /etc/gemel/firewall.nft" for host in HOSTS]
    assert max(place(log, *let_in)) < log.index("ccm3 starts gemeld.service") < log.index("ccm3 starts gemel-manager.service")
    told = place(log, "ccm3 starts gemel-manager.service", "db2 restarts gemeld.service", "db1 restarts gemeld.service",
                 "ccm1 restarts gemeld.service", "ccm2 restarts gemeld.service", "lb1 restarts gemeld.service")
    assert told == sorted(told), log
    assert "nothing to do" in hosts.must("apply", "--yes")
    assert "ccm3 does its part." in hosts.must("add-host", *words_of("ccm3")), "once more"
    assert hosts.take_log() == []

    said = hosts.must("remove-host", "ccm3", "--yes")
    log = hosts.take_log()
    assert "ccm3 is no host of the site any more." in said and "gemel rotate" in said
    assert not any(knows(hosts, host, "ccm3") for host in HOSTS)
    closed = [f"{host} lays /etc/gemel/firewall.nft" for host in HOSTS]
    assert log.index("lb1 restarts gemeld.service") < min(place(log, *closed)), log
    assert log[-1] == "ccm3 kept aside" and [line for line in log if line.startswith("ccm3")] == log[-1:], log
    assert hosts.kept("ccm3")["kept"].startswith("/var/lib/gemel-kept/2")
    assert "ccm3" not in (hosts.folder / "state" / "known_hosts").read_text()


def test_a_standby_comes_and_leaves(hosts):
    hosts.must("add-host", *words_of("db3"))
    log = hosts.take_log()
    told = place(log, "db2 restarts gemeld.service", "db1 restarts gemeld.service", "db3 starts gemeld.service",
                 "ccm1 restarts gemeld.service")
    assert told == sorted(told), log
    hosts.mark("primary", "db2", True)
    assert "gemel switchover first" in refused(hosts, 3, "db2")
    hosts.mark("primary", "db2", False)
    unnamed = hosts.run("remove-host", "db3", "--yes", typed="yes\n")
    assert unnamed.returncode == 3 and "not confirmed" in unnamed.stderr, unnamed.stdout + unnamed.stderr
    assert hosts.take_log() == []
    assert "Nobody counts on db3 any more." in hosts.must("remove-host", "db3", "--yes", typed="db3\n")
    log = hosts.take_log()
    assert log[0] == "db3 stops gemeld.service" and log[-1] == "db3 kept aside", log


def refused(hosts: KeptHosts, code: int, name: str, *words: str) -> str:
    done = hosts.run("remove-host", name, "--yes", f"--confirm={name}", *words)
    assert done.returncode == code and "nothing was changed" in done.stderr, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("name, broken, way", [("ccm3", "ccm3", "remove-host"), ("ccm3", "lb1", "add-host"), ("db3", "db2", "apply"),
                                               ("db3", "ccm2", "remove-host")])
def test_a_stopped_arrival_is_gone_on_with_or_taken_back(hosts, name, broken, way):
    former = hosts.site.read_text()
    hosts.mark("broken", broken, True)
    stopped = hosts.run("add-host", *words_of(name))
    hosts.mark("broken", broken, False)
    assert stopped.returncode == 1 and f"{name} is in the site file" in stopped.stderr, stopped.stdout + stopped.stderr
    assert hosts.site.read_text() == former + section(name)
    if way == "add-host":
        hosts.must("add-host", *words_of(name))
    if way == "apply":
        hosts.must("apply", "--yes")
    hosts.must("remove-host", name, "--yes", f"--confirm={name}")
    assert not any(knows(hosts, host, name) for host in HOSTS)


@pytest.mark.parametrize("name, broken, way", [("ccm3", "ccm1", "remove-host"), ("db3", "lb1", "apply")])
def test_a_stopped_departure_is_gone_on_with_or_taken_back(hosts, name, broken, way):
    former = hosts.site.read_text()
    hosts.must("add-host", *words_of(name))
    hosts.mark("broken", broken, True)
    stopped = hosts.run("remove-host", name, "--yes", f"--confirm={name}")
    hosts.mark("broken", broken, False)
    assert stopped.returncode == 1 and f"the site file still has {name}" in stopped.stderr, stopped.stdout + stopped.stderr
    assert hosts.site.read_text() == former + section(name)
    if way == "apply":
        hosts.must("apply", "--yes")
        assert all(knows(hosts, host, name) for host in (*HOSTS, name))
    hosts.must("remove-host", name, "--yes", f"--confirm={name}")


def test_a_lost_standby_leaves_untouched(hosts):
    hosts.must("add-host", *words_of("db3"))
    assert "something answers at 10.77.0.23" in refused(hosts, 3, "db3", "--lost")
    hosts.mark("off", "db3", True)
    assert "--lost" in refused(hosts, 6, "db3")
    hosts.take_log()
    assert "Never let that machine come back" in hosts.must("remove-host", "db3", "--lost", "--yes", "--confirm=db3")
    assert not [line for line in hosts.take_log() if line.startswith("db3")]
    hosts.mark("off", "db3", False)
    (hosts.folder / "db3.json").unlink()  # installed anew


def test_a_host_deleted_from_the_file_stands_in_the_way(hosts):
    former = hosts.site.read_text()
    hosts.must("add-host", *words_of("ccm3"))
    hosts.site.write_text(former)
    done = hosts.run("apply", "--yes")
    hosts.site.write_text(former + section("ccm3"))
    assert done.returncode == 3 and "gemel remove-host ccm3" in done.stdout + done.stderr, done.stdout + done.stderr
    hosts.must("remove-host", "ccm3", "--yes")


def test_what_was_not_applied_is_not_slipped_in_with_a_departure(hosts):
    former = hosts.site.read_text()
    hosts.must("add-host", *words_of("ccm3"))
    hosts.site.write_text(hosts.site.read_text().replace('name = "gemel"', 'name = "gemel"\nmin_copies = 2'))
    assert "the site is not as its file says" in refused(hosts, 3, "ccm3")
    hosts.site.write_text(former + section("ccm3"))
    hosts.must("remove-host", "ccm3", "--yes")
