"""The vocabulary of the table's steps: the lab's verbs, waiting for a state of the site, and faults inside a machine."""
import json
import random
import shlex
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab_driver import LAB, Lab  # noqa: E402 (the tests' driver is no installed package)

from . import bad_disk
from .observer import Observer, machine, paths, site

LAB_VERBS = {"poweroff", "boot", "freeze", "thaw", "isolate", "cut", "drop", "heal", "kill"}
SOCKET = ("-h", "/run/gemel/postgres", "-U", "postgres", "-d", "gemel")
MEMORY = Path("/sys/fs/cgroup/memory")


class Unreached(Exception):
    """A state that a step waits for did not come: the run proves nothing."""


class Stage:
    """Where the steps of one run act: who is who, the observer, what runs in the background."""

    def __init__(self, lab: Lab, observer: Observer, source: random.Random):
        self.lab, self.observer, self.source = lab, observer, source
        self.is_lenient = False      # with several faults at once one may have switched off what another acts on
        self.background: list[subprocess.Popen] = []
        self.done: list[tuple[float, float, str]] = []      # when each step began and ended, for the timeline
        self.injected: set[int] = set()                     # which of them bring the fault about
        self.first_epoch = observer.newest().epoch
        self.roles: dict[str, str] = {}
        self.learn_roles(lab.site("lb1"))

    def learn_roles(self, site: dict) -> None:
        """Who is who now, for the steps that follow."""
        primary = self.observer.newest().holder
        self.roles = {"primary": primary, "standby": next(host for host in paths.DATABASES if host != primary)}
        leader = next((store["leader"] for entry in site.get("hosts", [])
                       if (store := (entry.get("status") or {}).get("store")) and store.get("leader")), "")
        voters = [entry["host"] for entry in site.get("hosts", []) if "voter" in entry["duties"]]
        self.roles["leader"] = leader or voters[0]
        self.roles["follower"] = next(host for host in voters if host != self.roles["leader"])

    def perform(self, step: str, heals: bool = False) -> None:
        """Carries out one step; raises AssertionError with the words of what failed, Unreached if a state never came."""
        words = [self.roles.get(word, word) for word in shlex.split(step)]
        began = time.monotonic()
        if not heals:
            self.injected.add(len(self.done))
        try:
            self.act(words)
        except (AssertionError, Unreached, OSError, LookupError, subprocess.SubprocessError):
            if not self.is_lenient:
                raise
        finally:
            self.done.append((began, time.monotonic(), " ".join(words)))

    def act(self, words: list[str]) -> None:
        if words[0].rstrip("?") in LAB_VERBS:
            # "kill?": the process may have ended by itself already.
            self.lab.verb(words[0].rstrip("?"), *words[1:], check=not words[0].endswith("?"))
        else:
            getattr(self, words[0].replace("-", "_"))(*words[1:])

    # The steps beside the lab's verbs; their arguments are words.

    def wait(self, span: str) -> None:
        shortest, _, longest = span.partition("..")
        time.sleep(self.source.uniform(float(shortest), float(longest or shortest)))  # the fault's own length

    def until(self, what: str, condition, seconds: float, every: float = 0.01) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Unreached(f"not within {seconds:g} s: {what}")
            time.sleep(every)

    def await_(self, what: str, *words: str) -> None:
        seconds = float(words[-1])
        standby, primary = self.roles["standby"], self.roles["primary"]
        newest = self.observer.newest
        conditions = {
            "won": lambda: newest().holder == standby,
            "taken": lambda: self.observer.now(standby).is_open,
            "removed": lambda: newest().holder == primary and standby not in newest().members,
            "process": lambda: machine.named(words[0], words[1]),
        }
        self.until(f"{what} {' '.join(words[:-1])}", conditions[what], seconds, 0.003)

    def undamped(self, rule: str, seconds: str, count: str = "1") -> None:
        """Waits until the rule has fewer than `count` events in the last `seconds`: what it does is not done more often."""
        events = [event for host in paths.DATABASES for event in json.loads(site.agent(host, "/events?after=0", 2)[1] or "[]")]
        moments = sorted({datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
                          for event in events if event["rule"] == rule}, reverse=True)
        last = moments[int(count) - 1] if len(moments) >= int(count) else 0.0
        time.sleep(max(0.0, last + float(seconds) - time.time()))  # the damping's own length

    def start(self, *command: str) -> None:
        self.background.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL, start_new_session=True))

    def run(self, host: str, *command: str) -> None:
        self.lab.verb("exec", host, "--", *command, limit=30, check=False)

    def switchover(self) -> None:
        """Asked for in the background: the faults come while it works."""
        self.start(str(LAB), "exec", "ccm1", "--", "gemel", "switchover", "--yes")

    def swizzle(self, pause: str) -> None:
        links = [(a, b) for a in paths.MACHINES for b in paths.MACHINES if a < b]
        self.source.shuffle(links)
        for a, b in links:
            self.lab.verb("cut", a, b)
            self.wait(pause)
        hosts = list(paths.MACHINES)
        self.source.shuffle(hosts)
        for host in hosts:
            self.lab.verb("heal", host)
            self.wait(pause)

    def late_agent(self, host: str, seconds: str) -> None:
        folder = "/run/systemd/system/gemeld.service.d"
        self.lab.inside(host, "sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nRestartSec={seconds}s\\n' "
                        f">{folder}/late.conf && systemctl daemon-reload")

    def prompt_agent(self, host: str) -> None:
        self.lab.inside(host, "sh", "-c", "rm -rf /run/systemd/system/gemeld.service.d && systemctl daemon-reload")

    def busy(self, host: str, count: str) -> None:
        loops = f"for i in $(seq {count}); do sh -c 'while :; do :; done' & done; wait"
        self.start(str(LAB), "exec", host, "--", "sh", "-c", loops)

    def cancel_storm(self, host: str) -> None:
        statement = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'cliqr'"
        loop = f"while :; do psql {' '.join(SOCKET)} -XAtqc \"{statement}\"; done"
        self.start(str(LAB), "exec", host, "--", "sh", "-c", loop)

    def calm(self, host: str) -> None:
        """Ends what `busy` and `cancel-storm` started in the machine."""
        self.end_background()
        group = Path(paths.group_of(host)) / "exec"
        if group.exists():
            (group / "cgroup.kill").write_text("1")

    def conflict(self) -> None:
        """A query on the standby that replay of a clean-up must wait for."""
        primary, standby = self.roles["primary"], self.roles["standby"]
        self.lab.sql(primary, "CREATE TABLE IF NOT EXISTS campaign_conflict AS SELECT g FROM generate_series(1, 5000) g")
        self.lab.sql(primary, "INSERT INTO campaign_conflict SELECT g FROM generate_series(1, 5000) g")
        self.until("the table is on the standby",
                   lambda: self.lab.sql(standby, "SELECT to_regclass('campaign_conflict')") != [""], 5)
        query = ("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM campaign_conflict; SELECT pg_sleep(60)")
        self.start(str(LAB), "exec", standby, "--", "psql", *SOCKET, "-Xqc", query)
        self.until("the query runs", lambda: self.lab.sql(
            standby, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"), 5)
        self.lab.sql(primary, "DELETE FROM campaign_conflict")
        self.lab.sql(primary, "VACUUM campaign_conflict")

    def erase(self, host: str) -> None:
        """The data directory of a machine that is off."""
        subprocess.run(["rm", "-rf", f"{paths.root_of(host)}/var/lib/gemel/postgres/data"], check=True)

    def disk(self, host: str, *rule: str) -> None:
        bad_disk.set_rule(host, " ".join(rule))

    def memory(self, host: str, name: str = "", megabytes: str = "") -> None:
        """Puts a server under a limit below what it uses, in a memory group of its own; without a name, lifts it."""
        group = MEMORY / f"{paths.GROUP}-campaign-{host}"
        if not name:
            if group.exists():
                for process in (group / "cgroup.procs").read_text().split():
                    (MEMORY / "cgroup.procs").write_text(process)
                group.rmdir()
            return
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(int(megabytes) << 20))
        for process in machine.named(host, name) + machine.named(host, name + ":postgres"):
            try:
                (group / "cgroup.procs").write_text(str(process))
            except ProcessLookupError:
                pass
        # Shared buffers are charged to whoever touches them first: a sort of its own makes the group too large.
        self.start(str(LAB), "exec", host, "--", "psql", *SOCKET, "-Xqc",
                   "SET work_mem = '1GB'; SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000000) g ORDER BY -g) x")

    # After the steps: whatever they left.

    def end_background(self) -> None:
        for process in self.background:
            if process.poll() is None:
                try:
                    process.send_signal(signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait(10)
        self.background.clear()

    def heal_all(self) -> None:
        """Every fault that any step can make, undone; harmless where there is none."""
        self.lab.verb("heal", check=False)
        for host in paths.MACHINES:
            if machine.is_on(host):
                self.lab.verb("thaw", host, check=False)
            else:
                self.lab.verb("boot", host, check=False)
        for host in paths.DATABASES:
            self.calm(host)
            self.disk(host)
            self.memory(host)


setattr(Stage, "await", Stage.await_)
