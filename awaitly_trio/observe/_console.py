"""A run printed to the terminal as it happens, for whoever looks for a mistake."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, final

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.brief import brief, cut
from awaitly_trio._values.duration import format_duration
from awaitly_trio._values.events import (
    CacheHit,
    Decided,
    FellBack,
    RetriesExhausted,
    Retrying,
    StepSkipped,
    StepTimedOut,
    Undoing,
)
from awaitly_trio._values.plain import tellable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome, Status
    from awaitly_trio._values.scopes import Scope

_MARKS: Mapping[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "error": ("✗", "yellow"),
    "timed_out": ("⧖", "yellow"),
    "cancelled": ("⊘", "dim"),
    "defect": ("☠", "bold red"),
    "skipped": ("↷", "dim"),
}

_INDENT = "│  "
_LONGEST = 120

_LINES: Mapping[type, Callable[[Any], str]] = {
    Retrying: lambda event: (
        f"↻ attempt {event.attempt} failed with {brief(event.error, _LONGEST)}, "
        f"the next in {format_duration(event.delay)}"
    ),
    RetriesExhausted: lambda event: f"↻ no attempt after {event.attempts}: {event.reason}",
    StepTimedOut: lambda event: f"⧖ {format_duration(event.seconds)} ran out",
    FellBack: lambda event: f"↪ fallback for {brief(event.error, _LONGEST)}",
    CacheHit: lambda event: f"≡ {event.key!r} was known",
    StepSkipped: lambda event: (
        f"↷ {event.name} skipped" + ((event.reason and f": {event.reason}") or "")
    ),
    Decided: lambda event: f"⎇ {event.name}: {event.chosen}",
    Undoing: lambda event: f"↶ undoing {event.steps} steps of {event.saga}",
}


@final
class Console:
    """An observer that prints each run as an indented tree, a line for each thing that happens.

    Runs that happen at once mix; the lines of one have its indentation and names.  Values
    and errors are shown as they are, up to a length: this is for a terminal of one's own.
    Characters that its encoding lacks are escaped.

    Args:
      console: A console of rich to print to; standard error unless given.

    Raises:
      ImportError: rich is not installed; the message names the extra.
    """

    event_types = tuple(_LINES)

    def __init__(self, console: Any = None) -> None:
        try:
            text: Any = import_module("rich.text")
            terminal: Any = import_module("rich.console")
        except ImportError as exc:
            message = "a Console needs an extra: pip install 'awaitly_trio[cli]'"
            raise ImportError(message, name=exc.name) from exc
        self._text: Any = text.Text
        self._console = terminal.Console(stderr=True) if console is None else console

    def on_start(self, scope: Scope) -> None:
        """Print that a scope began."""
        label = scope.name if scope.kind in {scope.name, "step"} else f"{scope.kind} {scope.name}"
        if scope.attempt is not None:
            label = f"attempt {scope.attempt}"
        self._print(scope, f"▶ {label}", "cyan" if scope.kind == "workflow" else "")

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Print how it ended, how long it took, and why."""
        mark, style = _MARKS[outcome.status]
        spent = (scope.ended or scope.started) - scope.started
        line = f"{mark} {scope.name} {format_duration(round(spent, 6))}"
        self._print(scope, f"{line}{_detail(outcome)}", style)

    def on_event(self, event: Event) -> None:
        """Print a retry, a time-out and the like, inside the scope that it belongs to."""
        scope = current_scope.get()
        if scope is not None:
            self._print(scope, f"{_INDENT}{_LINES[type(event)](event)}", "magenta")

    def _print(self, scope: Scope, line: str, style: str) -> None:
        depth, above = 0, scope.parent
        while above is not None:
            depth, above = depth + 1, above.parent
        # What the stream cannot take would stay in rich's buffer, and stop all that follows.
        told = tellable(f"{_INDENT * depth}{line}", self._console.encoding)
        # As text: brackets in a name or a value are no markup.
        self._console.print(self._text(told, style=style), soft_wrap=True)


def _detail(outcome: Outcome) -> str:
    if outcome.status == "ok":
        told = f" = {brief(outcome.value, _LONGEST)}" if outcome.value is not None else ""
    elif outcome.status == "cancelled":
        told = f" {outcome.why or ''}: {outcome.reason or outcome.source or ''}".rstrip(": ")
    else:
        thing = outcome.cause if outcome.status == "defect" else outcome.error
        told = f" {brief(thing, _LONGEST)}"
    return cut(told, _LONGEST)
