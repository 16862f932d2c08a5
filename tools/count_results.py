#!/usr/bin/env python3
"""Counts the test cases in JUnit files (GoogleTest and pytest write them) and names those that failed.

Usage: tools/count_results.py FOLDER      prints "PASSED FAILED" on the first line, then one line per failed case
"""
import sys
import xml.etree.ElementTree as tree
from pathlib import Path


def count(folder: Path) -> tuple[int, list[str]]:
    passed, failed = 0, []
    for file in sorted(folder.rglob("*.xml")):
        try:
            cases = list(tree.parse(file).getroot().iter("testcase"))
        except tree.ParseError:
            failed.append(f"{file.stem}: the program ended before it wrote its results")
            continue
        for case in cases:
            name = f"{case.get('classname', '')}.{case.get('name', '')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(f"{file.stem}: {name}")
            elif case.find("skipped") is None and case.get("status") != "notrun":
                passed += 1
    return passed, failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tools/count_results.py FOLDER")
    number, names = count(Path(sys.argv[1]))
    print(number, len(names))
    for name in names:
        print(name)
