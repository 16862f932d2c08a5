"""Losing voters of the store: one changes nothing, a majority only takes the ability to fail over."""
import statistics
import time

from calm import measured
from lab_driver import Lab, outage_load, wait_until

GAP_LIMIT = 100      # ms
OBSERVED = 3         # seconds of writes after each loss
# A slow answer must show as a gap, not as a new connection.
PATIENT = {"answer": 2000}


def lose(lab: Lab, voter: str, databases: list[str]) -> None:
    """The whole host where it only votes; only the member where the host carries the database too."""
    if voter in databases:
        lab.verb("kill", voter, "etcd")
    else:
        lab.verb("poweroff", voter)


def bring_back(lab: Lab, voter: str, databases: list[str]) -> None:
    if voter not in databases:
        lab.verb("boot", voter)


def asker(lab: Lab, lost: list[str]) -> str:
    """A host that can be asked for the status while the others are off."""
    return next(host for host in ("db1", "db2", "lb1", "ccm1", "ccm2") if host not in lost)


def observe_loss(lab: Lab, name: str, lost: list[str], databases: list[str], while_lost=lambda: None) -> float:
    """Writes go on while `lost` are gone: checks the writes, brings everybody back, says the longest gap in ms."""
    epoch = lab.summary(asker(lab, lost))["epoch"]
    with outage_load(lab, f"{name}-{int(time.time())}", **PATIENT) as load:
        for voter in lost:
            lose(lab, voter, databases)
        while_lost()
        time.sleep(OBSERVED)  # the measured quantity: writes during this time
        result = load.stop()
    assert lab.summary(asker(lab, lost))["epoch"] == epoch, "losing voters must not cause a failover"
    for voter in lost:
        bring_back(lab, voter, databases)
    lab.wait_healthy()
    assert result["verdict"]["is_clean"], result["verdict"]
    return result["longest_gap_ms"]


def judge(record, what: str, repetitions: int, once) -> None:
    """The median counts: all machines of the lab share the cores, and a machine that dies is busy dying."""
    gaps, note = measured(repetitions, lambda _: once())
    record.add(f"{what}: longest gap", gaps, "ms", GAP_LIMIT, note)
    assert statistics.median(gaps) <= GAP_LIMIT, (what, gaps)


def test_losing_any_one_voter_does_not_stop_writes(lab, record, repetitions):
    voters, databases = lab.hosts_with("voter"), lab.hosts_with("database")
    assert len(voters) >= 3
    for voter in voters:
        judge(record, f"loss of voter {voter}", repetitions,
              lambda lost=voter: observe_loss(lab, f"voter-{lost}", [lost], databases))


def test_losing_the_majority_keeps_writes_and_status_says_so(lab, record, repetitions):
    databases, voters = lab.hosts_with("database"), lab.hosts_with("voter")
    lost = [voter for voter in voters if voter not in databases][:len(voters) // 2 + 1]
    assert len(lost) > len(voters) // 2, "the default site has a majority of voters outside the database hosts"
    ask, primary = asker(lab, lost), lab.primary()

    def status_says_so():
        wait_until("status says that no failover is possible",
                   lambda: lab.summary(ask).get("failover_possible") is False, 15, 0.2)
        summary, table = lab.summary(ask), lab.gemel("status", host=ask, check=False).stdout
        assert summary["reason_code"] == "no_quorum", summary
        assert summary["primary"] == primary
        assert "no failover is possible" in table.lower(), table

    judge(record, "loss of a majority of voters", repetitions,
          lambda: observe_loss(lab, "majority", lost, databases, status_says_so))
    assert lab.wait_healthy()["failover_possible"]


def voters_seen(lab: Lab, host: str) -> int:
    """How many voters answer `host`; 0 while its own has no data."""
    if not lab.inside(host, "sh", "-c", "ls -d /var/lib/gemel/etcd/member/wal 2>/dev/null || true"):
        return 0
    entry = next(entry for entry in lab.site(host)["hosts"] if entry["host"] == host)
    return ((entry.get("status") or {}).get("store") or {}).get("reachable", 0)


def test_a_voter_whose_data_is_gone_joins_again(lab, record):
    """Its host was installed anew, or its disk came back empty: the others take it in as another member (ADR 0023)."""
    databases, epoch = lab.hosts_with("database"), lab.summary()["epoch"]
    voter = next(voter for voter in lab.hosts_with("voter") if voter not in databases)
    wait_until("the note that etcd has run", lambda: lab.inside(
        voter, "sh", "-c", "ls /var/lib/gemel/etcd.has-run 2>/dev/null || true"), 15)
    with outage_load(lab, f"rejoin-{int(time.time())}", **PATIENT) as load:
        lab.inside(voter, "sh", "-c", "systemctl stop gemeld && rm -rf /var/lib/gemel/etcd && systemctl start gemeld")
        began = time.monotonic()
        wait_until("three voters", lambda: voters_seen(lab, voter) == 3, 60, 0.5)
        took = time.monotonic() - began
        result = load.stop()
    assert lab.wait_healthy()["epoch"] == epoch
    assert result["verdict"]["is_clean"], result["verdict"]
    record.add("a voter without data is one again", [took], "s", 30)
