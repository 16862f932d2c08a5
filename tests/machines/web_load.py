"""HTTPS requests through the balancer from several workers until SIGINT; one JSON object at the end.

An honest client: keeps connections, reopens one that the server closed, and repeats an idempotent request once. What
fails after that is a failed request. With --notes it posts notes instead, each with its own Idempotency-Key.
"""
import argparse
import http.client
import itertools
import json
import signal
import ssl
import sys
import threading
import time
import urllib.parse

STOP = threading.Event()


class Worker(threading.Thread):
    """One client with one connection. Its counters are read after it has ended."""

    def __init__(self, options, number):
        super().__init__(daemon=True)
        self.options, self.number = options, number
        self.url = urllib.parse.urlsplit(options.url)
        self.context = ssl.create_default_context(cafile=options.ca)
        self.connection = None
        self.cookie = ""
        self.done = self.repeated = 0
        self.failures, self.managers, self.slowest = [], set(), 0.0
        self.keys = []
        self.first = threading.Event()

    def once(self, method, path, body, headers):
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443, context=self.context,
                                                          timeout=self.options.timeout)
        sent = dict(headers)
        if self.cookie and self.number % 2 == 0:  # every other worker is sticky
            sent["Cookie"] = self.cookie
        self.connection.request(method, path, body=body, headers=sent)
        answer = self.connection.getresponse()
        text = answer.read()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.cookie = value.split(";")[0]
        if answer.status >= 500:
            raise OSError(f"status {answer.status}: {text[:120]!r}")
        return answer

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None):
        start = time.monotonic()
        for attempt in itertools.count(1):
            try:
                answer = self.once(method, path, body, headers or {})
                self.managers.add(answer.getheader("X-Gemel-Manager", "?"))
                if answer.status >= 400:
                    self.failures.append(f"{method} {path}: status {answer.status}")
                break
            except (OSError, http.client.HTTPException) as error:
                self.drop()
                if attempt > 1 and time.monotonic() - start >= self.options.patience:
                    self.failures.append(f"{method} {path}: {type(error).__name__}: {error}")
                    break
                self.repeated += 1
                if attempt > 1:
                    time.sleep(0.01)
        self.done += 1
        self.slowest = max(self.slowest, time.monotonic() - start)

    def one_round(self, count):
        if not self.options.notes:
            self.request("GET", self.options.path[count % len(self.options.path)])
            return
        key = f"{self.options.notes}-{self.number}-{count}"
        self.keys.append(key)
        self.request("POST", "/api/v1/notes", json.dumps({"author": self.options.notes, "text": key}),
                     {"Content-Type": "application/json", "Idempotency-Key": key})

    def run(self):
        count = 0
        while not STOP.is_set():
            count += 1
            self.one_round(count)
            self.first.set()
            STOP.wait(self.options.pace)
        self.drop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--path", action="append")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--pace", type=float, default=0.01, help="seconds between two requests of a worker")
    parser.add_argument("--timeout", type=float, default=15)
    parser.add_argument("--patience", type=float, default=0, help="seconds for which a request is repeated, not once")
    parser.add_argument("--notes", default="", help="post notes under this author instead")
    options = parser.parse_args()
    options.path = options.path or ["/", "/api/v1/site"]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: STOP.set())
    workers = [Worker(options, number) for number in range(options.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        if not worker.first.wait(30):
            print("no first answer within 30 s", file=sys.stderr)
            return 6
    print("ready", file=sys.stderr, flush=True)
    while not STOP.is_set():
        STOP.wait(1)
    for worker in workers:
        worker.join(2 * options.timeout + 5)
    failures = [text for worker in workers for text in worker.failures]
    print(json.dumps({
        "requests": sum(worker.done for worker in workers), "repeated": sum(worker.repeated for worker in workers),
        "failed": len(failures), "failures": failures[:20], "hung": sum(worker.is_alive() for worker in workers),
        "managers": sorted(set().union(*(worker.managers for worker in workers))),
        "slowest_ms": round(1000 * max(worker.slowest for worker in workers), 1),
        "keys": [key for worker in workers for key in worker.keys]}))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
