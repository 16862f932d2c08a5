"""What an idle site costs: changes of etcd per second (its revision counter), memory and processor time of each agent."""
import json
import os
import time
from pathlib import Path

from lab_driver import Lab

from .observer import machine, paths

LIMITS = {"etcd_writes_per_s": 0.5, "resident_mb": 20.0, "processor_percent": 1.0}


def revision(lab: Lab) -> int:
    """etcd's own counter of changes: every put, delete and transaction that writes adds one."""
    pki = "/etc/gemel/pki"
    text = lab.inside("ccm1", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints", f"https://{paths.address4('ccm1')}:2379", "--cacert",
                      f"{pki}/etcd-ca.crt", "--cert", f"{pki}/etcd-client.crt", "--key", f"{pki}/etcd-client.key", "endpoint",
                      "status", "-w", "json")
    return json.loads(text)[0]["Status"]["header"]["revision"]


def agent_usage(host: str) -> tuple[float, float]:
    """(resident megabytes, seconds of processor time so far) of gemeld."""
    process = machine.named(host, "gemeld")[0]
    fields = paths.read_text(f"/proc/{process}/stat").rpartition(")")[2].split()
    resident = next(int(line.split()[1]) for line in paths.read_text(f"/proc/{process}/status").splitlines()
                    if line.startswith("VmRSS:"))
    return resident / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(lab: Lab, seconds: float, top: Path) -> bool:
    """Measures, prints, keeps; True when every figure is within its limit."""
    lab.wait_healthy()
    first, before, began = revision(lab), {host: agent_usage(host) for host in paths.MACHINES}, time.monotonic()
    time.sleep(seconds)  # the measured time
    elapsed = time.monotonic() - began
    after, last = {host: agent_usage(host) for host in paths.MACHINES}, revision(lab)
    found = {"seconds": round(elapsed, 1), "etcd_writes_per_s": (last - first) / elapsed,
             "resident_mb": {host: round(after[host][0], 1) for host in after},
             "processor_percent": {host: round(100 * (after[host][1] - before[host][1]) / elapsed, 2) for host in after}}
    (top / "idle_cost.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"idle for {elapsed:.0f} s: etcd {found['etcd_writes_per_s']:.2f} writes/s (limit {LIMITS['etcd_writes_per_s']}); "
          + "; ".join(f"{host} {found['resident_mb'][host]} MB, {found['processor_percent'][host]} %" for host in after))
    return (found["etcd_writes_per_s"] <= LIMITS["etcd_writes_per_s"]
            and all(max(found[key].values()) <= LIMITS[key] for key in ("resident_mb", "processor_percent")))
