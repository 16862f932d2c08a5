"""A site whose database is somebody else's: db1 plays the provider, with a PostgreSQL that knows nothing of Gemel, TLS by an
authority of its own and SCRAM. The site is ccm1, ccm2 and lb1."""
import subprocess
import sys
import time

import pytest

from bare_site import BareSite
from certificates import Authority
from conversion import begin
from lab_driver import HERE, LAB, ROOT, Lab, Load, wait_until

ENDPOINT = "db.lab.test:5432"
SITE = """[site]
name = "lab"
dns_name = "mgmt.lab.test"
[network]
subnets = ["10.77.0.0/24", "fd77::/64"]
interface = "eth0"
[database]
endpoint = "{endpoint}"
ca = "{ca}"
password_file = "database.password"
[[host]]
name = "ccm1"
role = "CCM_SA_PRIMARY"
address = "10.77.0.11"
[[host]]
name = "ccm2"
role = "CCM_SA_SECONDARY"
address = "10.77.0.12"
[[host]]
name = "lb1"
role = "CCM_LB"
address = "10.77.0.31"
"""
BALANCER = "https://10.77.0.31"
PASSWORD, NEXT_PASSWORD = "it's a pass:word\\ of the provider", "another one of the provider"
# Debian's PostgreSQL is on every machine of the lab; this cluster is its own, at a place where Gemel never looks.
PROVIDE = """set -e
install -d -o postgres -g postgres -m 0700 /srv/provider
install -o postgres -g postgres -m 0600 /root/provider.pem /srv/provider/server.crt
install -o postgres -g postgres -m 0600 /root/provider.key /srv/provider/server.key
cd /srv/provider
runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D /srv/provider/data -E UTF8 --locale=C.UTF-8 \\
  --auth-local=peer --auth-host=scram-sha-256 >/dev/null
cat >>data/postgresql.conf <<END
listen_addresses = '*'
unix_socket_directories = '/run/provider'
ssl = on
ssl_cert_file = '/srv/provider/server.crt'
ssl_key_file = '/srv/provider/server.key'
END
cat >data/pg_hba.conf <<END
local all postgres peer
hostssl all all 10.77.0.0/24 scram-sha-256
END
"""
START = ["systemd-run", "--quiet", "--unit=provider", "-p", "User=postgres", "-p", "RuntimeDirectory=provider", "-p",
         "Type=notify", "/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/provider/data"]


def put(host: str, path: str, text: str) -> None:
    subprocess.run([str(LAB), "exec", host, "--", "sh", "-c", f"umask 077; cat >{path}"], input=text, text=True, check=True,
                   capture_output=True, timeout=30)


class Provider:
    def __init__(self, lab: Lab, authority: Authority):
        self.lab = lab
        chain, key = authority.issue("provider", "DNS:db.lab.test")
        put("db1", "/root/provider.pem", chain.read_text())
        put("db1", "/root/provider.key", key.read_text())
        lab.inside("db1", "sh", "-c", PROVIDE, limit=60)
        self.start()
        quoted = PASSWORD.replace("'", "''")
        self.sql("postgres", f"CREATE ROLE cliqr LOGIN PASSWORD '{quoted}'")
        self.sql("postgres", "CREATE DATABASE gemel OWNER cliqr")

    def start(self) -> None:
        self.lab.inside("db1", *START, limit=60)

    def stop(self) -> None:
        self.lab.inside("db1", "systemctl", "stop", "provider.service", limit=60)

    def sql(self, database: str, statement: str) -> list[str]:
        return self.lab.inside("db1", "runuser", "-u", "postgres", "--", "psql", "-h", "/run/provider", "-d", database,
                               "-v", "ON_ERROR_STOP=1", "-XAtqc", statement).splitlines()

    def kept(self, author: str) -> set[str]:
        return set(self.sql("gemel", f"SELECT idempotency_key FROM notes WHERE author = '{author}'"))


def write_password(site: BareSite, password: str) -> None:
    file = site.site.parent / "database.password"
    file.touch(0o600)
    file.write_text(password + "\n")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("provider") / "authority")


@pytest.fixture(scope="module")
def site(setup_site, authority, tmp_path_factory) -> BareSite:
    begin(setup_site, tmp_path_factory.mktemp("external"), SITE.format(endpoint=ENDPOINT, ca=authority.root))
    write_password(setup_site, PASSWORD)
    for host in ("ccm1", "ccm2"):
        setup_site.lab.inside(host, "sh", "-c", "echo '10.77.0.21 db.lab.test' >>/etc/hosts")
    yield setup_site
    setup_site.site = ROOT / "lab" / "site.toml"
    setup_site.condition = "off"


@pytest.fixture(scope="module")
def provider(site, authority) -> Provider:
    return Provider(site.lab, authority)


@pytest.fixture
def lab(site) -> Lab:
    return site.lab


def writers(site: BareSite, author: str) -> Load:
    """Posts notes through the balancer and repeats each until it is answered."""
    return Load(site.lab, sys.executable, str(HERE / "web_load.py"), "--url", BALANCER, "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", author, "--patience", "20")


def has_been_touched(lab: Lab, host: str) -> bool:
    return lab.verb("exec", host, "--", "test", "-e", "/etc/gemel", check=False).returncode == 0


def health(lab: Lab) -> str:
    return lab.summary().get("health", "")


def test_a_database_that_is_not_there_stands_in_the_way(site, lab):
    result = site.run("apply", "--yes")
    assert result.returncode == 3, result.stdout + result.stderr
    assert f"the database {ENDPOINT} is not reached" in result.stdout + result.stderr
    assert not any(has_been_touched(lab, host) for host in ("ccm1", "ccm2", "lb1"))


@pytest.mark.parametrize("mistake, words", [("password", "password authentication failed"),
                                            ("authority", "certificate verify failed")])
def test_a_database_that_lets_nobody_in_stands_in_the_way(site, lab, provider, tmp_path, mistake, words):
    good = site.site.read_text()
    if mistake == "password":
        write_password(site, "not the one of the provider")
    else:
        site.site.write_text(SITE.format(endpoint=ENDPOINT, ca=Authority(tmp_path / "other").root))
    try:
        result = site.run("apply", "--yes")
    finally:
        write_password(site, PASSWORD)
        site.site.write_text(good)
    assert result.returncode == 3, result.stdout + result.stderr
    assert words in result.stdout + result.stderr
    assert not any(has_been_touched(lab, host) for host in ("ccm1", "ccm2", "lb1"))


def test_bare_hosts_serve_with_it_after_one_run(site, lab, provider):
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "Configured CCM HA successfully"
    wait_until("the site is healthy", lambda: health(lab) == "healthy", 10)
    assert lab.summary()["reason_code"] == "external" and lab.summary()["database"] == ENDPOINT
    assert f"Database: external, {ENDPOINT}; reached by ccm1 and ccm2" in lab.gemel("status").stdout
    for host in ("ccm1", "ccm2", "lb1"):
        running = set(lab.inside(host, "sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null || true").split())
        assert "gemeld" in running and not running & {"etcd", "postgres"}, (host, running)


def test_notes_are_kept_there_by_both_managers(site, lab, provider):
    with writers(site, "kept") as load:
        time.sleep(2)
        done = load.stop()
    assert done["failed"] == 0, done["failures"]
    assert done["managers"] == ["ccm1", "ccm2"]
    assert done["keys"] and set(done["keys"]) == provider.kept("kept")
    used = provider.sql("postgres", "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                        "WHERE usename = 'cliqr'")
    assert used == ["t"]


def test_a_second_run_has_nothing_to_do(site, provider):
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "nothing to do" in result.stdout, result.stdout


def test_a_manager_believes_no_other_authority(site, lab, provider, tmp_path):
    put("ccm2", "/etc/gemel/pki/db-ca.crt", Authority(tmp_path / "other").root.read_text())
    lab.inside("ccm2", "chmod", "0644", "/etc/gemel/pki/db-ca.crt")
    lab.inside("ccm2", "systemctl", "restart", "gemel-manager.service", limit=60)

    def said() -> str:
        return lab.gemel("ready", host="ccm2", check=False).stdout
    wait_until("the manager says why it cannot serve", lambda: "certificate verify failed" in said(), 10)
    wait_until("the site says who does not reach it", lambda: "; reached by ccm1, not by ccm2" in lab.gemel("status").stdout,
               10)
    assert health(lab) == "degraded"
    result = site.run("apply", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    wait_until("the site is healthy", lambda: health(lab) == "healthy", 20)


def test_a_new_password_comes_to_the_managers_without_a_lost_request(site, lab, provider):
    with writers(site, "password") as load:
        time.sleep(1)
        provider.sql("postgres", f"ALTER ROLE cliqr PASSWORD '{NEXT_PASSWORD}'")
        write_password(site, NEXT_PASSWORD)
        result = site.run("apply", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        time.sleep(1)
        done = load.stop()
    assert done["failed"] == 0, done["failures"]
    assert set(done["keys"]) == provider.kept("password")
    words = site.command("rotate", "--yes")
    words.insert(words.index("rotate") + 1, "password")
    refused = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 3 and "at the provider" in refused.stderr, refused.stdout + refused.stderr


def test_what_only_database_hosts_do_is_refused(lab, provider):
    for words in (["switchover", "--yes"], ["pause", "--reason", "none", "--for", "1m"], ["resume"]):
        result = lab.gemel(*words, check=False)
        assert result.returncode == 3 and "is external" in result.stderr, result.stdout + result.stderr


def test_the_site_says_when_it_is_away_and_comes_back_with_it(lab, provider):
    provider.stop()
    wait_until("the site is down", lambda: health(lab) == "down", 20)
    assert "reached by no manager" in lab.gemel("status").stdout
    provider.start()
    wait_until("the site is healthy", lambda: health(lab) == "healthy", 30)
