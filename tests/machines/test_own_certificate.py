"""An operator's own certificate that is of no use is refused before any host is asked. Needs no machines.

That it is shown, and what a renewal costs, is in test_running_site.py.
"""
import json
import subprocess
from pathlib import Path

import pytest

from certificates import Authority, openssl, section
from lab_driver import ROOT, program
from test_wizard import ANSWERS

SITE = (ROOT / "lab" / "site.toml").read_text()
NAME = "DNS:mgmt.lab.test"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("own") / "authority")


def run(folder: Path, verb: str, *words: str) -> subprocess.CompletedProcess:
    """Where no host can be reached: an answer of another kind came before any was asked."""
    site = [f"--before={folder}/site.toml"] if verb == "doctor" else [] if verb == "wizard" else [f"{folder}/site.toml"]
    return subprocess.run(["unshare", "--net", str(program("gemel")), verb, *site, f"--state={folder}/state", *words],
                          capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def expired(own: Authority) -> str:
    return section(*own.issue("expired", NAME, (-90, -1)), own.root)


def of_tomorrow(own: Authority) -> str:
    return section(*own.issue("tomorrow", NAME, (1, 90)), own.root)


def another_key(own: Authority) -> str:
    return section(own.issue("one", NAME)[0], own.issue("other", NAME)[1], own.root)


def another_name(own: Authority) -> str:
    return section(*own.issue("names", "DNS:www.lab.test,DNS:ccm1"), own.root)


def encrypted_key(own: Authority) -> str:
    chain, key = own.issue("phrase", NAME)
    openssl("pkey", "-in", str(key), "-aes256", "-passout", "pass:mine", "-out", f"{key}.locked")
    return section(chain, f"{key}.locked", own.root)


def key_that_is_none(own: Authority) -> str:
    chain, _ = own.issue("nokey", NAME)
    return section(chain, chain, own.root)


def file_that_is_not_there(own: Authority) -> str:
    return section(own.folder / "nowhere.pem", own.issue("nothing", NAME)[1], own.root)


def chain_with_a_gap(own: Authority) -> str:
    _, key = own.issue("gap", NAME)
    return section(own.folder / "gap.crt", key, own.root)


def chain_of_nobody(own: Authority) -> str:
    return section(*own.issue("nobody", NAME))


def chain_out_of_order(own: Authority) -> str:
    chain, key = own.issue("disorder", NAME)
    chain.write_text((own.folder / "disorder.crt").read_text() + own.root.read_text() + own.middle.read_text())
    return section(chain, key)


def short_key(own: Authority) -> str:
    return section(*own.issue("short", NAME, key=("rsa:1024",)), own.root)


FAULTS = {
    "an expired one": (expired, ["expired.pem: the certificate has expired (", "put a renewed one there"]),
    "one of tomorrow": (of_tomorrow, ["is not valid yet, but from", "wait until then"]),
    "a key of another": (another_key, ["other.key: the key does not belong to the certificate in", "made together"]),
    "another name": (another_name, ["is for www.lab.test, ccm1, not for mgmt.lab.test", "correct dns_name"]),
    "a key with a pass phrase": (encrypted_key, ["the key is encrypted", "openssl pkey -in OLD -out NEW"]),
    "a key that is none": (key_that_is_none, ["nokey.pem: it holds no private key"]),
    "no file": (file_that_is_not_there, ["nowhere.pem: there is no such file", "correct its path"]),
    "a chain with a gap": (chain_with_a_gap, ["did not sign the chain", "signed by CN = Own authority"]),
    "a chain of nobody": (chain_of_nobody, ["the chain is not complete", "name its file as \"authority\""]),
    "a chain out of order": (chain_out_of_order, ["the chain is not in order", "put each after the one it signed"]),
    "a short key": (short_key, ["its key is RSA of 1024 bits", "have one made with ECDSA P-256"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_is_refused_before_any_host_is_asked(authority, tmp_path, name):
    make, words = FAULTS[name]
    (tmp_path / "site.toml").write_text(SITE + make(authority))
    for verb in ("plan", "apply", "doctor"):
        result = run(tmp_path, verb, "--yes")
        assert result.returncode == 3, (verb, result.stdout + result.stderr)
        for word in [*words, "take the section out", "nothing was changed"]:
            assert word in result.stderr, (verb, result.stderr)
    assert not any((tmp_path / "state").iterdir()), "something was made for the site"


def test_a_good_one_stands_in_nobodys_way_and_its_key_is_shown_nowhere(authority, tmp_path):
    chain, key = authority.issue("good", NAME)
    for file in (chain, key):
        (tmp_path / file.name).write_text(file.read_text())
        (tmp_path / file.name).chmod(0o600)
    (tmp_path / "site.toml").write_text(SITE + section("good.pem", "./good.key", authority.root))
    result = run(tmp_path, "apply", "--yes")
    assert result.returncode == 6 and "cannot be reached" in result.stdout, result.stdout + result.stderr
    assert "certificate" not in result.stdout
    secret = "".join(key.read_text().splitlines()[1:-1])
    places = {path for path in (tmp_path / "state").rglob("*") if path.is_file() and
              secret in path.read_text(errors="replace").replace("\n", "")}
    assert {path.name for path in places} == {"mgmtserver.key", "mgmtserver.pem"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in places)


def test_the_doctor_says_that_it_ends_soon_and_that_its_key_lies_open(authority, tmp_path):
    chain, key = authority.issue("soon", NAME, (-60, 12.5))
    key.chmod(0o644)
    (tmp_path / "site.toml").write_text(SITE + section(chain, key, authority.root))
    result = run(tmp_path, "doctor", "--yes", "-o", "json")
    found = [entry for entry in json.loads(result.stdout)["findings"] if entry["code"] != "unreachable"]
    assert {(entry["host"], entry["code"]) for entry in found} == {
        (host, code) for host in ("ccm1", "ccm2", "lb1") for code in ("certificate_ends", "key_open")}
    assert not any(entry["is_blocking"] for entry in found)
    ends = next(entry for entry in found if entry["code"] == "certificate_ends")
    assert "soon.pem ends in 12 days" in ends["what"] and "gemel apply" in ends["mend"]
    words = run(tmp_path, "doctor", "--yes").stdout
    assert "warning ccm1: the certificate" in words and "everybody here can read the key" in words


def test_the_wizard_asks_for_it_and_refuses_it_likewise(authority, tmp_path):
    answers = tmp_path / "answers.toml"
    chain, key = authority.issue("walk", NAME)
    words = ANSWERS + section(chain, key, authority.root)
    for text, code, said in ((words.replace(str(chain), "walk.pem"), 2, "is not a whole path"),
                             (words.replace(str(key), ""), 2, '"key" is missing'),
                             (ANSWERS + expired(authority), 3, "the certificate has expired"),
                             (words, 6, "cannot be reached")):
        answers.write_text(text)
        answers.chmod(0o600)
        result = run(tmp_path, "wizard", f"--answers={answers}", "--yes")
        assert result.returncode == code and said in result.stdout + result.stderr, result.stdout + result.stderr
    assert f'certificate = "{chain}"' in (tmp_path / "state" / "site.toml").read_text()
    assert str(chain) in result.stdout, "the summary names it"
