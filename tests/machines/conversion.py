"""What the tests of gemel convert share: a site file of their own for the machines, writers at the first manager, and a
conversion that is killed on the way."""
import subprocess
import sys
from pathlib import Path

from bare_site import CLIENT_SPACE, BareSite
from lab_driver import HERE, Lab, Load, wait_until

MANAGER = "https://10.77.0.11"
POSTMASTER = "head -n 3 /var/lib/gemel/postgres/data/postmaster.pid"


def begin(site: BareSite, folder: Path, text: str) -> None:
    """Bare machines, and this text as the site file."""
    site.condition = "bare" if site.condition == "bare" else "off"
    site.be_bare()
    site.condition = "open"
    site.site = folder / "site.toml"
    site.site.write_text(text)
    site.lab.in_client = lambda *command: ["ip", "netns", "exec", CLIENT_SPACE, *command]


def lead_name_to(lab: Lab, host: str, address: str) -> None:
    """What the DNS would say; in place, because the file is a mount's target on no machine but may be on some."""
    lab.inside(host, "sh", "-c", f"sed 's/^[^ ]* mgmt.lab.test$/{address} mgmt.lab.test/' /etc/hosts >/tmp/hosts && "
               "cat /tmp/hosts >/etc/hosts")


def writers(site: BareSite, author: str) -> Load:
    """Posts notes to the first manager itself and repeats each until it is answered."""
    return Load(site.lab, sys.executable, str(HERE / "web_load.py"), "--url", MANAGER, "--ca",
                str(site.state / "rendered" / "ca" / "web-ca.crt"), "--notes", author, "--patience", "20")


def kept(lab: Lab, host: str, author: str) -> set[str]:
    return set(lab.sql(host, f"SELECT idempotency_key FROM notes WHERE author = '{author}'"))


def is_open(space: str, address: str, port: int) -> bool:
    """Whether a connection from this place comes about within 2 s."""
    command = ["ip", "netns", "exec", space, "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def convert(site: BareSite, grown: Path) -> subprocess.CompletedProcess:
    command = site.command("convert", "--yes")
    command[command.index(str(site.site))] = str(grown)
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, stdin=subprocess.DEVNULL)


def kill_convert_at(site: BareSite, grown: Path, step: str) -> None:
    """Starts a conversion and ends it, as a power loss would, where it stands still."""
    here, site.site = site.site, grown
    before = set(site.state.glob("apply-*.log"))
    process = site.start("convert", "--yes", GEMEL_SETUP_HOLD=f"{step}@after")
    site.site = here

    def held():
        logs = set(site.state.glob("apply-*.log")) - before
        return process.poll() is not None or any(f"{step}: held" in log.read_text() for log in logs)
    try:
        wait_until(f"the conversion stands still after {step}", held, 180)
        is_over = process.poll() is not None
    finally:
        site.kill(process)
    shown = process.stdout.read()
    process.stdout.close()
    assert not is_over, shown
