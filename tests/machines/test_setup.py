"""From bare hosts to a site: gemel plan and gemel apply over SSH, on machines of the lab that have only sshd and a key."""
import json
import os
import subprocess
import threading
import time

import pytest

from bare_site import CLIENT_SPACE, HOSTS, BareSite, on_all
from lab_driver import LAB

# What a host would show to any of its users. Packages' own files hold nothing of a site; what /proc shows of processes is
# looked at while the setup works.
READABLE = r"""find / -xdev \( -path /usr -o -path /proc -o -path /sys \) -prune -o -type f -perm /o+r -size -20M -print0 |
  xargs -0 -r cat
for place in /run /tmp /dev/shm /var/tmp; do find $place -xdev -type f -perm /o+r -size -20M -exec cat {} + ; done
journalctl --no-pager -o cat"""


class ProcessWatch(threading.Thread):
    """Every command line and environment that any process of this host's machines had while it ran, as far as a look
    every 20 ms sees them."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.looks = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.02):
            self.looks += 1
            for entry in os.listdir("/proc"):
                if not entry.isdigit():
                    continue
                for part in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{entry}/{part}", "rb") as file:
                            self.seen.add(file.read())
                    except OSError:
                        continue

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()


@pytest.fixture(scope="module")
def applied(setup_site, record):
    """The first run on bare machines, what it printed, and what processes showed meanwhile."""
    setup_site.be_bare()
    plan = setup_site.run("plan", "--yes")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    setup_site.condition = "open"
    with ProcessWatch() as watch:
        began = time.monotonic()
        result = setup_site.run("apply", "--yes")
        took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    record.add("setup: bare hosts to a site", [took], "s", 90)
    setup_site.condition = "whole"
    return {"shown": plan.stdout + plan.stderr + result.stdout + result.stderr, "watch": watch}


def test_bare_hosts_serve_after_one_run(applied, setup_site):
    assert "Configuring CCM HA ..." in applied["shown"]
    assert applied["shown"].splitlines()[-1] == "Configured CCM HA successfully"
    status = json.loads(setup_site.lab.inside("ccm1", "gemel", "status", "-o", "json"))
    assert status["summary"]["primary"] in ("db1", "db2")
    assert is_reached(setup_site, "10.77.0.31", 443)


def is_reached(site: BareSite, address: str, port: int, source: str = "") -> bool:
    """Whether a connection is opened, from another host or from the client."""
    ask = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
    if source:
        return site.lab.verb("exec", source, "--", *ask, check=False).returncode == 0
    return subprocess.run(["ip", "netns", "exec", CLIENT_SPACE, *ask], check=False, capture_output=True).returncode == 0


def test_a_foreign_host_reaches_no_inner_port(applied, setup_site):
    assert is_reached(setup_site, "10.77.0.11", 2379, "db1") and not is_reached(setup_site, "10.77.0.11", 2379)


def test_a_second_run_has_nothing_to_do(applied, setup_site, record):
    began = time.monotonic()
    result = setup_site.run("apply", "--yes")
    took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[" not in result.stdout, result.stdout
    record.add("setup: a second run", [took], "s", 5)


def test_no_secret_is_shown(applied, setup_site):
    kept = [path.read_text() for path in setup_site.state.rglob("*.log")]
    assert kept
    shown = applied["shown"] + setup_site.run("plan", "-o", "json").stdout + "".join(kept)
    assert "db1/files: begins" in shown
    assert not [text for text in setup_site.secrets() if text in shown]


def test_no_secret_is_on_a_command_line_or_in_an_environment(applied, setup_site):
    watch = applied["watch"]
    assert watch.looks > 50
    seen = b"\n".join(watch.seen)
    assert b"gemel-setup" in seen and b"HostKeyAlias" in seen, "both sides of the setup's connections were watched"
    assert not [text for text in setup_site.secrets() if text.encode() in seen]


@pytest.fixture
def find_secrets(setup_site, tmp_path):
    """What of the secrets any user of a host could read there, and how many bytes that were."""
    wanted = tmp_path / "secrets"
    wanted.touch(0o600)
    wanted.write_text("\n".join(sorted(setup_site.secrets())) + "\n")

    def find(host: str) -> tuple[str, int]:
        read = tmp_path / f"{host}.read"
        with read.open("wb") as file:
            subprocess.run([str(LAB), "exec", host, "--", "sh", "-c", READABLE], stdout=file, stderr=subprocess.DEVNULL,
                           timeout=120, check=False)
        found = subprocess.run(["grep", "-aoF", "-f", str(wanted), str(read)], capture_output=True, text=True, check=False)
        size = read.stat().st_size
        read.unlink()
        return found.stdout, size

    return find


def test_no_secret_is_kept_where_others_read(applied, setup_site, find_secrets):
    for path in setup_site.secret_files():
        assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
    assert setup_site.state.stat().st_mode & 0o077 == 0
    for host, (found, size) in on_all(find_secrets).items():
        assert size > 100_000, f"{host}: only {size} bytes could be read"
        assert found == "", host


def test_a_secret_laid_open_would_have_been_found(applied, setup_site, find_secrets):
    lab, name = setup_site.lab, "/etc/gemel/secrets/replication.password"
    lab.inside("db1", "sh", "-c", f"umask 022; cat {name} >/var/opt/open; cp /etc/gemel/pki/postgres.key /run/open; "
               "chmod 644 /run/open")
    try:
        found, _ = find_secrets("db1")
        assert lab.inside("db1", "cat", name) in found
        assert len(found.splitlines()) >= 3, "the password, and lines of the key"
    finally:
        lab.inside("db1", "rm", "/var/opt/open", "/run/open")
