"""A PostgreSQL session in plain Python, for what libpq cannot show: statements sent without waiting, and when each answer came.

Speaks protocol 3 over TLS (verified against the site's authority) with SCRAM-SHA-256; simple queries only.
"""
import base64
import hashlib
import hmac
import os
import select
import shlex
import socket
import ssl
import struct
import time


class Refused(Exception):
    """The server said no, in its words."""


def settings(dsn: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(dsn))


class Session:
    """One connection; `send` returns at once, `answers` yields what has come."""

    def __init__(self, dsn: str, seconds: float):
        wanted = settings(dsn)
        self.data = b""
        plain = socket.create_connection((wanted["host"], int(wanted["port"])), timeout=seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(struct.pack("!ii", 8, 80877103))
        if plain.recv(1) != b"S":
            plain.close()
            raise Refused("no TLS")
        context = ssl.create_default_context(cafile=wanted["sslrootcert"])
        context.check_hostname = wanted["sslmode"] == "verify-full"
        self.socket = context.wrap_socket(plain, server_hostname=wanted["host"])
        parameters = f"user\0{wanted['user']}\0database\0{wanted['dbname']}\0application_name\0campaign\0\0".encode()
        self.socket.sendall(struct.pack("!ii", 8 + len(parameters), 196608) + parameters)
        self.sign_in(wanted["user"], wanted["password"])

    def write(self, kind: bytes, body: bytes) -> None:
        self.socket.sendall(kind + struct.pack("!i", 4 + len(body)) + body)

    def fill(self) -> None:
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.data += part

    def message(self) -> tuple[bytes, bytes] | None:
        if len(self.data) < 5:
            return None
        length = struct.unpack("!i", self.data[1:5])[0]
        if len(self.data) < length + 1:
            return None
        kind, body, self.data = self.data[:1], self.data[5:length + 1], self.data[length + 1:]
        if kind == b"E":
            raise Refused(body.decode(errors="replace").replace("\0", " "))
        return kind, body

    def next(self) -> tuple[bytes, bytes]:
        while (found := self.message()) is None:
            self.fill()
        return found

    def sign_in(self, user: str, password: str) -> None:
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n={user},r={nonce}"
        while True:
            kind, body = self.next()
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            code = struct.unpack("!i", body[:4])[0]
            if code == 10:
                answer = f"n,,{first}".encode()
                self.write(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(answer)) + answer)
            elif code == 11:
                challenge = body[4:].decode()
                parts = dict(item.split("=", 1) for item in challenge.split(","))
                salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
                sign = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()
                key = sign(salted, b"Client Key")
                last = f"c=biws,r={parts['r']}"
                proof = sign(hashlib.sha256(key).digest(), f"{first},{challenge},{last}".encode())
                text = base64.b64encode(bytes(a ^ b for a, b in zip(key, proof))).decode()
                self.write(b"p", f"{last},p={text}".encode())
            elif code not in (0, 12):
                raise Refused(f"authentication method {code}")

    def send(self, statement: str) -> None:
        self.write(b"Q", statement.encode() + b"\0")

    def answers(self, seconds: float) -> list[tuple[float, str]]:
        """(time it came, first column of the row or the command's tag) of every statement answered within the time."""
        found, row, end = [], "", time.monotonic() + seconds
        while True:
            while (item := self.message()) is not None:
                kind, body = item
                if kind == b"D":
                    length = struct.unpack("!i", body[2:6])[0]
                    row = body[6:6 + length].decode() if length >= 0 else ""
                elif kind == b"C":
                    found.append((time.monotonic(), row or body.rstrip(b"\0").decode()))
                    row = ""
            left = end - time.monotonic()
            if left <= 0:
                return found
            if self.socket.pending() or select.select([self.socket], [], [], left)[0]:
                self.fill()

    def close(self) -> None:
        self.socket.close()
