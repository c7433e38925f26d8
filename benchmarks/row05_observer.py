"""Row 5: a step that somebody watches beside one that nobody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio import workflow
from benchmarks.lines import Line
from benchmarks.observers import Records, Spans
from benchmarks.subjects import step_to_answers

if TYPE_CHECKING:
    from benchmarks.timer import Timer


def measure(timer: Timer) -> list[Line]:
    """Compare both kinds of observers with none."""
    steps = workflow(step_to_answers)
    found = timer.compare(
        {
            "limit": steps,
            "spans": steps.options(observers=[Spans()]),
            "records": steps.options(observers=[Records()]),
        }
    )
    limit = found["limit"]
    return [
        Line("a step with one observer of scopes", found["spans"], "row 1", limit, most=2.2),
        Line("a step with one observer of event records", found["records"], "row 1", limit),
    ]
