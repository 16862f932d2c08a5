"""Every file of a Patroni site: Patroni, etcd and HAProxy for the lab's machines. Where each value comes from: README.md.

Pure text; nothing here touches a machine. The configuration is written as JSON, which Patroni reads as YAML.
"""
import json
from dataclasses import dataclass, field

ADDRESSES = {"ccm1": "10.77.0.11", "ccm2": "10.77.0.12", "db1": "10.77.0.21", "db2": "10.77.0.22", "lb1": "10.77.0.31"}
SUBNET = "10.77.0.0/24"
DATABASES = ("db1", "db2")
ETCD = ("ccm1", "ccm2", "lb1")  # the same machines that carry Gemel's etcd
BALANCER = "lb1"
PORT, BALANCED_PORT, REST_PORT = 5432, 5000, 8008
SCOPE = "race"
USER, DATABASE = "cliqr", "gemel"


@dataclass(frozen=True)
class Settings:
    """What differs between the two Patroni contestants."""
    dcs: dict
    server_line: str  # HAProxy's health check
    defaults: str     # HAProxy's timeouts
    parameters: dict = field(default_factory=dict)  # PostgreSQL's

    @property
    def is_synchronous(self) -> bool:
        return self.dcs.get("synchronous_mode", False)


# Patroni's own sample for HAProxy.
SAMPLE_TIMEOUTS = "retries 2\n  timeout client 30m\n  timeout connect 4s\n  timeout server 30m\n  timeout check 5s"
FAST_TIMEOUTS = "retries 2\n  timeout client 30m\n  timeout connect 500ms\n  timeout server 30m\n  timeout check 500ms"

SETTINGS = {
    "patroni-defaults": Settings(
        dcs={"ttl": 30, "loop_wait": 10, "retry_timeout": 10},
        server_line="inter 3s fall 3 rise 2 on-marked-down shutdown-sessions", defaults=SAMPLE_TIMEOUTS),
    "patroni-fastest": Settings(
        # The documented minimums; they keep the documented rule loop_wait + 2 * retry_timeout <= ttl.
        dcs={"ttl": 20, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": True, "primary_start_timeout": 0},
        server_line="inter 200ms fastinter 100ms downinter 100ms fall 2 rise 1 on-marked-down shutdown-sessions", defaults=FAST_TIMEOUTS,
        # As Gemel sets them, the first a third of that: Patroni learns of a dead standby from PostgreSQL alone, and commits
        # would wait for the default minute.
        parameters={"wal_sender_timeout": "1s", "wal_receiver_timeout": "2s", "wal_receiver_status_interval": "1s",
                    "wal_retrieve_retry_interval": "100ms", "tcp_keepalives_idle": 5, "tcp_keepalives_interval": 1,
                    "tcp_keepalives_count": 4, "tcp_user_timeout": "5s"}),
}


def patroni(host: str, settings: Settings, passwords: dict[str, str]) -> str:
    """/etc/patroni/config.yml of a database host: Debian's template with documented values filled in."""
    address = ADDRESSES[host]
    return json.dumps({
        "scope": SCOPE, "name": host,
        "etcd3": {"hosts": [f"{ADDRESSES[member]}:2379" for member in ETCD]},
        "restapi": {"listen": f"{address}:{REST_PORT}", "connect_address": f"{address}:{REST_PORT}"},
        "bootstrap": {
            "dcs": {**settings.dcs, "maximum_lag_on_failover": 1048576, "check_timeline": True,
                    "postgresql": {"use_pg_rewind": True, "use_slots": True,
                                   "remove_data_directory_on_rewind_failure": True,
                                   "remove_data_directory_on_diverged_timelines": True,
                                   "parameters": settings.parameters}},
            "initdb": [{"encoding": "UTF8"}, "data-checksums"],
        },
        "postgresql": {
            "listen": f"*:{PORT}", "connect_address": f"{address}:{PORT}", "use_unix_socket": True,
            "data_dir": "/var/lib/postgresql/15/race", "bin_dir": "/usr/lib/postgresql/15/bin",
            "pgpass": "/var/lib/postgresql/race.pgpass",
            "basebackup": [{"checkpoint": "fast"}],  # else the first copy waits minutes for a spread checkpoint
            "authentication": {"superuser": {"username": "postgres", "password": passwords["superuser"]},
                               "replication": {"username": "replicator", "password": passwords["replication"]}},
            "parameters": {"unix_socket_directories": "/var/run/postgresql", "ssl": "on",
                           "password_encryption": "scram-sha-256",
                           "ssl_cert_file": "/etc/patroni/server.crt", "ssl_key_file": "/etc/patroni/server.key"},
            # Patroni reads a standby's timeline over a replication connection to localhost, of either family.
            "pg_hba": ["local all all peer", *(f"host {what} all {where} scram-sha-256" for what in ("all", "replication")
                                               for where in ("127.0.0.1/32", "::1/128")),
                       f"hostssl all all {SUBNET} scram-sha-256", f"hostssl replication replicator {SUBNET} scram-sha-256"],
        },
    }, indent=1) + "\n"


def etcd(host: str) -> str:
    """/etc/default/etcd: a static cluster of three with etcd's own defaults."""
    address = ADDRESSES[host]
    values = {
        "NAME": host, "DATA_DIR": "/var/lib/etcd/race",
        "LISTEN_CLIENT_URLS": f"http://{address}:2379,http://127.0.0.1:2379", "ADVERTISE_CLIENT_URLS": f"http://{address}:2379",
        "LISTEN_PEER_URLS": f"http://{address}:2380", "INITIAL_ADVERTISE_PEER_URLS": f"http://{address}:2380",
        "INITIAL_CLUSTER": ",".join(f"{member}=http://{ADDRESSES[member]}:2380" for member in ETCD),
        "INITIAL_CLUSTER_STATE": "new", "INITIAL_CLUSTER_TOKEN": SCOPE,
    }
    return "".join(f'ETCD_{name}="{value}"\n' for name, value in values.items())


def haproxy(settings: Settings) -> str:
    """/etc/haproxy/haproxy.cfg: Patroni's sample, asking its REST interface who is primary."""
    servers = "".join(f"  server {host} {ADDRESSES[host]}:{PORT} maxconn 100 check port {REST_PORT}\n" for host in DATABASES)
    return f"""global
  maxconn 100
defaults
  log global
  mode tcp
  {settings.defaults}
listen primary
  bind *:{BALANCED_PORT}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server {settings.server_line}
{servers}"""


def dsn(password: str, authority: str) -> str:
    """libpq string of the application's user through HAProxy; TLS and password as Gemel's."""
    return (f"host={ADDRESSES[BALANCER]} port={BALANCED_PORT} user={USER} password={password} dbname={DATABASE} "
            f"sslmode=verify-full sslrootcert={authority}")
