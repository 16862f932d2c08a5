"""The image of the machines, in two cached layers: Debian with the trusted servers, and Gemel's packages on top.

The base layer is rebuilt only when its recipe changes, the package layer when the packages do. What one machine writes
lives in a third layer of its own (see `machine`). Nothing here knows about sites.
"""

import glob
import hashlib
import os
import re
import shutil
import time

from . import paths
from .paths import LabError
from .run import run

SUITE = "bookworm"
# The servers, the tools a person wants when looking around, and every library Gemel's packages are known to need; a
# package that needs one more pulls it in when its layer is made.
PACKAGES = """
systemd systemd-sysv dbus iproute2 iputils-ping iputils-arping nftables procps less curl ca-certificates openssl jq
postgresql-15 etcd-server etcd-client haproxy tcpdump strace adduser util-linux-extra
libsodium23 libmnl0 libnftables1 libnftnl11 libfmt9 libspdlog1.10 libpq5 libssl3 libsystemd0 libboost-json1.81.0 libfinal0
libboost-url1.81.0 libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libstdc++6
""".split()
# Gemel runs the servers itself; the rest only costs time at boot.
MASKED = """
postgresql.service postgresql@.service etcd.service haproxy.service nftables.service
apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
systemd-tmpfiles-clean.timer man-db.timer logrotate.timer getty.target getty-static.service console-getty.service
container-getty@.service systemd-logind.service systemd-networkd.service systemd-networkd-wait-online.service
systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service systemd-update-utmp.service
systemd-update-utmp-runlevel.service remote-fs.target systemd-ask-password-wall.path postgresql-common.timer
""".split()
FILES = {
    "/usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "/etc/postgresql-common/createcluster.conf": "create_main_cluster = false\n",
    "/etc/dpkg/dpkg.cfg.d/lab": "force-unsafe-io\nforce-confold\npath-exclude=/usr/share/doc/*\n"
                                "path-exclude=/usr/share/man/*\n"
                                "path-exclude=/usr/share/locale/*\npath-exclude=/usr/share/info/*\n",
    "/etc/apt/apt.conf.d/lab": 'APT::Install-Recommends "false";\nAPT::Install-Suggests "false";\nDPkg::Use-Pty "false";\n',
    # On disk so that `lab logs` can read it after a power-off, but without disturbing the databases' own flushes.
    "/etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=128M\nSyncIntervalSec=1h\n"
                                             "RateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n",
    "/etc/systemd/system.conf.d/lab.conf": "[Manager]\nDefaultTimeoutStopSec=10s\nShowStatus=no\n",
}
FREE_BYTES_NEEDED = 3 << 30


def sources():
    """The Debian archives this host installs from, as (address, suite) pairs: the main one first."""
    found = []
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)").splitlines():
        address, release, component, kind = line.split(" ", 3)
        if kind == "Packages" and component == "main" and re.fullmatch(SUITE + r"(-updates|-security|/updates)?", release):
            if (address, release) not in found:
                found.append((address, release))
    found.sort(key=lambda pair: (pair[1] != SUITE, pair[1]))
    if not found or found[0][1] != SUITE:
        raise LabError(f"no package source for Debian {SUITE} on this host (see /etc/apt/sources.list.d)", paths.REFUSED)
    return found


def recipe():
    text = repr((SUITE, PACKAGES, MASKED, sorted(FILES.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def apt_settings():
    """The host's own proxy and validity settings: what reaches the archive from here must reach it from the image."""
    lines = run("apt-config", "dump").splitlines()
    return "".join(line + "\n" for line in lines if re.match(r'Acquire::(https?::Proxy|Check-|Retries)[^ ]* "[^"]', line))


def unmount_below(top):
    mounts = [line.split()[1] for line in paths.read_text("/proc/self/mounts").splitlines()]
    for mount in reversed(mounts):
        if mount == top or mount.startswith(top + "/"):
            run("umount", "-l", mount)


def remove_tree(top):
    unmount_below(top)
    if os.path.isdir(top):
        run("rm", "-rf", "--one-file-system", top)


def in_chroot(root, *command, log=None):
    """Runs a program inside a tree that has no machine yet, with /proc, without starting any server."""
    env = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if name in os.environ:
            env[name] = os.environ[name]
    run("mount", "-t", "proc", "proc", root + "/proc")
    try:
        return run("chroot", root, *command, env=env, log=log)
    finally:
        run("umount", "-l", root + "/proc")


def install(root, packages, log):
    """Installs packages (names or paths inside the tree), asking the host's archives for what they depend on."""
    resolver = root + "/etc/resolv.conf"
    settings = root + "/etc/apt/apt.conf.d/host"
    kept = paths.read_text(resolver, None) if not os.path.islink(resolver) else None
    if os.path.lexists(resolver):
        os.unlink(resolver)
    paths.write_text(resolver, paths.read_text("/etc/resolv.conf"))
    hosts = paths.read_text(root + "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    paths.write_text(root + "/etc/hosts", paths.read_text("/etc/hosts"))
    paths.write_text(settings, apt_settings())
    try:
        in_chroot(root, "apt-get", "-q", "update", log=log)
        in_chroot(root, "apt-get", "-q", "-y", "install", *packages, log=log)
        in_chroot(root, "apt-get", "clean", log=log)
    finally:
        os.unlink(settings)
        paths.write_text(root + "/etc/hosts", hosts)
        paths.write_text(resolver, kept or "")


def write_files(root):
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        paths.write_text(root + name, text)
    os.chmod(root + "/usr/sbin/policy-rc.d", 0o755)


def finish_base(root):
    units = root + "/etc/systemd/system"
    for unit in MASKED:
        if os.path.lexists(f"{units}/{unit}"):
            os.unlink(f"{units}/{unit}")
        os.symlink("/dev/null", f"{units}/{unit}")
    for name in glob.glob(root + "/var/lib/apt/lists/*_*") + glob.glob(root + "/var/log/*.log"):
        os.unlink(name)
    # A machine id is given to each machine; a left-over one would make five machines the same.
    paths.write_text(root + "/etc/machine-id", "")
    paths.write_text(root + "/etc/default/locale", "LANG=C.UTF-8\n")
    in_chroot(root, "usermod", "-p", "*", "root")


def base(say):
    """The path of the base layer, built first if this recipe has none yet (a few minutes, once)."""
    target = f"{paths.CACHE}/base-{recipe()}"
    if os.path.isdir(target):
        return target
    os.makedirs(paths.CACHE, exist_ok=True)
    free = shutil.disk_usage(paths.CACHE).free
    if free < FREE_BYTES_NEEDED:
        raise LabError(f"the image needs 3 GiB free in {paths.CACHE}; there are {free >> 20} MiB", paths.REFUSED)
    say("building the base image (once)")
    began = time.monotonic()
    building = f"{paths.CACHE}/building"
    remove_tree(building)
    with open(f"{paths.CACHE}/build.log", "w", encoding="utf-8") as log:
        archives = sources()
        # debootstrap fetches without the host's proxy settings unless they are in the environment.
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, building, archives[0][0], log=log)
        write_files(building)
        paths.write_text(building + "/etc/apt/sources.list", "".join(f"deb {a} {s} main\n" for a, s in archives))
        say(f"installing the servers into it ({time.monotonic() - began:.0f} s so far)")
        install(building, PACKAGES, log)
        in_chroot(building, "apt-get", "-q", "-y", "upgrade", log=log)
        finish_base(building)
    used = layers_in_use()
    for old in [name for kind in ("base", "debian", "packages") for name in glob.glob(f"{paths.CACHE}/{kind}-*")]:
        if old not in used:
            remove_tree(old)
    os.rename(building, target)
    say(f"base image ready after {time.monotonic() - began:.0f} s")
    return target


def layers_in_use():
    """What the machines of every lab on this host stand on, as text: that of this one and of those beside it."""
    keepers = [paths.read_text(name).strip() for name in glob.glob("/run/gemel-beside/*")]
    sites = [f"/proc/{keeper}/root{paths.RUN}/site" for keeper in keepers + ["1"] if keeper]
    return "".join(paths.read_text(site) for site in [paths.RUN + "/site", *sites])


def package_files():
    """The newest file of each of Gemel's packages."""
    newest = {}
    for name in sorted(glob.glob(paths.PACKAGE_DIR + "/*.deb"), key=os.path.getmtime):
        newest[os.path.basename(name).split("_")[0]] = name
    return [newest[name] for name in sorted(newest)]


def package_hash(files, names=()):
    """Tells one package layer from another: the recipe below it, the files and the names installed in it."""
    digest = hashlib.sha256(recipe().encode())
    digest.update("".join(f"{name}\n" for name in names).encode())
    for name in files:
        with open(name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def mount_overlay(where, lower, upper, work):
    for path in (where, upper, work):
        os.makedirs(path, exist_ok=True)
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", where)


def packages(base_dir, files, say, names=()):
    """The path of the layer with these packages installed, built first if there is none yet.

    `files` are packages of ours, `names` those of Debian that a bare machine is to have besides. A layer with names
    stays in the cache until the base changes: it does not grow old as our packages do.
    """
    target = f"{paths.CACHE}/{'debian' if names else 'packages'}-{package_hash(files, names)}"
    if os.path.isdir(target):
        return target
    say(f"installing {', '.join([os.path.basename(name) for name in files] + list(names)) or 'nothing'} into the image")
    building = f"{paths.CACHE}/building-packages"
    remove_tree(building)
    root = f"{building}/root"
    os.makedirs(building + "/upper")
    with open(f"{paths.CACHE}/build.log", "w", encoding="utf-8") as log:
        mount_overlay(root, base_dir, building + "/upper", building + "/work")
        try:
            inside = []
            for name in files:
                shutil.copy(name, f"{root}/var/tmp/")
                inside.append("/var/tmp/" + os.path.basename(name))
            if names:
                install(root, names, log)
            if inside:
                install_packages(root, inside, log)
            for name in inside:
                os.unlink(root + name)
            for name in glob.glob(root + "/var/lib/apt/lists/*_*"):
                os.unlink(name)
        finally:
            unmount_below(root)
    os.rename(building + "/upper", target)
    remove_tree(building)
    forget_old_layers(target)
    return target


def install_packages(root, inside, log):
    """Without the network if the base image already has all they depend on."""
    try:
        in_chroot(root, "dpkg", "-i", *inside, log=log)
    except LabError:
        install(root, inside, log)


def forget_old_layers(keep):
    """Removes package layers no site uses; a running site's layer must stay under it."""
    used = layers_in_use()
    for old in glob.glob(f"{paths.CACHE}/packages-*"):
        if old != keep and old not in used:
            remove_tree(old)
