"""A terminal of 80x24 for programs that draw screens, and hosts that are only an ssh of our own: what the tests of
gemel wizard need instead of machines."""
import json
import os
import shlex
import subprocess
import time
from pathlib import Path

from lab_driver import Late, program

COLUMNS, ROWS = 80, 24
HOSTS = {"ccm1": ("CCM_SA_PRIMARY", "10.77.0.11"), "ccm2": ("CCM_SA_SECONDARY", "10.77.0.12"),
         "db1": ("MGMTPOSTGRES_MASTER", "10.77.0.21"), "db2": ("MGMTPOSTGRES_SLAVE", "10.77.0.22"),
         "lb1": ("CCM_LB", "10.77.0.31")}
STANDALONE = {"ccm1": ("CCM_SA", "10.77.0.11"), "db1": ("MGMTPOSTGRES", "10.77.0.21")}
ONE_HOST = {"node1": ("CCM", "10.77.0.1")}
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIKp1JkK0c9C3b2v1m0d6f8wq1l2h3g4s5a6z7x8c9v0b"

SSH = """#!/usr/bin/python3 -S
import os, sys, time
words = sys.argv[1:]
if "-O" in words:
    sys.exit(0)
host = next(word for word in words if word.startswith("HostKeyAlias=")).partition("=")[2]
command = words[-1]
if "flock -w" in command:  # the lock on a host, by its own script
    command = command.replace("/run/gemel-setup.holder", {folder!r} + "/" + host + ".holder")
    os.environ["SSH_CONNECTION"] = "192.0.2.7 1 192.0.2.8 22"
    os.execv("/bin/sh", ["sh", "-c", command])
elif "fact end" in command:
    address = {addresses!r}[host]
    facts = [["clock", str(time.time_ns() // 1_000_000)], ["name", host], ["memory", "8000"], ["disk", "90000"],
             ["address", address, "eth0"], ["system", "debian 12"], ["resolved", "mgmt.lab.test", "10.77.0.31"]]
    facts += [["package", name, "0.1.0-1"] for name in ("gemel", "gemel-agent", "gemel-manager")]
    facts += [["candidate", name, "15.14-0+deb12u1"] for name in ("postgresql-15", "etcd-server", "haproxy", "nftables")]
    running = {folder!r} + "/running-" + host
    if os.path.exists(running):
        facts += [line.split() for line in open(running)]
    print("\\n".join("\\t".join(["fact", *fact]) for fact in facts + [["end"]]))
elif command.replace("'", "").endswith("gemel ready"):
    print("ready")
elif "gemel status" in command or ("gemel" in command and "json" in command):
    print({status!r})
else:
    time.sleep({delay})
"""
KEYSCAN = f"""#!/bin/sh
for word; do address=$word; done
echo "$address ssh-ed25519 {KEY}"
"""


def status_json(site: dict) -> str:
    """What gemel status -o json says of a healthy site, as far as the checks of a set-up look at it."""
    hosts = []
    managers = [name for name, (role, _) in site.items() if role in ("ALL", "CCM") or role.startswith("CCM_SA")]
    databases = [name for name, (role, _) in site.items() if role in ("ALL", "CCM") or role.startswith("MGMTPOSTGRES")]
    for name, (role, address) in site.items():
        status = {"api_version": "v1", "host": name, "role": role, "zone": "", "version": "0.1.0", "time": "",
                  "uptime_seconds": 1, "problems": [], "record": None, "database": None, "store": None, "balancer": None,
                  "history": []}
        if name in databases:
            status["database"] = {
                "run": "primary" if name == databases[0] else "standby",
                "role": "primary" if name == databases[0] else "standby",
                "timeline": 1, "wal_lsn": "0/1", "upstream": "", "is_receiving": True, "served_epoch": 1, "standbys": [],
                "links": [], "is_gate_open": True, "permit_remaining_ms": 0, "is_address_held": True, "rule": "",
                "reason": "", "doing": "", "service_targets": 0, "service_reachable": 0}
        if role in ("CCM_LB", "ALL", "CCM"):
            backends = [{"host": manager, "state": "UP", "sessions": 0} for manager in managers]
            status["balancer"] = {"is_running": True, "backends": backends}
        hosts.append({"host": name, "role": role, "duties": [], "address": address, "zone": "", "is_reachable": True,
                      "error": "", "status": status})
    summary = {"health": "healthy", "primary": databases[0], "epoch": 1, "revision": 1, "members": databases,
               "state": "normal", "holder": databases[0], "pause": None, "lag_bytes": 0, "failover_possible": True,
               "reason_code": "possible", "reason": "", "problems": []}
    return json.dumps({"api_version": "v1", "site": "lab", "time": "", "summary": summary, "hosts": hosts})


class Hosts:
    """Hosts without a machine: in the wizard's own mount namespace, ssh is a program that answers for them."""

    def __init__(self, folder: Path, delay: float = 0.05, site: dict = HOSTS):
        self.folder = folder
        self.addresses = {name: address for name, (_, address) in site.items()}
        text = SSH.format(addresses=self.addresses, status=status_json(site), delay=delay, folder=str(folder))
        for name, text in (("ssh", text), ("ssh-keyscan", KEYSCAN)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def run_already(self, site: dict, site_id: str) -> None:
        """From now on they say that they are this site, which runs."""
        databases = ("ALL", "CCM", "MGMTPOSTGRES")
        for name, (role, _) in site.items():
            facts = [f"site {site_id}", "running gemeld.service", "enabled gemeld.service"]
            facts += [f"member {other} {address} {'database' if kind.startswith(databases[2]) or kind in databases else 'other'}"
                      for other, (kind, address) in site.items()]
            if not role.startswith("MGMTPOSTGRES"):
                facts += ["running gemel-manager.service", "enabled gemel-manager.service"]
            if role in ("CCM", "MGMTPOSTGRES"):
                facts += ["data", f"primary {name}"]
            (self.folder / f"running-{name}").write_text("\n".join(facts) + "\n")

    def command(self, *words: str, verb: str = "wizard", own_state: bool = False) -> list[str]:
        """gemel wizard, or another verb, with these words, seeing these hosts; with a /var/lib of theirs, lib in the
        folder."""
        (self.folder / "lib").mkdir(exist_ok=True)
        bind = 'mount --bind "$0/lib" /var/lib || exit 98; ' if own_state else ""
        bind += 'for name in ssh ssh-keyscan; do mount --bind "$0/$name" "/usr/bin/$name" || exit 99; done; exec "$@"'
        return ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", bind, str(self.folder),
                str(program("gemel")), verb, *words]


def without_network(*words: str) -> list[str]:
    """gemel wizard where no host can be reached, which is known at once."""
    return ["unshare", "--net", str(program("gemel")), "wizard", *words]


class Terminal:
    """A program in a terminal of its own (tmux), seen as a person sees it."""

    def __init__(self, folder: Path, command: list[str], term: str = "screen-256color", size: tuple = (COLUMNS, ROWS)):
        self.socket = folder / "tmux"
        self.result = folder / "exit-code"
        self.result.unlink(missing_ok=True)
        line = f"{shlex.join(command)}; echo $? >{shlex.quote(str(self.result))}; exec sleep 600"
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
        environment.pop("TMUX", None)
        subprocess.run(["tmux", "-S", str(self.socket), "-f", "/dev/null", "new-session", "-d", "-s", "w", "-x", str(size[0]),
                        "-y", str(size[1]), "env", f"TERM={term}", "sh", "-c", line], check=True, env=environment,
                       timeout=30)

    def tmux(self, *words: str) -> str:
        result = subprocess.run(["tmux", "-S", str(self.socket), *words], capture_output=True, text=True, check=True,
                                timeout=30)
        return result.stdout

    def screen(self, *words: str) -> str:
        return self.tmux("capture-pane", "-p", "-t", "w", *words)

    def wait_for(self, *texts: str, limit: float = 20) -> str:
        """The screen, when all these texts stand on it."""
        end = time.monotonic() + limit
        while True:
            screen = self.screen()
            if all(text in screen for text in texts):
                lines = screen.splitlines()
                assert len(lines) <= ROWS and max(map(len, lines)) <= COLUMNS, screen
                return screen
            if time.monotonic() > end:
                raise Late(f"not within {limit:g} s: {texts}; the screen is\n{screen}")
            time.sleep(0.05)

    def keys(self, *names: str) -> None:
        """Presses keys by their tmux names: Enter, Tab, M-n."""
        for name in names:
            self.tmux("send-keys", "-t", "w", name)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-t", "w", "-l", text)

    def cursor_row(self) -> int:
        return int(self.tmux("display-message", "-p", "-t", "w", "#{cursor_y}"))

    def press_until(self, key: str, what: str, is_done, every: float = 4) -> None:
        """Presses a key, and again when nothing came of it: the library drops a key now and then on a starved machine."""
        for _ in range(5):
            self.keys(key)
            end = time.monotonic() + every
            while time.monotonic() < end:
                if is_done():
                    return
                time.sleep(0.03)
        raise Late(f"{key} does not lead to {what}; the screen is\n{self.screen()}")

    def move_to_end(self, key: str) -> None:
        """Of a list, with Up or Down: tmux sends its own Home and End, which not every terminal type knows."""
        self.tmux("send-keys", "-t", "w", "-N", "30", key)

    def move_on(self) -> None:
        """To the next field or button."""
        row, button = self.cursor_row(), self.screen("-e").splitlines()[-2:]
        self.press_until("Tab", "another field", lambda: self.cursor_row() != row or
                         self.screen("-e").splitlines()[-2:] != button)

    def put(self, text: str) -> None:
        """Into the field that has the focus, instead of what stands there."""
        for _ in range(5):
            self.tmux("send-keys", "-t", "w", "-N", "20", "BSpace")
            self.type(text)
            end = time.monotonic() + 4
            while time.monotonic() < end:
                if self.screen().splitlines()[self.cursor_row()].rstrip("│ ").endswith(" " + text):
                    return
                time.sleep(0.03)
        raise Late(f"\"{text}\" does not stand in the field; the screen is\n{self.screen()}")

    def choose(self, *texts: str, limit: float = 20) -> str:
        """Enter on the button that has the focus; the screen, when all these texts stand on it."""
        self.press_until("Enter", texts[0], lambda: texts[0] in self.screen(), every=limit / 4)
        return self.wait_for(*texts, limit=limit)

    def exit_code(self, limit: float = 20) -> int:
        end = time.monotonic() + limit
        while not self.result.exists() or not self.result.read_text().strip():
            if time.monotonic() > end:
                raise Late(f"the program has not ended within {limit:g} s; the screen is\n{self.screen()}")
            time.sleep(0.05)
        return int(self.result.read_text())

    def close(self) -> None:
        """Until the server is gone: the next one of the same folder would be told to go as well."""
        tmux = ["tmux", "-S", str(self.socket)]
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False, timeout=30)
        end = time.monotonic() + 10
        while subprocess.run([*tmux, "has-session"], capture_output=True, check=False, timeout=30).returncode == 0:
            assert time.monotonic() < end, "tmux does not end"
            time.sleep(0.05)
        self.socket.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
