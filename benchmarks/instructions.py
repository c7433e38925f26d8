"""Count the bytecode instructions of the hot paths, and compare them with the last agreed count.

A time tells on which machine it was taken; a count does not.  What is counted are the
instructions that run in frames of this package, and its calls of anything else, for one
repetition of each work.  Counts differ between versions of Python, so each has its own.

    python -m benchmarks.instructions            # fails when a path grew by a twentieth
    python -m benchmarks.instructions --update   # agree on the present counts
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from opentelemetry.sdk.trace import TracerProvider

import awaitly_trio
from awaitly_trio import StepCache, workflow
from awaitly_trio.otel import Tracing
from benchmarks import (
    row02_workflow,
    row03_exit,
    row06_timeout,
    row07_retry,
    row08_retries,
    row09_parallel,
    row10_map,
    row11_race,
    row13_cache,
)
from benchmarks.observers import Records, Spans
from benchmarks.subjects import answer, step_to_answers

if TYPE_CHECKING:
    from types import FrameType

    from benchmarks.timer import Work

AGREED = Path(__file__).with_name("instructions.json")
PACKAGE = str(Path(awaitly_trio.__file__).parent)
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
ALLOWED = 1.05
REPEATS = 5

STEPS = workflow(step_to_answers)
WORKS: dict[str, Work] = {
    "a step": STEPS,
    "a workflow of 10 steps": row02_workflow.workflows,
    "an exit at the first step": row03_exit.workflows,
    "a step with an observer of scopes": STEPS.options(observers=[Spans()]),
    "a step with an observer of events": STEPS.options(observers=[Records()]),
    "a traced step": STEPS.options(observers=[Tracing(TracerProvider(shutdown_on_exit=False))]),
    "a step with a timeout": row06_timeout.limited_steps,
    "a step with a retry policy": row07_retry.retried_steps,
    "two retries": row08_retries.retried,
    "a parallel block of 2": partial(row09_parallel.blocks, 2),
    "a parallel block of 10": partial(row09_parallel.blocks, 10),
    "a map over 10,000 items": partial(row10_map.maps, answer),
    "a race of two": row11_race.races,
    "a remembered step": row13_cache.hits.options(cache=StepCache()),
    "a keyed step that is new": row13_cache.misses.options(cache=row13_cache.CACHE),
}


class Counter:
    """A trace function that counts what happens in frames of the package."""

    def __init__(self) -> None:
        self.counted = 0

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        """Follow the frames of the package, instruction by instruction."""
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        self.counted += event in {"call", "opcode"}
        return self


async def counted(work: Work, repeats: int) -> int:
    """Return how much is counted while a work runs so many times."""
    counter = Counter()
    before = sys.gettrace()
    sys.settrace(counter)
    try:
        await work(repeats)
    finally:
        sys.settrace(before)
    return counter.counted


async def per_repetition(work: Work) -> int:
    """Return the count of one repetition; what is done once for all of them drops out."""
    # A first run finds nothing cached, and Python 3.12 nothing that it could trace.
    await counted(work, REPEATS)
    few = await counted(work, REPEATS)
    many = await counted(work, 2 * REPEATS)
    return round((many - few) / REPEATS)


def main() -> int:
    """Print all counts; return 1 if one is above what was agreed on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help="agree on the present counts")
    wanted = parser.parse_args()
    versions = json.loads(AGREED.read_text(encoding="utf-8")) if AGREED.exists() else {}
    agreed = versions.get(VERSION, {})
    found = {name: trio.run(per_repetition, work) for name, work in WORKS.items()}
    grown = [name for name, count in found.items() if count > agreed.get(name, count) * ALLOWED]
    for name, count in found.items():
        before = agreed.get(name)
        change = "new" if before is None else f"{count / before - 1:+.1%}"
        print(f"{name:40} {count:8,} {change:>8}{'  grown' if name in grown else ''}")
    if wanted.update:
        versions[VERSION] = found
        text = json.dumps(dict(sorted(versions.items())), indent=1)
        AGREED.write_text(text + "\n", encoding="utf-8")
        return 0
    if grown:
        print("agree on the new counts with  python -m benchmarks.instructions --update")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())
