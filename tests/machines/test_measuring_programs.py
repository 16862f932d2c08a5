"""The measuring programs measured: against a plain PostgreSQL and a plain web server whose mistakes are known."""
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab_driver import HERE, program, wait_until

SERVER = Path("/usr/lib/postgresql/15/bin")
AS_POSTGRES = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]


class Server:
    """A PostgreSQL of the test's own, on a free loopback port."""

    def __init__(self, folder: Path):
        self.data = folder / "data"
        self.port = self.free_port()
        self.call("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
        self.start()
        self.dsn = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    @staticmethod
    def free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def call(self, name: str, *words: str) -> str:
        result = subprocess.run([*AS_POSTGRES, str(SERVER / name), *words], capture_output=True, text=True, timeout=60,
                                cwd="/", check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def start(self) -> None:
        self.call("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"), "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")

    def sql(self, statement: str) -> str:
        return self.call("psql", self.dsn, "-XAtqc", statement).strip()


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres")
    for part in (folder, *folder.parents[:2]):
        os.chmod(part, 0o755)
    subprocess.run(["chown", "postgres", str(folder)], check=True)
    running = Server(folder)
    yield running
    running.stop()


class Outage:
    def __init__(self, server: Server, *words: str):
        self.process = subprocess.Popen([str(program("gemel-outage")), "--dsn", server.dsn, "--client", "c", *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr.readline() == "ready\n"

    def finish(self) -> tuple[int, dict]:
        self.process.send_signal(signal.SIGINT)
        output = self.process.communicate(timeout=60)[0]
        return self.process.returncode, json.loads(output)


def test_a_quiet_run_is_clean(server):
    code, result = Outage(server).finish()
    assert code == 0 and result["verdict"]["is_clean"] and result["unknown"] == 0 and result["acknowledged"] >= 20


def test_a_restart_shows_as_a_gap_and_loses_nothing(server):
    outage = Outage(server)
    server.stop()
    server.start()
    count = int(server.sql("SELECT count(*) FROM gemel_outage"))
    wait_until("writes go on", lambda: int(server.sql("SELECT count(*) FROM gemel_outage")) > count, 10)
    code, result = outage.finish()
    assert code == 0 and result["connections"] >= 2 and result["longest_gap_ms"] > 20


def test_lost_and_doubled_rows_are_found(server):
    outage = Outage(server)
    server.sql("DELETE FROM gemel_outage WHERE counter = 3")
    server.sql("INSERT INTO gemel_outage (client, counter) VALUES ('c', 5)")
    code, result = outage.finish()
    assert code == 1
    assert result["verdict"]["lost_counters"] == [3] and result["verdict"]["duplicated"] == 1


def test_a_commit_acknowledged_with_a_warning_is_unknown(server):
    outage = Outage(server, "--answer-ms", "20000")
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.sql("SELECT pg_reload_conf()")
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    pid = wait_until("the insert waits for the absent standby", lambda: server.sql(waiting), 10)
    # The server says INSERT 0 1 with WARNING 01000 when the wait is cancelled.
    server.sql(f"SELECT pg_cancel_backend({pid})")
    wait_until("the next session waits", lambda: server.sql(waiting) not in ("", pid), 10)
    outage.process.send_signal(signal.SIGINT)
    server.sql("ALTER SYSTEM RESET synchronous_standby_names")
    server.sql("SELECT pg_reload_conf()")
    output = outage.process.communicate(timeout=60)[0]
    result = json.loads(output)
    assert result["unknown"] == 1 and result["verdict"]["unknown_present"] == 1


class Moody(http.server.BaseHTTPRequestHandler):
    """Answers 503 to every fifth request, and to every request while `broken`."""
    protocol_version = "HTTP/1.1"
    count, broken = 0, False

    def do_GET(self):
        Moody.count += 1
        status = 503 if Moody.broken or Moody.count % 5 == 0 else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.send_header("X-Gemel-Manager", "m1")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key),
                    "-out", str(certificate), "-days", "2", "-subj", "/CN=web", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Moody.count, Moody.broken = 0, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("broken", [False, True])
def test_web_load_repeats_once_and_counts_what_fails_twice(web, broken):
    url, certificate = web
    process = subprocess.Popen([sys.executable, str(HERE / "web_load.py"), "--url", url, "--ca", str(certificate), "--workers", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "ready\n"
    Moody.broken = broken
    seen = Moody.count
    wait_until("twenty more requests", lambda: Moody.count > seen + 20, 20)
    process.send_signal(signal.SIGINT)
    result = json.loads(process.communicate(timeout=30)[0])
    assert result["repeated"] > 0
    assert (result["failed"] > 0) == broken, result
    assert result["managers"] == ["m1"]
