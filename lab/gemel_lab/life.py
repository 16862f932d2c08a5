"""The life of a whole site: up, down and redeploy. One of them at a time, guarded by a lock on the cache directory."""

import contextlib
import fcntl
import glob
import os
import shutil
import sys
import time

from . import image, machine, network, paths, site
from .paths import LabError
from .run import run, works

HEALTHY_SECONDS = 60
LEGACY_GROUP = "/sys/fs/cgroup/systemd/" + paths.GROUP
FREE_BYTES_NEEDED = 2 << 30
NEEDED = {"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "nft": "nftables", "ip": "iproute2",
          "nsenter": "util-linux"}


TRIAL = """ip link add name b0 type bridge && ip link add name v0 type veth &&
nft 'add table bridge t; add chain bridge t c { type filter hook forward priority 0; }'"""


class Progress:
    """Lines with the time since the verb began."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self, text):
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked():
    os.makedirs(paths.CACHE, exist_ok=True)
    handle = os.open(paths.CACHE, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another lab/lab is bringing a site up or down", paths.REFUSED) from error
        yield
    finally:
        os.close(handle)


def boot_id():
    return paths.read_text("/proc/sys/kernel/random/boot_id").strip()


def check_host():
    """Says everything that is missing on this host, at once."""
    lacking = [f"the program {name}: apt-get install {package}" for name, package in NEEDED.items()
               if shutil.which(name) is None]
    kernel = paths.read_text("/proc/filesystems")
    for feature in ("overlay", "cgroup2"):
        if feature not in kernel and not works("modprobe", feature):
            lacking.append(f"the kernel feature {feature}")
    if not os.path.exists("/proc/net/if_inet6"):
        lacking.append("IPv6 (the site uses both families)")
    # Tried in a throw-away namespace: the answer is exact, and nothing of the host changes.
    if not lacking and not works("unshare", "--net", "sh", "-c", TRIAL):
        lacking.append("a kernel with network namespaces, bridge, veth and nftables for bridges")
    disk = os.path.dirname(paths.STATE)
    free = shutil.disk_usage(disk).free
    if free < FREE_BYTES_NEEDED:
        lacking.append(f"2 GiB free in {disk} (there are {free >> 20} MiB)")
    if run("stat", "-f", "-c", "%T", disk).strip() == "overlayfs":
        lacking.append(f"a file system in {disk} that can carry an overlay (it is one itself): mount a disk there")
    if lacking:
        raise LabError("this host lacks:\n  " + "\n  ".join(lacking), paths.REFUSED)


def prepare(host, layers):
    """The machine's tree, complete except for being booted."""
    root, own = paths.root_of(host), paths.machine_dir(host)
    image.mount_overlay(root, ":".join(layers), own + "/upper", own + "/work")
    site.name_machine(host, root)


def create(files, names, bare, say):
    if paths.SPARE and not bare:
        raise LabError("GEMEL_LAB_SPARE: spare machines are for `up --bare`; no site file has them", paths.USAGE)
    base = image.base(say)
    layers = [image.packages(base, files, say, names), base]
    network.check_free()
    for folder in (paths.RUN, paths.CGROUP, paths.STATE):
        os.makedirs(folder, exist_ok=True)
    os.chmod(paths.STATE, 0o700)
    site.write_record(boot=boot_id(), layers=layers, bare=bare, packages=image.package_hash(files, names))
    run("mount", "-t", "cgroup2", "none", paths.CGROUP)
    os.makedirs(paths.CGROUP_ROOT, exist_ok=True)
    if not bare:
        site.render(layers)
    network.create()
    network.plug(paths.CLIENT)
    for host in paths.MACHINES:
        prepare(host, layers)
        if not bare:
            site.lay_down(host, paths.root_of(host))
            site.enable_units(host, paths.root_of(host))
    say("booting " + " ".join(paths.MACHINES))
    for host in paths.MACHINES:
        machine.start(host, paths.root_of(host))
    for host in paths.MACHINES:
        machine.wait_started(host)


def reinstall(host):
    """The machine as `up` made it: what it wrote since then is gone, as with a new disk. It is on afterwards."""
    with locked():
        record = site.record()
        if machine.is_on(host):
            machine.power_off(host)
        image.unmount_below(paths.root_of(host))
        image.remove_tree(paths.machine_dir(host))
        prepare(host, record["layers"])
        if not record["bare"]:
            site.lay_down(host, paths.root_of(host))
            site.enable_units(host, paths.root_of(host))
        machine.start(host, paths.root_of(host))
        machine.wait_started(host)


def make_image(names=()):
    """The layers without Gemel alone, so that they can be made while something else is being built."""
    say = Progress()
    with locked():
        base = image.base(say)
        if names:
            image.packages(base, [], say, names)


def up(wait=True, bare=False, names=()):
    """`names`: packages of Debian that bare machines are to have besides the servers of the image."""
    say = Progress()
    with locked():
        if paths.is_up() and site.record().get("boot") != boot_id():
            say("clearing what is left from before this host was restarted")
            clear()
        if paths.is_up():
            revive(say)
        else:
            check_host()
            files = [] if bare else image.package_files()
            if not files and not bare:
                raise LabError(f"no packages in {paths.PACKAGE_DIR}; ./demo builds them "
                               "(or: cmake --build --preset release --target package)", paths.REFUSED)
            clear()
            try:
                create(files, names, bare, say)
            except BaseException:
                clear()
                raise
        bare = site.record()["bare"]
    if wait and not bare:
        site.wait_healthy(HEALTHY_SECONDS, say)
        say(f"the site is healthy; primary: {site.primary()}")
    else:
        say("the machines are on")


def revive(say):
    """A second `up`: starts the machines that are off and leaves faults that somebody made alone."""
    off = [host for host in paths.MACHINES if not machine.is_on(host)]
    if off:
        say("booting " + " ".join(off))
    for host in off:
        machine.start(host, paths.root_of(host))
    for host in off:
        machine.wait_started(host)
    if not site.record()["bare"] and image.package_hash(image.package_files()) != site.record()["packages"]:
        say("the built packages differ from those on the machines; `lab/lab redeploy` installs them")


def clear():
    """Removes every trace of a site: processes, groups, network, mounts, state."""
    if os.path.exists(paths.CGROUP_ROOT + "/cgroup.kill"):
        paths.write_text(paths.CGROUP_ROOT + "/cgroup.kill", "1")
        machine.wait_for("the machines go off", lambda: "populated 0" in paths.read_text(
            paths.CGROUP_ROOT + "/cgroup.events"), 20)
        machine.wait_for("the control groups go", lambda: all([machine.remove_group(h) for h in paths.MACHINES]), 5)
        os.rmdir(paths.CGROUP_ROOT)
    # nspawn mirrors the group in the host's own systemd hierarchy if the host uses version 1 control groups.
    for folder, _, _ in os.walk(LEGACY_GROUP, topdown=False):
        os.rmdir(folder)
    forget_nspawn()
    network.remove()
    image.remove_tree(paths.RUN)
    image.remove_tree(paths.STATE)


def forget_nspawn():
    """Removes the notes that nspawn keeps about a machine and leaves behind when it is killed."""
    for left in glob.glob("/run/systemd/nspawn/propagate/gemel-*"):
        image.remove_tree(left)
    for host in paths.MACHINES:
        with contextlib.suppress(OSError):
            about = os.stat(paths.root_of(host))
            os.unlink(f"/run/systemd/nspawn/locks/inode-{about.st_dev}:{about.st_ino}")
    for folder in ("propagate", "locks", ""):
        with contextlib.suppress(OSError):
            os.rmdir(f"/run/systemd/nspawn/{folder}")


def down(purge=False):
    with locked():
        clear()
        if purge:
            for name in os.listdir(paths.CACHE):
                image.remove_tree(f"{paths.CACHE}/{name}")
                if os.path.isfile(f"{paths.CACHE}/{name}"):
                    os.unlink(f"{paths.CACHE}/{name}")
    if purge:
        os.rmdir(paths.CACHE)


def redeploy():
    """New packages into the machines of a running site, one machine at a time, the primary last."""
    say = Progress()
    with locked():
        record = site.record()
        if not record or record["bare"]:
            raise LabError("no site with Gemel is up; `lab/lab up` makes one", paths.REFUSED)
        files = image.package_files()
        if not files:
            raise LabError(f"no packages in {paths.PACKAGE_DIR}", paths.REFUSED)
        if image.package_hash(files) == record["packages"]:
            say("the machines already have these packages")
            return
        base = record["layers"][-1]
        site.render([image.packages(base, files, say)])
        last, known = site.primary(), site.missing()
        order = [h for h in reversed(paths.MACHINES) if h != last] + ([last] if last else [])
        for host in order:
            say(f"installing on {host}")
            install_on(host, files)
            if machine.state(host) == "on":
                with contextlib.suppress(LabError):  # the next machine may be what this one waits for
                    site.wait_healthy(20, known=known)
        site.write_record(**{**record, "packages": image.package_hash(files)})
    site.wait_healthy(HEALTHY_SECONDS, say, known)
    say(f"the site is {'as healthy as before' if known else 'healthy'}; primary: {site.primary()}")


def install_on(host, files):
    """Files first: the packages restart their units themselves, as on any Debian machine."""
    root, state = paths.root_of(host), machine.state(host)
    if state == "frozen":
        raise LabError(f"{host} is frozen; `lab/lab thaw {host}` first", paths.REFUSED)
    site.lay_down(host, root)
    names = ["/var/tmp/" + os.path.basename(name) for name in files]
    for name in files:
        shutil.copy(name, root + "/var/tmp/")
    try:
        if state == "on":
            must_inside(host, "dpkg", "-i", *names)
        else:
            image.in_chroot(root, "dpkg", "-i", *names)
    finally:
        for name in names:
            os.unlink(root + name)
    site.enable_units(host, root)
    if state == "on":
        must_inside(host, "systemctl", "start", *site.units_of(host))


def must_inside(host, *command):
    code, output = machine.inside(host, *command, timeout=90)
    if code != 0:
        raise LabError(f"{host}: failed ({code}): {' '.join(command)}\n{output.strip()}")
