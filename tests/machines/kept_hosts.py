"""Hosts that are only an ssh of our own, as in wizard_terminal.py, but that keep what the setup lays, installs and starts on
them and say so when they are asked: whole runs without a machine. Nothing runs on them; a database is in step at once."""
import json
import subprocess
from pathlib import Path

from lab_driver import program

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIKp1JkK0c9C3b2v1m0d6f8wq1l2h3g4s5a6z7x8c9v0b"

SSH = '''#!/usr/bin/python3 -S
import json, os, re, shlex, sys, time
FOLDER = {folder!r}
PRIMARY = "db2" if os.path.exists(f"{{FOLDER}}/primary-db2") else "db1"
words = sys.argv[1:]
if "-O" in words:
    sys.exit(0)
host = next(word for word in words if word.startswith("HostKeyAlias=")).partition("=")[2]
if os.path.exists(f"{{FOLDER}}/off-{{host}}"):
    print("ssh: connect to host", host, "port 22: Connection timed out", file=sys.stderr)
    sys.exit(255)
if "flock -w" in words[-1]:  # the lock on a host, by its own script
    command = words[-1].replace("/run/gemel-setup.holder", f"{{FOLDER}}/{{host}}.holder")
    os.environ["SSH_CONNECTION"] = "192.0.2.7 1 192.0.2.8 22"
    os.execv("/bin/sh", ["sh", "-c", command])
command = shlex.split(words[-1])
if len(command) > 3 and command[3] == "gemel-guard":
    command = command[6:]
script = command[2] if command[:2] == ["/bin/sh", "-c"] else ""
given = command[4:] if script else []

def load(name):
    try:
        with open(f"{{FOLDER}}/{{name}}.json") as file:
            return json.load(file)
    except FileNotFoundError:
        return {{"files": {{}}, "directories": {{}}, "texts": {{}}, "running": {{}}, "enabled": [], "packages": {{}}, "data": False}}

def save():
    with open(f"{{FOLDER}}/{{host}}.json.new", "w") as file:
        json.dump(state, file)
    os.rename(f"{{FOLDER}}/{{host}}.json.new", f"{{FOLDER}}/{{host}}.json")

def did(what):
    with open(f"{{FOLDER}}/log", "a") as file:
        file.write(f"{{host}} {{what}}\\n")

def broken():
    if os.path.exists(f"{{FOLDER}}/broken-{{host}}"):
        sys.exit("this host is broken")

def read_toml(text):
    import tomllib  # dear at each start
    return tomllib.loads(text)

def config_of(name):
    text = load(name)["texts"].get("/etc/gemel/host.toml")
    return read_toml(text) if text else None

def start(unit):
    state["running"][unit] = int(time.time())
    if unit == "gemeld.service":
        state["texts"]["running host.toml"] = state["texts"].get("/etc/gemel/host.toml", "")
        state["data"] = state["data"] or host.startswith("db")

def status():
    config = config_of(host)
    if not config:
        sys.exit("gemel: this host has no host.toml")
    entries, running = [], {{}}
    for each in config["host"]:
        running[each["name"]] = load(each["name"])["running"]
    up = lambda name: "gemeld.service" in running.get(name, load(name)["running"])
    databases = [each["name"] for each in config["host"] if "database" in each["concepts"]]
    alive = [name for name in databases if up(name) and not os.path.exists(f"{{FOLDER}}/off-{{name}}")]
    alive.sort(key=lambda name: name != PRIMARY)
    members = alive[:2]
    for each in config["host"]:
        name = each["name"]
        said = None
        if up(name) and not os.path.exists(f"{{FOLDER}}/off-{{name}}"):
            said = {{"api_version": "v1", "host": name, "role": each["role"], "zone": "", "version": "0.1.0", "time": "",
                    "uptime_seconds": 1, "problems": [], "record": None, "database": None, "store": None, "balancer": None,
                    "history": []}}
            if "voter" in each["concepts"] or name in databases:
                said["store"] = {{"voters": 3, "reachable": 3, "leader": "ccm1", "has_quorum": True, "silent": []}}
            if name in databases:
                said["record"] = {{"epoch": 1, "holder": alive[0], "members": members, "state": "normal", "revision": 1, "pause": None}}
                run = "primary" if name == alive[0] else "standby"
                standbys = [{{"host": other, "is_streaming": True, "flush_lsn": "0/1", "lag_bytes": 0}} for other in alive[1:]]
                said["database"] = {{
                    "run": run, "role": run, "timeline": 1, "wal_lsn": "0/1", "upstream": "", "is_receiving": True,
                    "served_epoch": 1, "standbys": standbys if run == "primary" else [], "links": [],
                    "is_gate_open": run == "primary", "permit_remaining_ms": 0, "is_address_held": True, "rule": "",
                    "reason": "", "doing": "", "service_targets": 0, "service_reachable": 0}}
            if "balancer" in each["concepts"]:
                fed = read_toml(load(name)["texts"]["running host.toml"])["host"]
                said["balancer"] = {{"is_running": True, "backends": [
                    {{"host": one["name"], "state": "UP" if "gemel-manager.service" in load(one["name"])["running"] else "DOWN",
                     "sessions": 0}} for one in fed if "manager" in one["concepts"]]}}
        entries.append({{"host": name, "role": each["role"], "duties": each["concepts"], "address": each["address"], "zone": "",
                        "is_reachable": said is not None, "error": "" if said else "no answer", "status": said}})
    troubles = [entry["host"] for entry in entries if not entry["is_reachable"]]
    troubles += [one["host"] for entry in entries if entry["status"] and entry["status"]["balancer"]
                 for one in entry["status"]["balancer"]["backends"] if one["state"] != "UP"]
    summary = {{"health": "degraded" if troubles or len(members) < 2 else "healthy", "primary": alive[0] if alive else "",
               "epoch": 1, "revision": 1, "members": members, "state": "normal", "holder": alive[0] if alive else "",
               "pause": None, "lag_bytes": 0, "failover_possible": len(members) > 1, "reason_code": "possible", "reason": "",
               "problems": [name + " is in trouble" for name in troubles]}}
    print(json.dumps({{"api_version": "v1", "site": "lab", "time": "", "summary": summary, "hosts": entries}}))

def facts():
    lines = [["clock", str(time.time_ns() // 1_000_000)], ["name", host], ["memory", "8000"], ["disk", "90000"],
             ["system", "debian 12"], ["firewall", "nftables"]]
    for word in given:
        kind, _, value = word.partition(":")
        if kind == "file" and value in state["files"]:
            lines.append(["file", value, *state["files"][value]])
        elif kind == "file" and value in state["directories"]:
            lines.append(["directory", value, *state["directories"][value]])
        elif kind == "package" and value in state["packages"]:
            lines.append(["package", value, state["packages"][value]])
        elif kind == "package":
            lines.append(["candidate", value, "15.14-0+deb12u1"])
        elif kind == "unit" and value in state["running"]:
            lines += [["running", value], ["started", value, str(state["running"][value])]]
        elif kind == "name":
            lines += [["resolved", value, address] for address in state.get("names", {{}}).get(value, [])]
            if value.endswith(".test"):
                lines.append(["resolved", value, "10.77.0.31"])
        elif kind == "taken":
            lines.append(["address", value, "eth0"])
    lines += [["enabled", unit] for unit in state["enabled"]]
    lines += [["rule", name] for name in re.findall(r"chain (\\S+)", state["texts"].get("/etc/gemel/firewall.nft", ""))]
    config = config_of(host)
    if config:
        lines.append(["site", config["id"]] if "id" in config else ["site", config["site"]["id"]])
        lines += [["member", each["name"], each["address"], "database" if "database" in each["concepts"] else "other"]
                  for each in config["host"]]
        if "gemeld.service" in state["running"]:
            lines.append(["primary", PRIMARY])
    if state["data"]:
        lines.append(["data"])
    print("\\n".join("\\t".join(["fact", *line]) for line in lines + [["end"]]))

state = load(host)
if "fact end" in script:
    facts()
elif command == ["gemel", "status", "-o", "json"]:
    status()
elif command == ["gemel", "ready"]:
    print("ready")
elif "echo other" in script:
    print("ours" if state["texts"] else "nothing")
elif "/var/lib/gemel-kept" in script:
    broken()
    did("kept aside")
    state = {{**load("nobody"), "packages": state["packages"], "kept": given[1]}}
    save()
elif script.startswith("set -eu\\numask 077\\ntarget="):
    import hashlib
    content = sys.stdin.buffer.read()
    broken()
    path, mode, owner = given[0], given[1], given[2]
    user, _, group = owner.partition(":")
    state["files"][path] = [hashlib.sha256(content).hexdigest(), mode.lstrip("0"), user, group, str(int(time.time()))]
    if path in ("/etc/gemel/host.toml", "/etc/gemel/firewall.nft"):
        state["texts"][path] = content.decode()
        did("lays " + path)
    save()
elif "apt-get" in script:
    broken()
    for word in given:
        name = os.path.basename(word).removesuffix(".deb")
        state["packages"][name] = "0.1.0-1" if name.startswith("gemel") else "15"
    save()
elif "# BEGIN gemel" in script:
    state["names"] = {{}}
    for line in sys.stdin.read().splitlines():
        address, _, name = line.partition(" ")
        state["names"].setdefault(name, []).append(address)
    save()
elif command[:1] == ["install"]:
    mode, user, group = (command[command.index(flag) + 1] if flag in command else default
                         for flag, default in (("-m", "0755"), ("-o", "root"), ("-g", "root")))
    state["directories"][command[-1]] = [mode.lstrip("0"), user, group]
    save()
elif command[:1] == ["systemctl"]:
    broken()
    unit = command[-1]
    if "disable" in command:
        did("stops " + unit)
        state["running"].pop(unit, None)
        state["enabled"] = [each for each in state["enabled"] if each != unit]
    elif "enable" in command:
        state["enabled"] = sorted({{*state["enabled"], unit}})
    elif "start" in command or "restart" in command:
        did(("restarts " if "restart" in command else "starts ") + unit)
        start(unit)
    save()
'''
KEYSCAN = f"""#!/bin/sh
for word; do address=$word; done
echo "$address ssh-ed25519 {KEY}"
"""


class KeptHosts:
    """In the verbs' own mount namespace ssh is a program that answers for the hosts; what they have is kept in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.site = folder / "site.toml"
        for name, text in (("ssh", SSH.format(folder=str(folder))), ("ssh-keyscan", KEYSCAN)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "packages").mkdir()
        for name in ("gemel", "gemel-agent", "gemel-manager"):
            (folder / "packages" / f"{name}_0.1.0-1_amd64.deb").write_text("a package")

    def run(self, verb: str, *words: str, typed: str = "") -> subprocess.CompletedProcess:
        bind = 'for name in ssh ssh-keyscan; do mount --bind "$0/$name" "/usr/bin/$name" || exit 99; done; exec "$@"'
        command = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", bind, str(self.folder),
                   str(program("gemel")), verb, *words, str(self.site), f"--state={self.folder / 'state'}",
                   f"--packages={self.folder / 'packages'}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, input=typed)

    def must(self, verb: str, *words: str, typed: str = "") -> str:
        done = self.run(verb, *words, typed=typed)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def take_log(self) -> list[str]:
        """What was laid, started and stopped since the last time, as "db1 restarts gemeld.service"."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def kept(self, host: str) -> dict:
        return json.loads((self.folder / f"{host}.json").read_text())

    def mark(self, what: str, host: str, is_so: bool) -> None:
        """`off`: its ssh does not answer; `broken`: whatever it is told to do fails; `primary`: db2 is,
        instead of db1."""
        mark = self.folder / f"{what}-{host}"
        mark.touch() if is_so else mark.unlink()
