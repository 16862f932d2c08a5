"""The counting and the failing of ./check tested: a failure, a crash or a missing step must never read as success."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import count_results  # noqa: E402

CASES = """<?xml version="1.0"?>
<testsuites><testsuite name="s">
  <testcase name="good" status="run" classname="A"/>
  <testcase name="bad" status="run" classname="A"><failure message="no"/></testcase>
  <testcase name="off" status="notrun" classname="A"/>
  <testcase name="skipped" classname="A"><skipped/></testcase>
  <testcase name="broken" classname="A"><error message="no"/></testcase>
</testsuite></testsuites>
"""


def test_counts_and_names_cases(tmp_path):
    (tmp_path / "one.xml").write_text(CASES)
    assert count_results.count(tmp_path) == (1, ["one: A.bad", "one: A.broken"])


def test_half_a_file_is_a_failure(tmp_path):
    (tmp_path / "one.xml").write_text(CASES[:120])
    assert count_results.count(tmp_path)[1] == ["one: the program ended before it wrote its results"]


@pytest.fixture
def project(tmp_path):
    """A copy of ./check with stand-ins for every tool it calls; `broken` makes one of them fail."""
    for name in ("check", "tools/count_results.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(HERE.parent / name, tmp_path / name)
    for name in ("tools/install-deps", "tools/format", "tools/style_test.py", "docs/protocol/model.py",
                 "docs/protocol/pause_model.py", "bin/cmake", "bin/ctest"):
        stand_in(tmp_path, name, 0)
    for name in ("tools/style_selftest.py", "tools/check_selftest.py", "bench/failover/race_test.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("def test_nothing():\n    pass\n")
    return tmp_path


def stand_in(project: Path, name: str, code: int) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)


def check(project: Path, *words: str) -> tuple[int, str, str]:
    result = subprocess.run([str(project / "check"), *words], capture_output=True, text=True, timeout=120, check=False,
                            env={"PATH": f"{project / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"})
    lines = result.stdout.splitlines() or [""]
    return result.returncode, lines[-1], result.stdout


def test_all_good_is_success(project):
    code, last, output = check(project, "--fast")
    assert (code, last) == (0, "10 passed, 0 failed"), output


@pytest.mark.parametrize("tool, failed", [("tools/install-deps", 1), ("tools/format", 1), ("tools/style_test.py", 1),
                                          ("docs/protocol/model.py", 1), ("docs/protocol/pause_model.py", 1),
                                          ("bin/cmake", 2), ("bin/ctest", 1)])
def test_each_failing_tool_fails_the_check(project, tool, failed):
    stand_in(project, tool, 3)
    code, last, output = check(project, "--fast")
    assert code == 1
    assert last.endswith(f", {failed} failed"), output


def test_a_wrong_option_is_refused(project):
    assert check(project, "--quick")[0] == 2
    assert check(project, "--repetitions", "many")[0] == 2
