"""The verbs of `lab/lab`: the table of them, their arguments, and what they print.

The verbs that break things must act within some 50 ms, so each verb imports only what it needs.
"""

import os
import re
import sys

from . import network, paths
from .paths import LabError

USAGE = """usage: lab/lab VERB ...   (as root)

  up [--no-wait] [--bare [--with=PACKAGE,...]]
                              boot the site and wait until it is healthy; --bare: machines without Gemel, but with these
                              packages of Debian besides the image's
  down [--purge]              remove every trace of it; --purge: the cached images too
  image [--with=PACKAGE,...]  make the cached base image, if there is none yet, and nothing else
  redeploy                    new packages into the running machines, without a new site
  status                      the machines, the faults, who is primary
  env                         how to reach the site, as KEY=VALUE lines for a shell
  exec HOST -- CMD ...        run a program in a machine (client: in its network, with this host's files)
  shell HOST                  a shell in a machine
  logs HOST [UNIT] [ARG ...]  a machine's journal, also when it is off; more arguments go to journalctl
  boot HOST                   start a machine that is off
  reboot HOST                 orderly shutdown and start
  poweroff HOST               pull the plug: no packet, no shutdown
  reinstall HOST              a new disk: the machine as `up` made it, switched on
  freeze HOST [NAME]          stop everything in a machine, or only the processes of that name
  thaw HOST                   let all of it go on
  isolate HOST                drop every packet from and to a machine
  cut A B [--one-way]         drop the packets between two machines (one way: from A to B)
  drop A B [--one-way] [--percent=N] [--only=KIND] [--larger=BYTES]
                              drop some of the packets between two machines; KIND: tcp/PORT, udp/PORT, arp
  heal [HOST]                 undo isolate, cut and drop
  kill HOST NAME              SIGKILL to the processes of that name

NAME: a program (gemeld, etcd); postgres: the postmaster; postgres:WORD: PostgreSQL's processes with WORD in their title;
postgres:all: its whole control group.

Hosts: """ + " ".join(paths.NUMBERS)


def known(host):
    if host not in paths.NUMBERS:
        raise LabError(f"no host {host}; there are {' '.join(paths.NUMBERS)}", paths.NOT_FOUND)
    return host


def machine_named(host):
    if known(host) == paths.CLIENT:
        raise LabError("client is only a network namespace: it has no power switch and no processes of its own",
                       paths.REFUSED)
    return host


def wrong_use():
    return LabError("wrong arguments; `lab/lab help` shows the verbs", paths.USAGE)


def take(arguments, count, *flags, more=0):
    """Splits `arguments` into its positional ones, `count` to `count`+`more` of them, and the set of its flags."""
    given = {word for word in arguments if word.startswith("--")}
    rest = [word for word in arguments if not word.startswith("--")]
    if given - set(flags) or not count <= len(rest) <= count + more:
        raise wrong_use()
    return rest, given


def take_names(arguments):
    """Splits `arguments` into the packages named by --with=A,B and the rest."""
    names = tuple(name for word in arguments if word.startswith("--with=") for name in word[7:].split(","))
    # A package's name as Debian's policy 5.6.1 has it: nothing else reaches apt-get's command line.
    if not all(re.fullmatch("[a-z0-9][a-z0-9.+-]+", name) for name in names):
        raise wrong_use()
    return names, [word for word in arguments if not word.startswith("--with=")]


def up(arguments):
    names, rest = take_names(arguments)
    _, flags = take(rest, 0, "--no-wait", "--bare")
    if names and "--bare" not in flags:
        raise wrong_use()
    from . import life
    life.up(wait="--no-wait" not in flags, bare="--bare" in flags, names=names)


def down(arguments):
    _, flags = take(arguments, 0, "--purge")
    from . import life
    life.down("--purge" in flags)


def image(arguments):
    names, rest = take_names(arguments)
    take(rest, 0)
    from . import life
    life.make_image(names)


def redeploy(arguments):
    take(arguments, 0)
    from . import life
    life.redeploy()


def status(arguments):
    take(arguments, 0)
    from . import machine, site
    isolated, cuts = network.faults()
    bare = site.record()["bare"]
    print(f"{'HOST':8}{'ADDRESS':14}{'MACHINE':9}{'NETWORK':10}{'AGENT':9}DATABASE")
    for host in paths.MACHINES:
        answers = not bare and site.agent(host, "/liveness")[0] != 0
        role = "-"
        if host in paths.DATABASES and answers:
            roles = [name for path, name in (("/primary", "primary"), ("/sync", "synchronous standby"),
                                             ("/replica", "standby")) if site.agent(host, path)[0] == 200]
            role = roles[0] if roles else "none"
        print(f"{host:8}{paths.address4(host):14}{machine.state(host):9}{'isolated' if host in isolated else 'ok':10}"
              f"{'-' if bare else 'answers' if answers else 'silent':9}{role}")
    for source, target in cuts:
        print(f"cut: {source} -> {target}")
    for _, said in network.drops():
        print(f"drop: {said}")
    problems = [] if bare else site.missing()
    for problem in problems:
        print(f"missing: {problem}")
    return paths.FAILED if problems else 0


def env(arguments):
    take(arguments, 0)
    import shlex
    from . import site
    if site.record()["bare"]:
        raise LabError("the machines are bare: there is no site on them", paths.REFUSED)
    for name, value in site.environment():
        print(f"{name}={shlex.quote(value)}")


def exec_(arguments):
    if len(arguments) < 3 or arguments[1] != "--":
        raise wrong_use()
    from . import machine
    machine.enter(known(arguments[0]), arguments[2:])


def shell(arguments):
    (host,), _ = take(arguments, 1)
    from . import machine
    machine.enter(known(host), ["bash", "-l"] if host != paths.CLIENT else [os.environ.get("SHELL", "bash")])


def logs(arguments):
    if not arguments:
        raise wrong_use()
    host, rest = machine_named(arguments[0]), arguments[1:]
    if rest and not rest[0].startswith("-"):
        rest = ["-u", *rest]
    os.execvp("journalctl", ["journalctl", "-D", paths.root_of(host) + "/var/log/journal", "--no-pager", "--no-hostname",
                             "-o", "short-precise", *rest])


def boot(arguments):
    (host,), _ = take(arguments, 1)
    from . import machine
    machine.start(machine_named(host), paths.root_of(host))
    machine.wait_started(host)


def reboot(arguments):
    (host,), _ = take(arguments, 1)
    from . import machine
    machine.must_be_on(machine_named(host))
    # A machine that is still starting may refuse the first request.
    machine.wait_for(f"{host} accepts the shutdown",
                     lambda: machine.inside(host, "systemctl", "poweroff")[0] == 0 or not machine.is_on(host), 10)
    machine.wait_for(f"{host} shuts down", lambda: not machine.is_on(host), 90)
    boot([host])


def poweroff(arguments):
    (host,), _ = take(arguments, 1)
    from . import machine
    machine.power_off(machine_named(host))


def reinstall(arguments):
    (host,), _ = take(arguments, 1)
    from . import life
    life.reinstall(machine_named(host))


def freeze(arguments):
    (host, *name), _ = take(arguments, 1, more=1)
    from . import machine
    machine.must_be_on(machine_named(host))
    if name:
        if machine.hold(host, name[0]) == 0:
            raise LabError(f"no process {name[0]} runs on {host}", paths.NOT_FOUND)
        return
    machine.write_group(host, "cgroup.freeze", "1")
    machine.wait_for(f"{host} freezes", lambda: "frozen 1" in paths.read_text(
        paths.group_of(host) + "/cgroup.events"), 5)


def thaw(arguments):
    (host,), _ = take(arguments, 1)
    from . import machine
    machine.let_go(machine_named(host))


def isolate(arguments):
    (host,), _ = take(arguments, 1)
    network.isolate(known(host))


def cut(arguments):
    (source, target), flags = take(arguments, 2, "--one-way")
    if known(source) == known(target):
        raise LabError(f"{source} cannot be cut from itself", paths.REFUSED)
    network.cut(source, target, "--one-way" in flags)


def drop(arguments):
    values = dict(word[2:].split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    (source, target), flags = take([word for word in arguments if "=" not in word], 2, "--one-way")
    if set(values) - {"percent", "only", "larger"} or known(source) == known(target):
        raise wrong_use()
    try:
        percent, larger = int(values.get("percent", 100)), int(values.get("larger", 0))
    except ValueError as error:
        raise wrong_use() from error
    if not 1 <= percent <= 100 or larger < 0:
        raise wrong_use()
    network.drop(source, target, "--one-way" in flags, values.get("only", ""), percent, larger)


def heal(arguments):
    hosts, _ = take(arguments, 0, more=1)
    network.heal(known(hosts[0]) if hosts else None)


def kill(arguments):
    (host, name), _ = take(arguments, 2)
    from . import machine
    machine.must_be_on(machine_named(host))
    if machine.kill(host, name) == 0:
        raise LabError(f"no process {name} runs on {host}", paths.NOT_FOUND)


VERBS = {"up": up, "down": down, "image": image, "redeploy": redeploy, "status": status, "env": env, "exec": exec_,
         "shell": shell, "logs": logs, "boot": boot, "reboot": reboot, "poweroff": poweroff, "reinstall": reinstall,
         "freeze": freeze, "thaw": thaw, "isolate": isolate, "cut": cut, "drop": drop, "heal": heal, "kill": kill}
WITHOUT_SITE = ("up", "down", "image", "redeploy")


def main(words):
    """Runs one verb; returns the exit code."""
    if not words or words[0] in ("help", "--help", "-h"):
        print(USAGE, file=sys.stdout if words else sys.stderr)
        return 0 if words else paths.USAGE
    try:
        if words[0] not in VERBS:
            raise LabError(f"no verb {words[0]}; `lab/lab help` shows them", paths.USAGE)
        if os.geteuid() != 0:
            raise LabError("only root can boot machines; use sudo", paths.PERMISSION)
        if words[0] not in WITHOUT_SITE and not paths.is_up():
            raise LabError("no site is up; `lab/lab up` makes one", paths.REFUSED)
        return VERBS[words[0]](words[1:]) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        return paths.FAILED
    except KeyboardInterrupt:
        return 130
