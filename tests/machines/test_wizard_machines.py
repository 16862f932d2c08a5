"""gemel wizard on bare machines of the lab: every screen to a site that serves, and a standalone site that it converts."""
import subprocess
import time
from pathlib import Path

import pytest

from bare_site import BareSite
from conversion import kept, lead_name_to, writers
from lab_driver import ROOT, wait_until
from test_wizard import assert_set_up, walk_to_the_end
from test_wizard_kinds import ANSWERS, ANSWERS_HA
from wizard_terminal import Terminal


@pytest.fixture
def site(setup_site, monkeypatch) -> BareSite:
    setup_site.condition = "bare" if setup_site.condition == "bare" else "off"
    setup_site.be_bare()
    setup_site.condition = "open"
    yield setup_site
    setup_site.site = ROOT / "lab" / "site.toml"
    setup_site.condition = "off"


def wizard(site: BareSite, *words: str) -> list[str]:
    command = site.command("wizard", *words)
    command.remove(str(site.site))  # it writes one
    return command


def test_every_screen_to_a_site_that_serves(site, tmp_path, record):
    began = time.monotonic()
    with Terminal(tmp_path, wizard(site)) as terminal:
        walk_to_the_end(terminal)
        assert terminal.exit_code() == 0
    record.add("wizard: every screen on bare machines, to the last page", [time.monotonic() - began], "s", 180)
    assert_set_up(site.state)
    site.lab.wait_healthy()
    site.site = site.state / "site.toml"
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr


def answered(site: BareSite, file: Path, text: str, *typed: str) -> subprocess.CompletedProcess:
    file.touch(0o600)
    file.write_text(text)
    return subprocess.run(wizard(site, "--answers", str(file)), input="".join(f"{line}\n" for line in typed),
                          capture_output=True, text=True, timeout=300, check=False)


def test_a_standalone_site_is_converted_under_load(site, tmp_path, record):
    for host in ("ccm1", "db1"):
        lead_name_to(site.lab, host, "10.77.0.11")
    made = answered(site, tmp_path / "standalone.toml", ANSWERS, "yes", "yes", "yes")
    assert made.returncode == 0 and "Configured CCM successfully" in made.stdout, made.stdout + made.stderr
    site.site = site.state / "site.toml"
    site.lab.in_client = lambda *command: ["ip", "netns", "exec", "gemel-client", *command]
    with writers(site, "wizard") as load:
        time.sleep(1)
        done = answered(site, tmp_path / "ha.toml", ANSWERS_HA, "yes", "yes", "yes", "yes")
        assert done.returncode == 0 and "Configured CCM HA successfully" in done.stdout, done.stdout + done.stderr
        time.sleep(1)
        result = load.stop()
    assert "do not allow high availability" in done.stdout and "Convert the site in " in done.stdout
    assert result["failed"] == 0 and result["requests"] > 200, result["failures"]
    site.lab.wait_healthy()
    for host in ("db1", "db2"):
        wait_until(f"{host} has every row", lambda: set(result["keys"]) == kept(site.lab, host, "wizard"), 10)
    record.add("wizard converts: longest wait of a write", [result["slowest_ms"]], "ms", 2000)
    assert result["slowest_ms"] < 2000
