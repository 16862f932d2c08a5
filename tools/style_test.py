#!/usr/bin/env python3
"""Style as a test: rules about the sources that the compiler does not check.

Usage: tools/style_test.py [--root DIR] [--no-headers]
Prints one line per finding, `file:line: [rule] what; fix: how`, and exits with 1 when there is any.
tools/style_selftest.py plants an offence against every rule and expects it to be found.
"""
import argparse
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

MAX_LINES = 500
SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".pytest_cache", "node_modules", ".cache"}
CODE = {".h", ".cpp"}
SCRIPT = {".py"}
TEXT = CODE | SCRIPT | {".md", ".txt", ".toml", ".cmake", ".json", ".service", ".sh", ".html", ".js", ".css", ".yaml", ""}

# Who may include whom (docs/ARCHITECTURE.md). An adapter sees itself and no other adapter.
MAY_INCLUDE = {
    "base": {"base"},
    "core": {"base", "core"},
    "sim": {"base", "core", "adapters/heartbeat", "sim"},
    "runtime": {"base", "runtime"},
    "site": {"base", "core", "site"},
    "adapters": {"base", "core", "runtime"},
    "api": {"base", "core", "runtime", "site", "api"},
    "cloud": {"base", "core", "runtime", "site", "cloud"},
    "replay": {"base", "core", "replay"},
    "agent": {"base", "core", "runtime", "site", "api", "adapters", "replay", "agent"},
    "manager": {"base", "runtime", "site", "api", "adapters/postgres", "manager"},
    "setup": {"base", "core", "runtime", "site", "api", "setup"},
    "wizard": {"base", "core", "site", "wizard"},
    "cli": {"base", "core", "runtime", "site", "setup", "wizard", "api", "replay", "cli"},
}

BOOST_TLS_BEAST = re.compile(r"(^|/)src/runtime/(http_|asio_impl)")
THREADS = re.compile(r"(^|/)src/(runtime|adapters/heartbeat)/")
CLOCKS = re.compile(r"(^|/)src/(runtime|adapters/heartbeat)/|(^|/)tests/|_test\.cpp$|(^|/)fake_")
TESTS = re.compile(r"_test\.cpp$|(^|/)tests/|(^|/)fake_|_testing\.")
NOWHERE = re.compile(r"(?!)")
# An exception is written where it is made, with its reason: `// style: allow(sleep) the kernel's timer is measured`.
ALLOWED_HERE = re.compile(r"//\s*style:\s*allow\((?P<rule>[\w-]+)\)\s+\S+")


class Ban(NamedTuple):
    rule: str
    pattern: re.Pattern
    allowed: re.Pattern  # files in which it is allowed
    what: str
    fix: str


BANS = [
    Ban("sleep", re.compile(r"(?<![\w.>])(?:::)?(?:u|nano|clock_nano)?sleep\s*\(|this_thread::sleep"),
        re.compile(r"(^|/)src/adapters/heartbeat/"), "a blocking sleep",
        "wait for the event itself, or runtime::sleep_for in a coroutine"),
    Ban("shell", re.compile(r"(?<![\w.>])(?:::|std::)?(?:system|popen)\s*\("), TESTS, "a command through the shell",
        "runtime::ChildProcess with an argument list"),
    Ban("detached", re.compile(r"\bdetached\b|\.detach\(\)"), NOWHERE, "a task or thread without an owner",
        "spawn it through runtime::TaskScope"),
    Ban("wall-clock", re.compile(r"\bgettimeofday\b|(?<![\w.>:])(?:std::)?time\s*\(\s*(?:nullptr|NULL|0)\s*\)"),
        re.compile(r"(^|/)src/(runtime/|site/certificates)"), "wall-clock time", "runtime::boot_now() for decisions, runtime::wall_now() for text"),
    Ban("clock", re.compile(r"\b(?:steady|system|high_resolution)_clock::now\b|\bclock_gettime\b"), CLOCKS,
        "a clock outside the shell", "take the time as an argument, or runtime::boot_now()"),
    Ban("thread", re.compile(r"\bstd::j?thread\b(?!::hardware)|\bpthread_create\b|\bstd::async\b"),
        re.compile(THREADS.pattern + "|" + TESTS.pattern), "a thread of its own",
        "one loop thread per daemon; blocking work through runtime::run_blocking"),
    Ban("beast", re.compile(r"#\s*include\s*[<\"]boost/beast"), BOOST_TLS_BEAST, "Boost.Beast outside runtime/http_*",
        "use runtime/http_client.h and runtime/http_server.h"),
    Ban("asio-all", re.compile(r"#\s*include\s*[<\"]boost/asio\.hpp"), NOWHERE, "the include of all of Asio",
        "include the headers that are used, e.g. boost/asio/steady_timer.hpp"),
    Ban("unsafe-c", re.compile(r"(?<![\w.>:])(?:std::)?(?:sprintf|vsprintf|strcpy|strcat|gets|strtok|mktemp|tmpnam)\s*\("), NOWHERE,
        "an unbounded C function", "std::string and fmt::format"),
    Ban("random", re.compile(r"\bstd::random_device\b|(?<![\w.>:])(?:std::)?rand\s*\(\s*\)"),
        re.compile(r"(^|/)src/(agent|runtime|site|manager|cli)/"), "entropy inside a decision", "base/random.h with a seed, or libsodium for secrets"),
    Ban("assert", re.compile(r"(?<![\w.>:])assert\s*\("), NOWHERE, "an assertion that release builds drop",
        "GEMEL_CHECK of base/check.h"),
    Ban("using-std", re.compile(r"\busing\s+namespace\s+std\s*;"), NOWHERE, "a whole-namespace using", "name what is used"),
]
CORE_FORBIDDEN = re.compile(
    r"#\s*include\s*<(boost/|spdlog/|fstream|iostream|thread|mutex|filesystem|random|sys/|unistd|netinet/|arpa/|ctime|time\.h|poll\.h)")
# Spelled so that this file does not match its own patterns.
WORKPLACE = re.compile(r"(?<![\w.<])/(?:wo" + r"rk|home/\w+|Use" + r"rs/\w+)/|/tmp/br" + r"ief")
OPEN_END = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
REGISTRY = re.compile(r"\b(?:deb|security|ftp\.\w+)\.debian\.org\b|\bpypi\.org\b|\bregistry\.npmjs\b|\bproxy\.golang\b")
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}
RULES = [ban.rule for ban in BANS] + [
    "include-direction", "core-pure", "pragma-once", "header-alone", "length", "top-comment", "workplace", "open-end",
    "registry", "file-name", "not-built", "own-header-first", "script"]


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


def blank_out(text: str) -> str:
    """The same text with comments and the content of literals blanked, line structure kept."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match: re.Match) -> str:
        found = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if found[0] == '"' and re.match(r"\s*#\s*include\s*$", text[line_start:match.start()]):
            return found
        if found[0] == "'" and match.start() > 0 and text[match.start() - 1].isalnum():
            return found  # a digit separator, as in 1'000
        return re.sub(r"[^\n]", " ", found)

    return token.sub(blank, text)


def folder_of(path: str) -> str:
    """base, core, ..., and adapters/NAME for an adapter; empty outside src/."""
    parts = path.split("/")
    if parts[0] != "src" or len(parts) < 3:
        return ""
    return "/".join(parts[1:3]) if parts[1] == "adapters" and len(parts) > 3 else parts[1]


def check_includes(path: str, code: str, with_header: set[str]) -> Iterator[Finding]:
    here = folder_of(path)
    if not here:
        return
    allowed = MAY_INCLUDE.get(here.split("/")[0], set()) | {here}
    if TESTS.search(path):
        allowed = allowed | {"runtime", "base"}
    first = None
    for number, line in enumerate(code.split("\n"), 1):
        if here == "core" and not TESTS.search(path) and CORE_FORBIDDEN.match(line):
            yield Finding(path, number, "core-pure", "core includes more than the standard library's values and base; "
                          "fix: move it to the shell and pass the fact in")
        any_include = re.match(r'#\s*include\s*[<"]([^">]+)', line)
        first = first or (any_include and (number, any_include.group(1)))
        match = re.match(r'#\s*include\s*"([^"]+)"', line)
        if not match:
            continue
        target = match.group(1)
        there = folder_of("src/" + target)
        known = there.split("/")[0]
        if "/" not in target:
            yield Finding(path, number, "include-direction", f'"{target}" is not root-relative; fix: "{here}/{target}"')
        elif known in MAY_INCLUDE and there not in allowed and known not in allowed:
            yield Finding(path, number, "include-direction",
                          f"{here} may not include {there}; fix: see the folders in docs/ARCHITECTURE.md")
    own = re.sub(r"(_contract)?(_test)?\.cpp$", ".h", path)
    has_own = path.endswith(".cpp") and not path.endswith("_test.cpp") and path in with_header
    if has_own and first and "src/" + first[1] != own:
        yield Finding(path, first[0], "own-header-first", f'fix: #include "{own[4:]}" first')


def is_excepted(lines: list[str], number: int, rule: str) -> bool:
    """Whether the line or the one before it says that this rule does not apply here, and why."""
    near = (ALLOWED_HERE.search(line) for line in lines[max(0, number - 2):number])
    return any(match and match.group("rule") == rule for match in near)


def check_code(path: str, text: str, with_header: set[str]) -> Iterator[Finding]:
    code, lines = blank_out(text), text.split("\n")
    yield from check_includes(path, code, with_header)
    for number, line in enumerate(code.split("\n"), 1):
        for ban in BANS:
            if ban.pattern.search(line) and not ban.allowed.search(path) and not is_excepted(lines, number, ban.rule):
                yield Finding(path, number, ban.rule, f"{ban.what}; fix: {ban.fix}")
    if path.endswith(".h") and not re.search(r"^#pragma once$", code, re.M):
        yield Finding(path, 1, "pragma-once", "a header without #pragma once; fix: add it after the top comment")
    needs_comment = path.endswith(".h") or (not path.endswith("_test.cpp") and path not in with_header)
    if needs_comment and not text.startswith(("//", "/*")):
        yield Finding(path, 1, "top-comment", "fix: begin with two to five lines: what lives here and what does not")


def check_script(path: str, text: str) -> Iterator[Finding]:
    if path.endswith(".py") or text.startswith("#!/usr/bin/env python3") or text.startswith("#!/usr/bin/python3"):
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            yield Finding(path, error.lineno or 1, "script", f"{error.msg}; fix: the syntax")
        body = re.sub(r"^#![^\n]*\n", "", text)
        if text.strip() and not body.lstrip().startswith(('"""', "#", "'''", 'r"""')):
            yield Finding(path, 1, "top-comment", "fix: begin with a docstring: what lives here and what does not")
    elif re.match(r"#!.*\bbash\b", text) and "set -euo pipefail" not in text and "set -uo pipefail" not in text:
        yield Finding(path, 1, "script", "a bash script without strict mode; fix: set -euo pipefail")


def check_text(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.split("\n"), 1):
        if WORKPLACE.search(line):
            yield Finding(path, number, "workplace", "a path of somebody's machine; fix: a path relative to the project")
        if OPEN_END.search(line):
            yield Finding(path, number, "open-end", "an unfinished place; fix: finish it or write it in docs/gaps.md")
        if REGISTRY.search(line):
            yield Finding(path, number, "registry", "a package server's name; fix: use the host's own configured sources")


def check_file(root: Path, path: str, with_header: set[str]) -> Iterator[Finding]:
    file = root / path
    try:
        text = file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return
    suffix = file.suffix
    if suffix in CODE or suffix in SCRIPT:
        lines = text.count("\n")
        if lines > MAX_LINES:
            yield Finding(path, lines, "length", f"{lines} lines; fix: split by role, {MAX_LINES} at most")
        if file.stem.lower() in VAGUE_NAMES:
            yield Finding(path, 1, "file-name", "a name without a role; fix: name what it does")
    if suffix in CODE and path.startswith(("src/", "tests/")):
        yield from check_code(path, text, with_header)
    yield from check_script(path, text)
    yield from check_text(path, text)


def check_built(root: Path, paths: list[str]) -> Iterator[Finding]:
    """A source that no CMakeLists.txt names is dead (tests are found by pattern)."""
    for path in paths:
        if not path.startswith("src/") or not path.endswith(".cpp") or path.endswith("_test.cpp"):
            continue
        folder, name = root / path, Path(path).name
        lists = [up / "CMakeLists.txt" for up in folder.parents if (up / "CMakeLists.txt").exists()]
        relative = [str(folder.relative_to(item.parent)) for item in lists]
        if not any(name in item.read_text() and rel in item.read_text() for item, rel in zip(lists, relative)):
            yield Finding(path, 1, "not-built", "no CMakeLists.txt names this source; fix: add it there or delete it")


def closure_hash(root: Path, header: str, flags: list[str]) -> str:
    """Of the header and everything of ours it includes: the key under which its success is remembered."""
    digest, seen, todo = hashlib.sha256(" ".join(flags).encode()), set(), [header]
    while todo:
        path = todo.pop()
        file = root / path
        if path in seen or not file.exists():
            continue
        seen.add(path)
        data = file.read_bytes()
        digest.update(path.encode() + b"\0" + data)
        todo += ["src/" + name for name in re.findall(r'#\s*include\s*"([^"]+)"', data.decode("utf-8", "replace"))]
    return digest.hexdigest()


def check_header_alone(root: Path, header: str, cache: Path, flags: list[str]) -> list[Finding]:
    key = cache / closure_hash(root, header, flags)
    if key.exists():
        return []
    command = ["clang++-19", *flags, "-I", str(root / "src"), "-fsyntax-only", "-x", "c++", "-include", str(root / header), "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if result.returncode == 0:
        cache.mkdir(parents=True, exist_ok=True)
        key.touch()
        return []
    first = next((line for line in result.stderr.splitlines() if "error:" in line), result.stderr[:200])
    return [Finding(header, 1, "header-alone", f"does not compile alone: {first.strip()}; fix: include what it uses")]


def check_headers(root: Path, paths: list[str], with_header: set[str]) -> list[Finding]:
    """A header whose source includes it first (rule own-header-first) is proven by the build; the others are compiled."""
    headers = [path for path in paths if path.startswith("src/") and path.endswith(".h") and path[:-2] + ".cpp" not in with_header]
    pkg = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True, check=False)
    flags = ["-std=c++23", "-DBOOST_ASIO_SEPARATE_COMPILATION", "-DSPDLOG_FMT_EXTERNAL", *pkg.stdout.split()]
    cache = root / "build" / "style" / "headers"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        results = pool.map(lambda header: check_header_alone(root, header, cache, flags), headers)
        return [finding for found in results for finding in found]


def sources(root: Path) -> list[str]:
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in SKIPPED_FOLDERS]
        for name in files:
            file = Path(folder) / name
            if file.suffix in TEXT and not file.is_symlink():
                found.append(str(file.relative_to(root)))
    return sorted(found)


def check_tree(root: Path, with_headers: bool = True) -> list[Finding]:
    paths = sources(root)
    known = set(paths)
    with_header = {p for p in paths if p.endswith(".cpp") and p[:-4] + ".h" in known}
    findings = [finding for path in paths for finding in check_file(root, path, with_header)]
    findings += check_built(root, paths)
    if with_headers:
        findings += check_headers(root, paths, with_header)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description="Style as a test.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--no-headers", action="store_true", help="skip compiling every header alone")
    options = parser.parse_args()
    findings = check_tree(options.root, not options.no_headers)
    for finding in findings:
        print(finding)
    print(f"style: {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
