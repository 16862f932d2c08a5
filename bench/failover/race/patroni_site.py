"""A site under Patroni on the lab's bare machines: Debian's packages, our files, the same client in front of HAProxy."""
import io
import json
import secrets
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from lab_driver import LAB, wait_until

from . import patroni_files as files
from .sites import CLIENT_NETNS, Site

PACKAGES = "patroni"  # with what it depends on; PostgreSQL, etcd and HAProxy are in the lab's image
IMAGE_WITH = f"--with={PACKAGES}"


def certificates(folder: Path) -> None:
    """An authority and one certificate of the database servers, which the client also meets behind HAProxy's address."""
    names = ",".join(f"IP:{files.ADDRESSES[host]}" for host in (*files.DATABASES, files.BALANCER))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for command in (
            ["req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=race"],
            ["req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=database"],
            ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
             "-out", "server.crt", "-extfile", "names"]):
        (folder / "names").write_text(f"subjectAltName={names}\n")
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)


class PatroniSite(Site):
    """Patroni 3 with etcd on the machines that carry Gemel's etcd, and HAProxy on the balancer."""

    def __init__(self, name: str):
        self.name = name
        self.settings = files.SETTINGS[name]
        self.period = float(self.settings.dcs["loop_wait"])
        self.folder = tempfile.TemporaryDirectory(prefix="race-")
        self.authority = Path(self.folder.name) / "ca.crt"
        certificates(Path(self.folder.name))
        self.passwords = {who: secrets.token_hex(16) for who in ("superuser", "replication", "application")}

    def environment(self) -> dict[str, str]:
        return {"GEMEL_DSN": files.dsn(self.passwords["application"], str(self.authority)),
                "GEMEL_CLIENT_NETNS": CLIENT_NETNS, "GEMEL_PRIMARY": ""}

    def up(self) -> None:
        self.when_free("up", "--bare", IMAGE_WITH)
        for host in files.ETCD:
            self.lay_down(host, {"/etc/default/etcd": (files.etcd(host), 0o644, "root")})
            self.start(host, "etcd.service")
        for host in files.DATABASES:
            self.lay_down(host, {
                "/etc/patroni/config.yml": (files.patroni(host, self.settings, self.passwords), 0o600, "postgres"),
                "/etc/patroni/server.crt": (Path(self.folder.name, "server.crt").read_text(), 0o644, "postgres"),
                "/etc/patroni/server.key": (Path(self.folder.name, "server.key").read_text(), 0o600, "postgres")})
        first, second = files.DATABASES
        wait_until("etcd is whole", self.etcd_is_healthy, 60, 0.3)
        self.start(first, "patroni.service")
        wait_until(f"{first} is primary", lambda: self.primary() == first, 60, 0.2)
        self.make_database(first)
        self.start(second, "patroni.service")
        self.lay_down(files.BALANCER, {"/etc/haproxy/haproxy.cfg": (files.haproxy(self.settings), 0o644, "root")})
        self.start(files.BALANCER, "haproxy.service")
        self.wait_whole()

    def lay_down(self, host: str, content: dict[str, tuple[str, int, str]]) -> None:
        """Files by path: text, mode, owner."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, (text, mode, owner) in content.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode, entry.uname, entry.gname = len(text.encode()), mode, owner, owner
                tar.addfile(entry, io.BytesIO(text.encode()))
        subprocess.run([str(LAB), "exec", host, "--", "tar", "-x", "-C", "/"], input=archive.getvalue(), check=True,
                       capture_output=True, timeout=30)

    def start(self, host: str, unit: str) -> None:
        """Now and at every later boot; the lab's image masks the servers, since Gemel starts its own."""
        self.inside(host, "systemctl", "unmask", unit)
        self.inside(host, "systemctl", "enable", unit)
        self.inside(host, "systemctl", "start", "--no-block", unit)

    def etcd_is_healthy(self) -> bool:
        points = ",".join(f"http://{files.ADDRESSES[host]}:2379" for host in files.ETCD)
        return self.verb("exec", files.ETCD[0], "--", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints", points, "endpoint",
                         "health", check=False).returncode == 0

    def make_database(self, host: str) -> None:
        self.sql(host, f"CREATE ROLE {files.USER} LOGIN PASSWORD '{self.passwords['application']}'", "postgres")
        self.sql(host, f"CREATE DATABASE {files.DATABASE} OWNER {files.USER}", "postgres")

    def sql(self, host: str, statement: str, database: str = files.DATABASE) -> list[str]:
        text = self.inside(host, "runuser", "-u", "postgres", "--", "psql", "-d", database, "-XAtqc", statement)
        return text.splitlines()

    def rest(self, host: str, path: str) -> tuple[int, str]:
        """(status, body) of Patroni's REST interface; (0, "") when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{files.ADDRESSES[host]}:{files.REST_PORT}{path}", timeout=1) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except (OSError, ValueError):
            return 0, ""

    def primary(self) -> str:
        said = [host for host in files.DATABASES if self.rest(host, "/primary")[0] == 200]
        return said[0] if len(said) == 1 else ""

    def is_whole(self) -> bool:
        """Patroni's own word, and PostgreSQL's: the standby streams, and in synchronous mode commits wait for it."""
        primary = self.primary()
        if not primary or not self.serving():
            return False
        standby = self.standby()
        status, body = self.rest(primary, "/cluster")
        roles = {entry["name"]: entry["role"] for entry in json.loads(body)["members"]} if status == 200 else {}
        wanted = "sync_standby" if self.settings.is_synchronous else "replica"
        if roles != {primary: "leader", standby: wanted}:
            return False
        state = "sync" if self.settings.is_synchronous else "async"
        said = self.verb("exec", primary, "--", "runuser", "-u", "postgres", "--", "psql", "-XAtqc",
                         "SELECT application_name, state, sync_state FROM pg_stat_replication", check=False).stdout
        return said.split() == [f"{standby}|streaming|{state}"]

    def switch_over(self) -> None:
        primary, standby = self.primary(), self.standby()
        self.inside(standby, "patronictl", "-c", "/etc/patroni/config.yml", "switchover", "--master", primary, "--candidate",
                    standby, "--force", limit=60)

    def versions(self) -> dict[str, str]:
        def first_line(host: str, *command: str) -> str:
            return self.inside(host, *command).splitlines()[0].strip()
        return {"patroni": first_line("db1", "patroni", "--version"), "postgresql": first_line("db1", "psql", "--version"),
                "etcd": first_line("ccm1", "etcd", "--version"), "haproxy": first_line("lb1", "haproxy", "-v")}
