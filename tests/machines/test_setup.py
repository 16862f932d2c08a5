"""From bare hosts to a site: gemel plan and gemel apply over SSH, on machines of the lab that have only sshd and a key."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab_driver import BUILD, ROOT, Lab, program  # noqa: E402

HOSTS = ("ccm1", "ccm2", "db1", "db2", "lb1")
PREPARE = """set -e
mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -A && systemctl restart ssh"""


class Setup:
    """gemel as a person at the client's host runs it."""

    def __init__(self, folder: Path):
        self.key = folder / "key"
        self.state = folder / "state"
        self.site = ROOT / "lab" / "site.toml"

    def command(self, verb: str, *words: str, key: Path | None = None) -> list[str]:
        return ["ip", "netns", "exec", "gemel-client", str(program("gemel")), verb, str(self.site),
                f"--key={key or self.key}", f"--state={self.state}", f"--packages={BUILD}", *words]

    def run(self, verb: str, *words: str, key: Path | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(verb, *words, key=key), capture_output=True, text=True, timeout=240,
                              check=False, stdin=subprocess.DEVNULL)


def boot_bare(lab: Lab, setup: Setup) -> None:
    lab.verb("down", limit=120)
    lab.verb("up", "--bare", "--with=openssh-server", limit=900)
    public = setup.key.with_suffix(".pub").read_text()
    for host in HOSTS:
        subprocess.run([str(ROOT / "lab" / "lab"), "exec", host, "--", "sh", "-c", PREPARE], input=public, text=True,
                       check=True, capture_output=True, timeout=60)
    shutil.rmtree(setup.state, ignore_errors=True)


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    yield lab
    lab.verb("down", limit=120)


@pytest.fixture(scope="module")
def setup(tmp_path_factory) -> Setup:
    made = Setup(tmp_path_factory.mktemp("setup"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.key)], check=True)
    return made


def secrets_of(setup: Setup) -> list[str]:
    """Every generated text that nobody may see, without the line ends."""
    files = [path for path in setup.state.rglob("*") if path.is_file() and
             (path.suffix in (".password", ".key") or "password" in path.name or "secret" in path.name)]
    assert files, "no secrets were found where they are made"
    found = []
    for path in files:
        assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
        lines = [line for line in path.read_text(errors="replace").splitlines() if "---" not in line]
        found.append(lines[len(lines) // 2].strip())
    return [text for text in found if len(text) >= 16]


def test_refuses_a_key_that_the_hosts_do_not_know(lab, setup, tmp_path):
    boot_bare(lab, setup)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    result = setup.run("apply", "--yes", key=tmp_path / "other")
    assert result.returncode == 6, result.stdout + result.stderr
    assert "Permission denied" in result.stdout + result.stderr
    assert lab.inside("db1", "sh", "-c", "ls -d /etc/gemel 2>/dev/null || true") == ""


def test_bare_hosts_serve_after_one_run(lab, setup, record):
    plan = setup.run("plan", "--yes")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    began = time.monotonic()
    result = setup.run("apply", "--yes")
    took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Configuring CCM HA ..." in result.stdout
    assert result.stdout.splitlines()[-1] == "Configured CCM HA successfully"
    record.add("setup: bare hosts to a site", [took], "s", 90)
    status = json.loads(lab.inside("ccm1", "gemel", "status", "-o", "json"))
    assert status["summary"]["primary"] in ("db1", "db2")
    assert is_reached(lab, "lb1", 443)


def is_reached(lab: Lab, host: str, port: int, source: str = "") -> bool:
    """Whether a connection is opened, from another host or from the client."""
    address = {"ccm1": "10.77.0.11", "db1": "10.77.0.21", "lb1": "10.77.0.31"}[host]
    ask = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
    if source:
        return lab.verb("exec", source, "--", *ask, check=False).returncode == 0
    return subprocess.run(["ip", "netns", "exec", "gemel-client", *ask], check=False, capture_output=True).returncode == 0


def test_a_foreign_host_reaches_no_inner_port(lab, setup):
    assert is_reached(lab, "ccm1", 2379, "db1") and not is_reached(lab, "ccm1", 2379)


def test_a_second_run_has_nothing_to_do(lab, setup, record):
    began = time.monotonic()
    result = setup.run("apply", "--yes")
    took = time.monotonic() - began
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[" not in result.stdout, result.stdout
    record.add("setup: a second run", [took], "s", 5)


def test_no_secret_is_shown_or_kept_where_others_read(lab, setup):
    texts = secrets_of(setup)
    shown = setup.run("plan").stdout + "".join(path.read_text() for path in setup.state.rglob("*.log"))
    for text in texts:
        assert text not in shown
    for host in HOSTS:
        readable = lab.inside(host, "sh", "-c", "{ find /etc /var/log /var/lib/gemel /var/cache/gemel-setup /tmp /run -xdev "
                              "-type f -perm /o+r -size -2000k -exec cat {} + 2>/dev/null; journalctl --no-pager -o cat; "
                              "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; } | tr -cd '[:print:]\\n'", check=False, limit=60)
        assert len(readable) > 10_000, host
        for text in texts:
            assert text not in readable, host


def test_killed_whenever_a_step_is_done_it_finishes(lab, setup):
    boot_bare(lab, setup)
    done: set[str] = set()
    for _ in range(80):
        process = subprocess.Popen(setup.command("apply", "--yes"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, stdin=subprocess.DEVNULL, start_new_session=True)
        shown = []
        for line in process.stdout:
            shown.append(line)
            step = re.match(r"(\S+) +\[[#.]+\] \d+/\d+ (\S+) done", line)
            if step and step.group(1, 2) not in done:
                done.add(step.group(1, 2))
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        code = process.wait(timeout=60)
        if code != -signal.SIGKILL:
            break
    assert code == 0, "".join(shown)
    assert len(done) >= 8, done  # hosts work beside each other: several steps may end before a kill
    assert setup.run("apply", "--yes").stdout.count("[") == 0
    status = json.loads(lab.inside("ccm1", "gemel", "status", "-o", "json"))
    assert status["summary"]["primary"] in ("db1", "db2")
