"""gemel wizard through a real terminal and line by line, on hosts that are only an ssh of our own."""
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from lab_driver import program
from wizard_terminal import Hosts, Terminal, without_network

PASSWORD = "mQ7-fK2_xW9pLr4TzB6vNc"
# Every field of a site of five hosts; an empty line takes the default.
LINES = ["", "lab", "", "", "",                                     # kind, site
         "10.77.0.0/24", "", "",                                    # network
         "10.77.0.100", "", "", "", "", "",                         # database
         "",                                                        # who moves the floating address
         "10.77.0.11", "10.77.0.12", "mgmt.lab.test",               # high availability
         "", "", "a", "", "", "b",                                  # managers
         "", "10.77.0.21", "", "a", "", "10.77.0.22", "", "b",      # databases
         "", "10.77.0.31", "", "",                                  # load balancer
         "", "", "", "", "", "", "", "", ""]                        # its ports, certificates, SSH
ANSWERS = """[site]
name = "lab"
[network]
subnets = ["10.77.0.0/24"]
[database]
address = "10.77.0.100"
password = "%s"
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
""" % PASSWORD


@pytest.fixture
def hosts(tmp_path) -> Hosts:
    folder = tmp_path / "hosts"
    folder.mkdir()
    return Hosts(folder)


@pytest.fixture
def state(tmp_path) -> Path:
    return tmp_path / "state"


def run(command: list[str], lines: list[str] = ()) -> subprocess.CompletedProcess:
    return subprocess.run(command, input="".join(line + "\n" for line in lines), capture_output=True, text=True,
                          timeout=120, check=False)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def secrets_of(state: Path) -> list[str]:
    found = [path.read_text().strip() for path in (state / "rendered" / "secrets").iterdir()]
    assert len(found) == 5 and all(len(text) >= 22 for text in found)
    return found


def assert_set_up(state: Path) -> None:
    """What a finished wizard leaves."""
    assert not (state / "wizard-draft.toml").exists()
    ports = subprocess.run([str(program("gemel")), "ports", str(state / "site.toml")], capture_output=True, text=True,
                           timeout=30, check=False)
    assert ports.returncode == 0, ports.stderr
    page = (state / "summary.txt").read_text()
    assert mode_of(state / "summary.txt") == 0o600
    for part in ("https://mgmt.lab.test/", "http://10.77.0.31:9000/haproxy_stats", "Mgmtserver DNS Name",
                 str(state / "rendered" / "secrets" / "statistics.password")):
        assert part in page
    for text in secrets_of(state):
        assert text not in page and text not in (state / "site.toml").read_text()
    for log in state.glob("apply-*.log"):
        assert all(text not in log.read_text() for text in secrets_of(state))


def test_without_a_terminal_it_says_how(state):
    result = run([str(program("gemel")), "wizard", "--state", str(state)])
    assert result.returncode == 2
    assert "there is no terminal: use --plain" in result.stderr and "--answers" in result.stderr


def test_line_by_line_to_a_site(hosts, state):
    result = run(hosts.command("--plain", "--state", str(state)), LINES + ["yes", "yes", "yes"])
    assert result.returncode == 0, result.stdout + result.stderr
    shown = [line for line in result.stdout.splitlines() if line in ("Configuring CCM HA ...",
                                                                    "Configured CCM HA successfully")]
    assert [line.rpartition(") ")[2] for line in result.stdout.splitlines() if "Configur" in line and "CCM HA" in line] == [
        "Configuring CCM HA ...", "Configured CCM HA successfully"], shown
    assert re.search(r"^db1 +\[#+\] \d+/\d+ \S+ done$", result.stdout, re.M)
    assert "Are these the keys of your hosts?" in result.stdout and "SHA256:" in result.stdout
    assert_set_up(state)
    assert all(text not in result.stdout + result.stderr for text in secrets_of(state))


def test_help_and_mistakes_line_by_line(state):
    result = run(without_network("--plain", "--state", str(state)), ["", "?", "my site", "lab"])
    assert "Names the site in certificates" in result.stdout
    assert 'Not taken: "my site" is no name of a site' in result.stdout


def test_it_goes_on_where_the_input_ended(hosts, state):
    for at in (1, 9, 20):
        first = run(hosts.command("--plain", "--state", str(state)), LINES[:at])
        assert first.returncode == 3
        assert f"The answers are kept in {state}/wizard-draft.toml" in first.stderr
        assert mode_of(state / "wizard-draft.toml") == 0o600 and mode_of(state) == 0o700
        rest = run(hosts.command("--plain", "--resume", "--state", str(state)), LINES[at:] + ["yes", "no"])
        assert "Is this your site?" in rest.stdout, rest.stdout
    done = run(hosts.command("--plain", "--resume", "--yes", "--state", str(state)), ["yes"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert_set_up(state)


def test_without_a_draft_there_is_nothing_to_resume(state):
    result = run(without_network("--plain", "--resume", "--state", str(state)))
    assert result.returncode == 4 and "there is no draft" in result.stderr


def test_an_interrupt_says_where_the_draft_is(hosts, state):
    process = subprocess.Popen(hosts.command("--plain", "--state", str(state)), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write("\nlab\n")
    process.stdin.flush()
    shown = ""
    while "Managers [2]" not in shown:
        shown += os.read(process.stdout.fileno(), 4096).decode()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert f"The answers are kept in {state}/wizard-draft.toml" in errors and "--resume" in errors
    assert 'name = "lab"' in (state / "wizard-draft.toml").read_text()


def test_answers_from_a_file(hosts, state, tmp_path):
    file = tmp_path / "answers.toml"
    file.write_text(ANSWERS)
    refused = run(hosts.command("--answers", str(file), "--yes", "--state", str(state)))
    assert refused.returncode == 2 and "others can read it" in refused.stderr
    file.chmod(0o600)
    asked = run(hosts.command("--answers", str(file), "--state", str(state)))
    assert asked.returncode == 3 and "were not accepted" in asked.stderr, asked.stderr
    result = run(hosts.command("--answers", str(file), "--yes", "--state", str(state)))
    assert result.returncode == 0, result.stdout + result.stderr
    assert_set_up(state)
    assert (state / "rendered" / "db1" / "etc" / "gemel" / "secrets" / "application.password").read_text() == PASSWORD + "\n"
    assert PASSWORD not in result.stdout + result.stderr


def test_every_mistake_in_a_file_of_answers_is_named(state, tmp_path):
    file = tmp_path / "answers.toml"
    text = ANSWERS.replace(PASSWORD, "cliqr").replace("dns_name", "dns_nam").replace("10.77.0.22", "10.78.0.22")
    file.write_text(text.replace('[database1]\naddress = "10.77.0.21"\n', ""))
    file.chmod(0o600)
    result = run(without_network("--answers", str(file), "--state", str(state)))
    assert result.returncode == 2
    for part in ("known default password", 'there is no field "ha.dns_nam"', 'Did you mean "ha.dns_name"?',
                 '"ha.dns_name" is missing', '"database1.address" is missing', "10.78.0.22 is outside",
                 "5 mistakes; nothing was changed"):
        assert part in result.stderr, result.stderr
    assert not (state / "rendered").exists()


def test_a_host_that_cannot_be_reached_stands_in_the_way(state, tmp_path):
    file = tmp_path / "answers.toml"
    file.write_text(ANSWERS)
    file.chmod(0o600)
    result = run(without_network("--answers", str(file), "--yes", "--state", str(state)))
    assert result.returncode == 6, result.stdout + result.stderr
    assert "cannot be reached: " in result.stdout and "nothing was changed" in result.stderr


def test_a_site_file_that_says_the_same_keeps_its_comments(hosts, state, tmp_path):
    site = tmp_path / "site.toml"
    text = (Path(__file__).resolve().parents[2] / "lab" / "site.toml").read_text()
    site.write_text(text)
    result = run(hosts.command(str(site), "--plain", "--yes", "--state", str(state)), [""] * 60 + ["yes"])
    assert "Is this your site?" in result.stdout, result.stdout + result.stderr
    assert site.read_text() == text


# The screens ----------------------------------------------------------------------------------------------------------

NOTHING = lambda name: None  # noqa: E731  what is done with a screen that was seen
BUTTONS = ("Next", "Back", "Menu")


def fill_in(terminal: Terminal, answers: list[str | None], name: str = "", seen=NOTHING) -> None:
    """The fields of one screen, None for what stands there; then the focus is on "Next"."""
    for answer in answers:
        if answer is not None:
            terminal.put(answer)
        terminal.move_on()
    if name:
        seen(name)


def begin(terminal: Terminal, seen=NOTHING) -> None:
    """From the menu to the first fields of a highly available site."""
    terminal.move_to_end("Up")
    terminal.choose("With high availability another host takes over", "High availability on five hosts or more",
                    "Everything on one host (role CCM)", *BUTTONS)
    seen("Kind of site")
    terminal.choose("One deployment", "Site name", "Databases", *BUTTONS)


def walk_to_summary(terminal: Terminal, seen=NOTHING) -> None:
    """From the menu through every screen of the form."""
    menu = terminal.wait_for("Gemel - Configure CCM HA", "Summary, plan and set-up", "[!!] Network")
    assert "[!!] HA - Configure High Availability" in menu
    seen("Menu")
    begin(terminal, seen)
    fill_in(terminal, ["lab", None, None, None], "Site", seen)
    terminal.choose("The network of the site's hosts", "Networks", "Interface", *BUTTONS)
    fill_in(terminal, ["10.77.0.0/24", None, None], "Network", seen)
    terminal.choose("DB IP or Hostname", "DB - Configure Database", "DB Username", "DB Password", *BUTTONS)
    fill_in(terminal, ["10.77.0.100", None, None, None, None, None], "Database", seen)
    terminal.choose("How the network learns", "Floating address", "Moved by", *BUTTONS)
    fill_in(terminal, [None], "Floating address", seen)
    terminal.choose("Primary Node Private IP", "Secondary Node Private IP", "Mgmtserver DNS Name", *BUTTONS)
    fill_in(terminal, ["10.77.0.11", "10.77.0.12", "mgmt.lab.test"], "High availability", seen)
    terminal.choose("Manager 1 (CCM_SA_PRIMARY)", *BUTTONS)
    fill_in(terminal, [None, None, "a"])
    terminal.choose("Manager 2 (CCM_SA_SECONDARY)", *BUTTONS)
    fill_in(terminal, [None, None, "b"])
    terminal.choose("Database 1 (MGMTPOSTGRES_MASTER)", "Address", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.21", None, "a"], "A host", seen)
    terminal.choose("Database 2 (MGMTPOSTGRES_SLAVE)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.22", None, "b"])
    terminal.choose("Balancer 1 (CCM_LB)", *BUTTONS)
    fill_in(terminal, [None, "10.77.0.31", None, None])
    terminal.choose("Statistics port", "HTTPS port", *BUTTONS)
    fill_in(terminal, [None, None, None], "Load balancer", seen)
    terminal.choose("authorities of its own", "Certificates", "mgmtserver.pem", "Its key", *BUTTONS)
    fill_in(terminal, [None, None, None], "Certificates", seen)
    terminal.choose("How root gets onto the hosts", "Private key", "Packages", *BUTTONS)
    fill_in(terminal, [None, None, None], "SSH", seen)
    terminal.choose("Look at the hosts", "Summary", "lab", "10.77.0.0/24")
    seen("Summary")


def walk_to_the_end(terminal: Terminal, seen=NOTHING, is_ended: bool = False) -> None:
    """With is_ended, only as far as the progress."""
    walk_to_summary(terminal, seen)
    terminal.move_on()
    terminal.choose("Are these the keys of your hosts?", "db1 ssh-ed25519 SHA256:", limit=60)
    seen("Keys")
    terminal.move_on()
    terminal.choose("Plan of site lab: ", "Set up", "ccm1/packages", limit=60)
    seen("Plan")
    terminal.move_on()
    terminal.choose("The plan is carried out on the hosts now")
    seen("Confirmation")
    terminal.move_on()
    progress = terminal.choose("Configuring CCM HA ...", "ccm1", "db2", "lb1", " %", "Stop")
    assert "Log: " in progress
    seen("Progress")
    if is_ended:
        return
    terminal.wait_for("Configured CCM HA successfully", "Write this down for future reference!", "https://mgmt.lab.test/",
                      "Finish", limit=90)
    seen("Last page")
    terminal.move_on()
    terminal.keys("Enter")


@pytest.mark.parametrize("term", ["screen-256color", "xterm-256color", "linux"])
def test_every_screen_to_a_site(hosts, state, tmp_path, term):
    with Terminal(tmp_path, hosts.command("--state", str(state)), term) as terminal:
        walk_to_the_end(terminal)
        assert terminal.exit_code() == 0
        terminal.wait_for("Configured CCM HA successfully", "What to write down: ")
        assert_set_up(state)


def test_mistakes_stand_beside_their_fields(state, tmp_path):
    with Terminal(tmp_path, without_network("--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM HA")
        begin(terminal)
        fill_in(terminal, ["lab", None, None, None])
        terminal.choose("The network of the site's hosts")
        fill_in(terminal, ["10.77.0.7/24", None, None])
        # It is not left with a mistake; the whole sentence stands where the help was.
        terminal.choose('Did you mean "10.77.0.0/24"?', '"10.77.0.7/24" is an address inside')
        fill_in(terminal, ["10.77.0.0/24", None, None])
        terminal.choose("DB - Configure Database")
        fill_in(terminal, ["10.77.0.100", None, None])
        terminal.type("cliqr")
        terminal.wait_for("DB Password                  •••••")
        terminal.move_on()
        shown = terminal.wait_for("That is a known default password").splitlines()
        assert "DB Password" in shown[[number for number, line in enumerate(shown) if "known default" in line][0] - 1]
        fill_in(terminal, [None, None])
        terminal.choose("random one.", "DB - Configure Database")
        fill_in(terminal, [None, None, None, None, None])
        terminal.choose("Gemel - Configure CCM HA", "[ok] Kind of site", "[ok] Site", "[ok] Network")
        draft = (state / "wizard-draft.toml").read_text()
        assert 'address = "10.77.0.100"' in draft and "password" not in draft


def test_a_summary_with_mistakes_leads_to_the_first(state, tmp_path):
    with Terminal(tmp_path, without_network("--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM HA")
        terminal.move_to_end("Down")
        terminal.choose("This does not fit together yet", "Network: Networks: An answer is needed here.")
        terminal.move_on()
        terminal.choose("The network of the site's hosts")


def test_unreachable_hosts_on_the_plan_and_the_way_back(hosts, state, tmp_path):
    with Terminal(tmp_path, without_network("--state", str(state))) as terminal:
        walk_to_summary(terminal)
        terminal.move_on()
        plan = terminal.choose("cannot be reached", "ccm1", limit=60)
        assert "Set up" not in plan
        terminal.move_on()
        terminal.choose("Gemel - Configure CCM HA", "Summary, plan and set-up")
        terminal.keys("Escape")
        assert terminal.exit_code() == 3
        terminal.wait_for("The answers are kept in", "--resume")
    with Terminal(tmp_path, hosts.command("--resume", "--state", str(state))) as terminal:
        menu = terminal.wait_for("Gemel - Configure CCM HA")
        assert "[!!]" not in "".join(menu.splitlines()[:18])
        terminal.move_to_end("Down")
        terminal.choose("Summary", "Look at the hosts")


@pytest.mark.parametrize("key", ["Escape", "C-c", "M-q"])
def test_ways_out_of_the_menu(state, tmp_path, key):
    with Terminal(tmp_path, without_network("--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM HA")
        terminal.keys(key)
        assert terminal.exit_code() == (130 if key == "C-c" else 3)
        terminal.wait_for("--resume")


def test_ctrl_c_ends_it_wherever_it_is(hosts, state, tmp_path):
    slow = Hosts(hosts.folder, delay=5)
    with Terminal(tmp_path, slow.command("--state", str(state))) as terminal:
        terminal.wait_for("Gemel - Configure CCM HA")
        begin(terminal)
        terminal.put("lab")
        terminal.move_on()
        terminal.keys("C-c")
        assert terminal.exit_code() == 130
        assert 'name = "lab"' in (state / "wizard-draft.toml").read_text()
    with Terminal(tmp_path, slow.command("--state", str(state), "--resume")) as terminal:
        walk_to_the_end(terminal, lambda name: terminal.keys("C-c") if name == "Progress" else None, is_ended=True)
        assert terminal.exit_code() == 130
        terminal.wait_for("The answers are kept in", "--resume")


def test_a_terminal_that_is_too_small_is_said(state, tmp_path):
    with Terminal(tmp_path, without_network("--state", str(state)), size=(70, 20)) as terminal:
        assert terminal.exit_code() == 2
        terminal.wait_for("70 columns and 20 rows")
