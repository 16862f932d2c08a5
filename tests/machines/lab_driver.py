"""The lab as the tests see it: verbs, status of the site, waiting with a deadline, and the measuring programs."""
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAB = ROOT / "lab" / "lab"
BUILD = Path(os.environ.get("GEMEL_BUILD", ROOT / "build" / "release"))
RECORD = ROOT / "build" / "check" / "machines"


class Late(AssertionError):
    """Something did not happen within its time."""


def program(name: str) -> Path:
    """A built program, wherever its folder put it; the packages' copy may be older."""
    found = [path for path in BUILD.rglob(name) if path.is_file() and os.access(path, os.X_OK)]
    if found:
        return max(found, key=lambda path: path.stat().st_mtime)
    raise AssertionError(f"{name} is not built in {BUILD}; build it: cmake --build --preset release")


def wait_until(what: str, condition, limit: float, every: float = 0.05):
    """Polls until `condition()` is true and returns its value; the last value is in the message when it is late."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"not within {limit:g} s: {what} (last seen: {value!r})")
        time.sleep(every)


class Lab:
    """One running site. All verbs raise with the lab's own words when they fail."""

    def verb(self, *words: str, limit: float = 120, check: bool = True) -> subprocess.CompletedProcess:
        result = subprocess.run([str(LAB), *words], capture_output=True, text=True, timeout=limit, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"lab/lab {' '.join(words)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def is_up(self) -> bool:
        return self.verb("env", check=False).returncode == 0

    def environment(self) -> dict[str, str]:
        values = {}
        for line in self.verb("env").stdout.splitlines():
            name, _, value = line.partition("=")
            values[name] = shlex.split(value)[0] if value else ""
        return values

    def inside(self, host: str, *command: str, limit: float = 30, check: bool = True) -> str:
        return self.verb("exec", host, "--", *command, limit=limit, check=check).stdout

    def gemel(self, *words: str, host: str = "ccm1", check: bool = True) -> subprocess.CompletedProcess:
        return self.verb("exec", host, "--", "gemel", *words, check=check)

    def site(self, host: str = "ccm1") -> dict:
        """The site's status as JSON; empty when the host could not say."""
        result = self.gemel("status", "-o", "json", host=host, check=False)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return {}

    def summary(self, host: str = "ccm1") -> dict:
        return self.site(host).get("summary", {})

    def hosts_with(self, duty: str) -> list[str]:
        return [entry["host"] for entry in self.site()["hosts"] if duty in entry["duties"]]

    def wait_healthy(self, limit: float = 60) -> dict:
        """Every host answers, one primary, every database host is in S and streams, a failover is possible."""
        def healthy():
            site = self.site()
            summary = site.get("summary", {})
            databases = {entry["host"] for entry in site.get("hosts", []) if "database" in entry["duties"]}
            settled = (summary.get("primary") and summary.get("failover_possible") and databases
                       and set(summary["members"]) == databases and summary.get("lag_bytes", -1) >= 0
                       and all(entry["is_reachable"] for entry in site["hosts"]))
            return summary if settled else None
        try:
            return wait_until("the site is healthy", healthy, limit, 0.2)
        except Late as late:
            raise Late(f"{late}\n{self.gemel('status', check=False).stdout}") from late

    def primary(self) -> str:
        return self.summary().get("primary", "")

    def is_streaming_member(self, host: str, ask: str = "ccm1") -> bool:
        """Whether `host` is a standby in S that streams from the primary."""
        site = self.site(ask)
        summary = site.get("summary", {})
        if host == summary.get("primary") or host not in summary.get("members", []):
            return False
        for entry in site["hosts"]:
            database = (entry.get("status") or {}).get("database") or {}
            if entry["host"] == summary["primary"]:
                return any(item["host"] == host and item["is_streaming"] for item in database.get("standbys", []))
        return False

    def sql(self, host: str, statement: str) -> list[str]:
        """Rows from the server on `host` itself, by its socket, as superuser."""
        text = self.inside(host, "psql", "-h", "/run/gemel/postgres", "-U", "postgres", "-d", "gemel", "-XAtqc", statement)
        return text.splitlines()

    def service_pid(self, host: str, unit: str) -> int:
        return int(self.inside(host, "systemctl", "show", "-p", "MainPID", "--value", unit).strip() or 0)

    def in_client(self, *command: str) -> list[str]:
        """The command line that runs `command` in the client's network."""
        return ["ip", "netns", "exec", self.environment()["GEMEL_CLIENT_NETNS"], *command]


class Load:
    """A program that runs in the client's network until it is told to stop and then prints one JSON object."""

    def __init__(self, lab: Lab, *command: str, environment: dict[str, str] | None = None):
        self.process = subprocess.Popen(lab.in_client(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        line = self.process.stderr.readline()
        if line.strip() != "ready":
            rest = self.process.communicate(timeout=30)[1]
            raise AssertionError(f"{command[0]} did not start: {line}{rest}")

    def stop(self, limit: float = 60) -> dict:
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=limit)
        if not output.strip():
            raise AssertionError(f"no result: exit code {self.process.returncode}\n{errors}")
        return json.loads(output)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def outage_load(lab: Lab, client: str, **limits_ms: int) -> Load:
    words = [word for name, value in limits_ms.items() for word in (f"--{name}-ms", str(value))]
    return Load(lab, str(program("gemel-outage")), "--client", client, *words,
                environment={"GEMEL_DSN": lab.environment()["GEMEL_DSN"]})


def web_load(lab: Lab, *words: str) -> Load:
    environment = lab.environment()
    return Load(lab, sys.executable, str(HERE / "web_load.py"), "--url", environment["GEMEL_URL"], "--ca",
                environment["GEMEL_CA"], *words)


def counters(ranges: str) -> set[int]:
    """"1-3,7" as {1, 2, 3, 7}."""
    found = set()
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def missing_on(lab: Lab, host: str, client: str, result: dict) -> set[int]:
    """Acknowledged rows that the server on `host` does not have."""
    rows = lab.sql(host, f"SELECT counter FROM gemel_outage WHERE client = '{client}'")
    return counters(result["acknowledged_ranges"]) - {int(row) for row in rows}
