"""What all of perf/compare_* share: packages, our build, rounds in turn, medians, the last line.

The machine may be shared and drifts: only figures of one run mean something, each side is measured
once in every round, and the ratio is the median of the rounds' ratios.
"""

import os
import pathlib
import statistics
import subprocess
import sys
from typing import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
Figures = dict[str, float]  # by measure
Rounds = dict[str, list[Figures]]  # by side


def run(*command: str | pathlib.Path, **options) -> str:
    """The output of a command; ends the program with its words when it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        sys.exit(f"compare: {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def need_packages(*packages: str) -> None:
    """Installs what the peers need and isn't there. Only comparisons need them, no build does."""
    missing = [package for package in packages if "install ok installed" not in subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True,
        check=False).stdout]
    if missing:
        print(f"compare: installing {' '.join(missing)}", flush=True)
        run("apt-get", "install", "-qy", "--no-install-recommends", *missing,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def build_ours(target: str, folder: str = "build") -> pathlib.Path:
    """Our program TARGET from the release build, which is set up first where there is none."""
    where = ROOT / folder
    if not (where / "build.ninja").exists():
        run("meson", "setup", where, ROOT)
    run("ninja", "-C", where, target)
    return where / target


def build_peer(source: str, package: str, folder: str = "build") -> pathlib.Path:
    """A peer's driver perf/peers/SOURCE.cc against the library that pkg-config calls PACKAGE."""
    out = ROOT / folder / "perf" / source
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = run("pkg-config", "--cflags", "--libs", package).split()
    run("g++", "-std=c++20", "-O3", "-march=x86-64-v3", "-DNDEBUG", f"-I{ROOT}", "-o", out,
        ROOT / "perf/peers" / f"{source}.cc", *flags)
    return out


def read_figures(output: str) -> Figures:
    """"NAME VALUE …" lines."""
    return {words[0]: float(words[1]) for words in map(str.split, output.splitlines())}


def in_turn(sides: dict[str, Callable[[], Figures]], rounds: int) -> Rounds:
    """Measures every side once in each round."""
    seen: Rounds = {side: [] for side in sides}
    for number in range(rounds):
        print(f"compare: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for side, measure in sides.items():
            seen[side].append(measure())
    return seen


def print_medians(seen: Rounds, unit: str) -> None:
    for side, figures in seen.items():
        for measure in figures[0]:
            values = [one[measure] for one in figures]
            print(f"{side} {measure} {statistics.median(values):.4g} {unit} "
                  f"({min(values):.4g} to {max(values):.4g})")


def median_ratio(seen: Rounds, measure: str, ours: str, peer: str, *, less_is_better: bool
                 ) -> float:
    """How many times better OURS is than PEER: the median of the rounds' ratios."""
    ratios = []
    for mine, theirs in zip(seen[ours], seen[peer]):
        ratio = theirs[measure] / mine[measure]
        ratios.append(ratio if less_is_better else 1 / ratio)
    return statistics.median(ratios)
