"""What happened in recorded runs, and assertions about it that show what was instead."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from awaitly_trio._values.callables import behind_partials, name_of
from awaitly_trio._values.events import Retrying, ScopeEnded, ScopeStarted
from awaitly_trio.testing._fakes import arguments_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from awaitly_trio._values.events import Event
    from awaitly_trio.testing._fakes import RecordedCall

    Which: TypeAlias = "Callable[..., Any] | str"


class Recording:
    """The events and the calls of some runs.

    A step is named by its dependency, its name or its path.
    """

    def __init__(self, events: list[Event], calls: list[RecordedCall]) -> None:
        self.events, self.calls = events, calls

    def clear(self) -> None:
        """Forget what was recorded."""
        self.events.clear()
        self.calls.clear()

    @property
    def steps(self) -> list[str]:
        """The names of the steps, in order of their start."""
        return [event.name for event in self._started("step")]

    def calls_of(self, step: Which) -> list[RecordedCall]:
        """Return the calls that a step made, or that a dependency got, attempts included."""
        return [call for call in self.calls if _is_of(call, step)]

    def assert_steps(self, *steps: Which) -> None:
        """Assert that exactly these steps started, in this order."""
        wanted = [_label(step) for step in steps]
        if self.steps != wanted:
            raise AssertionError(f"other steps ran:\n{difference(wanted, self.steps)}")

    def assert_order(self, *steps: Which) -> None:
        """Assert that these steps started in this order; others may be between them."""
        wanted = [_label(step) for step in steps]
        rest = iter(self.steps)
        if not all(name in rest for name in wanted):
            ran = [name for name in self.steps if name in set(wanted)]
            raise AssertionError(f"steps ran in another order:\n{difference(wanted, ran)}")

    def assert_called(self, step: Which, times: int | None = None) -> None:
        """Assert that a dependency was called, or how often; each attempt is a call."""
        calls = self.calls_of(step)
        if (times is None and not calls) or (times is not None and len(calls) != times):
            wanted = "at least once" if times is None else f"{times} times"
            raise AssertionError(
                f"{_label(step)} was called {len(calls)} times, not {wanted}:\n{self._called()}"
            )

    def assert_not_called(self, step: Which) -> None:
        """Assert that a dependency was never called."""
        self.assert_called(step, times=0)

    def assert_called_with(self, step: Which, *args: Any, **kwargs: Any) -> None:
        """Assert that some call of a dependency had these arguments."""
        calls = self.calls_of(step)
        if any(call.args == args and call.kwargs == kwargs for call in calls):
            return
        wanted = f"{_label(step)}({arguments_shown(args, kwargs)})"
        shown = [f"{_label(step)}({arguments_shown(call.args, call.kwargs)})" for call in calls]
        raise AssertionError(f"no such call:\n{difference([wanted], shown)}")

    def assert_retried(self, step: Which, times: int) -> None:
        """Assert how many further attempts a step made, in all its runs."""
        name = _label(step)
        retries = [
            event
            for event in self.events
            if isinstance(event, Retrying) and _path_is_of(event.path, name)
        ]
        if len(retries) != times:
            shown = "".join(f"\n  attempt {e.attempt} failed with {e.error!r}" for e in retries)
            raise AssertionError(f"{name} was retried {len(retries)} times, not {times}:{shown}")

    def assert_compensated(self, *steps: Which) -> None:
        """Assert that exactly these steps were compensated, in this order."""
        wanted = [_label(step) for step in steps]
        undone = [event.name for event in self._started("compensation")]
        if undone != wanted:
            raise AssertionError(f"other compensations ran:\n{difference(wanted, undone)}")

    def assert_took(self, seconds: float, *, within: float = 1e-9) -> None:
        """Assert how many virtual seconds the last workflow took."""
        took = next(
            (
                event.duration
                for event in reversed(self.events)
                if isinstance(event, ScopeEnded) and event.kind == "workflow"
            ),
            None,
        )
        if took is None:
            raise AssertionError("no workflow has ended")
        if abs(took - seconds) > within:
            raise AssertionError(f"the workflow took {took!r} s, not {seconds!r} s")

    def assert_event(self, kind: type[Any], **fields: Any) -> Any:
        """Assert that there was an event of a type with these fields, and return the first."""
        alike = [event for event in self.events if isinstance(event, kind)]
        for event in alike:
            if all(getattr(event, name) == value for name, value in fields.items()):
                return event
        wanted = f"{kind.__name__}({arguments_shown((), fields)})"
        raise AssertionError(f"no such event:\n{difference([wanted], map(repr, alike))}")

    def _started(self, kind: str) -> list[ScopeStarted]:
        return [
            event for event in self.events if isinstance(event, ScopeStarted) and event.kind == kind
        ]

    def _called(self) -> str:
        return "\n".join(f"  {call}" for call in self.calls) or "  (nothing was called)"


def difference(wanted: Iterable[str], found: Iterable[str]) -> str:
    """Return two lists as one, with ``-`` before what is missing and ``+`` before what is more."""
    lines: Sequence[str] = [
        line for line in difflib.ndiff(list(wanted), list(found)) if not line.startswith("?")
    ]
    return "\n".join(f"  {line}" for line in lines)


def _label(step: Which) -> str:
    return step if isinstance(step, str) else name_of(step)


def _is_of(call: RecordedCall, step: Which) -> bool:
    if isinstance(step, str):
        return step in {call.name, call.path}
    return behind_partials(call.dependency) is behind_partials(step)


def _path_is_of(path: str, name: str) -> bool:
    return path == name or path.rpartition("/")[2].partition("#")[0] == name
