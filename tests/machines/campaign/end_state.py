"""The end state of a healed site (Z): what no SQL client can see, and that the data of all hosts is equal and sound."""
import time
from concurrent.futures import ThreadPoolExecutor

from lab_driver import Lab

from .fault import Finding
from .observer import look, machine, paths

CATCH_UP = 5             # seconds until the standby has replayed all
HASHES = """
SELECT string_agg(format('SELECT %L || '' '' || count(*) || '' '' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM %s t',
                         c.oid::regclass, c.oid::regclass), ' UNION ALL ' ORDER BY c.oid)
FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""


def check(lab: Lab) -> list[Finding]:
    """All findings; none of them takes more than some seconds."""
    views = {host: look(host) for host in paths.DATABASES}
    primary = next((host for host in paths.DATABASES if views[host].is_open), "")
    if not primary:
        return [Finding("Z one gate", "violated", f"no open gate: {views}")]
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(part, lab, primary) for part in (equal_rows, sound_data, slots, disk)]
        return [gates(views), addresses(lab, primary), postmasters(), *(found.result() for found in parts)]


def gates(views: dict) -> Finding:
    is_open = [host for host, view in views.items() if view.is_open]
    return Finding("Z one gate", "ok" if len(is_open) == 1 else "violated", ", ".join(is_open))


def addresses(lab: Lab, primary: str) -> Finding:
    """The virtual address is configured on the primary and nowhere else."""
    holders = [host for host in paths.MACHINES
               if f" {paths.VIRTUAL_ADDRESS}/" in lab.inside(host, "ip", "-o", "-4", "address", "show")]
    return Finding("Z one address", "ok" if holders == [primary] else "violated", ", ".join(holders))


def postmasters() -> Finding:
    """One server on each host, in the group of the agent that guards it."""
    wrong = []
    for host in paths.DATABASES:
        found = machine.named(host, "postgres")
        groups = {paths.read_text(f"/proc/{process}/cgroup") for process in found}
        if len(found) != 1 or not all("gemeld.service/postgres" in text for text in groups):
            wrong.append(f"{host}: {len(found)} servers, {sorted(groups)}")
    return Finding("Z postmasters", "violated" if wrong else "ok", "; ".join(wrong))


def row_hashes(lab: Lab, host: str) -> list[str]:
    query = "".join(lab.sql(host, HASHES))
    return sorted(lab.sql(host, query)) if query else []


def equal_rows(lab: Lab, primary: str) -> Finding:
    end = time.monotonic() + CATCH_UP
    while True:
        found = {host: row_hashes(lab, host) for host in paths.DATABASES}
        if len({tuple(rows) for rows in found.values()}) == 1:
            return Finding("Z equal rows", "ok", f"{len(found[primary])} tables")
        if time.monotonic() > end:
            return Finding("Z equal rows", "violated", str(found)[:500])
        time.sleep(0.2)


def sound_data(lab: Lab, primary: str) -> Finding:
    """Checksums are on and never failed; indexes and tables agree with themselves (pg_amcheck)."""
    lab.sql(primary, "CREATE EXTENSION IF NOT EXISTS amcheck")
    wrong = []
    for host in paths.DATABASES:
        failures = lab.sql(host, "SELECT current_setting('data_checksums'), coalesce(sum(checksum_failures), 0) "
                                 "FROM pg_stat_database")
        if failures != ["on|0"]:
            wrong.append(f"{host}: checksums {failures}")
        # The standby learns of the extension by replay.
        done = lab.verb("exec", host, "--", "/usr/lib/postgresql/15/bin/pg_amcheck", "-h", "/run/gemel/postgres", "-U", "postgres", "-d", "gemel",
                        "--no-dependent-toast", check=False, limit=120)
        if done.returncode != 0:
            wrong.append(f"{host}: pg_amcheck says {(done.stdout + done.stderr).strip()[:300]}")
    return Finding("Z sound data", "violated" if wrong else "ok", "; ".join(wrong))


def slots(lab: Lab, primary: str) -> Finding:
    idle = [f"{host}: {name}" for host in paths.DATABASES
            for name in lab.sql(host, "SELECT slot_name FROM pg_replication_slots WHERE NOT active")]
    return Finding("Z slots", "violated" if idle else "ok", "; ".join(idle))


def disk(lab: Lab, primary: str) -> Finding:
    """WAL stays bounded."""
    megabytes = {host: int(lab.sql(host, "SELECT coalesce(sum(size), 0)::bigint >> 20 FROM pg_ls_waldir()")[0])
                 for host in paths.DATABASES}
    return Finding("Z WAL size", "ok" if max(megabytes.values()) <= 2048 else "violated",
                   ", ".join(f"{host} {size} MB" for host, size in megabytes.items()))
