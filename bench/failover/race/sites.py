"""The contestants as the race sees them: a site that boots, tells who is primary and whether it is whole, and goes.

Both are the whole-machine tests' `Lab`, so the client and the verification are the same code for both.
"""
import os
import subprocess
import time
from pathlib import Path

from lab_driver import LAB, Lab, wait_until

CLIENT_NETNS = "gemel-client"
WHOLE_SECONDS = 240  # twice the longest return seen: a copy of the database after a power-off at Patroni's defaults
UP_SECONDS = 300


class Site(Lab):
    """One contestant. `up` gives a whole site, `down` removes every trace of it."""

    name: str
    databases = ("db1", "db2")
    period = 1.0  # seconds between two looks of the contestant at itself, at most

    def up(self) -> None:
        raise NotImplementedError

    def is_whole(self) -> bool:
        """One primary that serves, and a standby that the site counts on again."""
        raise NotImplementedError

    def switch_over(self) -> None:
        raise NotImplementedError

    def versions(self) -> dict[str, str]:
        raise NotImplementedError

    def down(self) -> None:
        self.when_free("down")

    def when_free(self, *words: str) -> None:
        """A verb that wants the lab's lock, which a lab beside this one may hold for some seconds."""
        end = time.monotonic() + UP_SECONDS
        while True:
            result = self.verb(*words, limit=900, check=False)
            if result.returncode == 0:
                return
            if "another lab/lab" not in result.stderr or time.monotonic() > end:
                raise AssertionError(f"lab/lab {' '.join(words)}: exit code {result.returncode}\n{result.stderr}")
            time.sleep(1)

    def wait_whole(self, limit: float = WHOLE_SECONDS) -> None:
        wait_until(f"{self.name} is whole", self.is_whole, limit, 0.2)

    def standby(self) -> str:
        primary = self.primary()
        return next((host for host in self.databases if host != primary), "") if primary else ""

    def through_client(self, statement: str, limit: float) -> str:
        """What psql answers in the client's network through the client's own DSN; empty when it has no answer in time."""
        command = self.in_client("psql", "-XAtqd", self.environment()["GEMEL_DSN"], "-c", statement)
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False,
                                    env={**os.environ, "PGCONNECT_TIMEOUT": "2"})
        except subprocess.TimeoutExpired:
            return ""
        return result.stdout.strip() if result.returncode == 0 else ""

    def serving(self) -> str:
        """Which run of which server the client reaches, empty unless that is a primary."""
        return self.through_client("SELECT host(inet_server_addr()) || ' ' || pg_postmaster_start_time() "
                                   "WHERE NOT pg_is_in_recovery()", 3)

    def takes_writes(self, limit: float) -> bool:
        """Whether a commit, with all the copies it promises, is acknowledged within `limit` seconds."""
        return self.through_client("INSERT INTO gemel_outage (client, counter) VALUES ('observer', 1) RETURNING 'done'",
                                   limit) == "done"

    def journals(self) -> dict[str, str]:
        """The journal of every machine, also of one that is off."""
        return {host: self.verb("logs", host, check=False).stdout for host in ("ccm1", "ccm2", *self.databases, "lb1")}


class GemelSite(Site):
    """Gemel as `lab/lab up` makes it, from the lab's own site file or another one of the same machines."""

    def __init__(self, name: str = "gemel", site_file: Path | None = None):
        self.name, self.site_file = name, site_file

    def up(self) -> None:
        if self.site_file:
            os.environ["GEMEL_LAB_SITE"] = str(self.site_file)
        self.when_free("up")
        self.wait_whole()

    def environment(self) -> dict[str, str]:
        # The secrets and addresses stay for the life of the site; asking the lab takes a tenth of a second.
        if not hasattr(self, "kept"):
            self.kept = super().environment()
        return self.kept

    def down(self) -> None:
        super().down()
        if self.site_file:
            os.environ.pop("GEMEL_LAB_SITE", None)
        if hasattr(self, "kept"):
            del self.kept

    def is_whole(self) -> bool:
        site = self.site()
        summary = site.get("summary", {})
        return bool(summary.get("primary") and summary.get("failover_possible") and summary.get("lag_bytes", -1) >= 0
                    and set(summary["members"]) == set(self.databases)
                    and all(entry["is_reachable"] for entry in site["hosts"]))

    def switch_over(self) -> None:
        self.gemel("switchover", "--yes")

    def versions(self) -> dict[str, str]:
        return {"gemel": self.inside("db1", "gemel", "--version").strip()}


def is_any_up() -> bool:
    """Whether this lab carries a site already, bare or not."""
    result = subprocess.run([str(LAB), "status"], capture_output=True, text=True, timeout=60, check=False)
    return result.returncode != 3
