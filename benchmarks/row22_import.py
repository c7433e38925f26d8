"""Row 22: importing the package beside importing Trio, in a new interpreter each time."""

from __future__ import annotations

import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.lines import Line
from benchmarks.timer import Sample, turned

if TYPE_CHECKING:
    from benchmarks.timer import Timer

PROGRAM = """
import time
began = time.process_time()
import {}
print(time.process_time() - began)
"""


def spent(module: str, caches: str) -> float:
    """Return the seconds that importing a module takes, its bytecode kept in a folder."""
    environment = dict(os.environ, PYTHONPYCACHEPREFIX=caches)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", PROGRAM.format(module)],
        capture_output=True,
        check=True,
        env=environment,
        text=True,
    )
    return float(done.stdout)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    figures: dict[str, list[float]] = {"trio": [], "awaitly_trio": []}
    with TemporaryDirectory() as caches:
        for module in figures:
            spent(module, caches)  # compiles
        for number in range(timer.rounds // 2 + 1):
            for module in turned(list(figures), number):
                figures[module].append(spent(module, caches))
    ours, limit = (Sample(tuple(figures[module])) for module in ("awaitly_trio", "trio"))
    return [Line("`import awaitly_trio`", ours, "`import trio`", limit, most=1.15)]
