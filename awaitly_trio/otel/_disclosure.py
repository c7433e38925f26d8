"""What telemetry may tell of a program's own data: its types, and no more unless asked.

Whatever traces, metrics and logs tell of a value, an error, a reason or an exception is
decided here.  Nothing else asks for the ``repr`` or the ``str`` of one, but ``_exceptions``
for the text of an exception that may be told.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, final

from awaitly_trio._values.brief import brief, cut
from awaitly_trio._values.kinds import error_type, is_code, type_name
from awaitly_trio._values.notes import FailureNote
from awaitly_trio._values.plain import tellable

if TYPE_CHECKING:
    from awaitly_trio._values.scopes import Scope

logger = logging.getLogger("awaitly_trio")

Redact: TypeAlias = Callable[[str, Any], Any]
"""Given what it is and the thing itself, returns what may be told in its place.

It is one of ``"arguments"``, ``"result"``, ``"error"``, ``"exception"``, ``"note"``,
``"reason"`` and ``"choice"``.
"""

LONGEST = 1000
"""How many characters of a thing are told."""

_UNTOLD: Any = object()
# As Trio writes it in the reason of a cancellation.
_RAISED = "raised exception "
_REPR = re.compile(r"\b([A-Za-z_][\w.]*)\(")


def as_it_is(what: str, value: Any) -> Any:  # noqa: ARG001
    """Tell everything."""
    return value


@final
class Disclosure:
    """Whether values are told, and what stands in their place.

    ``values`` allows the ``repr`` of arguments, results and errors, of which no more than a
    thousand characters are made; otherwise their types are told.  ``redact`` has the last
    word on whatever comes from the program's data: also on the exceptions of defects, each
    of those that a traceback would show, which are told with their messages otherwise, and
    on errors and choices that are told because they are codes.  What it raises is logged the
    first time, and the thing stays untold.  Names, keys, tags and descriptions are there to
    be told.
    """

    __slots__ = ("_has_failed", "redact", "values")

    def __init__(self, *, values: bool = False, redact: Redact = as_it_is) -> None:
        self.values = values
        self.redact = redact
        self._has_failed = False

    def text(self, what: str, value: Any) -> str | None:
        """Return what may be told of a thing, as text."""
        told = self._told(what, value)
        return None if told is _UNTOLD else _text(told)

    def arguments(self, scope: Scope) -> str | None:
        """Return what may be told of the arguments of a step."""
        named = scope.keywords or {}
        return self.text("arguments", (*scope.arguments, named) if named else scope.arguments)

    def error_type(self, error: object) -> str:
        """Return the type of an error; of one that is a code, the code if it may be told."""
        found = error_type(error)
        # Any other type is no data of the program: the hook need not be asked.
        if self.redact is as_it_is or not issubclass(type(error), str):
            return found
        told = self._told("error", error)
        return error_type(told) if _is_code(told) else type_name(type(error))

    def choice(self, chosen: str) -> str | None:
        """Return which way was chosen, if that is a code or values may be told."""
        return self.text("choice", chosen) if self.values or is_code(chosen) else None

    def reason(self, reason: str) -> str | None:
        """Return why Trio says that something was cancelled.

        Of an exception that it shows, the type is told.
        """
        return self.text("reason", reason if self.values else _without_reprs(reason))

    def notes(self, notes: Iterable[str]) -> tuple[str, ...]:
        """Return what may be told of errors that did not win, and of other notes."""
        told = map(self._note, notes)
        return tuple(each for each in told if each is not None)

    def failure(self, note: FailureNote) -> str:
        """Return what may be told of an error that did not win: at least its type."""
        told = self.text("error", note.error) if self.values else None
        return f"{note.said}: {self.error_type(note.error) if told is None else told}"

    def exception(self, cause: BaseException) -> BaseException | str | None:
        """Return what may be told of the exception of a defect, besides its type."""
        told = self._told("exception", cause)
        if told is _UNTOLD:
            return None
        return told if isinstance(told, BaseException) else _text(told)

    def _note(self, note: str) -> str | None:
        if isinstance(note, FailureNote):
            return self.failure(note)
        return self.text("note", note) if self.values else None

    def _told(self, what: str, value: Any) -> Any:
        try:
            return self.redact(what, value)
        except Exception as exc:
            failure = exc
        if not self._has_failed:
            self._has_failed = True
            _forget(sys.exc_info()[1], failure)
            logger.error(
                "redact %r raised; nothing is told in place of %s, nor of what it refuses next",
                self.redact,
                what,
                exc_info=failure,
            )
        # Its traceback has this frame, which would keep it alive.
        del failure
        return _UNTOLD


def _forget(handled: BaseException | None, failure: BaseException) -> None:
    """Take what is being handled from behind what was raised meanwhile.

    It is the defect of which ``redact`` would not tell, and a log would show it.
    """
    last, seen = failure, {id(failure), id(handled)}
    while last.__context__ is not None and id(last.__context__) not in seen:
        last = last.__context__
        seen.add(id(last))
    last.__context__ = None


def _is_code(told: object) -> bool:
    return isinstance(told, str) and is_code(told)


def _text(told: object) -> str:
    if isinstance(told, str):
        return cut(tellable(told[: LONGEST + 1]), LONGEST)
    return brief(told, LONGEST)


def _without_reprs(reason: str) -> str:
    """Return a reason up to what may be the ``repr`` of an exception, of which the type is told."""
    before, said, shown = reason.partition(_RAISED)
    if said:
        found = _REPR.match(shown)
        return f"{before}{said}{found[1] if found else ''}".rstrip()
    found = _REPR.search(reason)
    return reason if found is None else f"{reason[: found.end(1)]}"
