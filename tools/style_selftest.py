"""The style test tested: an offence planted against every rule must be found, and a clean tree must pass."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import style_test  # noqa: E402

TOP = "// What lives here.\n"
HEADER = TOP + "#pragma once\n"

# rule -> (file, content); spelled so that this file itself stays clean.
OFFENCES = {
    "sleep": ("src/agent/a.cpp", TOP + "void f() { usleep(3); }\n"),
    "shell": ("src/agent/a.cpp", TOP + 'void f() { std::system("ls"); }\n'),
    "detached": ("src/agent/a.cpp", TOP + "void f() { co_spawn(e, g(), boost::asio::detached); }\n"),
    "wall-clock": ("src/agent/a.cpp", TOP + "auto now = std::time(nullptr);\n"),
    "clock": ("src/core/a.cpp", TOP + "auto now = std::chrono::steady_clock::now();\n"),
    "thread": ("src/agent/a.cpp", TOP + "std::thread worker;\n"),
    "beast": ("src/agent/a.cpp", TOP + "#include <boost/beast/http.hpp>\n"),
    "asio-all": ("src/agent/a.cpp", TOP + "#include <boost/asio.hpp>\n"),
    "unsafe-c": ("src/agent/a.cpp", TOP + 'void f(char* b) { sprintf(b, "x"); }\n'),
    "random": ("src/core/a.cpp", TOP + "std::random_device seed;\n"),
    "assert": ("src/core/a.cpp", TOP + "void f(int x) { assert(x > 0); }\n"),
    "using-std": ("src/core/a.cpp", TOP + "using namespace std;\n"),
    "include-direction": ("src/core/a.cpp", TOP + '#include "runtime/log.h"\n'),
    "core-pure": ("src/core/a.cpp", TOP + "#include <boost/asio/steady_timer.hpp>\n"),
    "pragma-once": ("src/base/a.h", TOP + "int f();\n"),
    "header-alone": ("src/base/a.h", HEADER + "std::string f();\n"),
    "length": ("src/base/a.h", HEADER + "int x();\n" * 500),
    "top-comment": ("src/base/a.h", "#pragma once\n"),
    "workplace": ("docs/a.md", "Look into /wo" + "rk/main for it.\n"),
    "open-end": ("src/base/a.h", HEADER + "// TO" + "DO: the rest\n"),
    "registry": ("tools/a.sh", "#!/bin/sh\ncurl http://deb.debian" + ".org/\n"),
    "file-name": ("src/base/utils.h", HEADER),
    "not-built": ("src/base/dead.cpp", TOP),
    "own-header-first": ("src/base/b.cpp", '#include "base/a.h"\n#include "base/b.h"\n'),
    "script": ("tools/a", "#!/usr/bin/env bash\necho no strict mode\n"),
}
CLEAN = {
    "src/base/CMakeLists.txt": "gemel_library(gemel_base SOURCES b.cpp)\n",
    "src/core/CMakeLists.txt": "gemel_library(gemel_core SOURCES a.cpp)\n",
    "src/agent/CMakeLists.txt": "gemel_library(gemel_agent SOURCES a.cpp)\n",
    "src/base/b.h": HEADER + "int b();\n",
    "src/base/b.cpp": '#include "base/b.h"\n// system("in a comment") and sleep(1)\nconst char* t = "popen(x)"; int n = 1\'000;\n',
    "src/core/a.cpp": TOP + '#include "base/b.h"\nint big_time(int x) { return x; }\nint y = big_time(0);\n',
    "src/agent/a.cpp": TOP + '#include "adapters/etcd/etcd_client.h"\n',
    "tools/run": "#!/usr/bin/env bash\nset -euo pipefail\n",
}


def plant(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def rules_found(root: Path) -> set[str]:
    return {finding.rule for finding in style_test.check_tree(root)}


def test_every_rule_has_a_planted_offence():
    assert set(OFFENCES) == set(style_test.RULES)


def test_clean_tree_has_no_finding(tmp_path):
    plant(tmp_path, CLEAN)
    assert style_test.check_tree(tmp_path) == []


@pytest.mark.parametrize("rule", sorted(OFFENCES))
def test_offence_is_found(tmp_path, rule):
    plant(tmp_path, CLEAN)
    path, content = OFFENCES[rule]
    plant(tmp_path, {path: content})
    assert rule in rules_found(tmp_path)


@pytest.mark.parametrize("rule", sorted(OFFENCES))
def test_finding_names_file_and_fix(tmp_path, rule):
    plant(tmp_path, CLEAN)
    path, content = OFFENCES[rule]
    plant(tmp_path, {path: content})
    finding = next(item for item in style_test.check_tree(tmp_path) if item.rule == rule)
    assert finding.path == path
    assert "fix: " in finding.text


def test_a_broken_header_is_found_again_after_a_change_of_what_it_includes(tmp_path):
    plant(tmp_path, CLEAN | {"src/base/a.h": HEADER + '#include "base/b.h"\nnamespace g { using T = Gone; }\n',
                             "src/base/b.h": HEADER + "using Gone = int;\n"})
    assert rules_found(tmp_path) == set()
    plant(tmp_path, {"src/base/b.h": HEADER + "using Stays = int;\n"})
    assert rules_found(tmp_path) == {"header-alone"}


@pytest.mark.parametrize("before", ["#include <string>\n", ""])
def test_a_header_is_proven_by_a_source_that_begins_with_it_or_compiled(tmp_path, before):
    """A header is left to the build only where its source would not compile if the header did not compile alone."""
    source = before + '#include "base/b.h"\n'
    plant(tmp_path, CLEAN | {"src/base/b.h": HEADER + "std::string b();\n", "src/base/b.cpp": source})
    assert rules_found(tmp_path) == ({"own-header-first"} if before else set())


def test_an_exception_needs_its_rule_and_a_reason(tmp_path):
    line = "void f() { usleep(3); }\n"
    for comment, found in (("// style: allow(sleep) the device needs 3 us\n", False), ("// style: allow(sleep)\n", True),
                           ("// style: allow(shell) wrong rule\n", True)):
        plant(tmp_path, CLEAN | {"src/agent/a.cpp": TOP + comment + line})
        assert ("sleep" in rules_found(tmp_path)) == found, comment


def test_the_program_says_failure_by_its_exit_code(tmp_path, monkeypatch):
    plant(tmp_path, CLEAN)
    monkeypatch.setattr(sys, "argv", ["style_test.py", "--root", str(tmp_path)])
    assert style_test.main() == 0
    plant(tmp_path, {"src/base/utils.h": HEADER})
    assert style_test.main() == 1
