"""Row 1: a step without options beside a bare await of the same function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio import workflow
from benchmarks.lines import Line
from benchmarks.subjects import await_answers, step_to_answers

if TYPE_CHECKING:
    from benchmarks.timer import Timer


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    found = timer.compare({"ours": workflow(step_to_answers), "limit": await_answers})
    return [Line("a step, `Ok`", found["ours"], "bare await", found["limit"], most=3.0)]
