"""Losing voters of the store: one changes nothing, a majority only takes the ability to fail over."""
import time

from lab_driver import Lab, outage_load, wait_until

GAP_LIMIT = 100      # ms
OBSERVED = 5         # seconds of writes after each loss
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


def test_losing_any_one_voter_does_not_stop_writes(lab, record):
    voters, databases = lab.hosts_with("voter"), lab.hosts_with("database")
    assert len(voters) >= 3
    for voter in voters:
        ask = asker(lab, [voter])
        epoch = lab.summary(ask)["epoch"]
        with outage_load(lab, f"voter-{voter}-{int(time.time())}", **PATIENT) as load:
            lose(lab, voter, databases)
            time.sleep(OBSERVED)  # the measured quantity: writes during this time
            result = load.stop()
        assert lab.summary(ask)["epoch"] == epoch, "losing a voter must not cause a failover"
        bring_back(lab, voter, databases)
        lab.wait_healthy()
        assert result["verdict"]["is_clean"], result["verdict"]
        record.add(f"loss of voter {voter}: longest gap", [result["longest_gap_ms"]], "ms", GAP_LIMIT)
        assert result["longest_gap_ms"] <= GAP_LIMIT, (voter, result["gaps"])


def test_losing_the_majority_keeps_writes_and_status_says_so(lab, record):
    databases = lab.hosts_with("database")
    voters = lab.hosts_with("voter")
    lost = [voter for voter in voters if voter not in databases][:len(voters) // 2 + 1]
    assert len(lost) > len(voters) // 2, "the default site has a majority of voters outside the database hosts"
    ask = asker(lab, lost)
    primary = lab.primary()
    with outage_load(lab, f"majority-{int(time.time())}", **PATIENT) as load:
        for voter in lost:
            lab.verb("poweroff", voter)
        wait_until("status says that no failover is possible",
                   lambda: lab.summary(ask).get("failover_possible") is False, 15, 0.2)
        summary, table = lab.summary(ask), lab.gemel("status", host=ask, check=False).stdout
        time.sleep(OBSERVED)  # the measured quantity: writes during this time
        result = load.stop()
    assert summary["reason_code"] == "no_quorum", summary
    assert summary["primary"] == primary
    assert "no failover is possible" in table.lower(), table
    assert result["verdict"]["is_clean"], result["verdict"]
    record.add("loss of a majority of voters: longest gap", [result["longest_gap_ms"]], "ms", GAP_LIMIT)
    assert result["longest_gap_ms"] <= GAP_LIMIT, result["gaps"]
    for voter in lost:
        lab.verb("boot", voter)
    assert lab.wait_healthy()["failover_possible"]
