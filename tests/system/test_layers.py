"""scripts/check_layers.py refuses each kind of violation, and nothing else."""

import pathlib
import shutil
import subprocess

from harness.bench import Bench, case
from harness.failure import check, check_equal
from harness.lab import REPOSITORY

# A little house in which everything is allowed.
HOUSE = {
    "drivers/base/text.h": "#pragma once\n#include <string>\n#include <unistd.h>\n",
    "drivers/base/log.cc": "#include <spdlog/spdlog.h>\n#include <fmt/format.h>\n"
                           '#include "drivers/base/text.h"\n',
    "drivers/wire/ring.h": "#include <rte_ring.h>\n",
    "drivers/crypto/batch.cc": "#include <ipsec-mb.h>\n",
    "drivers/port/device.cc": "#include <rte_ethdev.h>\n#include <hwloc.h>\n",
    "dataplane/worker.cc": '#include <rte_mbuf.h>\n#include "drivers/wire/ring.h"\n',
    "controlplane/loop/event_loop.cc": "#include <sys/epoll.h>\n",
    "controlplane/transport/udp_sockets.cc": "#include <sys/socket.h>\n#include <arpa/inet.h>\n",
    "controlplane/sip/parser.h": '#include "drivers/base/text.h"\n',
    "controlplane/calls/call.h": '#include "controlplane/sip/parser.h"\n#include <tbb/tbb.h>\n',
    "controlplane/admin/control_socket.cc": "#include <sys/un.h>\n#include <nlohmann/json.hpp>\n",
    "controlplane/admin/tandemctl.cc": "#include <CLI/CLI.hpp>\n",
    "controlplane/main.cc": '#include "controlplane/calls/call.h"\n#include <CLI/CLI.hpp>\n',
    "tests/unit/call_test.cc": "#include <gtest/gtest.h>\n#include <sys/socket.h>\n"
                               '#include "controlplane/calls/call.h"\n'
                               '#include "dataplane/worker.cc"\n',
    "perf/bench.cc": '#include "drivers/wire/ring.h"\n',
}

# what is added to the house, and what the checker must say of it
VIOLATIONS = [
    ({"drivers/base/bad.h": '#include "drivers/wire/ring.h"\n'}, "drivers/base may not include"),
    ({"drivers/port/bad.h": '#include "drivers/crypto/batch.cc"\n'},
     "drivers/port may not include"),
    ({"controlplane/sip/bad.h": '#include "controlplane/calls/call.h"\n'},
     "controlplane/sip may not include controlplane/calls"),
    ({"dataplane/bad.h": '#include "controlplane/sip/parser.h"\n'}, "dataplane may not include"),
    ({"controlplane/calls/bad.h": '#include "dataplane/worker.cc"\n'},
     "controlplane/calls may not include dataplane"),
    ({"controlplane/main.h": '#include "dataplane/worker.cc"\n'},
     "controlplane may not include dataplane"),
    ({"drivers/base/a.h": '#include "drivers/base/b.h"\n',
      "drivers/base/b.h": '#include "drivers/base/c.h"\n',
      "drivers/base/c.h": '#include "drivers/base/a.h"\n'}, "a circle: drivers/base/a.h"),
    ({"drivers/base/a.h": '#include "drivers/base/a.h"\n'}, "a circle: drivers/base/a.h"),
    ({"drivers/base/bad.cc": '#include "text.h"\n'}, "not written from the root"),
    ({"drivers/base/bad.cc": '#include "drivers/../drivers/base/text.h"\n'},
     "not written from the root"),
    ({"drivers/base/bad.cc": '#include "drivers/base/missing.h"\n'}, "does not exist"),
    ({"drivers/base/bad.cc": "#include <drivers/base/text.h>\n"}, "is ours: write it in quotes"),
    ({"tests/unit/bad.cc": '#include "call_test.cc"\n'}, "not written from the root"),
    ({"controlplane/newroom/x.h": "#include <string>\n"}, "stands in no room"),
    ({"drivers/newroom/x.h": "#include <string>\n"}, "stands in no room"),
    ({"controlplane/sip/bad.cc": "#include <rte_ring.h>\n"}, "DPDK (<rte_ring.h>) may be used"),
    ({"drivers/base/bad.cc": "#include <rte_mbuf.h>\n"}, "DPDK (<rte_mbuf.h>) may be used"),
    ({"dataplane/bad.cc": "#include <ipsec-mb.h>\n"}, "IPsec-MB (<ipsec-mb.h>) may be used"),
    ({"controlplane/sip/bad.cc": "#include <sys/socket.h>\n"}, "sockets (<sys/socket.h>) may be"),
    ({"dataplane/bad.cc": "#include <sys/epoll.h>\n"}, "sockets (<sys/epoll.h>) may be"),
    ({"drivers/wire/bad.cc": "#include <toml++/toml.h>\n"}, "toml++ (<toml++/toml.h>) may be"),
    ({"drivers/wire/bad.cc": "#include <spdlog/spdlog.h>\n"}, "spdlog (<spdlog/spdlog.h>) may be"),
    ({"controlplane/calls/bad.cc": "#include <nlohmann/json.hpp>\n"}, "JSON (<nlohmann/json.hpp>)"),
    ({"controlplane/calls/bad.cc": "#include <CLI/CLI.hpp>\n"}, "CLI11 (<CLI/CLI.hpp>) may be"),
    ({"dataplane/bad.cc": "#include <tbb/tbb.h>\n"}, "oneTBB (<tbb/tbb.h>) may be"),
    ({"dataplane/bad.cc": "#include <hwloc.h>\n"}, "hwloc (<hwloc.h>) may be"),
    ({"dataplane/bad.cc": "#include <gtest/gtest.h>\n"}, "GoogleTest (<gtest/gtest.h>) may be"),
    ({"controlplane/sip/bad.cc": "#include <curl/curl.h>\n"}, "belongs to no library"),
    ({"drivers/base/long.cc": "\n" * 601}, "601 lines; 600 are the most"),
    ({"drivers/base/long.cc": "\n" * 600}, None),
    ({"drivers/base/wide.def": "// " + "x" * 98 + "\n"}, "101 columns; 100 are the most"),
    ({"drivers/base/wide.def": "// " + "ü" * 97 + "\n"}, None),
    ({"tests/system/wide.py": "#" * 101 + "\n"}, "101 columns; 100 are the most"),
]


def build_house(root: pathlib.Path, files: dict[str, str]) -> None:
    (root / "scripts").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts/layers.txt", root / "scripts/layers.txt")
    for name, text in (HOUSE | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def judge(root: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(REPOSITORY / "scripts/check_layers.py"), str(root)],
                          capture_output=True, text=True)


@case
def layers_each_violation_is_refused(bench: Bench) -> None:
    for number, (files, wanted) in enumerate([({}, None), *VIOLATIONS]):
        root = bench.folder / str(number)
        build_house(root, files)
        verdict = judge(root)
        if wanted is None:
            check(verdict.returncode == 0, f"{list(files)} refused: {verdict.stdout}")
        else:
            check(verdict.returncode == 1 and wanted in verdict.stdout,
                  f"{files} not refused with {wanted!r}: {verdict.stdout}{verdict.stderr}")
            check_equal(len(verdict.stdout.splitlines()), 2, f"lines about {list(files)}")


@case
def layers_law_is_checked_itself(bench: Bench) -> None:
    """layers.txt can't allow an upward or a sideways include."""
    for number, text in enumerate((
            "floor\nroom a: b\nfloor\nroom b:\n", "floor\nroom a:\nroom b: a\n",
            "floor\nroom a: a\n", "flor\n", "room a b\n")):
        root = bench.folder / str(number)
        build_house(root, {})
        (root / "scripts/layers.txt").write_text(text)
        verdict = judge(root)
        check(verdict.returncode == 1 and "layers.txt:" in verdict.stderr, f"{text!r} accepted")
