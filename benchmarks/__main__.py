"""Measure rows of the table and write them to ``docs/performance.md``."""

from __future__ import annotations

import argparse
import pkgutil
import re
from importlib import import_module

import benchmarks
from benchmarks import table
from benchmarks.timer import Timer

QUICK = Timer(rounds=7, span=0.002, is_thorough=False)


def rows() -> dict[int, str]:
    """Return the modules of the rows by their numbers."""
    names = (each.name for each in pkgutil.iter_modules(benchmarks.__path__))
    found = (re.fullmatch(r"row(\d+)_\w+", name) for name in names)
    return {int(match[1]): f"benchmarks.{match[0]}" for match in found if match}


def main() -> None:
    """Measure the rows named on the command line, or all."""
    known = rows()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, choices=[[], *known], metavar="row")
    parser.add_argument(
        "--quick", action="store_true", help="rough figures, shown but not written anywhere"
    )
    wanted = parser.parse_args()
    timer = QUICK if wanted.quick else Timer()
    for row in wanted.rows or sorted(known):
        lines = import_module(known[row]).measure(timer)
        print(*table.rendered(row, lines), sep="\n", flush=True)
        if not wanted.quick:
            table.write(row, lines)


if __name__ == "__main__":
    main()
