"""What gemel does to a site that serves, on machines of the lab: rotate under load, destroy."""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite
from certificates import Authority, section
from lab_driver import HERE, LAB, ROOT, Lab, Load
from test_setup import is_reached

PASSWORD = "/etc/gemel/secrets/application.password"


@pytest.fixture(scope="module")
def site(setup_site) -> BareSite:
    setup_site.be_whole()
    return setup_site


@pytest.fixture
def lab(site) -> Lab:
    return site.lab


def log_in(lab: Lab, host: str, password: str) -> str:
    """What psql says when somebody logs in with this password through the floating address."""
    script = ("read -r PGPASSWORD; export PGPASSWORD; psql -XAtw -c 'SELECT 1' 'host=10.77.0.100 user=cliqr dbname=gemel "
              "sslmode=verify-full sslrootcert=/etc/gemel/pki/db-ca.crt' 2>&1")
    return subprocess.run([str(LAB), "exec", host, "--", "sh", "-c", script],
                          input=password + "\n", text=True, capture_output=True, timeout=30, check=False).stdout


def test_a_password_is_rotated_under_load_and_no_request_fails(lab, site, record, monkeypatch):
    primary = lab.primary()
    former = lab.inside(primary, "cat", PASSWORD).strip()
    monkeypatch.setattr(lab, "in_client", lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command])
    load = Load(lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", "rotation")
    with load:
        time.sleep(1)
        began = time.monotonic()
        process = subprocess.Popen(rotation(site, "password"), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        while process.poll() is None:  # sessions that are open need no password: end them, so that the managers log in
            lab.sql(primary, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cliqr'")
            time.sleep(0.1)
        took = time.monotonic() - began
        said = process.stdout.read()
        assert process.returncode == 0, said
        time.sleep(1)
        result = load.stop()
    assert result["failed"] == 0, result["failures"]
    assert result["requests"] > 100
    present = lab.inside(primary, "cat", PASSWORD).strip()
    assert present != former and present not in said
    assert log_in(lab, primary, present).strip() == "1"
    assert "password authentication failed" in log_in(lab, primary, former)
    for host in ("ccm1", "ccm2", "db1", "db2"):
        assert lab.inside(host, "cat", PASSWORD).strip() == present
        assert lab.inside(host, "sh", "-c", f"ls {PASSWORD}.next 2>/dev/null || true") == ""
    kept = {row for row in lab.sql(primary, "SELECT idempotency_key FROM notes WHERE author = 'rotation'")}
    assert set(result["keys"]) <= kept
    record.add("rotate password under load", [took], "s", 30)


class Credentials:
    """What a thief of a host's files has, tried from a host that the firewalls let through."""

    def __init__(self, site: BareSite, folder):
        self.folder = folder
        shutil.copytree(site.state / "rendered", folder)
        (folder / "db1/etc/gemel/pki/replication.key").chmod(0o600)

    def pki(self, host: str, name: str) -> str:
        return str(self.folder / host / "etc/gemel/pki" / name)

    def ask(self, url: str, host: str, name: str) -> tuple[int, str]:
        """curl's exit code and status. The server is not verified: what counts is whether it lets the caller in."""
        done = run_at(host, "curl", "-sk", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", "--cert",
                      self.pki(host, f"{name}.crt"), "--key", self.pki(host, f"{name}.key"), url)
        return done.returncode, done.stdout

    def replicate(self) -> str:
        """What PostgreSQL says to whoever shows db1's replication certificate, without a password."""
        where = (f"host=10.77.0.22 user=gemel_replication replication=1 sslmode=require sslcert={self.pki('db1', 'replication.crt')} "
                 f"sslkey={self.pki('db1', 'replication.key')} connect_timeout=5")
        return run_at("db1", "psql", "-XAtw", "-c", "IDENTIFY_SYSTEM", where).stderr


def run_at(host: str, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["ip", "netns", "exec", f"gemel-{host}", *command], capture_output=True, text=True, timeout=30,
                          check=False)


def may_enter(credentials: Credentials) -> dict:
    said = credentials.replicate()
    return {
        "agent": credentials.ask("https://10.77.0.22:7400/status", "db1", "agent") == (0, "200"),
        "manager to agent": credentials.ask("https://10.77.0.21:7400/status", "ccm1", "manager-agent") == (0, "200"),
        "store": credentials.ask("https://10.77.0.11:2379/version", "db1", "etcd-client") == (0, "200"),
        "members of the store": credentials.ask("https://10.77.0.12:2380/members", "ccm1", "etcd-peer") == (0, "200"),
        # With a certificate that is believed the server asks for the password; otherwise it ends the handshake.
        "replication": "no password supplied" in said,
    }


def set_command(site: BareSite, setting: str) -> list[str]:
    words = site.command("set", "--yes")
    words.insert(words.index("set") + 1, setting)
    return words


def starts_of_postgres(lab: Lab) -> dict:
    return {host: lab.inside(host, "sh", "-c", "head -1 /var/lib/gemel/postgres/data/postmaster.pid").strip()
            for host in ("db1", "db2")}


def test_certificates_are_exchanged_under_load_and_no_request_fails(lab, site, record, monkeypatch, tmp_path):
    former = Credentials(site, tmp_path / "former")
    assert set(may_enter(former).values()) == {True}, (may_enter(former), former.replicate())
    primary, servers = lab.primary(), starts_of_postgres(lab)
    monkeypatch.setattr(lab, "in_client", lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command])
    authority = str(site.state / "rendered" / "ca" / "web-ca.crt")
    load = Load(lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca", authority,
                "--notes", "exchange")
    with load:
        time.sleep(1)
        began = time.monotonic()
        done = subprocess.run(rotation(site, "certificates"), capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
        took = time.monotonic() - began
        assert done.returncode == 0, done.stdout + done.stderr
        time.sleep(1)
        result = load.stop()
    assert result["failed"] == 0, result["failures"]
    assert result["requests"] > 100
    kept = set(lab.sql(lab.primary(), "SELECT idempotency_key FROM notes WHERE author = 'exchange'"))
    assert set(result["keys"]) <= kept
    assert set(may_enter(former).values()) == {False}, may_enter(former)
    present = Credentials(site, tmp_path / "present")
    assert set(may_enter(present).values()) == {True}, (may_enter(present), present.replicate())
    assert lab.primary() == primary and starts_of_postgres(lab) == servers
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    record.add("rotate certificates under load", [took], "s", 180)
    record.add("slowest request while certificates are exchanged", [result["slowest_ms"]], "ms", 5000)


def rotation(site: BareSite, what: str) -> list[str]:
    words = site.command("rotate", "--yes")
    words.insert(words.index("rotate") + 1, what)
    return words


def kill_in(site: BareSite, stage: str, command: list[str]) -> None:
    """Runs `command` until the exchange has been in this stage for a while, which is in the middle of its steps."""
    noted = site.state / "rendered" / "ca" / "exchange"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                               start_new_session=True)
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.read_text().strip() == stage):
        assert process.poll() is None and time.monotonic() < deadline, stage
        time.sleep(0.05)
    time.sleep(2)
    assert process.poll() is None, stage
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_heartbeat_key_is_exchanged_although_every_stage_is_killed_once(lab, site):
    key = "/etc/gemel/secrets/heartbeat.key"
    primary, servers, former = lab.primary(), starts_of_postgres(lab), lab.inside("db1", "cat", key).strip()
    command = rotation(site, "heartbeat-key")
    for stage in ("trusting", "issuing", "withdrawing"):
        kill_in(site, stage, command)
        assert lab.primary() == primary
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and "begun before is done" in done.stdout, done.stdout + done.stderr
    present = lab.inside("db1", "cat", key).strip()
    assert present != former and "\n" not in present and present not in done.stdout + done.stderr
    assert lab.inside("db2", "cat", key).strip() == present
    lab.wait_healthy(20)
    assert lab.primary() == primary and starts_of_postgres(lab) == servers


def test_after_a_rotation_nothing_is_left_to_do(lab, site):
    result = site.run("apply", "--yes")
    assert result.returncode == 0 and "[" not in result.stdout, result.stdout + result.stderr


WEB = {"lb1": "10.77.0.31", "ccm1": "10.77.0.11", "ccm2": "10.77.0.12"}


def shown(host: str, port: int, name: str) -> str:
    """The SHA-256 of the certificate that the host shows at the port to somebody who asks for this name; to a user at the
    balancer, to the balancer's host at a manager: the packet filter lets nobody else there."""
    connect = ["ip", "netns", "exec", CLIENT_SPACE if host == "lb1" else "gemel-lb1", "openssl", "s_client", "-connect", f"{WEB[host]}:{port}",
               *(["-servername", name] if name else ["-noservername"])]
    answer = subprocess.run(connect, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    return fingerprint(answer.stdout)


def fingerprint(pem: str) -> str:
    return subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=pem, capture_output=True,
                          text=True, timeout=20, check=True).stdout.strip()


def expect_shown(site: BareSite, expected: str) -> None:
    """Who asks for the site's name sees it everywhere, on both ports (the balancer passes the orchestrators' through to a
    manager); who asks a manager for its host's name, as the balancer does, sees the inner one."""
    for host in WEB:
        for port in (443, 8443):
            assert shown(host, port, "mgmt.lab.test") == expected, (host, port)
    for host in ("ccm1", "ccm2"):
        inner = fingerprint((site.state / "rendered" / host / "etc" / "gemel" / "pki" / "web.crt").read_text())
        assert shown(host, 443, host) == inner != expected
        assert shown(host, 443, "") == inner


def test_an_own_certificate_is_shown_and_renewed_under_load(lab, site, record, monkeypatch, tmp_path):
    """It carries the managers' names too: what the balancer asks a manager for must not be answered with it."""
    names = "DNS:mgmt.lab.test,DNS:ccm1,DNS:ccm2,IP:10.77.0.31"
    own = Authority(tmp_path / "authority")
    mine, key = tmp_path / "mgmt.pem", tmp_path / "mgmt.key"
    (tmp_path / "site.toml").write_text(site.site.read_text() + section("mgmt.pem", "mgmt.key", own.root))
    bundle = tmp_path / "both.crt"
    bundle.write_text(own.root.read_text() + (site.state / "rendered" / "ca" / "web-ca.crt").read_text())
    monkeypatch.setattr(lab, "in_client", lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command])
    haproxy = lab.inside("lb1", "cat", "/run/gemel/haproxy/haproxy.pid")
    took = []
    load = Load(lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca", str(bundle))
    with load, monkeypatch.context() as changed:
        changed.setattr(site, "site", tmp_path / "site.toml")
        for name in ("first", "renewed"):
            chain, made = own.issue(name, names)
            mine.write_text(chain.read_text())
            key.write_text(made.read_text())
            key.chmod(0o600)
            began = time.monotonic()
            result = site.run("apply", "--yes")
            took.append(time.monotonic() - began)
            assert result.returncode == 0, result.stdout + result.stderr
            expect_shown(site, fingerprint(mine.read_text()))
            again = site.run("apply", "--yes")
            assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr
        mine.write_text(own.issue("over", names, (-90, -1))[0].read_text())
        refused = site.run("apply", "--yes")
        assert refused.returncode == 3 and "has expired" in refused.stderr, refused.stdout + refused.stderr
        measured = load.stop()
    assert measured["failed"] == 0, measured["failures"]
    assert measured["requests"] > 100
    assert lab.inside("lb1", "cat", "/run/gemel/haproxy/haproxy.pid") == haproxy, "HAProxy was started anew"
    for host, file, owner in (("lb1", "mgmtserver.pem", "root"), ("ccm1", "mgmtserver.key", "gemel-manager")):
        assert lab.inside(host, "stat", "-c", "%a %U", f"/etc/gemel/pki/{file}").split() == ["600", owner]
    record.add("apply: an own certificate under load", took, "s", 60)
    # Without the section the site's own authority makes one again.
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    made = (site.state / "rendered" / "ccm1" / "etc" / "gemel" / "pki" / "mgmtserver.crt").read_text()
    assert shown("ccm1", 443, "mgmt.lab.test") == fingerprint(made)


def host_toml_says(lab: Lab, text: str) -> dict:
    return {host: text in lab.inside(host, "cat", "/etc/gemel/host.toml") for host in HOSTS}


def test_one_setting_is_changed_and_the_file_keeps_its_comments(lab, site, monkeypatch, tmp_path):
    file = tmp_path / "site.toml"
    shutil.copy(site.site, file)
    monkeypatch.setattr(site, "site", file)
    servers = starts_of_postgres(lab)
    changed = subprocess.run(set_command(site, "network.service_targets=10.77.0.11,10.77.0.31"), capture_output=True, text=True,
                             timeout=240, check=False, stdin=subprocess.DEVNULL)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    lines = file.read_text().splitlines()
    assert [line for line in lines if "service_targets" not in line] == (ROOT / "lab" / "site.toml").read_text().splitlines()
    assert 'service_targets = ["10.77.0.11", "10.77.0.31"]' in lines
    assert set(host_toml_says(lab, "service_targets = ['10.77.0.11', '10.77.0.31']").values()) == {True}
    assert starts_of_postgres(lab) == servers, "PostgreSQL goes on"
    # Taken back, so that the tests after this find the lab's own site.
    file.write_text((ROOT / "lab" / "site.toml").read_text())
    back = site.run("apply", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr


def test_settings_change_one_after_the_other_under_load(lab, site, record, monkeypatch, tmp_path):
    file = tmp_path / "site.toml"
    shutil.copy(site.site, file)
    monkeypatch.setattr(site, "site", file)
    monkeypatch.setattr(lab, "in_client", lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command])
    before, servers, took = lab.summary(), starts_of_postgres(lab), []
    load = Load(lab, sys.executable, str(HERE / "web_load.py"), "--url", "https://10.77.0.31", "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", "settings")
    with load:
        for setting, said in (("database.min_copies=2", "min_copies = 2"), ("ports.statistics=9001", "statistics = 9001"),
                              ("ports.orchestrators=8444", "orchestrators = 8444"),
                              ("network.client_addresses=10.77.0.11,10.77.0.12", "'10.77.0.12'")):
            began = time.monotonic()
            changed = subprocess.run(set_command(site, setting), capture_output=True, text=True, timeout=240, check=False,
                                     stdin=subprocess.DEVNULL)
            took.append(time.monotonic() - began)
            assert changed.returncode == 0, changed.stdout + changed.stderr
            assert set(host_toml_says(lab, said).values()) == {True}, setting
        result = load.stop()
    assert result["failed"] == 0 and result["requests"] > 100, result
    assert set(result["keys"]) <= set(lab.sql(lab.primary(), "SELECT idempotency_key FROM notes WHERE author = 'settings'"))
    for port, is_there in ((9001, True), (8444, True), (9000, False), (8443, False)):
        assert is_reached(site, "10.77.0.31", port) is is_there, port
    after = lab.summary()
    assert (after["primary"], after["epoch"]) == (before["primary"], before["epoch"]), "somebody took over"
    assert starts_of_postgres(lab) == servers, "PostgreSQL goes on"
    record.add("set: one setting of a running site", took, "s", 60)
    # The port that users come to, without them; then everything back, for the tests after this.
    changed = subprocess.run(set_command(site, "ports.https=9443"), capture_output=True, text=True, timeout=240, check=False,
                             stdin=subprocess.DEVNULL)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert is_reached(site, "10.77.0.31", 9443) and not is_reached(site, "10.77.0.31", 443)
    file.write_text((ROOT / "lab" / "site.toml").read_text())
    back = site.run("apply", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert is_reached(site, "10.77.0.31", 443)


def test_a_setting_that_cannot_be_carried_through_is_taken_back(lab, site, monkeypatch, tmp_path):
    file = tmp_path / "site.toml"
    shutil.copy(site.site, file)
    monkeypatch.setattr(site, "site", file)
    former, servers = file.read_text(), starts_of_postgres(lab)
    said = []
    with subprocess.Popen(set_command(site, "network.service_targets=10.77.0.11,10.77.0.31"), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL) as process:
        while file.read_text() == former and process.poll() is None:
            time.sleep(0.05)
        # Databases come first: the second manager will not start when its turn comes.
        lab.inside("ccm2", "systemctl", "mask", "--runtime", "--now", "gemel-manager.service")
        for line in process.stdout:
            said.append(line)
            if "the former value comes back" in line:
                lab.inside("ccm2", "systemctl", "unmask", "--runtime", "gemel-manager.service")
    assert process.returncode == 1, "".join(said)
    assert "has its former value, in the site file and on every host; the site is healthy" in "".join(said)
    assert file.read_text() == former
    assert set(host_toml_says(lab, "service_targets = ['10.77.0.11', '10.77.0.12', '10.77.0.31']").values()) == {True}
    assert starts_of_postgres(lab) == servers, "PostgreSQL goes on"
    again = site.run("plan")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr


def test_timers_change_in_the_two_runs_that_a_refusal_names(lab, site, monkeypatch, tmp_path):
    file = tmp_path / "site.toml"
    monkeypatch.setattr(site, "site", file)
    before, servers = lab.summary(), starts_of_postgres(lab)
    own = (ROOT / "lab" / "site.toml").read_text()

    def apply(timers: str) -> subprocess.CompletedProcess:
        file.write_text(own + "\n[timers]\nprofile = \"fast\"\n" + timers)
        return site.run("apply", "--yes")

    refused = apply("")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "shorter lease (200) and over them grace_ms = 650" in refused.stdout + refused.stderr
    assert set(host_toml_says(lab, "lease_ms = 500").values()) == {True}
    for timers, grace in (("grace_ms = 650\n", 650), ("", 290)):
        changed = apply(timers)
        assert changed.returncode == 0, changed.stdout + changed.stderr
        assert set(host_toml_says(lab, f"lease_ms = 200\ngrace_ms = {grace}\n").values()) == {True}
    after = lab.summary()
    assert (after["primary"], after["epoch"]) == (before["primary"], before["epoch"]), "somebody took over"
    assert starts_of_postgres(lab) == servers, "PostgreSQL goes on"


def test_a_site_is_destroyed_only_by_its_name_and_its_data_is_kept(lab, site):
    refused = site.run("destroy", "--yes", "--confirm", "destroy it")
    assert refused.returncode == 3 and "nothing was changed" in refused.stderr
    lab.sql(lab.primary(), "CREATE TABLE kept AS SELECT 42 AS answer")
    site.condition = "open"
    result = site.run("destroy", "--yes", "--confirm", "destroy lab")
    assert result.returncode == 0, result.stdout + result.stderr
    for host in HOSTS:
        left = lab.inside(host, "sh", "-c", "ls -d /etc/gemel /var/lib/gemel 2>/dev/null; nft list tables | grep gemel_; "
                          "grep -F gemel /etc/hosts; pgrep -x 'gemeld|etcd|haproxy|postgres|gemel-manager'; true")
        assert left.strip() == "", (host, left)
        kept = lab.inside(host, "sh", "-c", "stat -c %a /var/lib/gemel-kept; ls /var/lib/gemel-kept/*")
        assert kept.split()[0] == "700" and "etc" in kept.split(), kept
    for host in ("db1", "db2"):
        assert lab.inside(host, "sh", "-c", "cat /var/lib/gemel-kept/*/var/postgres/data/PG_VERSION").strip() == "15"
    again = site.run("destroy", "--yes", "--confirm", "destroy lab")
    assert again.returncode == 0 and "nothing of this site" in again.stdout, again.stdout + again.stderr


ANSWERS = """[site]
name = "lab"
[network]
subnets = ["10.77.0.0/24", "fd77::/64"]
[database]
address = "10.77.0.100"
[ha]
primary_ip = "10.77.0.11"
secondary_ip = "10.77.0.12"
dns_name = "mgmt.lab.test"
[manager1]
zone = "a"
[manager2]
zone = "b"
[database1]
address = "10.77.0.21"
zone = "a"
[database2]
address = "10.77.0.22"
zone = "b"
[balancer1]
address = "10.77.0.31"
"""


def test_what_was_destroyed_is_made_anew_by_the_wizard(lab, site, record, tmp_path):
    """The answers are a person's; the keys of the hosts are known from before."""
    answers = tmp_path / "answers.toml"
    answers.write_text(ANSWERS)
    words = site.command("wizard", "--answers", str(answers), "--yes")
    words[words.index(str(site.site))] = str(tmp_path / "site.toml")
    began = time.monotonic()
    result = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
    took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Configuring CCM HA ..." in result.stdout and "Configured CCM HA successfully" in result.stdout
    assert lab.sql(lab.primary(), "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == ["0"]
    again = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr
    record.add("wizard: hosts with packages to a site", [took], "s", 90)
