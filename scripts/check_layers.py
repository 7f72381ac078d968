#!/usr/bin/python3 -B
"""Refuses what scripts/layers.txt doesn't allow.

Usage: scripts/check_layers.py [ROOT]

Looks at every .h .cc .def below drivers, dataplane, controlplane, tests and perf: rooms including
rooms, circles of files, includes that aren't written from the root, libraries outside their room.
These and the Python and shell files also have at most 600 lines of at most 100 columns.
Prints one line a fault (FILE:LINE: reason) and ends with 1 when there are any.
"""

import dataclasses
import fnmatch
import pathlib
import re
import sys

LINES_MAX = 600
COLUMNS_MAX = 100
SOURCE_FOLDERS = ("drivers", "dataplane", "controlplane", "tests", "perf")
FREE_FOLDERS = ("tests", "perf")  # may include every room and library
SOURCES = (".h", ".cc", ".def")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


@dataclasses.dataclass
class Room:
    floor: int
    may_include: set[str]


@dataclasses.dataclass
class Library:
    name: str
    headers: list[str]
    places: list[str]


@dataclasses.dataclass(frozen=True)
class Include:
    line: int
    angled: bool
    target: str


class Law:
    """layers.txt, checked in itself."""

    def __init__(self, path: pathlib.Path):
        self.rooms: dict[str, Room] = {}
        self.libraries: list[Library] = []
        floor = 0
        for number, text in enumerate(path.read_text().splitlines(), 1):
            words = text.split("#")[0].split()
            if not words:
                continue
            if words == ["floor"]:
                floor += 1
            elif words[0] == "room" and len(words) > 1 and words[1].endswith(":"):
                self._add_room(f"{path}:{number}", words[1][:-1], floor, words[2:])
            elif words[0] == "library" and ":" in text and len(words) > 3:
                head, _, tail = text.partition(": ")
                self.libraries.append(Library(words[1], head.split()[2:], tail.split()))
            else:
                raise SystemExit(f"{path}:{number}: not understood: {text}")

    def _add_room(self, where: str, name: str, floor: int, others: list[str]) -> None:
        for other in others:
            if other not in self.rooms:
                raise SystemExit(f"{where}: {name} includes {other}, which doesn't stand above it")
            if self.rooms[other].floor == floor:
                raise SystemExit(f"{where}: {name} and {other} are on one floor")
        self.rooms[name] = Room(floor, set(others))

    def room_of(self, file: str) -> str:
        """The room whose folder holds the file; empty when none does."""
        folder = file.rpartition("/")[0]
        return folder if folder in self.rooms else ""

    def library_of(self, header: str) -> Library | None:
        for library in self.libraries:
            if any(fnmatch.fnmatch(header, pattern) for pattern in library.headers):
                return library
        return None


def is_standard(header: str) -> bool:
    """<vector>, <cstdint>: the C++ library's own have neither folder nor ending."""
    return "/" not in header and "." not in header


class Checker:
    def __init__(self, root: pathlib.Path):
        self.root = root
        self.law = Law(root / "scripts/layers.txt")
        self.faults: list[str] = []
        self.includes: dict[str, list[Include]] = {}

    def fault(self, file: str, line: int, reason: str) -> None:
        self.faults.append(f"{file}:{line}: {reason}")

    def sources(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for folder in SOURCE_FOLDERS
                      for path in (self.root / folder).rglob("*")
                      if path.suffix in SOURCES and path.is_file())

    def scripts(self) -> list[str]:
        """Python and shell, by their ending or their first line."""
        found = []
        for folder in ("scripts", "tests", "perf", ".ci"):
            for path in sorted((self.root / folder).rglob("*")):
                if "__pycache__" in path.parts or not path.is_file():
                    continue
                if path.suffix in (".py", ".sh") or (
                        not path.suffix and path.open("rb").read(2) == b"#!"):
                    found.append(str(path.relative_to(self.root)))
        return found

    def check_size(self, file: str) -> None:
        lines = (self.root / file).read_text(errors="replace").splitlines()
        if len(lines) > LINES_MAX:
            self.fault(file, LINES_MAX + 1, f"{len(lines)} lines; {LINES_MAX} are the most")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                self.fault(file, number, f"{len(line)} columns; {COLUMNS_MAX} are the most")

    def read_includes(self, file: str) -> list[Include]:
        found = []
        text = (self.root / file).read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := INCLUDE.match(line):
                found.append(Include(number, match.group(1) == "<", match.group(2)))
        return found

    def check_include(self, file: str, include: Include) -> None:
        free = file.startswith(tuple(folder + "/" for folder in FREE_FOLDERS))
        room = self.law.room_of(file)
        if not room and not free:
            self.fault(file, include.line, "stands in no room of scripts/layers.txt")
            return
        if include.angled:
            self.check_library(file, room, free, include)
            return
        if not (self.root / include.target).is_file() or not self.is_plain(include.target):
            self.fault(file, include.line,
                       f'"{include.target}" is not written from the root, or does not exist')
            return
        other = self.law.room_of(include.target)
        if free or other == room:
            return
        if not other:
            self.fault(file, include.line, f"{room} includes {include.target}, which is no room's")
        elif other not in self.law.rooms[room].may_include:
            self.fault(file, include.line, f"{room} may not include {other} ({include.target})")

    @staticmethod
    def is_plain(target: str) -> bool:
        return target.split("/")[0] in SOURCE_FOLDERS and ".." not in target.split("/")

    def check_library(self, file: str, room: str, free: bool, include: Include) -> None:
        if (self.root / include.target).is_file():
            self.fault(file, include.line, f"<{include.target}> is ours: write it in quotes")
            return
        library = self.law.library_of(include.target)
        if library is None:
            if not free and not is_standard(include.target):
                self.fault(file, include.line,
                           f"<{include.target}> belongs to no library of scripts/layers.txt")
            return
        for place in library.places:
            if place == "everywhere" or fnmatch.fnmatch(file, place) or \
                    file.startswith(place + "/"):
                return
        if not free:
            self.fault(file, include.line, f"{library.name} (<{include.target}>) may be used only "
                                           f"in {', '.join(library.places)}")

    def check_circles(self) -> None:
        """Each circle of files once."""
        state: dict[str, str] = {}
        path: list[str] = []

        def visit(file: str) -> None:
            state[file] = "open"
            path.append(file)
            for include in self.includes[file]:
                target = include.target
                if include.angled or target not in self.includes:
                    continue
                if state.get(target) == "open":
                    circle = path[path.index(target):] + [target]
                    self.fault(file, include.line, "a circle: " + " → ".join(circle))
                elif target not in state:
                    visit(target)
            path.pop()
            state[file] = "done"

        for file in self.includes:
            if file not in state:
                visit(file)

    def run(self) -> list[str]:
        for file in self.sources():
            self.check_size(file)
            self.includes[file] = self.read_includes(file)
            for include in self.includes[file]:
                self.check_include(file, include)
        self.check_circles()
        for file in self.scripts():
            self.check_size(file)
        return self.faults


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) <= 1:
        root = root.parents[1]
    checker = Checker(root)
    faults = checker.run()
    for fault in faults:
        print(fault)
    print(f"layers: {len(checker.includes)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
