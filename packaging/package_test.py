"""The Debian packages looked at from outside: their files, modes, scripts, units and dependencies."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("GEMEL_BUILD", ROOT / "build" / "release"))

FILES = {
    "gemel-agent": {"usr/sbin/gemeld", "usr/sbin/gemel-address", "usr/lib/systemd/system/gemeld.service",
                    "usr/share/doc/gemel-agent/README.md"},
    "gemel-manager": {"usr/sbin/gemel-manager", "usr/lib/systemd/system/gemel-manager.service",
                      "usr/share/doc/gemel-manager/README.md"},
    "gemel": {"usr/bin/gemel"},
}
PROGRAMS = {"gemel-agent": "usr/sbin/gemeld", "gemel-manager": "usr/sbin/gemel-manager", "gemel": "usr/bin/gemel"}
UNITS = {"gemel-agent": "gemeld.service", "gemel-manager": "gemel-manager.service"}


def run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def newest(package: str) -> Path:
    found = sorted(BUILD.glob(f"{package}_*_amd64.deb"), key=lambda path: path.stat().st_mtime)
    assert found, f"no {package}_*.deb in {BUILD}; build it: cmake --build --preset release --target package"
    return found[-1]


def field(package: str, name: str) -> str:
    return run("dpkg-deb", "-f", str(newest(package)), name).strip()


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory) -> dict[str, Path]:
    folders = {}
    for package in FILES:
        folders[package] = tmp_path_factory.mktemp(package)
        run("dpkg-deb", "-R", str(newest(package)), str(folders[package]))
    return folders


@pytest.mark.parametrize("package", FILES)
def test_holds_exactly_its_files(package):
    lines = run("dpkg-deb", "-c", str(newest(package))).splitlines()
    names = {line.split()[-1].removeprefix("./") for line in lines if not line.startswith("d")}
    documents = {f"usr/share/doc/{package}/copyright", f"usr/share/doc/{package}/changelog.Debian.gz"}
    assert names == FILES[package] | documents


@pytest.mark.parametrize("package", FILES)
def test_owners_and_modes(package):
    for line in run("dpkg-deb", "-c", str(newest(package))).splitlines():
        mode, owner = line.split()[:2]
        wanted = "drwxr-xr-x" if mode[0] == "d" else "-rwxr-xr-x" if "bin/" in line else "-rw-r--r--"
        assert (mode, owner) == (wanted, "root/root"), line


@pytest.mark.parametrize("package", FILES)
def test_fields(package):
    version = re.search(r"project\(gemel VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert field(package, "Version").startswith(version + "-")
    assert field(package, "Architecture") == "amd64"
    assert "libc6" in field(package, "Depends")
    assert len(field(package, "Description").splitlines()) > 1


def test_the_agent_names_what_it_runs():
    recommended = field("gemel-agent", "Recommends")
    for package in ("postgresql-15", "etcd-server", "haproxy", "nftables", "ca-certificates"):
        assert package in recommended
    assert "adduser" in field("gemel-manager", "Depends")


def test_the_command_line_depends_on_the_library_of_the_wizards_screens():
    assert "libfinal0" in field("gemel", "Depends")


@pytest.mark.parametrize("package", PROGRAMS)
def test_programs_are_stripped_and_hardened(unpacked, package):
    program = str(unpacked[package] / PROGRAMS[package])
    sections = run("readelf", "-SW", program)
    assert ".symtab" not in sections and ".debug_info" not in sections
    assert "DYN" in run("readelf", "-h", program)
    segments = run("readelf", "-lW", program)
    assert "GNU_RELRO" in segments and "RWE" not in segments
    assert "NOW" in run("readelf", "-d", program)


@pytest.mark.parametrize("package", PROGRAMS)
def test_no_path_of_the_building_machine_is_inside(unpacked, package):
    data = (unpacked[package] / PROGRAMS[package]).read_bytes()
    assert str(ROOT / "src").encode() not in data
    assert str(BUILD).encode() not in data


@pytest.mark.parametrize("package", UNITS)
def test_maintainer_scripts(unpacked, package):
    for name in ("postinst", "prerm", "postrm"):
        script = unpacked[package] / "DEBIAN" / name
        assert script.stat().st_mode & 0o777 == 0o755
        run("sh", "-n", str(script))
        assert UNITS[package] in script.read_text()
        assert "rm -rf" not in script.read_text(), "a package never deletes a site's data"


@pytest.mark.parametrize("package", UNITS)
def test_units_start_nothing_without_a_site(unpacked, package):
    text = (unpacked[package] / "usr/lib/systemd/system" / UNITS[package]).read_text()
    assert "ConditionPathExists=/etc/gemel/host.toml" in text
    assert "Type=notify" in text


@pytest.mark.parametrize("package", UNITS)
def test_units_are_understood_by_systemd(unpacked, package):
    unit = unpacked[package] / "usr/lib/systemd/system" / UNITS[package]
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60,
                            check=False)
    # The programs are not installed on the machine that checks.
    complaints = [line for line in result.stderr.splitlines()
                  if UNITS[package] in line and "is not executable" not in line]
    assert complaints == []


def test_the_command_line_runs_and_says_its_version(unpacked):
    version = field("gemel", "Version").partition("-")[0]
    assert version in run(str(unpacked["gemel"] / PROGRAMS["gemel"]), "version")
    assert version in run(str(unpacked["gemel-agent"] / "usr/sbin/gemel-address"), "--version")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
