"""gemel add-host and remove-host where they refuse: the site file stays as it was. And a host that the file has already:
the run goes on. On hosts that are only an ssh of our own; needs no machine."""
import subprocess

import pytest

from lab_driver import ROOT
from wizard_terminal import HOSTS, STANDALONE, Hosts

CCM3 = ("ccm3", "--role=CCM_SA_SECONDARY", "--address=10.77.0.13", "--zone=b")
CCM3_TEXT = '\n[[host]]\nname = "ccm3"\nrole = "CCM_SA_SECONDARY"\naddress = "10.77.0.13"\nzone = "b"\n'


def lab_site() -> str:
    """What the ssh of our own says of the hosts has no IPv6."""
    lines = (ROOT / "lab" / "site.toml").read_text().replace(', "fd77::/64"', "").splitlines(keepends=True)
    return "".join(line for line in lines if "fd77::" not in line)


def write_site(folder, text: str) -> None:
    (folder / "site.toml").write_text(text)


@pytest.fixture
def hosts(tmp_path) -> Hosts:
    write_site(tmp_path, lab_site())
    return Hosts(tmp_path)


def run(hosts: Hosts, verb: str, name: str, *words: str) -> subprocess.CompletedProcess:
    command = hosts.command(name, str(hosts.folder / "site.toml"), *words, f"--state={hosts.folder / 'state'}", verb=verb)
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL)


def refused(hosts: Hosts, code: int, verb: str, name: str, *words: str) -> str:
    """What is said; the site file is not touched."""
    site = hosts.folder / "site.toml"
    before = site.read_text()
    done = run(hosts, verb, name, *words, "--yes")
    assert done.returncode == code, done.stdout + done.stderr
    assert site.read_text() == before
    assert "nothing was changed" in done.stderr
    return done.stderr


@pytest.mark.parametrize("role, code, said", [
    ("CCM_LB", 3, "further load balancer"), ("MGMTPOSTGRES_MASTER", 2, "MGMTPOSTGRES_SLAVE"), ("ALL", 2, "no role of a further host"),
    ("CCM_SA", 2, "no role of a further host"), ("CCM_SA_SECONDRY", 2, 'Did you mean "CCM_SA_SECONDARY"?')])
def test_a_host_that_does_not_come_to_a_running_site_is_refused_with_the_way_out(hosts, role, code, said):
    assert said in refused(hosts, code, "add-host", "new1", f"--role={role}", "--address=10.77.0.13")
    assert not (hosts.folder / "state").exists(), "before anything was begun"


def test_all_mistakes_are_said_at_once(hosts):
    said = refused(hosts, 2, "add-host", "Bad_Name", "--role=MGMTPOSTGRES_MASTER", "--address=10.78.0.13", "--address6=10.77.0.11")
    for words in ("no host name", "10.78.0.13 is outside the networks", "is no IPv6 address", "has the role MGMTPOSTGRES_SLAVE"):
        assert words in said, said


def test_a_host_that_is_there_with_other_values_is_refused(hosts):
    write_site(hosts.folder, lab_site() + CCM3_TEXT)
    said = refused(hosts, 3, "add-host", "ccm3", "--role=CCM_SA_SECONDARY", "--address=10.77.0.14", "--zone=b")
    assert 'the site file has ccm3 already, with address "10.77.0.13" instead of "10.77.0.14"' in said


def test_a_site_that_is_not_as_its_file_says_gets_no_host(hosts):
    assert "the site is not as its file says" in refused(hosts, 3, "add-host", *CCM3)


def test_a_host_that_the_file_has_is_gone_on_with(tmp_path):
    """As after a run that was stopped: the rest of the plan is carried out, until the host does its part."""
    write_site(tmp_path, lab_site() + CCM3_TEXT)
    hosts = Hosts(tmp_path, delay=0.0, site={**HOSTS, "ccm3": ("CCM_SA_SECONDARY", "10.77.0.13")})
    done = run(hosts, "add-host", *CCM3, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Adding ccm3 ..." in done.stdout and "ccm3 does its part." in done.stdout
    assert (tmp_path / "site.toml").read_text() == lab_site() + CCM3_TEXT


@pytest.mark.parametrize("name, code, said", [
    ("nobody", 4, "no host"), ("ccm1", 3, "gemel replace-host"), ("ccm2", 3, "has a vote"), ("db1", 3, "gemel replace-host"),
    ("lb1", 3, "gemel replace-host"), ("db2", 2, "no host has the role MGMTPOSTGRES_SLAVE")])
def test_what_the_site_needs_is_not_removed(hosts, name, code, said):
    site = hosts.folder / "site.toml"
    before = site.read_text()
    done = run(hosts, "remove-host", name, "--yes", f"--confirm={name}")
    assert done.returncode == code and said in done.stderr, done.stdout + done.stderr
    assert site.read_text() == before and not (hosts.folder / "state").exists()


def test_a_standalone_site_changes_by_other_verbs(tmp_path):
    hosts = Hosts(tmp_path, site=STANDALONE)
    write_site(tmp_path, '[site]\nname = "lab"\ndns_name = "mgmt.lab.test"\n[network]\nsubnets = ["10.77.0.0/24"]\n' + "".join(
        f'[[host]]\nname = "{name}"\nrole = "{role}"\naddress = "{address}"\n' for name, (role, address) in STANDALONE.items()))
    assert "gemel convert" in refused(hosts, 2, "add-host", *CCM3)
    assert "gemel destroy" in refused(hosts, 3, "remove-host", "db1", "--confirm=db1")


def six(tmp_path) -> Hosts:
    """A site with a third manager and a third database host; what its hosts have is not what the file wants."""
    site = {**HOSTS, "ccm3": ("CCM_SA_SECONDARY", "10.77.0.13"), "db3": ("MGMTPOSTGRES_SLAVE", "10.77.0.23")}
    write_site(tmp_path, lab_site() + CCM3_TEXT + CCM3_TEXT.replace("ccm3", "db3").replace("CCM_SA_SECONDARY", site["db3"][0])
               .replace("10.77.0.13", "10.77.0.23"))
    return Hosts(tmp_path, delay=0.0, site=site)


def test_a_host_leaves_only_a_site_that_is_as_its_file_says(tmp_path):
    assert "the site is not as its file says" in refused(six(tmp_path), 3, "remove-host", "ccm3")


def test_a_host_that_answers_is_not_lost(tmp_path):
    said = refused(six(tmp_path), 3, "remove-host", "db3", "--lost", "--confirm=db3")
    assert "something answers at 10.77.0.23" in said
