"""What stands in the way of setting a site up is refused before any change, with words that say how to mend it.

One boot of bare machines; each case injects one fault, runs `gemel apply --yes`, takes
the fault back, and looks whether every host is as it was at the beginning.
"""
import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bare_site import CLIENT_SPACE, BareSite, make_key, on_all

# Everything setup could change. Left out are the times of directories, which a fault and its undoing change, and books
# that go on by themselves: systemd's, and apt's cache of its lists.
LOOK = r"""find /etc /usr/bin /usr/sbin /usr/lib/systemd /var/lib /var/cache /opt /srv -xdev \( -path /var/lib/systemd \
  -o -path /var/cache/ldconfig -o -path /var/cache/apt \) -prune -o -type d -printf '%p %m %u:%g\n' \
  -o -printf '%p %y %m %u:%g %s %T@\n'
dpkg-query -W; nft list ruleset; ip -o addr show | awk '{print $2, $4}'; ls -l /etc/systemd/system/*.wants"""
HARDWARE = {"ccm1": "02:67:65:6d:00:11", "db1": "02:67:65:6d:00:21"}


@pytest.fixture
def site(setup_site) -> BareSite:
    setup_site.be_bare()
    return setup_site


def look(site: BareSite) -> dict[str, set[str]]:
    return on_all(lambda host: set(site.lab.inside(host, "sh", "-c", LOOK).splitlines()))


@pytest.fixture(scope="module")
def untouched(setup_site) -> dict[str, set[str]]:
    setup_site.be_bare()
    return look(setup_site)


@pytest.fixture
def unchanged(site, untouched):
    """After the test, and after its fault was taken back, every host is as it was before all of them."""
    yield
    for host, now in look(site).items():
        assert now == untouched[host], host


def shell(site: BareSite, host: str, script: str) -> str:
    return site.lab.inside(host, "sh", "-c", script)


@contextlib.contextmanager
def on_host(site: BareSite, host: str, script: str, undo: str):
    shell(site, host, script)
    try:
        yield
    finally:
        shell(site, host, undo)


@contextlib.contextmanager
def silent(site: BareSite):
    site.lab.verb("isolate", "db2")
    try:
        yield
    finally:
        site.lab.verb("heal")


@contextlib.contextmanager
def neighbour(host_that_answers: str):
    """Which of two machines with db1's address the client's packets reach, so that it is no matter of luck."""
    ip = ["ip", "-n", CLIENT_SPACE, "neigh"]
    subprocess.run([*ip, "replace", "10.77.0.21", "lladdr", HARDWARE[host_that_answers], "dev", "eth0", "nud",
                    "permanent"], check=True)
    try:
        yield
    finally:
        subprocess.run([*ip, "del", "10.77.0.21", "dev", "eth0"], check=True)


@contextlib.contextmanager
def two_with_one_address(site: BareSite, reached: str):
    with on_host(site, "ccm1", "ip addr add 10.77.0.21/32 dev eth0", "ip addr del 10.77.0.21/32 dev eth0"):
        with neighbour(reached):
            yield


@contextlib.contextmanager
def authority(site: BareSite, name: str, make):
    """The person's own authority in the state directory, where the built-in one would be."""
    folder = site.state / "rendered" / "ca"
    kept = {path: path.read_bytes() for path in (folder / f"{name}-ca.crt", folder / f"{name}-ca.key")}
    make(folder, name)
    try:
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def expire(folder: Path, name: str) -> None:
    """Self-signed, an authority, and over since 2021."""
    work = folder.parent.parent.parent / "openssl"
    work.mkdir()
    (work / "settings").write_text(f"""[ca]
default_ca = own
[own]
new_certs_dir = {work}
database = {work}/index
serial = {work}/serial
default_md = sha256
policy = any
x509_extensions = authority
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
""")
    (work / "index").write_text("")
    (work / "serial").write_text("01\n")
    ask = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own",
           "-keyout", str(folder / f"{name}-ca.key"), "-out", str(work / "request")]
    sign = ["openssl", "ca", "-batch", "-notext", "-config", str(work / "settings"), "-selfsign", "-in",
            str(work / "request"), "-keyfile", str(folder / f"{name}-ca.key"), "-out", str(folder / f"{name}-ca.crt"),
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
    for command in (ask, sign):
        subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(work)


def mix_up(folder: Path, name: str) -> None:
    (folder / f"{name}-ca.key").write_bytes((folder / "agent-ca.key").read_bytes())


@contextlib.contextmanager
def network_key(site: BareSite, line: str):
    """The site file with one more key of [network]."""
    kept = site.site
    site.site = site.state.parent / "changed.toml"
    site.site.write_text(kept.read_text().replace("[network]\n", f"[network]\n{line}\n"))
    try:
        yield
    finally:
        site.site.unlink()
        site.site = kept


# The machines share one kernel's clock: what the host's `date` shows is what the setup goes by, so that is what is wrong.
LATE = """printf '#!/bin/sh\\ncase ${1:-} in +*) exec /usr/bin/date -d "1 hour" "$@" ;; esac\\nexec /usr/bin/date "$@"\\n' \
>/usr/sbin/date; chmod 755 /usr/sbin/date"""
LISTEN = """systemd-run --quiet --unit=squatter perl -MIO::Socket::INET -e \
'@s = IO::Socket::INET->new(LocalPort => 443, Listen => 1, ReuseAddr => 1) or die; sleep 600'
for i in $(seq 50); do ss -Hltn | grep -q :443 && exit 0; sleep 0.2; done; systemctl status squatter; exit 1"""

# name: (how it is broken, exit code, words of the answer)
FAULTS = {
    "a host that is silent": (silent, 6, ["db2: cannot be reached", "see that it is on", "10.77.0.22"]),
    "a full disk": (
        lambda site: on_host(site, "db1", "mkdir -p /var/lib/gemel && mount -t tmpfs -o size=64m none /var/lib/gemel",
                             "umount /var/lib/gemel; rmdir /var/lib/gemel"),
        3, ["db1: 64 MB are free below /var/lib/gemel", "make room, or mount a larger disk there"]),
    "a port that is taken": (
        lambda site: on_host(site, "lb1", LISTEN, "systemctl stop squatter; ! ss -Hltn | grep -q :443"),
        3, ["lb1: port 443 is taken by perl", "stop it"]),
    "a data directory of nobody": (
        lambda site: on_host(site, "db2", "mkdir -p /var/lib/gemel/postgres/data; cd /var/lib/gemel/postgres/data; "
                             "echo 15 >PG_VERSION; echo mine >thesis",
                             "cd /var/lib; test $(cat gemel/postgres/data/thesis) = mine; rm -r gemel"),
        3, ["db2: there is data in /var/lib/gemel/postgres/data already", "it is not touched", "move it away and keep it"]),
    "a clock an hour off": (
        lambda site: on_host(site, "ccm2", LATE, "rm /usr/sbin/date"),
        3, ["ccm2: the clock is 359", "s ahead of this host's", "set it"]),
    "an address that two machines have": (
        lambda site: two_with_one_address(site, "db1"),
        3, ["db1: another machine answers at 10.77.0.21 too", "take it from that machine"]),
    "another machine behind a host's address": (
        lambda site: two_with_one_address(site, "ccm1"),
        6, ["db1: cannot be reached: it shows another host key", "another machine may answer at its address"]),
    "a floating address that is taken": (
        lambda site: on_host(site, "lb1", "ip addr add 10.77.0.100/32 dev eth0", "ip addr del 10.77.0.100/32 dev eth0"),
        3, ["db1, db2: somebody answers at 10.77.0.100 already", "choose a free one"]),
    "a program for the floating address that is not there": (
        lambda site: network_key(site, 'address_command = "/usr/local/sbin/move-address"'),
        3, ["db1, db2: /usr/local/sbin/move-address is not there", "install it"]),
    "a name that nobody knows": (
        lambda site: on_host(site, "ccm2", "cp -p /etc/hosts /etc/hosts.kept; sed -i /mgmt.lab.test/d /etc/hosts",
                             "mv /etc/hosts.kept /etc/hosts"),
        3, ["ccm2: the name mgmt.lab.test is not known here", "10.77.0.31", "add it to your DNS"]),
    "an authority that has expired": (
        lambda site: authority(site, "web", expire), 3, ["web-ca.crt", "the certificate has expired", "put the right pair"]),
    "a key that does not match": (
        lambda site: authority(site, "db", mix_up), 3, ["db-ca.key", "the key does not belong to the certificate"]),
}


def expect_refusal(site: BareSite, code: int, words: list[str], **how) -> None:
    result = site.run("apply", "--yes", **how)
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    for word in words:
        assert word in said, said


def test_a_key_that_the_hosts_do_not_know_is_refused(site, unchanged, tmp_path):
    """Root's password is never asked for: a wrong one cannot be typed, a wrong key can be named."""
    make_key(tmp_path / "other")
    expect_refusal(site, 6, ["Permission denied", "authorized_keys", "passwords are not asked for"], key=tmp_path / "other")


@pytest.mark.parametrize("name", FAULTS)
def test_is_refused_before_any_change(site, unchanged, name):
    inject, code, words = FAULTS[name]
    if not site.state.exists():
        site.run("plan", "--yes")
    with inject(site):
        expect_refusal(site, code, words)


def test_two_hosts_with_one_address_are_a_mistake_of_the_site_file(site, tmp_path):
    text = site.site.read_text().replace("10.77.0.22", "10.77.0.21")
    (tmp_path / "site.toml").write_text(text)
    kept, site.site = site.site, tmp_path / "site.toml"
    try:
        expect_refusal(site, 2, ["give each host an address of its own"])
    finally:
        site.site = kept


def findings(site: BareSite) -> tuple[int, dict[str, dict]]:
    result = site.run("doctor", "--yes", "-o", "json")
    report = json.loads(result.stdout)
    return result.returncode, {f"{entry['host']} {entry['code']}": entry for entry in report["findings"]}


def test_the_doctor_says_before_a_setup_what_the_setup_would_say(site, unchanged):
    code, found = findings(site)
    assert code == 0, found
    assert not any(entry["is_blocking"] for entry in found.values())
    assert not {key.split()[1] for key in found} & {"path_silent", "small_packets", "path_closed"}, found
    try:
        site.lab.verb("drop", "db1", "db2", "--one-way", "--only=udp/7401")
        site.lab.verb("drop", "ccm1", "db1", "--one-way", "--larger=1400")
        site.lab.verb("drop", "ccm2", "db1", "--only=tcp/5432")
        code, found = findings(site)
    finally:
        site.lab.verb("heal")
    assert code == 3, found
    assert "UDP 7401 of db2 (10.77.0.22" in found["db1 path_silent"]["what"]
    assert "do not reach db1" in found["ccm1 small_packets"]["what"]
    closed = found["ccm2 path_closed"]
    assert "TCP 5432" in closed["what"] and closed["why"] and "let them through" in closed["mend"]
    assert {key for key, entry in found.items() if entry["is_blocking"]} == {"ccm2 path_closed"}
