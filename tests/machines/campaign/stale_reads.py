"""How long a primary that lost its right still answers: the promise is 0.5 s after its last confirmed heartbeat left.

The client is nailed to the old primary (a fixed neighbour entry), so that no moved address saves the day. The last confirmed
heartbeat left at the latest when the fault was complete, so times count from there.
"""
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from lab_driver import Lab, wait_until

from .observer import Observer, paths
from .steps import Stage

PROMISE_MS = 500
OBSERVED = 3             # seconds after the fault, and again after it is undone
# name: (how the primary loses its right, how it comes back)
WAYS = {
    "host frozen": (("freeze primary",), ("thaw primary",)),
    "agent stopped": (("freeze primary gemeld",), ("thaw primary",)),
    # etcd first: else the holder removes the standby and serves alone, as it may.
    "cut from all but clients": (("cut primary ccm1", "cut primary ccm2", "cut primary lb1", "cut primary standby"), ("heal",)),
}


def late_answers(ways: dict[str, list], complete: float, old: str) -> dict[str, float]:
    """Milliseconds from the completed fault to the last answer of the old primary, by way; negative: none after it."""
    found = {}
    for way, answers in ways.items():
        mine = [at for at, words in answers if not words.startswith("ended") and words.split()[0] in (old, "INSERT")]
        found[way] = round(1000 * (max(mine) - complete), 1) if mine else -1e6
    return found


def measure(lab: Lab, way: str, seed: int) -> dict:
    """One run; the site is healthy again afterwards."""
    lab.wait_healthy()
    environment = {**os.environ, "GEMEL_DSN": lab.environment()["GEMEL_DSN"]}
    inject, heal = WAYS[way]
    with Observer() as observer:
        wait_until("somebody serves", observer.server, 5)
        stage = Stage(lab, observer, random.Random(seed))
        old = stage.roles["primary"]
        hardware = f"02:67:65:6d:00:{paths.NUMBERS[old]:02d}"
        neighbour = ("neighbour", "replace", paths.VIRTUAL_ADDRESS, "lladdr", hardware, "dev", "eth0", "nud", "permanent")
        subprocess.run(lab.in_client("ip", *neighbour), check=True)
        client = subprocess.Popen(lab.in_client(sys.executable, "-B", "-m", "campaign.stale_client"), env=environment, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[1])
        try:
            if client.stdout.readline().strip() != "ready":
                raise AssertionError("the stale client did not start")
            stage.wait("1..1.5")
            for step in inject:
                stage.perform(step)
            complete = time.monotonic()
            stage.wait(str(OBSERVED))
            for step in heal:
                stage.perform(step)
            stage.wait(str(OBSERVED))
            ways = json.loads(client.communicate("\n", timeout=20)[0])
        finally:
            client.kill()
            client.wait()
            subprocess.run(lab.in_client("ip", "neighbour", "del", paths.VIRTUAL_ADDRESS, "dev", "eth0"), check=False)
            stage.heal_all()
    late = late_answers(ways, complete, old)
    answered = {name: len(answers) for name, answers in ways.items()}
    return {"way": way, "primary": old, "last_answer_ms": late, "answers": answered,
            "is_kept": max(late.values()) <= PROMISE_MS and min(answered.values()) > 10}


def run(lab: Lab, repetitions: int, seed: int, top: Path) -> bool:
    """All ways, each so often; prints and keeps the figures. True when the promise held in all."""
    found = []
    for way in WAYS:
        for repetition in range(repetitions):
            result = measure(lab, way, seed + repetition)
            found.append(result)
            words = ", ".join(f"{name} {late:.0f}" if late > -1e5 else f"{name} never" for name, late in result["last_answer_ms"].items())
            print(f"{'kept' if result['is_kept'] else 'BROKEN':7} {way:26} last answer after the fault, ms: {words}", flush=True)
            (top / "stale_reads.json").write_text(json.dumps(found, indent=1) + "\n")
    return all(result["is_kept"] for result in found)
