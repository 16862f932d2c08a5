"""Makes a database host's disk slow, full or broken: a preloaded library (bad_disk.c) and the file it obeys."""
import os
import subprocess
import time
from pathlib import Path

from .observer import paths

SOURCE = Path(__file__).with_suffix(".c")
LIBRARY = "/usr/local/lib/gemel-bad-disk.so"
RULE = "/var/lib/gemel-campaign/disk"
PREPARED = Path(paths.RUN) / "bad-disk"      # the site whose servers run with the library


def set_rule(host: str, rule: str) -> None:
    """One rule at a time; an empty one heals."""
    file = Path(paths.root_of(host) + RULE)
    if not rule:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o755)
    fresh = file.with_suffix(".new")
    fresh.write_text(rule + "\n")
    fresh.rename(file)


def prepare(lab) -> None:
    """Every server and agent of the database hosts runs with the library; restarts them, once per site."""
    if PREPARED.exists():
        return
    built = Path(paths.RUN) / "gemel-bad-disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(SOURCE), "-ldl"], check=True)
    for host in paths.DATABASES:
        target = Path(paths.root_of(host) + LIBRARY)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        fresh.write_bytes(built.read_bytes())
        os.chmod(fresh, 0o755)
        fresh.rename(target)
        Path(paths.root_of(host) + "/etc/ld.so.preload").write_text(LIBRARY + "\n")
    for _ in paths.DATABASES:       # each in turn while it is the standby
        summary = lab.wait_healthy()
        standby = next(host for host in paths.DATABASES if host != summary["primary"])
        lab.verb("kill", standby, "gemeld")
        lab.verb("kill", standby, "postgres")
        time.sleep(1)               # the agents notice the loss before the site counts as healthy
        lab.wait_healthy()
        lab.gemel("switchover", "--yes")
        time.sleep(1)
    lab.wait_healthy()
    PREPARED.touch()
