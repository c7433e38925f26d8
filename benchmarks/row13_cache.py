"""Row 13: a keyed step that is remembered, and one that is not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import Ok, Step, StepCache, workflow
from benchmarks.lines import Line
from benchmarks.subjects import answer

if TYPE_CHECKING:
    from typing_extensions import Never

    from benchmarks.timer import Timer


@workflow
async def hits(step: Step[Never], repeats: int) -> None:
    """Take one keyed step again and again."""
    keyed = step.options(key="answer")
    for _ in range(repeats):
        await keyed(answer, 1)


async def look_ups(repeats: int) -> None:
    """Look the value up, and be a checkpoint, as whatever is awaited has to be."""
    kept = {"answer": Ok(1)}
    for _ in range(repeats):
        await trio.lowlevel.checkpoint_if_cancelled()
        assert kept["answer"].value == 1


CACHE = StepCache()


@workflow
async def misses(step: Step[Never], repeats: int) -> None:
    """Take a keyed step that was forgotten each time."""
    keyed = step.options(key="answer")
    for _ in range(repeats):
        CACHE.forget("misses", "answer")
        await keyed(answer, 1)


@workflow
async def stores(step: Step[Never], repeats: int) -> None:
    """Take a plain step, forget what was stored and store its value."""
    kept: dict[str, int] = {}
    for _ in range(repeats):
        kept.pop("answer", None)
        kept["answer"] = await step(answer, 1)


def measure(timer: Timer) -> list[Line]:
    """Compare hits with a dictionary, and misses with row 1 and a store."""
    found = timer.compare(
        {
            "hits": hits.options(cache=StepCache()),
            "look-ups": look_ups,
            "misses": misses.options(cache=CACHE),
            "stores": stores,
        }
    )
    return [
        Line(
            "keyed step, remembered",
            found["hits"],
            "dict look-up and a checkpoint",
            found["look-ups"],
            seconds=0.4e-6,
        ),
        Line(
            "keyed step, new",
            found["misses"],
            "row 1 and a store in a dict",
            found["stores"],
            most=1.5,
        ),
    ]
