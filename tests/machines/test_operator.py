"""What an operator may ask for: a pause and its end, and taking over by force; what is refused, shown, and done."""
import json
import time

from lab_driver import Lab, wait_until
from campaign.observer import site

REFUSED, USAGE, NOT_FOUND = 3, 2, 4
REASON = "a new switch in rack 4"


def asked(lab: Lab, *words: str) -> tuple[int, str]:
    result = lab.gemel(*words, check=False)
    return result.returncode, result.stdout + result.stderr


def metric(host: str, name: str) -> float:
    text = site.agent(host, "/metrics")[1]
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def test_a_pause_has_an_owner_a_reason_and_an_end_and_nobody_takes_over(lab):
    primary, epoch = lab.primary(), lab.summary()["epoch"]
    standby = next(host for host in lab.hosts_with("database") if host != primary)
    code, text = asked(lab, "pause", "--reason", REASON, "--for", "2m")
    assert code == 0, text
    assert "root@ccm1" in text and REASON in text

    pause = lab.summary()["pause"]
    assert (pause["by"], pause["reason"], pause["length_seconds"]) == ("root@ccm1", REASON, 120)
    assert 60 < pause["remaining_seconds"] <= 120
    banner = lab.gemel("status").stdout.splitlines()[0]
    assert banner.startswith("PAUSED by root@ccm1 until ") and banner.endswith(REASON)
    assert "pause: root@ccm1 pauses the site" in lab.gemel("events").stdout
    for host in (primary, standby):
        assert metric(host, "gemel_paused") == 1
        assert 60 < metric(host, "gemel_pause_remaining_seconds") <= 120
    assert asked(lab, "switchover", "--yes")[0] == REFUSED

    lab.verb("kill", primary, "postgres")
    time.sleep(4)  # several times what a takeover takes: nothing may happen in it
    held = lab.summary()
    assert (held["state"], held["holder"], held["epoch"], held["primary"]) == ("paused", primary, epoch, "")

    code, text = asked(lab, "resume")
    assert code == 0, text
    after = lab.wait_healthy(60)
    assert after["state"] == "normal" and after["epoch"] == epoch + 1 and after["primary"] == standby
    assert "root@ccm1 asks to end the pause" in lab.gemel("events").stdout
    assert metric(primary, "gemel_paused") == 0
    assert "PAUSED" not in lab.gemel("status").stdout


def test_a_paused_primary_serves_without_its_standby_and_the_pause_ends_by_itself(lab):
    primary = lab.primary()
    standby = next(host for host in lab.hosts_with("database") if host != primary)
    began = time.monotonic()
    assert asked(lab, "pause", "--reason", REASON, "--for", "15s")[0] == 0
    lab.verb("freeze", standby)
    try:
        wait_until("the standby is removed", lambda: lab.summary()["members"] == [primary], 10)
        assert lab.summary()["primary"] == primary
    finally:
        lab.verb("thaw", standby)
    wait_until("the pause has run out", lambda: lab.summary()["state"] == "normal", 30)
    assert time.monotonic() - began >= 14
    assert lab.wait_healthy()["primary"] == primary


def test_what_makes_no_sense_is_refused_with_a_reason(lab):
    before = lab.summary()
    standby = next(host for host in lab.hosts_with("database") if host != before["primary"])
    for words, code, text in (
            (("pause",), USAGE, "--reason"),
            (("pause", "--reason", ""), USAGE, "why"),
            (("pause", "--reason", REASON, "--for", "5s"), USAGE, "between 10s and 7d"),
            (("pause", "--reason", REASON, "--for", "8d"), USAGE, "between 10s and 7d"),
            (("pause", "--reason", REASON, "--for", "90"), USAGE, "no length of time"),
            (("pause", "--reason", REASON, "--host", "lb1"), NOT_FOUND, "not a database host"),
            (("pause", "--reason", REASON, "--host", standby), REFUSED, f"ask {before['primary']}"),
            (("resume",), REFUSED, "not paused"),
            (("force",), USAGE, "--host"),
            (("force", "--host", standby), REFUSED, f"{before['primary']} serves as primary")):
        found, said = asked(lab, *words)
        assert found == code and text in said, (words, found, said)
    assert lab.summary()["revision"] == before["revision"], "nothing was changed"


def test_force_says_what_is_lost_demands_the_phrase_and_serves_with_what_is_there(lab):
    """The last complete copy is gone for good; the host that was away takes over with what it has."""
    primary, epoch = lab.primary(), lab.summary()["epoch"]
    standby = next(host for host in lab.hosts_with("database") if host != primary)
    force = ("force", "--host", standby)
    phrase = f"all others are fenced, force {standby}"
    lab.verb("poweroff", standby)
    wait_until("the standby is removed", lambda: lab.summary()["members"] == [primary], 10)
    lab.sql(primary, "CREATE TABLE only_on_the_lost_copy (x int)")
    lab.verb("poweroff", primary)
    lab.verb("boot", standby)
    wait_until("the host that is left would take over", lambda: asked(lab, *force, "--dry-run")[0] == 0, 60, 0.5)

    code, said = asked(lab, *force, "--dry-run", "-o", "json")
    assert code == 0 and json.loads(said)["phrase"] == phrase
    assert primary in json.loads(said)["report"]
    for wrong in ("yes", phrase.upper(), phrase + "!"):
        code, said = asked(lab, *force, "--confirm", wrong)
        assert code == REFUSED and "nothing was changed" in said, said
    assert lab.summary()["epoch"] == epoch and lab.summary()["primary"] == ""

    code, said = asked(lab, *force, "--confirm", phrase)
    assert code == 0, said
    assert "What may be lost: this host" in said
    assert (lab.summary()["primary"], lab.summary()["epoch"]) == (standby, epoch + 1)
    assert "root@ccm1 takes over by force" in lab.gemel("events").stdout
    assert lab.sql(standby, "SELECT to_regclass('only_on_the_lost_copy')") == [""]

    lab.verb("boot", primary)
    after = lab.wait_healthy(90)
    assert after["primary"] == standby, "the copy that was given up follows the new primary"
    assert lab.sql(primary, "SELECT to_regclass('only_on_the_lost_copy')") == [""]
