"""The page keeps answering: managers die and reboot under load, and a note written during a failover is written once."""
import time

import pytest

from lab_driver import wait_until, web_load


def is_ready(lab, manager: str) -> bool:
    """Whether the balancer sends requests to this manager."""
    for entry in lab.site()["hosts"]:
        balancer = (entry.get("status") or {}).get("balancer") or {}
        states = [item["state"] for item in balancer.get("backends", []) if item["host"] == manager]
        if states and all(state.startswith("UP") for state in states):
            return True
    return False


def kill(lab, manager: str) -> None:
    before = lab.service_pid(manager, "gemel-manager")
    lab.verb("kill", manager, "gemel-manager")
    wait_until(f"gemel-manager of {manager} runs again",
               lambda: lab.service_pid(manager, "gemel-manager") not in (0, before), 20)


def reboot(lab, manager: str) -> None:
    lab.verb("reboot", manager)


@pytest.mark.parametrize("manager", ["ccm1", "ccm2"])
@pytest.mark.parametrize("fail", [kill, reboot], ids=["kill", "reboot"])
def test_no_request_fails_when_a_manager_goes(lab, record, fail, manager):
    with web_load(lab) as load:
        fail(lab, manager)
        lab.wait_healthy()
        wait_until(f"the balancer uses {manager} again", lambda: is_ready(lab, manager), 30, 0.2)
        result = load.stop()
    record.add(f"{fail.__name__} {manager}: failed requests", [result["failed"]], "requests", 0,
               f"{result['requests']} requests, {result['repeated']} repeated, slowest {result['slowest_ms']:.0f} ms")
    assert result["requests"] > 100
    assert result["hung"] == 0
    assert result["failed"] == 0, result["failures"]
    assert result["managers"] == ["ccm1", "ccm2"], "both managers must have answered"


def test_notes_written_during_a_failover_are_written_once(lab, record):
    author = f"failover-{int(time.time())}"
    old, epoch = lab.primary(), lab.summary()["epoch"]
    with web_load(lab, "--notes", author, "--pace", "0.05", "--workers", "2") as load:
        lab.verb("kill", old, "postgres")
        wait_until("a primary serves after the failure",
                   lambda: lab.summary()["epoch"] > epoch and lab.primary(), 30, 0.1)
        lab.wait_healthy()
        result = load.stop()
    assert result["failed"] == 0, result["failures"]
    rows = lab.sql(lab.primary(), f"SELECT text, count(*) FROM notes WHERE author = '{author}' GROUP BY text")
    written = dict(row.rsplit("|", 1) for row in rows)
    assert set(written) == set(result["keys"])
    assert set(written.values()) == {"1"}
    record.add("notes posted during a failover: failed", [result["failed"]], "requests", 0,
               f"{result['requests']} notes, slowest {result['slowest_ms']:.0f} ms")
