"""The program under test, the host file it reads, and certificates for services that speak TLS."""
import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("GEMEL_BUILD", ROOT / "build" / "release")) / "src" / "cloud" / "gemel-address"


class Outcome(NamedTuple):
    code: int
    text: str
    seconds: float


class Host:
    """A database host with the address 10.0.0.21, whose floating address is 10.0.0.9."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "run").mkdir()
        self.notes = folder / "run" / "address"

    def write(self, provider: str, section: str) -> None:
        (self.folder / "host.toml").write_text(f"""
[site]
name = "lab"
id = "6e0f3a52-0000-4000-8000-000000000001"
dns_name = "mgmt.lab.test"
self = "db1"
[network]
subnets = ["10.0.0.0/24"]
interface = "lo"
vip = "10.0.0.9/24"
address_provider = "{provider}"
{section}
[database]
user = "cliqr"
name = "gemel"
[directories]
run = "{self.folder}/run"
[[host]]
name = "db1"
role = "MGMTPOSTGRES_MASTER"
concepts = ["database", "voter"]
address = "10.0.0.21"
""")

    def run(self, verb: str = "take", address: str = "10.0.0.9", epoch: int = 7, interface: str = "lo") -> Outcome:
        began = time.monotonic()
        # As the agent runs it: PATH only, no input.
        done = subprocess.run([PROGRAM, "--config", self.folder / "host.toml", verb, address, str(epoch), interface],
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        return Outcome(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


@pytest.fixture
def host(tmp_path) -> Host:
    assert PROGRAM.exists(), f"{PROGRAM} is not there; build it: ninja -C build/release gemel-address"
    return Host(tmp_path)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")
