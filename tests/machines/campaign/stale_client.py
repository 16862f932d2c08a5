"""Runs in the client's network during a stale-read measurement and keeps at a primary that lost its right.

Three ways, each all the time: reads on an old session, writes on another, and new connections that read. Nothing is given up:
statements are sent without waiting, so what the kernel still holds reaches the server when it runs again. Prints "ready", and at
the end one JSON object: the times (CLOCK_MONOTONIC) of every answer by way, with the name of the server that gave it.
"""
import json
import os
import sys
import threading
import time

from .pg_session import Refused, Session

PERIOD = 0.02            # seconds between two statements of a way
READ = "SELECT current_setting('cluster_name') || ' ' || pg_is_in_recovery()"
WRITE = "INSERT INTO campaign_stale VALUES (clock_timestamp()) RETURNING current_setting('cluster_name')"


def keep_at(statement: str, answers: list, stop: threading.Event) -> None:
    session = Session(os.environ["GEMEL_DSN"], 5)
    try:
        while not stop.is_set():
            session.send(statement)
            answers += session.answers(PERIOD)
    except (OSError, Refused) as error:
        answers.append((time.monotonic(), f"ended: {error}"[:100]))


def connect_anew(answers: list, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            session = Session(os.environ["GEMEL_DSN"], 1)
            session.send(READ)
            answers += session.answers(PERIOD)
            session.close()
        except (OSError, Refused):
            time.sleep(PERIOD)  # nothing answers


def main() -> None:
    setup = Session(os.environ["GEMEL_DSN"], 5)
    setup.send("CREATE TABLE IF NOT EXISTS campaign_stale (at timestamptz)")
    setup.answers(1)
    stop = threading.Event()
    ways: dict[str, list] = {"read": [], "write": [], "connect": []}
    threads = [threading.Thread(target=keep_at, args=(READ, ways["read"], stop)),
               threading.Thread(target=keep_at, args=(WRITE, ways["write"], stop)),
               threading.Thread(target=connect_anew, args=(ways["connect"], stop))]
    for thread in threads:
        thread.daemon = True
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join(2)
    print(json.dumps(ways))


if __name__ == "__main__":
    main()
