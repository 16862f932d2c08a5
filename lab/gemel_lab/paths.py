"""Where the lab keeps its things, the names of its machines, and the one exception type.

Nothing here imports anything heavy: the verbs that must act within milliseconds load only this and `machine`.
"""

import os

LAB_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(LAB_DIR)
SITE_FILE = os.environ.get("GEMEL_LAB_SITE", os.path.join(LAB_DIR, "site.toml"))
PACKAGE_DIR = os.environ.get("GEMEL_LAB_PACKAGES", os.path.join(REPOSITORY, "build", "release"))

CACHE = "/var/cache/gemel-lab"      # images; survives `down`
STATE = os.environ.get("GEMEL_LAB_STATE", "/var/lib/gemel-lab")  # upper layers, rendered site, consoles; removed by `down`
RUN = "/run/gemel-lab"              # locks, process ids, mounts; removed by `down`
RENDERED = STATE + "/rendered"
PUBLIC = RUN + "/public"            # certificates any user of this host may read
CGROUP = RUN + "/cgroup2"           # a cgroup2 mount of our own: the host may still use version 1
GROUP = os.environ.get("GEMEL_LAB_GROUP", "gemel-lab")  # control groups have no namespace here: see lab/beside
CGROUP_ROOT = CGROUP + "/" + GROUP

SWITCH = "gemel-switch"             # namespace that holds the bridge, away from the host's own firewall
BRIDGE = "br0"
HOST_LINK = "gemel-lab0"            # the host's own leg into the site's network
SUBNET4, SUBNET6 = "10.77.0.0/24", "fd77::/64"
HOST_ADDRESS4, HOST_ADDRESS6 = "10.77.0.1", "fd77::1"
CLIENT = "client"

# Further machines of a bare lab, in no site file yet: "ccm3=13,db3=23". Every verb must see the same ones.
SPARE = {name: int(number) for name, number in
         (entry.split("=") for entry in os.environ.get("GEMEL_LAB_SPARE", "").split(",") if entry)}
# The last number of both addresses. The client is a network namespace only: it runs the host's programs.
NUMBERS = {"ccm1": 11, "ccm2": 12, "db1": 21, "db2": 22, "lb1": 31, **SPARE, CLIENT: 90}
MACHINES = tuple(name for name in NUMBERS if name != CLIENT)
DATABASES = ("db1", "db2")
MANAGERS = ("ccm1", "ccm2")
BALANCER = "lb1"
VIRTUAL_ADDRESS = "10.77.0.100"

# Tools come from the system alone; what a caller runs in the client's network keeps the caller's own path.
CALLER_PATH = os.environ.get("PATH", "")
os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"

# Exit codes, the same as those of the command line `gemel`.
FAILED, USAGE, REFUSED, NOT_FOUND, TIMED_OUT, PERMISSION = 1, 2, 3, 4, 5, 7


class LabError(Exception):
    """What went wrong, for a person, with the exit code that tells a program."""

    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code


def address4(host):
    return f"10.77.0.{NUMBERS[host]}"


def address6(host):
    return f"fd77::{NUMBERS[host]}"


def netns(host):
    return f"gemel-{host}"


def port(host):
    """The name of the switch's port for this host; also the key of the packet filter."""
    return f"port-{host}"


def root_of(host):
    return f"{RUN}/root/{host}"


def machine_dir(host):
    return f"{STATE}/machines/{host}"


def group_of(host):
    return f"{CGROUP_ROOT}/{host}"


def read_text(path, default=""):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return default


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def is_up():
    return os.path.exists(RUN + "/site")
