"""One machine: boot, hard power-off, freeze and thaw, killing by name, and running a program inside.

A machine is a systemd-nspawn process in a control group of its own; everything that runs in it stays below that group,
so that one write stops or ends all of it at the same instant. Nothing here knows about Gemel.
"""

import os
import signal
import time

from . import network, paths
from .paths import LabError

BOOT_SECONDS = 20


def members(host):
    """Process ids of everything in the machine, as this host numbers them."""
    found = []
    for folder, _, _ in os.walk(paths.group_of(host)):
        found += [int(word) for word in paths.read_text(folder + "/cgroup.procs").split()]
    return found


def supervisor(host):
    return int(paths.read_text(f"{paths.RUN}/pid/{host}", "0") or 0)


def leader(host):
    """The machine's first process, 0 if it is off."""
    parent = supervisor(host)
    if not parent:
        return 0
    children = paths.read_text(f"/proc/{parent}/task/{parent}/children").split()
    for child in children:
        for line in paths.read_text(f"/proc/{child}/status").splitlines():
            if line.startswith("NSpid:") and line.split()[-1] == "1" and len(line.split()) > 2:
                return int(child)
    return 0


def is_on(host):
    return "populated 1" in paths.read_text(paths.group_of(host) + "/cgroup.events")


def is_frozen(host):
    return paths.read_text(paths.group_of(host) + "/cgroup.freeze").strip() == "1"


def state(host):
    if not is_on(host):
        return "off"
    return "frozen" if is_frozen(host) else "on"


def must_be_on(host):
    if not is_on(host):
        raise LabError(f"{host} is off; `lab/lab boot {host}` starts it", paths.REFUSED)
    if is_frozen(host):
        raise LabError(f"{host} is frozen; `lab/lab thaw {host}` lets it run", paths.REFUSED)


def write_group(host, file, value):
    try:
        paths.write_text(f"{paths.group_of(host)}/{file}", value)
    except FileNotFoundError as error:
        raise LabError(f"{host} has never been booted", paths.REFUSED) from error


def wait_for(what, condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds} s", paths.TIMED_OUT)
        time.sleep(0.01)


def remove_group(host):
    """Only empty groups can be removed, the deepest first."""
    for folder, _, _ in os.walk(paths.group_of(host), topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True


def start(host, root):
    """Starts the machine over `root` with a fresh link; returns at once (see wait_started)."""
    if is_on(host):
        raise LabError(f"{host} is already on", paths.REFUSED)
    network.plug(host)
    group = paths.group_of(host)
    os.makedirs(group, exist_ok=True)
    paths.write_text(group + "/cgroup.freeze", "0")
    os.makedirs(paths.RUN + "/pid", exist_ok=True)
    os.makedirs(paths.STATE + "/console", exist_ok=True)
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", f"--directory={root}",
               f"--machine=gemel-{host}", f"--hostname={host}", f"--network-namespace-path=/run/netns/{paths.netns(host)}",
               "--capability=CAP_NET_ADMIN,CAP_SYS_NICE,CAP_IPC_LOCK", "--link-journal=no", "--resolv-conf=off",
               "--timezone=off", "--console=pipe", "--rlimit=RLIMIT_NOFILE=1024:524288"]
    process = os.fork()
    if process == 0:
        become(command, group, f"{paths.STATE}/console/{host}.log")
    # Here as well as in the child: whoever asks now whether the machine is on must not depend on who runs first.
    paths.write_text(group + "/cgroup.procs", str(process))
    paths.write_text(f"{paths.RUN}/pid/{host}", str(process))


def become(command, group, console):
    """In the child: enters the machine's group and turns into nspawn. Never returns."""
    try:
        os.setsid()
        paths.write_text(group + "/cgroup.procs", "0")
        os.chdir("/")
        out = os.open(console, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.closerange(3, 256)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
    finally:
        os._exit(127)


def wait_started(host):
    """Until the machine's systemd takes orders."""
    def ready():
        if not is_on(host):
            tail = paths.read_text(f"{paths.STATE}/console/{host}.log").strip().splitlines()[-5:]
            raise LabError(f"{host} did not start:\n" + "\n".join(tail))
        first = leader(host)
        return first and os.path.exists(f"/proc/{first}/root/run/systemd/private")
    wait_for(f"{host} starts", ready, BOOT_SECONDS)


def power_off(host):
    """As if the plug were pulled: no packet and no shutdown. What was written to disk stays."""
    if not is_on(host):
        raise LabError(f"{host} is already off", paths.REFUSED)
    network.link_down(host)
    write_group(host, "cgroup.kill", "1")
    wait_for(f"{host} goes off", lambda: not is_on(host), 10)


def named(host, name):
    """The processes called `name`. "postgres" is only the postmaster, whose end takes the others along; "postgres:WORD" are
    those of PostgreSQL whose title has WORD (checkpointer, walreceiver, a user's name)."""
    found = {}
    for process in members(host):
        text = paths.read_text(f"/proc/{process}/stat")
        if text:
            inner, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
            found[process] = (inner, int(rest[1]), rest[0])
    name, _, word = name.partition(":")
    mine = [p for p, (inner, _, mode) in found.items() if inner == name[:15] and mode != "Z"]
    if word:
        return [p for p in mine if word in paths.read_text(f"/proc/{p}/cmdline").partition(": ")[2]]
    if name == "postgres":
        mine = [p for p in mine if found.get(found[p][1], ("",))[0] != "postgres"]
    return mine


def part(host, name):
    """The control group called `name` somewhere in the machine, for "postgres:all": everything that a server runs."""
    for folder, _, _ in os.walk(paths.group_of(host)):
        if os.path.basename(folder) == name:
            return folder
    raise LabError(f"no group {name} on {host}", paths.NOT_FOUND)


def send(host, name, number):
    """A signal to every process of that name; returns how many there were."""
    victims = named(host, name)
    for process in victims:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass
    return len(victims)


def kill(host, name):
    """SIGKILL to every process of that name, to all at the same instant for "postgres:all"; returns how many there were."""
    if name.endswith(":all"):
        group = part(host, name[:-4])
        count = len(paths.read_text(group + "/cgroup.procs").split())
        paths.write_text(group + "/cgroup.kill", "1")
        return count
    return send(host, name, signal.SIGKILL)


def hold(host, name):
    """Stops the processes of that name; returns how many there were."""
    if name.endswith(":all"):
        group = part(host, name[:-4])
        paths.write_text(group + "/cgroup.freeze", "1")
        return len(paths.read_text(group + "/cgroup.procs").split())
    return send(host, name, signal.SIGSTOP)


def let_go(host):
    """Lets everything in the machine go on: what was held by name, and the machine itself."""
    for process in members(host):
        if ") T " in paths.read_text(f"/proc/{process}/stat"):
            try:
                os.kill(process, signal.SIGCONT)
            except ProcessLookupError:
                pass
    for folder, _, _ in os.walk(paths.group_of(host), topdown=False):
        if paths.read_text(folder + "/cgroup.freeze").strip() == "1":
            paths.write_text(folder + "/cgroup.freeze", "0")
    write_group(host, "cgroup.freeze", "0")


def enter(host, command):
    """Turns this process into `command` inside the machine. Never returns."""
    if host == paths.CLIENT:
        env = {**os.environ, "PATH": paths.CALLER_PATH}
        os.execve("/usr/bin/nsenter", ["nsenter", f"--net=/run/netns/{paths.netns(host)}", "--", *command], env)
    must_be_on(host)
    first = leader(host)
    if not first:
        raise LabError(f"{host} is still starting", paths.REFUSED)
    group = paths.group_of(host) + "/exec"
    os.makedirs(group, exist_ok=True)
    paths.write_text(group + "/cgroup.procs", "0")
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
           "USER": "root", "TERM": os.environ.get("TERM", "dumb")}
    for name in ("NO_COLOR", "COLUMNS"):
        if name in os.environ:
            env[name] = os.environ[name]
    os.execve("/usr/bin/nsenter", ["nsenter", "-a", "-t", str(first), "--", *command], env)


def inside(host, *command, timeout=30):
    """Runs `command` inside the machine and returns (exit code, output); 124 if it took too long."""
    import subprocess
    first = leader(host)
    if not first:
        return 1, f"{host} is off"
    try:
        done = subprocess.run(["nsenter", "-a", "-t", str(first), "--", *command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "NO_COLOR": "1"})
    except subprocess.TimeoutExpired:
        return 124, f"no end after {timeout} s"
    return done.returncode, done.stdout
