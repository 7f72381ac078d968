"""Failure: the product did something else than the test demands. And the ways to demand it."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition: object, sentence: str) -> None:
    if not condition:
        raise Failure(sentence)


def check_equal(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Failure(f"{what}: {found!r} instead of {wanted!r}")


def wait_until(probe: Callable[[], T], what: str, timeout: float = 10.0) -> T:
    """Asks `probe` until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout:g} s in vain: {what}")
        time.sleep(0.02)
