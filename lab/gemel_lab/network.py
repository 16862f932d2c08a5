"""The site's network: a switch in a namespace of its own, one namespace and one cable per host, and the faults.

Faults are packet filter rules at the switch, exact per direction: the machines see a working link and no packets. Whole
links are kept as sets, so that a fault is one element added or removed; drops of some packets only are rules of their own,
whose comments say what they do. Nothing here knows what runs in the machines.
"""

import os
import re

from . import paths
from .paths import LabError

TABLE = "gemel_lab"
RULES = f"""
table bridge {TABLE} {{
  set isolated {{ type ifname; }}
  set cut {{ type ifname . ifname; }}
  chain from_port {{ type filter hook prerouting priority 0; iifname @isolated drop; }}
  chain between_ports {{ type filter hook forward priority 0; iifname . oifname @cut drop; }}
  chain to_port {{ type filter hook postrouting priority 0; oifname @isolated drop; }}
  chain chosen {{ type filter hook forward priority 1; }}
}}
"""


def spawn(*command):
    """Runs a small program and waits; True if it ended well. Cheaper than `subprocess` for the verbs that must be quick."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        process = os.posix_spawnp(command[0], command, os.environ,
                                  file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is missing on this host; tools/install-deps installs it") from error
    finally:
        os.close(null)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def must(*command):
    if not spawn(*command):
        raise LabError(f"failed: {' '.join(command)}")


def filter_rules(text):
    """Changes the switch's packet filter, all of `text` at once or nothing of it."""
    return spawn("nsenter", f"--net=/run/netns/{paths.SWITCH}", "nft", text)


def link(namespace, text):
    """`ip -batch` in a namespace: one process for many changes."""
    from .run import run
    run("ip", "-n", namespace, "-batch", "-", input_text=text)


def check_free():
    """Refuses if this host already uses a network that overlaps with the site's."""
    import ipaddress
    from .run import run
    for family, ours in (("-4", paths.SUBNET4), ("-6", paths.SUBNET6)):
        mine = ipaddress.ip_network(ours)
        for line in run("ip", family, "-o", "route", "show", "table", "all").splitlines():
            words = line.split()
            target = words[1] if words[0] in ("local", "broadcast", "unreachable", "anycast", "multicast") else words[0]
            try:
                theirs = ipaddress.ip_network(target, strict=False)
            except ValueError:
                continue
            device = words[words.index("dev") + 1] if "dev" in words else ""
            if theirs.prefixlen >= 8 and theirs.overlaps(mine) and device != paths.HOST_LINK:
                raise LabError(f"the site's network {ours} is in use on this host ({line.strip()}); "
                               "remove that address or route first", paths.REFUSED)


def create():
    """The switch, and the host's own leg into it."""
    from .run import run
    run("ip", "netns", "add", paths.SWITCH)
    link(paths.SWITCH, f"link set lo up\n"
         f"link add {paths.BRIDGE} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n"
         f"link set {paths.BRIDGE} up\n")
    run("ip", "link", "add", paths.HOST_LINK, "type", "veth", "peer", "name", paths.port("host"), "netns", paths.SWITCH)
    link(paths.SWITCH, f"link set {paths.port('host')} master {paths.BRIDGE} up\n")
    run("ip", "-batch", "-", input_text=f"link set {paths.HOST_LINK} up\n"
        f"addr add {paths.HOST_ADDRESS4}/24 dev {paths.HOST_LINK}\n"
        f"addr add {paths.HOST_ADDRESS6}/64 dev {paths.HOST_LINK} nodad\n")
    run("nsenter", f"--net=/run/netns/{paths.SWITCH}", "nft", "-f", "-", input_text=RULES)


def plug(host):
    """A new, empty namespace for the host with its cable and its own addresses; an earlier one is thrown away."""
    from .run import run
    unplug(host)
    name, number = paths.netns(host), paths.NUMBERS[host]
    run("ip", "netns", "add", name)
    run("ip", "-n", paths.SWITCH, "link", "add", paths.port(host), "type", "veth", "peer", "name", "eth0",
        "address", f"02:67:65:6d:00:{number:02d}", "netns", name)
    link(paths.SWITCH, f"link set {paths.port(host)} master {paths.BRIDGE} up\n")
    link(name, "link set lo up\nlink set eth0 up\n"
         f"addr add {paths.address4(host)}/24 dev eth0\naddr add {paths.address6(host)}/64 dev eth0 nodad\n")


def unplug(host):
    """Takes the cable out and drops the namespace with every address in it."""
    if spawn("ip", "netns", "delete", paths.netns(host)):
        # A namespace outlives its name while a dying process still holds it: the cable must not wait for that.
        spawn("ip", "-n", paths.SWITCH, "link", "delete", paths.port(host))


def link_down(host):
    """The switch loses the link at once: nothing a dying kernel still sends gets out."""
    return spawn("ip", "-n", paths.SWITCH, "link", "set", paths.port(host), "down")


def isolate(host):
    # Adding an element twice is not an error, so this is idempotent.
    if not filter_rules(f'add element bridge {TABLE} isolated {{ "{paths.port(host)}" }}'):
        raise LabError(f"cannot isolate {host}: the switch's packet filter refused")


def cut(source, target, one_way):
    pairs = [(source, target)] if one_way else [(source, target), (target, source)]
    elements = ", ".join(f'"{paths.port(a)}" . "{paths.port(b)}"' for a, b in pairs)
    if not filter_rules(f"add element bridge {TABLE} cut {{ {elements} }}"):
        raise LabError(f"cannot cut {source} from {target}: the switch's packet filter refused")


def matches(kind):
    """What `kind` selects, as packet filter expressions: "udp/7401" (either end), "tcp/5432", "arp", "" for everything."""
    if not kind:
        return [""]
    if kind == "arp":
        return ["ether type arp "]
    if not re.fullmatch(r"(tcp|udp)/[0-9]{1,5}", kind):
        raise LabError(f"no kind of packet: {kind} (tcp/PORT, udp/PORT or arp)", paths.USAGE)
    protocol, number = kind.split("/")
    return [f"meta l4proto {protocol} th {end} {number} " for end in ("dport", "sport")]


def drop(source, target, one_way=False, kind="", percent=100, larger=0):
    """Drops `percent` of the packets of one kind from one host to another, and back; with `larger`, those above so many bytes."""
    said = " ".join(filter(None, [f"{percent} %" if percent < 100 else "", kind, f"above {larger} bytes" if larger else ""]))
    lines = []
    for a, b in [(source, target)] if one_way else [(source, target), (target, source)]:
        for match in matches(kind):
            size = f"meta length > {larger} " if larger else ""
            chance = f"numgen random mod 100 < {percent} " if percent < 100 else ""
            lines.append(f'add rule bridge {TABLE} chosen iifname "{paths.port(a)}" oifname "{paths.port(b)}" '
                         f'{match}{size}{chance}counter drop comment "{a} -> {b}: {said or "everything"}"')
    if not filter_rules("; ".join(lines)):
        raise LabError(f"cannot drop packets between {source} and {target}: the switch's packet filter refused")


def drops():
    """(handle, what it does) of every rule that `drop` made."""
    import json
    from .run import run
    listing = json.loads(run("nsenter", f"--net=/run/netns/{paths.SWITCH}", "nft", "-j", "-a", "list", "chain", "bridge",
                             TABLE, "chosen"))
    return [(item["rule"]["handle"], item["rule"]["comment"]) for item in listing["nftables"] if "rule" in item]


def faults():
    """(set of isolated hosts, list of (from, to) pairs that are cut)."""
    import json
    from .run import run
    listing = json.loads(run("nsenter", f"--net=/run/netns/{paths.SWITCH}", "nft", "-j", "list", "table", "bridge", TABLE))
    elements = {item["set"]["name"]: item["set"].get("elem", []) for item in listing["nftables"] if "set" in item}
    strip = len(paths.port(""))
    return ({port[strip:] for port in elements["isolated"]},
            [tuple(port[strip:] for port in pair["concat"]) for pair in elements["cut"]])


def heal(host=None):
    """Removes every fault, or every fault that touches one host."""
    if host is None:
        text = f"flush set bridge {TABLE} isolated; flush set bridge {TABLE} cut; flush chain bridge {TABLE} chosen"
    else:
        isolated, pairs = faults()
        mine = [f'"{paths.port(a)}" . "{paths.port(b)}"' for a, b in pairs if host in (a, b)]
        text = "; ".join([f'delete element bridge {TABLE} isolated {{ "{paths.port(host)}" }}'] * (host in isolated)
                         + [f"delete element bridge {TABLE} cut {{ {pair} }}" for pair in mine]
                         + [f"delete rule bridge {TABLE} chosen handle {handle}" for handle, said in drops()
                            if host in said.partition(":")[0].split(" -> ")])
    if text and not filter_rules(text):
        raise LabError("cannot heal: the switch's packet filter refused")


def remove():
    """The whole network; harmless if some or all of it is not there."""
    for host in paths.NUMBERS:
        unplug(host)
    spawn("ip", "link", "delete", paths.HOST_LINK)
    spawn("ip", "netns", "delete", paths.SWITCH)
