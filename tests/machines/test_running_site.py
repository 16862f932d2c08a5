"""What gemel does to a site that serves, on machines of the lab: rotate under load, destroy."""
import subprocess
import sys
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite
from lab_driver import HERE, LAB, Lab, Load

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
        words = site.command("rotate", "--yes")
        words.insert(words.index("rotate") + 1, "password")
        process = subprocess.Popen(words, stdout=subprocess.PIPE,
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


def test_after_a_rotation_nothing_is_left_to_do(lab, site):
    result = site.run("apply", "--yes")
    assert result.returncode == 0 and "[" not in result.stdout, result.stdout + result.stderr


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
