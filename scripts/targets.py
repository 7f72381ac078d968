#!/usr/bin/env python3
"""What ninja is to build for the tests of some suites, one target a line.

Usage: scripts/targets.py FOLDER SUITE…     "programs": what is installed"""

import json
import os
import subprocess
import sys


def introspect(folder: str, what: str) -> list[dict]:
    return json.loads(subprocess.check_output(["meson", "introspect", folder, what]))


def main() -> None:
    folder, suites = sys.argv[1], sys.argv[2:]
    targets = {target["id"]: target for target in introspect(folder, "--targets")}
    wanted = {name for name, target in targets.items()
              if "programs" in suites and target["installed"]}
    for test in introspect(folder, "--tests"):
        if any(f"tandem:{suite}" in test["suite"] for suite in suites):
            wanted.update(test["depends"])
    for path in sorted({path for name in wanted for path in targets[name]["filename"]}):
        print(os.path.relpath(path, folder))


main()
