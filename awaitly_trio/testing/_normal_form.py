"""The form of a run in which two runs of one behaviour are equal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from awaitly_trio._values.events import Event, event_to_wire
from awaitly_trio.testing._recording import difference
from awaitly_trio.testing._timeline import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

UPDATE = "AWAITLY_UPDATE_SNAPSHOTS"
"""The environment variable that makes ``check_snapshot`` write what it finds."""


def normal_form(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events as plain data without what differs from run to run.

    Times are seconds since the first event, to a nanosecond; run ids are
    ``run1``, ``run2`` in order; tracebacks are left out.
    """
    runs: dict[str, str] = {}
    normal: list[dict[str, Any]] = []
    for event in events:
        form = event_to_wire(event)
        form["time"] = round(event.time - events[0].time, 9)
        form["run_id"] = runs.setdefault(event.run_id, f"run{len(runs) + 1}")
        normal.append(_without_tracebacks(form))
    return normal


def _without_tracebacks(form: Any) -> Any:
    if isinstance(form, dict):
        fields = cast("dict[str, Any]", form)
        return {
            key: _without_tracebacks(value) for key, value in fields.items() if key != "traceback"
        }
    if isinstance(form, list):
        return [_without_tracebacks(value) for value in cast("list[Any]", form)]
    return form


def snapshot(events: Sequence[Event]) -> str:
    """Return the normal form of events as JSON text."""
    return json.dumps(normal_form(events), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check_snapshot(
    events: Sequence[Event], path: str | os.PathLike[str], *, update: bool | None = None
) -> None:
    """Compare a run with the snapshot in a file.

    Args:
      events: Those of the run.
      path: The file; ``.json`` suits it.
      update: Write the file instead; if not given, the environment variable
        ``AWAITLY_UPDATE_SNAPSHOTS`` decides.

    Raises:
      AssertionError: They differ, or there is no such file.
    """
    file, found = Path(path), snapshot(events)
    if update if update is not None else bool(os.environ.get(UPDATE)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8")
        return
    hint = f"set {UPDATE}=1 to write what ran into it"
    if not file.exists():
        raise AssertionError(f"there is no snapshot {file.name}: {hint}")
    kept = file.read_text(encoding="utf-8")
    if kept != found:
        changes = [
            line
            for line in difference(kept.splitlines(), found.splitlines()).splitlines()
            if line.lstrip()[:1] in {"-", "+"}
        ]
        raise AssertionError("\n".join([f"the run differs from {file.name} ({hint}):", *changes]))


class Divergence(msgspec.Struct, frozen=True):
    """Where two runs part: the number of equal events before, and the events there.

    An event is ``None`` where a run was over.
    """

    after: int
    first: Event | None
    second: Event | None

    def __str__(self) -> str:
        return (
            f"the runs are alike for {self.after} events, then differ:\n"
            f"  - {_place(self.first)}\n  + {_place(self.second)}"
        )


def _place(event: Event | None) -> str:
    return "the run was over" if event is None else f"{event.path}  {shown(event).strip()}"


def compare(first: Sequence[Event], second: Sequence[Event]) -> Divergence | None:
    """Return where two runs first differ, times and ids aside; ``None`` for alike runs."""
    one, two = normal_form(first), normal_form(second)
    for at, (left, right) in enumerate(zip(one, two)):  # noqa: B905  # a tail is looked at below
        if left != right:
            return Divergence(at, first[at], second[at])
    if len(one) == len(two):
        return None
    at = min(len(one), len(two))
    return Divergence(
        at, first[at] if at < len(one) else None, second[at] if at < len(two) else None
    )
