"""The site on the machines: rendering, laying the files down, health, and what a test needs to know to reach it.

Knows Gemel only from outside: the command `gemel render`, the agents' role URLs and the managers' /readyz.
"""

import contextlib
import json
import os
import shutil
import socket
import ssl

from . import machine, paths
from .paths import LabError
from .run import run

AGENT_SOCKET = "/run/gemel/gemeld.sock"
AGENT_UNIT, MANAGER_UNIT = "gemeld.service", "gemel-manager.service"


def units_of(host):
    return [AGENT_UNIT, MANAGER_UNIT] if host in paths.MANAGERS else [AGENT_UNIT]


def render(layers):
    """One tree of files per host. A second call keeps the keys, certificates and secrets of the first."""
    for layer in layers:
        program = layer + "/usr/bin/gemel"
        if os.path.exists(program):
            break
    else:
        raise LabError("the packages bring no /usr/bin/gemel", paths.REFUSED)
    os.makedirs(paths.RENDERED, mode=0o700, exist_ok=True)
    run(program, "render", paths.SITE_FILE, "--out", paths.RENDERED)
    os.makedirs(paths.PUBLIC, exist_ok=True)
    for name in ("web-ca.crt", "db-ca.crt", "agent-ca.crt"):
        if os.path.exists(f"{paths.RENDERED}/ca/{name}"):
            shutil.copyfile(f"{paths.RENDERED}/ca/{name}", f"{paths.PUBLIC}/{name}")


def identities(root, file):
    """Names to numbers, as the machine's own user or group file says."""
    return {line.split(":")[0]: int(line.split(":")[2]) for line in paths.read_text(root + file).splitlines() if ":" in line}


def lay_file(source, target):
    """Whole or not at all; what is there already is left alone, so that a running program never misses its key."""
    with open(source, "rb") as file:
        content = file.read()
    if os.path.exists(target):
        with open(target, "rb") as file:
            if file.read() == content:
                return
    with open(os.open(target + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.rename(target + ".new", target)


def lay_down(host, root):
    """Copies the host's rendered files into its tree, each with the owner and mode that the rendering asks for."""
    source = f"{paths.RENDERED}/{host}"
    if not os.path.isdir(source):
        raise LabError(f"`gemel render` made no files for {host}: is it in {paths.SITE_FILE}?", paths.REFUSED)
    for folder, _, files in os.walk(source):
        inside = root + folder[len(source):]
        os.makedirs(inside, exist_ok=True)
        for name in files:
            if (folder, name) != (source, ".permissions"):
                lay_file(f"{folder}/{name}", f"{inside}/{name}")
    users, groups = identities(root, "/etc/passwd"), identities(root, "/etc/group")
    for line in paths.read_text(source + "/.permissions").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        mode, owner, name = line.split(" ", 2)
        user, group = owner.split(":")
        if user not in users or group not in groups:
            raise LabError(f"{host}: {name} must belong to {owner}, which the packages did not create")
        os.chown(root + name, users[user], groups[group])
        os.chmod(root + name, int(mode, 8))


def enable_units(host, root):
    for unit in (AGENT_UNIT, MANAGER_UNIT):
        verb = "enable" if unit in units_of(host) else "disable"
        run("systemctl", f"--root={root}", verb, unit)


def name_machine(host, root):
    """What makes a copy of the image this machine: its name, its id, its neighbours."""
    import hashlib
    # The image was made without starting servers; the machine's packages may start theirs.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(root + "/usr/sbin/policy-rc.d")
    paths.write_text(root + "/etc/hostname", host + "\n")
    identity = hashlib.sha256(f"gemel-lab {host}".encode()).hexdigest()[:32]
    paths.write_text(root + "/etc/machine-id", identity + "\n")
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for name in paths.NUMBERS:
        lines += [f"{paths.address4(name)} {name}", f"{paths.address6(name)} {name}"]
    lines.append(f"{paths.address4(paths.BALANCER)} {settings()['site']['dns_name']}")
    paths.write_text(root + "/etc/hosts", "\n".join(lines) + "\n")


def agent(host, path, seconds=0.5):
    """(status, body) of the agent's local endpoint, (0, "") if it does not answer. Works while the network is cut."""
    first = machine.leader(host) if machine.state(host) == "on" else 0
    if not first:
        return 0, ""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(f"/proc/{first}/root{AGENT_SOCKET}")
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            while part := connection.recv(65536):
                answer += part
    except OSError:
        if not answer:
            return 0, ""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split()
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), body.decode(errors="replace")


def primary():
    """The host that says it is primary, empty if none does."""
    for host in paths.DATABASES:
        if agent(host, "/primary")[0] == 200:
            return host
    return ""


def https_status(address, path, seconds=2):
    """Status of an HTTPS request verified against the site's own authority; a text if there is none."""
    from http.client import HTTPException, HTTPSConnection
    try:
        context = ssl.create_default_context(cafile=f"{paths.PUBLIC}/web-ca.crt")
        connection = HTTPSConnection(address, timeout=seconds, context=context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, HTTPException, ssl.SSLError) as error:
        return str(error)


def missing():
    """What keeps the site from being healthy, in words; an empty list if nothing does."""
    problems = []
    for host in paths.MACHINES:
        state = machine.state(host)
        if state != "on":
            problems.append(f"{host} is {state}")
        elif agent(host, "/liveness")[0] == 0:
            problems.append(f"{host}: the agent does not answer (lab/lab logs {host} gemeld)")
    leader = primary()
    if not leader:
        problems.append("no primary database")
    for host in paths.DATABASES:
        if leader and host != leader and agent(host, "/sync")[0] != 200:
            problems.append(f"{host} is not a synchronous standby yet")
    for host in (*paths.MANAGERS, paths.BALANCER):
        status = https_status(paths.address4(host), "/readyz")
        if status != 200:
            problems.append(f"https://{paths.address4(host)}/readyz ({host}): {status}")
    return problems


def wait_healthy(seconds, say=None, known=()):
    """Waits until nothing is missing but the `known`; raises LabError with the list of what is."""
    import time
    began = time.monotonic()
    shown = None
    while problems := [problem for problem in missing() if problem not in known]:
        passed = time.monotonic() - began
        if passed > seconds:
            raise LabError(f"the site is not healthy after {seconds} s:\n  " + "\n  ".join(problems), paths.TIMED_OUT)
        if say and passed > 3 and problems[0] != shown:
            shown = problems[0]
            say(f"waiting: {shown}")
        time.sleep(0.1)


def settings():
    import tomllib
    with open(paths.SITE_FILE, "rb") as file:
        return tomllib.load(file)


def secret(host, name):
    path = f"{paths.RENDERED}/{host}/etc/gemel/secrets/{name}"
    value = paths.read_text(path).strip()
    if not value:
        raise LabError(f"the rendered site has no {path}")
    return value


def libpq_quoted(value):
    if value and all(letter.isalnum() or letter in "-._/" for letter in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def environment():
    """Everything a test needs to reach the site, as (name, value) pairs."""
    database = settings().get("database", {})
    dsn = {"host": paths.VIRTUAL_ADDRESS, "port": "5432", "user": database.get("user", "cliqr"),
           "password": secret(paths.MANAGERS[0], "application.password"), "dbname": database.get("name", "gemel"),
           "sslmode": "verify-full", "sslrootcert": f"{paths.PUBLIC}/db-ca.crt"}
    balancer = paths.address4(paths.BALANCER)
    return [
        ("GEMEL_PRIMARY", primary()),
        ("GEMEL_DB_HOSTS", " ".join(paths.DATABASES)),
        ("GEMEL_DSN", " ".join(f"{key}={libpq_quoted(value)}" for key, value in dsn.items())),
        ("GEMEL_URL", f"https://{balancer}"),
        ("GEMEL_CA", f"{paths.PUBLIC}/web-ca.crt"),
        ("GEMEL_STATS_URL", f"http://{balancer}:9000/haproxy_stats"),
        ("GEMEL_STATS_USER", "admin"),
        ("GEMEL_STATS_PASSWORD", secret(paths.BALANCER, "statistics.password")),
        ("GEMEL_CLIENT_NETNS", paths.netns(paths.CLIENT)),
    ]


def record():
    """What `up` noted about the running site: its layers and the boot of this host it belongs to."""
    text = paths.read_text(paths.RUN + "/site")
    return json.loads(text) if text else {}


def write_record(**values):
    temporary = paths.RUN + "/site.new"
    paths.write_text(temporary, json.dumps(values, indent=1) + "\n")
    os.rename(temporary, paths.RUN + "/site")
