"""sipvicious: the scanner and password guesser that most attacks are made with."""

import pathlib
import shutil

from .failure import Failure, Skipped
from .lab import Namespace
from .process import Process


class Sipvicious(Process):
    """Runs `tool` (svwar, svcrack) against `target` until it gives up."""

    def __init__(self, namespace: Namespace, tool: str, target: str, options: tuple[str, ...],
                 folder: pathlib.Path):
        if not shutil.which(tool):
            raise Skipped(f"{tool} is not installed")
        self.tool = tool
        super().__init__(tool, [tool, *options, target], folder / f"{tool}.log", namespace)

    def findings(self, timeout: float = 60.0) -> list[str]:
        """The rows of the table that it prints at its end; none: it has found nothing."""
        code = self.wait(timeout)
        if code != 0:
            raise Failure(f"{self.tool}: exit code {code}: {self.last_words()}")
        return [line for line in self.lines if line.startswith("| ")][1:]
