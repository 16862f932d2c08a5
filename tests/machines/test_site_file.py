"""Bad site files: every mistake is said at once, with its place, and nothing is written. Needs no running site."""
import re
import subprocess

import pytest

from certificates import Authority
from lab_driver import ROOT, program

GOOD = (ROOT / "lab" / "site.toml").read_text()

# Ten mistakes, one per marked line.
TEN_MISTAKES = """[site]
name = "bad name with spaces"           # 1
dns_name = "mgmt.lab.test"

[network]
subnets = ["10.77.0.0/24"]
interface = "eth0"
vip = "10.99.0.100"                     # 2: outside the network
colour = "blue"                         # 3: no such key

[database]
user = "postgres"                       # 4: the superuser's name
name = 7                                # 5: not text

[[host]]
name = "ccm1"
role = "CCM_SA_PRIMARY"
address = "10.77.0.11"

[[host]]
name = "ccm1"                           # 6: duplicate
role = "CCM_SA_SECONDARY"
address = "10.77.0.12"

[[host]]
name = "db1"
role = "MGMTPOSTGRES_KING"              # 7: no such role
address = "10.77.0.21"

[[host]]
name = "db2"
role = "MGMTPOSTGRES_SLAVE"
address = "10.88.0.22"                  # 8: outside the network

[[host]]
name = "lb1"
role = "CCM_LB"
address = "not-an-address"              # 9

[[host]]
name = "lb2"
role = "CCM_LB"
address = "10.77.0.11"                  # 10: ccm1 has it
"""


def render(tmp_path, text: str) -> subprocess.CompletedProcess:
    site = tmp_path / "site.toml"
    site.write_text(text)
    return subprocess.run([str(program("gemel")), "render", str(site), "--out", str(tmp_path / "out")], capture_output=True,
                          text=True, timeout=60, check=False)


def messages(result: subprocess.CompletedProcess) -> list[tuple[int, str]]:
    """Line and text of every message of the form FILE:LINE:COLUMN: TEXT."""
    found = re.findall(r"^\S*site\.toml:(\d+):\d+: (.+)$", result.stdout + result.stderr, re.M)
    return [(int(line), text) for line, text in found]


def test_the_good_site_is_rendered(tmp_path):
    result = render(tmp_path, GOOD)
    assert result.returncode == 0, result.stderr
    for host in ("ccm1", "ccm2", "db1", "db2", "lb1"):
        assert (tmp_path / "out" / host / "etc" / "gemel" / "host.toml").is_file()


def test_ten_mistakes_get_ten_messages(tmp_path):
    result = render(tmp_path, TEN_MISTAKES)
    assert result.returncode == 2, result.stderr
    marked = [number for number, line in enumerate(TEN_MISTAKES.splitlines(), 1) if re.search(r"# \d+", line)]
    assert sorted({line for line, _ in messages(result)} & set(marked)) == marked, result.stderr
    assert len(messages(result)) == 10, result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("old, new, words", [
    ('role = "CCM_LB"', 'role = "CCM_BALANCER"', "CCM_BALANCER"),
    ('address = "10.77.0.22"', 'address = "10.78.0.22"', "10.78.0.22"),
    ('name = "db2"', 'name = "db1"', "db1"),
    ('vip = "10.77.0.100"', 'vip = "10.77.0.21"', "10.77.0.21"),
    ('vip = "10.77.0.100"', 'vip = "10.79.0.100"', "10.79.0.100"),
    ('name = "lab"', 'name = "lab', "TOML"),
])
def test_each_mistake_is_refused_with_its_reason(tmp_path, old, new, words):
    assert old in GOOD
    result = render(tmp_path, GOOD.replace(old, new, 1))
    assert result.returncode == 2, result.stderr
    found = messages(result)
    assert found and any(words in text for _, text in found), result.stderr


def test_binary_rubbish_and_an_empty_file_are_refused(tmp_path):
    for text in ("", "\x00\x01\x02", "[[host]]\n" * 2000, "a" * 100_000):
        assert render(tmp_path, text).returncode == 2


EXTERNAL = """[site]
name = "lab"
dns_name = "mgmt.lab.test"
[network]
subnets = ["10.77.0.0/24"]
[database]
endpoint = "db.lab.test:5432"
ca = "provider/root.crt"
password_file = "database.password"
[[host]]
name = "ccm1"
role = "CCM_SA_PRIMARY"
address = "10.77.0.11"
[[host]]
name = "ccm2"
role = "CCM_SA_SECONDARY"
address = "10.77.0.12"
[[host]]
name = "lb1"
role = "CCM_LB"
address = "10.77.0.31"
"""
SECRET = "it's a pass:word of the provider"


@pytest.fixture
def external(tmp_path):
    """The folder of a site file with an external database."""
    Authority(tmp_path / "provider")
    (tmp_path / "database.password").touch(0o600)
    (tmp_path / "database.password").write_text(SECRET + "\n")
    (tmp_path / "site.toml").write_text(EXTERNAL)
    return tmp_path


def test_an_external_database_is_rendered_for_the_managers_alone(external):
    result = render(external, EXTERNAL)
    assert result.returncode == 0, result.stderr
    with_it = {path.relative_to(external / "out").parts[0] for path in (external / "out").rglob("*")
               if path.is_file() and SECRET in path.read_text(errors="replace")}
    assert with_it == {"ccm1", "ccm2"}
    assert (external / "out/ccm1/etc/gemel/pki/db-ca.crt").read_text() == (external / "provider/root.crt").read_text()
    assert SECRET not in result.stdout + result.stderr


def test_a_password_that_others_can_read_is_refused(external):
    (external / "database.password").chmod(0o644)
    result = render(external, EXTERNAL)
    assert result.returncode == 3 and "chmod 600" in result.stderr, result.stderr
    assert not (external / "out").exists()


@pytest.mark.parametrize("words, code, says", [
    (["rotate", "password"], 3, "give 'cliqr' its new password at the provider"),
    (["rotate", "heartbeat-key"], 3, "there are no heartbeats"),
    (["convert"], 3, "there is none to convert"),
])
def test_what_has_no_object_with_an_external_database_is_refused(external, words, code, says):
    result = subprocess.run(["unshare", "--net", str(program("gemel")), *words, str(external / "site.toml"), "--yes",
                             f"--state={external}/state"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == code and says in result.stderr, result.stdout + result.stderr
