"""The lab itself, on bare machines (no Gemel in them): power, network faults, names, exit codes, and no trace after `down`.

Run as root while no site is up: /usr/bin/python3 -m unittest lab/lab_test.py. What Gemel does in these machines is
tested elsewhere.
"""

import glob
import os
import subprocess
import time
import unittest

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab")


def lab(*words):
    return subprocess.run([LAB, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)


def must(*words):
    done = lab(*words)
    if done.returncode != 0:
        raise AssertionError(f"lab/lab {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def inside(host, script):
    return must("exec", host, "--", "bash", "-c", script)


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")


def answers(source, address):
    return lab("exec", source, "--", "ping", "-c1", "-W1", address).returncode == 0


def traces():
    """Everything on this host that a site could leave behind."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = sorted(line.split()[1] for line in file if "/gemel-lab" in line or "/netns/gemel-" in line)
    names = sorted(name for name in os.listdir("/sys/class/net") if name.startswith("gemel-lab"))
    spaces = sorted(glob.glob("/run/netns/gemel-*"))
    groups = sorted(glob.glob("/sys/fs/cgroup/gemel-lab") + glob.glob("/sys/fs/cgroup/*/gemel-lab"))
    folders = [name for name in ("/run/gemel-lab", "/var/lib/gemel-lab") if os.path.exists(name)]
    folders += glob.glob("/run/systemd/nspawn/propagate/gemel-*")
    running = [name for name in glob.glob("/proc/[0-9]*/cmdline") if b"--machine=gemel-" in read(name)]
    return mounts, names, spaces, groups, folders, running


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


class Lab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.path.exists("/run/gemel-lab/site"):
            raise AssertionError("a site is up; `lab/lab down` first")
        cls.before = traces()
        must("up", "--bare", "--with=tree")

    @classmethod
    def tearDownClass(cls):
        must("down")
        after = traces()
        if after != cls.before:
            raise AssertionError(f"left behind: {after}, before: {cls.before}")
        must("down")  # a second time: nothing to do is no failure

    def test_machines_run_and_a_second_up_changes_nothing(self):
        boots = [inside(host, "cat /proc/1/stat | cut -d' ' -f22") for host in ("ccm1", "ccm2", "db1", "db2", "lb1")]
        must("up", "--bare")
        self.assertEqual(boots, [inside(host, "cat /proc/1/stat | cut -d' ' -f22")
                                 for host in ("ccm1", "ccm2", "db1", "db2", "lb1")])

    def test_a_machine_may_do_what_the_agent_needs(self):
        inside("db1", "chrt -f 10 true")
        inside("db1", "nft 'add table inet probe; add set inet probe s { type ipv4_addr; timeout 1s; };"
                      "delete table inet probe'")
        inside("db1", "g=/sys/fs/cgroup/probe; mkdir $g; (echo $BASHPID >$g/cgroup.procs; exec sleep 1000) & "
                      "until grep -q . $g/cgroup.procs; do :; done; echo 1 >$g/cgroup.kill; wait; rmdir $g")
        inside("db1", "ip address add 10.77.0.200/24 dev eth0; ip address del 10.77.0.200/24 dev eth0")

    def test_bare_machines_have_the_packages_asked_for(self):
        for host in ("db1", "lb1"):
            self.assertIn("tree v", inside(host, "tree --version"))

    def test_machines_reach_each_other_by_both_families(self):
        self.assertTrue(answers("db1", "10.77.0.31"))
        self.assertTrue(answers("lb1", "fd77::11"))
        self.assertTrue(answers("ccm1", "10.77.0.1"))

    def test_isolate_drops_everything_and_heal_brings_it_back(self):
        must("isolate", "db1")
        must("isolate", "db1")
        self.assertFalse(answers("db1", "10.77.0.22"))
        self.assertFalse(answers("ccm2", "10.77.0.21"))
        self.assertFalse(answers("db1", "10.77.0.1"))
        self.assertTrue(answers("ccm2", "10.77.0.22"))
        self.assertIn("isolated", must("status"))
        self.assertIn("UP", inside("db1", "ip -br link show eth0"))
        must("heal", "db1")
        until(lambda: answers("db1", "10.77.0.22"), "db1 reaches db2 again")

    def test_cut_is_exact_per_direction(self):
        for host in ("db1", "db2"):
            inside(host, "nft 'add table inet seen; add chain inet seen in { type filter hook input priority 0; };"
                         "add rule inet seen in udp dport 9001 counter; add rule inet seen in udp dport 9002 counter'")
            # Fixed neighbours: a dropped address resolution must not hide which direction is cut.
            for number in (21, 22):
                inside(host, f"ip neighbour replace 10.77.0.{number} lladdr 02:67:65:6d:00:{number} dev eth0")
        must("cut", "db1", "db2", "--one-way")
        send = "echo x >/dev/udp/10.77.0.{}/{}"
        inside("db1", send.format(22, 9001))
        inside("db2", send.format(21, 9001))
        until(lambda: seen("db1", 9001) == 1, "the open direction delivers")
        must("heal")
        inside("db1", send.format(22, 9002))
        until(lambda: seen("db2", 9002) == 1, "the healed direction delivers")
        self.assertEqual(seen("db2", 9001), 0)
        for host in ("db1", "db2"):
            inside(host, "nft delete table inet seen; ip neighbour flush nud permanent")

    def test_drop_takes_only_the_packets_it_names(self):
        inside("db2", "nft 'add table inet seen; add chain inet seen in { type filter hook input priority 0; };"
                      + "".join(f"add rule inet seen in udp dport {port} counter;" for port in (9003, 9004, 9005, 9006)) + "'")
        for host, number in (("db1", 22), ("db2", 21)):
            inside(host, f"ip neighbour replace 10.77.0.{number} lladdr 02:67:65:6d:00:{number} dev eth0")
        must("drop", "db1", "db2", "--only=udp/9003")
        must("drop", "db1", "db2", "--one-way", "--larger=600")
        must("drop", "db1", "db2", "--only=udp/9005", "--percent=50")
        self.assertIn("drop: db1 -> db2: 50 % udp/9005", must("status"))
        inside("db1", "echo x >/dev/udp/10.77.0.22/9003; head -c 1000 /dev/zero >/dev/udp/10.77.0.22/9004;"
                      "for i in $(seq 200); do echo x >/dev/udp/10.77.0.22/9005; done; echo x >/dev/udp/10.77.0.22/9004")
        until(lambda: seen("db2", 9004) == 1, "the small packet of the same kind arrives")
        self.assertEqual(seen("db2", 9003), 0)
        self.assertTrue(60 <= seen("db2", 9005) <= 140, seen("db2", 9005))
        must("heal", "db2")
        self.assertNotIn("drop:", must("status"))
        inside("db1", "head -c 1000 /dev/zero >/dev/udp/10.77.0.22/9006")
        until(lambda: seen("db2", 9006) == 1, "everything arrives after heal")
        inside("db2", "nft delete table inet seen")
        for host in ("db1", "db2"):
            inside(host, "ip neighbour flush nud permanent")
        self.assertEqual(lab("drop", "db1", "db2", "--only=icmp").returncode, 2)
        self.assertEqual(lab("drop", "db1", "db2", "--percent=0").returncode, 2)

    def test_poweroff_keeps_the_disk_and_forgets_the_kernel(self):
        inside("db1", "echo kept >/var/lib/mark; ip address add 10.77.0.100/24 dev eth0")
        self.assertTrue(answers("db2", "10.77.0.100"))
        must("poweroff", "db1")
        self.assertFalse(answers("db2", "10.77.0.100"))
        self.assertEqual(lab("poweroff", "db1").returncode, 3)
        self.assertEqual(lab("exec", "db1", "--", "true").returncode, 3)
        must("boot", "db1")
        self.assertEqual(inside("db1", "cat /var/lib/mark"), "kept\n")
        self.assertNotIn("10.77.0.100", inside("db1", "ip -br address"))
        until(lambda: answers("db2", "10.77.0.21"), "db1 is back in the network")

    def test_reinstall_gives_an_empty_disk_and_the_same_name_and_address(self):
        inside("lb1", "echo kept >/var/lib/lab-test; sync")
        must("poweroff", "lb1")
        must("reinstall", "lb1")
        self.assertEqual(inside("lb1", "ls /var/lib/lab-test 2>/dev/null || hostname").strip(), "lb1")
        until(lambda: answers("db1", "10.77.0.31"), "lb1 answers")
        self.assertIn("10.77.0.31", inside("db2", "getent hosts mgmt.lab.test"))

    def test_reboot_is_orderly(self):
        inside("ccm2", "systemd-run --unit=witness --property=ExecStop='touch /var/lib/stopped' sleep 1000")
        must("reboot", "ccm2")
        inside("ccm2", "test -e /var/lib/stopped")

    def test_freeze_stops_every_process_until_thaw(self):
        inside("db2", "systemd-run --unit=ticks sh -c 'while :; do echo >>/var/lib/ticks; done'")
        ticks = "/run/gemel-lab/root/db2/var/lib/ticks"
        until(lambda: os.path.exists(ticks), "the machine writes")
        must("freeze", "db2")
        size = os.path.getsize(ticks)
        self.assertEqual(lab("exec", "db2", "--", "true").returncode, 3)
        self.assertEqual(os.path.getsize(ticks), size)
        must("thaw", "db2")
        until(lambda: os.path.getsize(ticks) > size, "the machine goes on writing")
        inside("db2", "systemctl stop ticks; rm /var/lib/ticks")

    def test_freeze_by_name_stops_only_those_until_thaw(self):
        inside("db2", "systemd-run --unit=named sh -c 'exec sleep 1000'; systemd-run --unit=others tail -f /dev/null")
        modes = "ps -C sleep,tail -o comm=,stat= | sort"
        must("freeze", "db2", "sleep")
        until(lambda: "T" in inside("db2", modes).splitlines()[0], "the named process stops")
        self.assertNotIn("T", inside("db2", modes).splitlines()[1].split()[1])
        self.assertEqual(lab("freeze", "db2", "nobody").returncode, 4)
        must("thaw", "db2")
        until(lambda: "T" not in inside("db2", modes).splitlines()[0].split()[1], "it goes on")
        inside("db2", "systemctl stop named others")

    def test_a_whole_group_is_frozen_and_killed_at_once(self):
        inside("db2", "g=/sys/fs/cgroup/server; mkdir $g; "
                      "(echo $BASHPID >$g/cgroup.procs; sleep 1000 & exec sleep 1001) >/dev/null 2>&1 & "
                      "until [ $(wc -l </sys/fs/cgroup/server/cgroup.procs) = 2 ] 2>/dev/null; do :; done")
        frozen = "cat /sys/fs/cgroup/server/cgroup.events"
        must("freeze", "db2", "server:all")
        until(lambda: "frozen 1" in inside("db2", frozen), "the group freezes")
        must("thaw", "db2")
        until(lambda: "frozen 0" in inside("db2", frozen), "the group goes on")
        must("kill", "db2", "server:all")
        until(lambda: "populated 0" in inside("db2", frozen), "all of the group are gone")
        inside("db2", "rmdir /sys/fs/cgroup/server")

    def test_kill_takes_only_the_named_process_of_that_machine(self):
        for host in ("lb1", "ccm1"):
            inside(host, "systemd-run --unit=victim sleep 1000; systemd-run --unit=other tail -f /dev/null")
        must("kill", "lb1", "sleep")
        until(lambda: "status=9/KILL" in must("logs", "lb1", "victim"), "systemd saw the kill")
        inside("lb1", "systemctl is-active other")
        inside("ccm1", "systemctl is-active victim && systemctl stop victim other")
        self.assertEqual(lab("kill", "lb1", "sleep").returncode, 4)
        inside("lb1", "systemctl stop other")

    def test_client_is_a_namespace_with_the_hosts_programs(self):
        self.assertIn("10.77.0.90", must("exec", "client", "--", "/usr/sbin/ip", "-br", "address"))
        self.assertEqual(lab("poweroff", "client").returncode, 3)

    def test_wrong_use_has_its_own_exit_codes(self):
        self.assertEqual(lab("fly").returncode, 2)
        self.assertEqual(lab("cut", "db1").returncode, 2)
        self.assertEqual(lab("up", "--with=tree").returncode, 2)  # only for bare machines
        self.assertEqual(lab("image", "--with=--purge").returncode, 2)
        self.assertEqual(lab("image", "--with=").returncode, 2)
        self.assertEqual(lab("boot", "db9").returncode, 4)
        self.assertEqual(lab("boot", "db1").returncode, 3)
        self.assertEqual(lab("env").returncode, 3)
        self.assertEqual(lab("exec", "db1", "--", "sh", "-c", "exit 42").returncode, 42)

    def test_only_root_may(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", LAB, "status"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("root", done.stderr)


def seen(host, port):
    for line in inside(host, "nft list chain inet seen in").splitlines():
        if f"dport {port} " in line:
            words = line.split()
            return int(words[words.index("packets") + 1])
    raise AssertionError(f"no counter for {port} on {host}")


if __name__ == "__main__":
    unittest.main()
