#!/usr/bin/python3 -B
"""Counts what a `meson test` run did, GoogleTest case by case.

Usage: scripts/count_tests.py JUNIT_XML   prints: PASSED FAILED SKIPPED
Names of failed cases go to stderr.
"""

import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    passed = failed = skipped = 0
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"FAILED {name}", file=sys.stderr)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    print(passed, failed, skipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
