"""Another future of a recorded run: the steps before a point replayed, one answered otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awaitly_trio._values.events import ScopeStarted
from awaitly_trio._values.result import Err, Ok
from awaitly_trio.testing._harness import Harness
from awaitly_trio.testing._scripts import hangs, raises
from awaitly_trio.testing._timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome


def fork(events: Sequence[Event], step: Callable[..., Any] | str, answers: Any) -> Harness:
    """Return a harness in which a recorded run goes another way from a step on.

    Steps that had ended before that step began get their recorded outcome
    and call nothing; the step itself gets ``answers``; what comes later runs.
    Run the workflow with the arguments it had.

    Args:
      events: Those of the recorded run.
      step: The step, by its dependency, name or path; the first of that name.
      answers: As for ``Harness.script``.

    Raises:
      LookupError: There is no such step in the run.
    """
    timeline = Timeline(events)
    moment = timeline.before(step)
    kinds = {event.path: event.kind for event in events if isinstance(event, ScopeStarted)}
    harness = Harness()
    for path, outcome in moment.ended.items():
        if kinds.get(path) == "step":
            harness.script(path, answer_of(outcome))
    harness.script(timeline.forward().running[-1], answers)
    return harness


def answer_of(outcome: Outcome) -> Any:
    """Return the answer that gives a recorded outcome once more.

    A step that was cancelled hangs, and so will be cancelled again.
    """
    if outcome.status == "ok":
        return Ok(outcome.value)
    if outcome.error is not None:
        return Err(outcome.error, outcome.cause)
    if isinstance(outcome.cause, Exception):
        return raises(outcome.cause)
    return hangs()
