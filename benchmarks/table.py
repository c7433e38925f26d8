"""The table in ``docs/performance.md``: rows that were measured replace their former lines."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.lines import Line

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
HEAD = ["Row", "Work", "Ours", "Limit beside it", "Limit", "Ratio (quartiles)", "Goal", "Peers"]


def rendered(row: int, lines: Sequence[Line]) -> list[str]:
    """Return the lines of a row as lines of Markdown."""
    return ["| " + " | ".join([str(row), *line.cells()]) + " |" for line in lines]


def write(row: int, lines: Sequence[Line]) -> None:
    """Put a measured row into the document and keep the others as they are."""
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    rows: dict[int, list[str]] = {}
    for line in old.splitlines():
        first = line.strip("| ").split(" ")[0]
        if first.isdigit():
            rows.setdefault(int(first), []).append(line)
    rows[row] = rendered(row, lines)
    body = [line for number in sorted(rows) for line in rows[number]]
    text = "\n".join(["", machine(), "", *_header(), *body, ""])
    DOCUMENT.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def machine() -> str:
    """Say what the figures were measured with."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("trio", "msgspec"))
    return (
        f"{platform.python_implementation()} {platform.python_version()} on "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors; {libraries}."
    )


def _header() -> list[str]:
    return ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
