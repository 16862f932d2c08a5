"""A web service on this machine that answers as it is told, and keeps what it was asked. Base of the fake clouds."""
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]  # names in small letters
    body: str


class Answer(NamedTuple):
    status: int
    body: str = ""
    headers: dict[str, str] = {}


def as_json(status: int, value, **headers: str) -> Answer:
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value), {"content-type": "application/json"} | names)


class Service:
    """`answer` decides; `hang` makes the service silent for that many seconds first."""

    def __init__(self, certificate: str = "", key: str = ""):
        self.asked: list[Asked] = []
        self.hang = 0.0
        self.complaints: list[str] = []  # what a real service would have refused
        self._stop = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()},
                              self.rfile.read(length).decode())
                service.asked.append(asked)
                if service.hang:
                    service._stop.wait(service.hang)
                answer = service.answer(asked)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body.encode())))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            do_GET = do_PUT = do_POST = do_DELETE = handle_any

            def log_message(self, *_words) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, _request, _client) -> None:
                pass  # a client that gave up, or did not believe the certificate

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._is_tls = bool(certificate)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._is_tls else 'http'}://127.0.0.1:{self._server.server_port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def refuse(self, why: str) -> None:
        self.complaints.append(why)

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def utc(seconds_from_now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))
