"""The benchmarks run, and the hot paths are no longer than what was agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

# The package under test comes first on the path, and the benchmarks from the tree.
RUN = """
import runpy, sys
sys.path.append({repository!r})
sys.argv = [{module!r}, *{arguments!r}]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def program(repository: Path, module: str, *arguments: str) -> str:
    """Return a program that runs a module of the benchmarks."""
    return RUN.format(repository=str(repository), module=module, arguments=arguments)


def test_no_hot_path_has_grown(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """A path that needs a twentieth more instructions is agreed upon, or shortened."""
    ended = fresh_python("-c", program(repository, "benchmarks.instructions"))

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_row_is_measured(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """A quick look shows the lines of a row and changes no document."""
    document = repository / "docs" / "performance.md"
    before = document.read_bytes()

    ended = fresh_python("-c", program(repository, "benchmarks", "1", "4", "--quick"))

    assert ended.returncode == 0, ended.stderr
    assert [line.split(" | ")[0] for line in ended.stdout.splitlines()] == ["| 1", "| 4"]
    assert document.read_bytes() == before


def test_what_a_dead_collector_costs_can_be_measured(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """Each span is accounted for, beside each collector; how long it took is for people."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    arguments = ["benchmarks.dead_collector", "--steps", "20", "--rounds", "1"]

    ended = fresh_python("-c", program(repository, *arguments))

    assert ended.returncode == 0, ended.stderr
    rows = [line.strip("| ").split(" | ") for line in ended.stdout.splitlines()]
    counts = {row[0]: row[-5:] for row in rows[2:]}
    assert rows[0][-5:] == ["Ended", "Delivered", "Failed", "Dropped", "Waiting"]
    assert counts == {
        "no telemetry": ["0"] * 5,
        "answers": ["21", "21", "0", "0", "0"],
        "refuses": ["21", "0", "0", "0", "21"],
        "hangs": ["21", "0", "0", "0", "21"],
    }
