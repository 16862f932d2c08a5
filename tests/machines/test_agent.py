"""What the agent costs, and that bytes from anywhere do not hurt anything."""
import os
import random
import socket
import ssl
import subprocess
import sys
import time

from lab_driver import Lab, wait_until

OWN_MEMORY_LIMIT = 6   # MB resident that belong to no file: what the agent can let grow
MEMORY_LIMIT = 28      # MB resident: the files of program and libraries are 25, of which the kernel maps what it likes
CPU_LIMIT = 2.0    # per cent of one core
IDLE = 20          # seconds measured

UNITS = {"ccm1": ["gemeld", "gemel-manager"], "ccm2": ["gemeld", "gemel-manager"], "db1": ["gemeld"], "db2": ["gemeld"],
         "lb1": ["gemeld"]}
CHILDREN = ["postgres", "etcd", "haproxy"]
TCP_PORTS = [443, 8443, 5432, 9000, 7400, 2379, 2380]
UDP_PORTS = [7401]


def agent_usage(lab: Lab, host: str) -> tuple[float, float, float]:
    """Resident megabytes, those that belong to no file, and seconds of processor time of gemeld on the host."""
    pid = lab.service_pid(host, "gemeld")
    text = lab.inside(host, "cat", f"/proc/{pid}/stat", f"/proc/{pid}/status")
    fields = text.splitlines()[0].rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in text.splitlines() if line.endswith(" kB")}
    return sizes["VmRSS:"], sizes["RssAnon:"], ticks / os.sysconf("SC_CLK_TCK")


def test_agent_is_small_and_idle(lab, record):
    databases = lab.hosts_with("database")
    before = {host: agent_usage(lab, host) for host in databases}
    start = time.monotonic()
    time.sleep(IDLE)  # the measured quantity: processor time used in it
    after = {host: agent_usage(lab, host) for host in databases}
    elapsed = time.monotonic() - start
    memory = [after[host][0] for host in databases]
    own = [after[host][1] for host in databases]
    share = [100 * (after[host][2] - before[host][2]) / elapsed for host in databases]
    record.add("gemeld on a database host: resident memory", memory, "MB", MEMORY_LIMIT)
    record.add("gemeld on a database host: memory of its own", own, "MB", OWN_MEMORY_LIMIT)
    record.add("gemeld on a database host: processor, idle", share, "%", CPU_LIMIT)
    assert max(memory) <= MEMORY_LIMIT
    assert max(own) <= OWN_MEMORY_LIMIT
    assert max(share) < CPU_LIMIT


def processes(lab: Lab) -> dict[str, str]:
    """Main processes of every host: a crash and a restart would change a number."""
    found = {}
    for host, units in UNITS.items():
        for unit in units:
            found[f"{host} {unit}"] = str(lab.service_pid(host, unit))
        for name in CHILDREN:
            pids = lab.inside(host, "pgrep", "-o", "-x", name, check=False).strip()
            found[f"{host} {name}"] = pids
    return found


def throw_garbage(addresses: list[str], seed: int) -> None:
    """Runs in the client's network: bytes of many shapes to every port of every host."""
    source = random.Random(seed)
    shapes = [
        lambda: source.randbytes(source.randrange(1, 4096)),
        lambda: b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
        lambda: b"POST /switchover HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        lambda: b"GET /status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + source.randbytes(500),
        lambda: b"\x00\x00\x00\x08\x04\xd2\x16\x2f" + source.randbytes(64),
        lambda: b"\xff" * 65536,
        lambda: b"",
    ]
    for address in addresses:
        for port in TCP_PORTS:
            for shape in shapes:
                throw_at(address, port, shape(), with_tls=False)
            throw_at(address, port, source.randbytes(2000), with_tls=True)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in UDP_PORTS:
            for size in (0, 1, 40, 200, 1400, 9000):
                datagrams.sendto(source.randbytes(size), (address, port))


def throw_at(address: str, port: int, data: bytes, with_tls: bool) -> None:
    try:
        with socket.create_connection((address, port), timeout=0.5) as plain:
            if with_tls:
                context = ssl._create_unverified_context()
                with context.wrap_socket(plain) as connection:
                    connection.sendall(data)
                    connection.recv(100)
                return
            plain.sendall(data)
            plain.settimeout(0.1)
            plain.recv(100)
    except OSError:
        pass  # Refused, reset, silent: any answer will do; the processes are looked at afterwards.


def test_garbage_on_any_port_crashes_nothing(lab):
    before, summary = processes(lab), lab.summary()
    assert any(value for key, value in before.items() if key.endswith("postgres"))
    seed = 20261122
    addresses = [entry["address"] for entry in lab.site()["hosts"]]
    subprocess.run(lab.in_client(sys.executable, __file__, str(seed), *addresses), check=True, timeout=240)
    assert processes(lab) == before, f"seed {seed}"
    after = lab.wait_healthy(10)
    assert (after["primary"], after["epoch"]) == (summary["primary"], summary["epoch"])


def test_a_killed_agent_comes_back_and_adopts_the_database(lab):
    """PostgreSQL is not restarted with the agent."""
    primary = lab.primary()
    postmaster = lab.inside(primary, "head", "-n1", "/var/lib/gemel/postgres/data/postmaster.pid")
    agent, epoch = lab.service_pid(primary, "gemeld"), lab.summary()["epoch"]
    lab.verb("kill", primary, "gemeld")
    wait_until("gemeld runs again", lambda: lab.service_pid(primary, "gemeld") not in (0, agent), 10)
    after = lab.wait_healthy(20)
    assert after["primary"] == primary and after["epoch"] == epoch
    assert lab.inside(primary, "head", "-n1", "/var/lib/gemel/postgres/data/postmaster.pid") == postmaster


def test_an_address_that_a_stranger_has_is_refused_with_the_reason(lab):
    """The new primary does not take it, says whose it is, and takes it as soon as it is free."""
    address = lab.environment()["GEMEL_DSN"].split()[0].removeprefix("host=") + "/32"
    old = lab.primary()
    change = lambda verb: subprocess.run(lab.in_client("ip", "address", verb, address, "dev", "eth0"), check=True)
    change("add")
    try:
        lab.gemel("switchover", "--yes")
        wait_until("status says that the address is not here",
                   lambda: "does not hold the virtual address" in str(lab.site()), 15)
        assert "is held by" in lab.gemel("events").stdout
    finally:
        change("del")
    wait_until("the address is taken once it is free",
               lambda: "does not hold the virtual address" not in str(lab.site()), 15)
    assert lab.wait_healthy(20)["primary"] != old


if __name__ == "__main__":
    throw_garbage(sys.argv[2:], int(sys.argv[1]))
