"""A site that the setup makes: bare machines with sshd and a root key, and `gemel` as a person at the client runs it.

Boots are dear, so the machines go from test to test as long as they are in the condition that a test asks for.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab_driver import BUILD, LAB, ROOT, Lab, program

HOSTS = ("ccm1", "ccm2", "db1", "db2", "lb1")
CLIENT_SPACE = "gemel-client"
PREPARE = """set -e
mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -A
# A machine that is still starting takes a request back when it comes to that service itself.
systemctl is-system-running --wait >/dev/null || true
systemctl restart ssh || { sleep 1; systemctl reset-failed ssh; systemctl restart ssh; }"""


def on_all(function) -> dict:
    """What `function(host)` gives for each host; the hosts are asked at once."""
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        return dict(zip(HOSTS, pool.map(function, HOSTS)))


class BareSite:
    """`condition` is what the machines are now: off, bare, whole, or open (a test changes them and has not said to what)."""

    def __init__(self):
        self.lab = Lab()
        self.folder = Path(tempfile.mkdtemp(prefix="gemel-setup-"))
        self.key = self.folder / "key"
        self.state = self.folder / "state"
        self.site = ROOT / "lab" / "site.toml"
        self.packages = "openssh-server"  # of Debian, that the bare machines have
        self.condition = "off"
        make_key(self.key)

    def close(self) -> None:
        self.lab.verb("down", limit=120)
        shutil.rmtree(self.folder)

    def be_bare(self) -> None:
        if self.condition == "bare":
            return
        self.lab.verb("down", limit=120)
        self.lab.verb("up", "--bare", f"--with={self.packages}", limit=900)
        on_all(self.let_in)
        shutil.rmtree(self.state, ignore_errors=True)
        self.condition = "bare"

    def be_whole(self) -> None:
        if self.condition == "whole":
            return
        self.be_bare()
        self.condition = "open"
        result = self.run("apply", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        self.condition = "whole"

    def let_in(self, host: str) -> None:
        """What an installed Debian has: its own host keys, and root's key."""
        done = subprocess.run([str(LAB), "exec", host, "--", "sh", "-c", PREPARE], text=True, capture_output=True, timeout=60,
                              check=False, input=self.key.with_suffix(".pub").read_text())
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self, verb: str, *words: str, key: Path | None = None) -> list[str]:
        site = [f"--before={self.site}"] if verb == "doctor" else [str(self.site)]
        return ["ip", "netns", "exec", CLIENT_SPACE, str(program("gemel")), verb, *site, f"--key={key or self.key}",
                f"--state={self.state}", f"--packages={BUILD}", *words]

    def run(self, verb: str, *words: str, key: Path | None = None, typed: str = "") -> subprocess.CompletedProcess:
        return subprocess.run(self.command(verb, *words, key=key), capture_output=True, text=True, timeout=240,
                              check=False, input=typed)

    def start(self, verb: str, *words: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(self.command(verb, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                stdin=subprocess.DEVNULL, env={**os.environ, **environment})

    def kill(self, process: subprocess.Popen) -> None:
        """As when the machine it runs on loses its power: the program and every ssh it started, at once."""
        try:
            space = os.readlink(f"/proc/{process.pid}/ns/net")  # gone as soon as the process has ended
        except OSError:
            space = ""
        process.send_signal(signal.SIGKILL)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                # The master of a shared connection has given itself another title; its socket's path is in both.
                sockets = re.search(rb"/tmp/gemel-ssh-\w{6}", (entry / "cmdline").read_bytes())
                if sockets and os.readlink(entry / "ns/net") == space:
                    os.kill(int(entry.name), signal.SIGKILL)
                    shutil.rmtree(sockets.group().decode(), ignore_errors=True)
            except (OSError, ProcessLookupError):
                continue
        process.wait(timeout=30)

    def secret_files(self) -> list[Path]:
        files = [path for path in self.state.rglob("*") if path.is_file() and
                 (path.suffix in (".password", ".key") or path.name == "mgmtserver.pem")]
        assert len(files) > 20, "the secrets are not where they are made"
        return files

    def secrets(self) -> set[str]:
        """Every generated text that nobody may see: passwords, and the lines of the keys' bodies."""
        found = set()
        for path in self.secret_files():
            text = path.read_text()
            if "-----" not in text:
                found.add(text.strip())
            for body in re.findall(r"BEGIN (?:EC )?PRIVATE KEY-----\n(.*?)\n-----END", text, re.DOTALL):
                # RFC 5958 and 5915: of the 138 bytes the last 42, the last line, are of the public key.
                found.update(body.splitlines()[:-1])
        assert len(found) > 50 and min(len(text) for text in found) >= 32
        return found


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
