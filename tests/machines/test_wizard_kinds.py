"""gemel wizard and the kinds of site: standalone ones, their conversion, and who moves the floating address; on hosts
that are only an ssh of our own."""
import subprocess
import tomllib
from pathlib import Path

import pytest

from lab_driver import program
from test_wizard import BUTTONS, NOTHING, begin, fill_in, run
from wizard_terminal import HOSTS, ONE_HOST, STANDALONE, Hosts, Terminal, without_network

COMPACT = {"node1": ("ALL", "10.77.0.1"), "node2": ("ALL", "10.77.0.2"), "node3": ("ALL", "10.77.0.3")}
ANSWERS = """[site]
kind = "standalone"
name = "lab"
[network]
subnets = ["10.77.0.0/24"]
[ha]
dns_name = "mgmt.lab.test"
[manager1]
address = "10.77.0.11"
[database1]
address = "10.77.0.21"
"""
ANSWERS_HA = """[site]
kind = "ha"
name = "lab"
[network]
subnets = ["10.77.0.0/24"]
[database]
address = "10.77.0.100"
[ha]
primary_ip = "10.77.0.11"
secondary_ip = "10.77.0.12"
dns_name = "mgmt.lab.test"
[database1]
address = "10.77.0.21"
[database2]
address = "10.77.0.22"
[balancer1]
address = "10.77.0.31"
"""
# Every field of a site on one host; an empty line takes the default.
LINES = ["one-host", "lab", "mgmt.lab.test",     # kind, site
         "10.77.0.0/24", "",                     # network
         "", "", "",                             # database
         "", "10.77.0.1", "", "",                # the host
         "", "", "", "", "", "", "", "", ""]     # ports, certificates, SSH


@pytest.fixture
def state(tmp_path) -> Path:
    return tmp_path / "state"


def hosts_of(tmp_path: Path, site: dict) -> Hosts:
    folder = tmp_path / "hosts"
    folder.mkdir(exist_ok=True)
    return Hosts(folder, site=site)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def roles_in(site_file: Path) -> dict:
    site = tomllib.loads(site_file.read_text())
    return {host["name"]: (host["role"], host["address"]) for host in site["host"]}


def asked(result: subprocess.CompletedProcess) -> str:
    return result.stdout + result.stderr


@pytest.fixture
def standalone(tmp_path, state) -> Path:
    """The site file of a standalone site that the wizard has set up; its hosts say from now on that it runs."""
    hosts = hosts_of(tmp_path, STANDALONE)
    result = run(hosts.command("--answers", write(tmp_path / "standalone", ANSWERS), "--yes", "--state", str(state)))
    assert result.returncode == 0, asked(result)
    hosts.run_already(STANDALONE, (state / "rendered" / "site.id").read_text().split()[0])
    return state / "site.toml"


# Line by line, and by files -------------------------------------------------------------------------------------------

def test_everything_on_one_host_line_by_line(tmp_path, state):
    hosts = hosts_of(tmp_path, ONE_HOST)
    result = run(hosts.command("--plain", "--state", str(state)), LINES + ["yes", "yes", "yes"])
    assert result.returncode == 0, asked(result)
    for part in ("  standalone  Standalone on two hosts", "Configuring CCM ...\n", "\nConfigured CCM successfully\n",
                 "  Kind                       Everything on one host\n", "Database           10.77.0.1 port 5432"):
        assert part in result.stdout, result.stdout
    assert "CCM HA" not in result.stdout and "DB IP or Hostname" not in result.stdout
    assert roles_in(state / "site.toml") == ONE_HOST


def test_a_standalone_site_by_a_file_of_answers(standalone, state):
    assert roles_in(standalone) == STANDALONE
    page = (state / "summary.txt").read_text()
    assert "https://mgmt.lab.test/" in page and "10.77.0.21 port 5432" in page
    assert "haproxy_stats" not in page and "statistics.password" not in page


def test_an_unknown_kind_is_refused_with_those_there_are(tmp_path, state):
    file = write(tmp_path / "answers.toml", ANSWERS.replace('"standalone"', '"solo"'))
    result = run(without_network("--answers", file, "--state", str(state)))
    assert result.returncode == 2
    assert 'answers.toml:2:1: site.kind: "solo" is no choice.' in result.stderr
    assert "Choices: ha, compact, standalone, one-host." in result.stderr and "1 mistake; nothing" in result.stderr


def test_a_site_that_runs_is_converted_only_by_who_agrees(tmp_path, state, standalone):
    hosts = hosts_of(tmp_path, HOSTS)
    answers = write(tmp_path / "ha", ANSWERS_HA)
    before = standalone.read_text()
    command = hosts.command("--answers", answers, "--state", str(state))
    refused = run(command, ["no"])
    assert refused.returncode == 3 and "nothing was changed" in refused.stderr, asked(refused)
    assert "The roles CCM_SA and MGMTPOSTGRES do not allow high availability" in refused.stdout
    assert f"\n  gemel convert {standalone} --state {state}\n" in refused.stdout
    assert standalone.read_text() == before
    defaulted = run(hosts.command("--answers", write(tmp_path / "default", ANSWERS_HA.replace('kind = "ha"\n', "")),
                                  "--yes", "--state", str(state)))
    assert defaulted.returncode == 2 and 'The site runs as "standalone" already' in defaulted.stderr
    compact = run(hosts.command("--answers", write(tmp_path / "compact", ANSWERS.replace("standalone", "compact")),
                                "--yes", "--state", str(state)))
    assert compact.returncode == 2 and '"gemel convert" turns into "ha"' in compact.stderr, asked(compact)
    done = run(command, ["yes", "yes", "yes"])
    assert done.returncode == 0, asked(done)
    assert "This plan converts it in place, with its data" in done.stdout and "Convert the site in " in done.stdout
    assert "Configured CCM HA successfully" in done.stdout
    assert roles_in(standalone) == HOSTS
    assert Path(f"{standalone}.standalone").read_text() == before
    back = run(hosts.command("--answers", str(tmp_path / "standalone"), "--yes", "--state", str(state)))
    assert back.returncode == 2 and 'no way leads from there to "standalone"' in back.stderr, asked(back)


def test_what_does_not_run_any_more_is_not_converted(tmp_path, state, standalone):
    hosts = hosts_of(tmp_path, HOSTS)
    for file in hosts.folder.glob("running-*"):
        file.unlink()
    result = run(hosts.command("--answers", write(tmp_path / "ha", ANSWERS_HA), "--yes", "--state", str(state)))
    assert result.returncode == 3 and "there is nothing to convert" in result.stderr, asked(result)


def test_the_commands_plan_is_the_wizards(tmp_path, state, standalone):
    """What the wizard names as the way by hand takes the site file that the wizard writes."""
    hosts = hosts_of(tmp_path, HOSTS)
    result = run(hosts.command("--answers", write(tmp_path / "ha", ANSWERS_HA), "--state", str(state)),
                 ["yes", "yes", "no"])
    assert result.returncode == 3, asked(result)
    command = next(line.split() for line in result.stdout.splitlines() if line.startswith("  gemel convert "))
    words = hosts.command()[:-2] + [str(program("gemel"))] + command[1:]
    by_hand = run(words, ["no"])
    assert by_hand.returncode == 3 and "nothing was changed" in by_hand.stderr, asked(by_hand)

    def steps(text: str) -> list[str]:
        return [word for line in text.splitlines() for word in line.split() if word.startswith(tuple(f"{n}/" for n in HOSTS))]
    assert steps(by_hand.stdout) == steps(result.stdout) != []


def test_one_host_grows_to_three(tmp_path, state):
    hosts = hosts_of(tmp_path, ONE_HOST)
    result = run(hosts.command("--plain", "--state", str(state)), LINES + ["yes", "yes", "yes"])
    assert result.returncode == 0, asked(result)
    hosts.run_already(ONE_HOST, (state / "rendered" / "site.id").read_text().split()[0])
    grown = hosts_of(tmp_path, COMPACT)
    # What a standalone site was not asked for, and the two new hosts; the site file tells all the rest.
    lines = ["site.kind", "ha", "compact", "yes", "", "10.77.0.100", "", "", "", "", "", "10.77.0.2", "", "",
             "", "10.77.0.3", "", ""]
    site = str(state / "site.toml")
    first = run(grown.command(site, "--plain", "--state", str(state)), [""] * 4 + lines + ["yes", "yes", "yes"])
    assert 'which "gemel convert" turns into "compact": answer one of these two.' in first.stdout, asked(first)
    assert first.returncode == 0, asked(first)
    assert "The role CCM does not allow high availability" in first.stdout
    assert roles_in(state / "site.toml") == COMPACT


# The screens ----------------------------------------------------------------------------------------------------------

def choose_kind(terminal: Terminal, number: int, *texts: str) -> None:
    """From the menu; the kinds are counted from the first."""
    terminal.move_to_end("Up")
    terminal.choose("With high availability another host takes over", *BUTTONS)
    terminal.move_to_end("Up")
    terminal.keys(*["Down"] * number)
    terminal.choose(*texts)


def walk_to_standalone_summary(terminal: Terminal, seen=NOTHING) -> None:
    terminal.wait_for("Gemel - Configure CCM HA", "Kind of site")
    choose_kind(terminal, 2, "One deployment", "Mgmtserver DNS Name", "Load balancer", *BUTTONS)
    fill_in(terminal, ["lab", "mgmt.lab.test", None], "Site of a standalone site", seen)
    terminal.choose("The network of the site's hosts", "Networks", "Interface", *BUTTONS)
    fill_in(terminal, ["10.77.0.0/24", None])
    database = terminal.choose("DB Username", "DB Password", *BUTTONS)
    assert "DB IP" not in database and "copies" not in database
    fill_in(terminal, [None, None, None])
    terminal.choose("Manager (CCM_SA)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.11", None, None], "Host of a standalone site", seen)
    terminal.choose("Database (MGMTPOSTGRES)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.21", None, None])
    ports = terminal.choose("What the manager listens on", "Ports", *BUTTONS)
    assert "Statistics" not in ports
    fill_in(terminal, [None, None])
    terminal.choose("authorities of its own", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("How root gets onto the hosts", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("Look at the hosts", "Summary", "Standalone on two hosts")
    seen("Summary of a standalone site")


def walk_to_standalone_site(terminal: Terminal, seen=NOTHING) -> None:
    walk_to_standalone_summary(terminal, seen)
    terminal.move_on()
    terminal.choose("Are these the keys of your hosts?", limit=60)
    terminal.move_on()
    terminal.choose("Plan of site lab: ", "Set up", limit=60)
    terminal.move_on()
    terminal.choose("The plan is carried out on the hosts now")
    terminal.move_on()
    terminal.choose("Configuring CCM ...", "ccm1", "db1")
    terminal.wait_for("Configured CCM successfully", "Write this down", "10.77.0.21 port 5432", "Finish", limit=90)
    seen("Last page of a standalone site")
    terminal.move_on()
    terminal.keys("Enter")


def walk_to_conversion(terminal: Terminal, seen=NOTHING) -> None:
    """With the site file of a standalone site that runs, to the end."""
    terminal.wait_for("Gemel - Configure CCM\n", "[ok] Manager (CCM_SA)")
    choose_kind(terminal, 0, "This site runs already", "do not allow high availability", "gemel convert ", "Yes, convert it")
    seen("A site that runs")
    terminal.move_on()
    terminal.choose("One deployment", "Databases")
    fill_in(terminal, [None, None, None, None])
    terminal.choose("The network of the site's hosts", "Timers")
    fill_in(terminal, [None, None, None])
    terminal.choose("DB IP or Hostname", *BUTTONS)
    fill_in(terminal, ["10.77.0.100", None, None, None, None, None])
    terminal.choose("How the network learns", *BUTTONS)
    fill_in(terminal, [None])
    terminal.choose("Primary Node Private IP      10.77.0.11", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.12", None])
    terminal.choose("Manager 1 (CCM_SA_PRIMARY)", "ccm1", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("Manager 2 (CCM_SA_SECONDARY)", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("Database 1 (MGMTPOSTGRES_MASTER)", "10.77.0.21", *BUTTONS)
    fill_in(terminal, [None, None, None, None])
    terminal.choose("Database 2 (MGMTPOSTGRES_SLAVE)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.22", None, None])
    terminal.choose("Balancer 1 (CCM_LB)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.31", None, None])
    terminal.choose("Statistics port", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("authorities of its own", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("How root gets onto the hosts", *BUTTONS)
    fill_in(terminal, [None, None, None])
    terminal.choose("Look at the hosts", "Summary", "High availability on five hosts")
    terminal.move_on()
    terminal.choose("Are these the keys of your hosts?", limit=60)
    terminal.move_on()
    terminal.choose("This plan converts it in place", "Convert", limit=60)
    seen("Plan of a conversion")
    terminal.move_on()
    terminal.choose("Convert the site?", "There is no way back")
    terminal.move_on()
    terminal.choose("Configuring CCM HA ...", "ccm1", "db2")
    terminal.wait_for("Configured CCM HA successfully", "Write this down", "Finish", limit=120)
    terminal.move_on()
    terminal.keys("Enter")


def test_a_standalone_site_on_screens(tmp_path, state):
    with Terminal(tmp_path, hosts_of(tmp_path, STANDALONE).command("--state", str(state))) as terminal:
        walk_to_standalone_site(terminal)
        assert terminal.exit_code() == 0
        terminal.wait_for("Configured CCM successfully", "What to write down: ")
    assert roles_in(state / "site.toml") == STANDALONE


def test_a_conversion_on_screens(tmp_path, state, standalone):
    command = hosts_of(tmp_path, HOSTS).command(str(standalone), "--state", str(state))
    with Terminal(tmp_path, command) as terminal:
        walk_to_conversion(terminal)
        assert terminal.exit_code() == 0
    assert roles_in(standalone) == HOSTS


def test_what_a_site_that_runs_cannot_become_is_said_on_the_screen(tmp_path, state, standalone):
    with Terminal(tmp_path, without_network(str(standalone), "--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM\n")
        choose_kind(terminal, 1, "do not allow that", '"gemel convert" turns into "ha"', *BUTTONS)
        terminal.keys("Escape")
        terminal.wait_for("Gemel - Configure CCM\n", "[ok] Kind of site")
        choose_kind(terminal, 0, "This site runs already")
        terminal.keys("Escape")
        terminal.wait_for("Gemel - Configure CCM\n", "[ok] Manager (CCM_SA)")


def test_who_moves_the_floating_address_on_screens(tmp_path, state):
    with Terminal(tmp_path, without_network("--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM HA")
        begin(terminal)
        fill_in(terminal, ["lab", None, None, None])
        terminal.choose("The network of the site's hosts")
        fill_in(terminal, ["10.77.0.0/24", None, None])
        terminal.choose("DB IP or Hostname", *BUTTONS)
        fill_in(terminal, ["10.77.0.100", None, None, None, None, None])
        terminal.choose("Moved by", *BUTTONS)
        fill_in(terminal, ["openstack"])
        terminal.choose("Keystone", "Application credential", *BUTTONS)
        fill_in(terminal, [None, "http://keystone:5000", None])
        terminal.choose("must begin with https://", *BUTTONS)
        fill_in(terminal, ["https://keystone:5000/v3", None])
        terminal.choose("An answer is needed here.", *BUTTONS)
        fill_in(terminal, ["c1"])
        terminal.choose("Primary Node Private IP", *BUTTONS)
        draft = tomllib.loads((state / "wizard-draft.toml").read_text())
        assert draft["address"] == {"provider": "openstack"}
        assert draft["openstack"] == {"auth_url": "https://keystone:5000/v3", "application_credential_id": "c1"}
