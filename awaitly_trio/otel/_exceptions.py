"""How an exception is told: it, those in it and those behind it, each as far as it may be.

Planned errors that are noted on them are told as anywhere else.
"""

from __future__ import annotations

from contextlib import suppress
from traceback import TracebackException
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import trio

from awaitly_trio._values.exits import BaseExceptionGroup, Exit
from awaitly_trio._values.kinds import type_name
from awaitly_trio._values.notes import FailureNote
from awaitly_trio._values.plain import tellable
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._disclosure import as_it_is

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span

    from awaitly_trio.otel._disclosure import Disclosure

_LINKS = ("__cause__", "__context__", "__suppress_context__", "exceptions")


class Told(NamedTuple):
    """What may be told of an exception, and what stands for those in it and behind it.

    ``instead`` has stand-ins by the id of what they stand for, and nothing of what may be
    told as it is.
    """

    outermost: BaseException | str | None
    instead: Mapping[int, BaseException]

    @property
    def whole(self) -> BaseException | None:
        """The exception, if it may be told with all that is in it and behind it."""
        return None if self.instead or isinstance(self.outermost, str) else self.outermost


def ask(cause: BaseException, disclosure: Disclosure) -> Told:
    """Ask what may be told of an exception, and of each that is in it or behind it.

    Exits are not asked about: they show the type of their error, and no more.
    """
    outermost = disclosure.exception(cause)
    instead: dict[int, BaseException] = {}
    if disclosure.redact is not as_it_is and isinstance(outermost, BaseException):
        for one in _tree(outermost):
            if one is not outermost and not isinstance(one, Exit):
                told = _told_inside(one, disclosure)
                if told is not one:
                    instead[id(one)] = _stand_in(one, told)
    return Told(outermost, instead)


def record(span: Span, cause: BaseException, disclosure: Disclosure, timestamp: int) -> None:
    """Record an exception on a span, as far as it may be told."""
    told = ask(cause, disclosure)
    fields = of_exception(cause, told, disclosure)
    if told.whole is not None:
        # The SDK asks it for its ``str`` once more, which may raise.
        with suppress(Exception):
            span.record_exception(told.whole, fields, timestamp)
            return
    span.add_event(names.EXCEPTION, fields, timestamp)


def of_exception(cause: BaseException, told: Told, disclosure: Disclosure) -> dict[str, str]:
    """Return the attributes of an exception of which this may be told."""
    outermost = told.outermost
    if isinstance(outermost, BaseException):
        return {
            names.EXCEPTION_TYPE: disclosure.error_type(outermost),
            names.EXCEPTION_MESSAGE: _message_of(outermost),
            names.EXCEPTION_STACKTRACE: _traceback_of(outermost, told.instead, disclosure),
        }
    found = {names.EXCEPTION_TYPE: disclosure.error_type(cause)}
    return found if outermost is None else {**found, names.EXCEPTION_MESSAGE: outermost}


def may_be_formatted(told: Told) -> bool:
    """Tell whether a formatter of the program may make the text of an exception.

    It would show what may not be told and planned errors that are noted, and fail at what
    no encoding has.
    """
    return told.whole is not None and all(
        not any(isinstance(each, FailureNote) for each in _notes(one)) and _can_be_encoded(one)
        for one in _tree(told.whole)
    )


def _told_inside(one: BaseException, disclosure: Disclosure) -> BaseException | str | None:
    told = disclosure.exception(one)
    if told is not one or not isinstance(one, trio.Cancelled) or one.reason is None:
        return told
    # Trio shows in the reason the exception that the nursery was cancelled for.
    reason = disclosure.reason(one.reason)
    return one if reason == one.reason else reason


def _stand_in(one: BaseException, told: BaseException | str | None) -> BaseException:
    """Return an exception that shows what is told in place of another, and where that was raised.

    Its class has only the name of the other: some have a ``str`` of their own, and a
    ``SyntaxError`` shows the line that it is about.
    """
    kind, said = type(one), told or ""
    if isinstance(told, BaseException):
        kind, said = type(told), _message_of(told)
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    made: type[Exception] = type("StandIn", (Exception,), named)
    return made(said).with_traceback(one.__traceback__)


def _message_of(exception: BaseException) -> str:
    """Return what an exception says, or that it fails to say it."""
    try:
        return tellable(str(exception))
    except Exception as exc:
        return f"<{type_name(type(exception))} whose str raises {type_name(type(exc))}>"


def _can_be_encoded(exception: BaseException) -> bool:
    try:
        said = str(exception)
    except Exception:
        return False
    return tellable(said) == said


def _traceback_of(
    exception: BaseException, instead: Mapping[int, BaseException], disclosure: Disclosure
) -> str:
    """Return the traceback of an exception, with stand-ins in their places.

    It tells of planned errors what may be told; other notes are the exception's own, and
    stay as they are, unless something stands in its place.
    """
    whole = TracebackException.from_exception(exception)
    for shown, one in _records(whole, exception):
        if id(one) in instead:
            _put(shown, instead[id(one)])
        notes = _notes(shown)
        if notes:
            shown.__notes__ = [
                disclosure.failure(note) if isinstance(note, FailureNote) else note
                for note in notes
            ]
    return tellable("".join(whole.format()))


def _put(shown: TracebackException, stand_in: BaseException) -> None:
    """Put what a traceback would show of a stand-in where it shows another exception."""
    kept = {name: found for name, found in vars(shown).items() if name in _LINKS}
    shown.__dict__ = {**vars(TracebackException.from_exception(stand_in)), **kept}


def _records(top: TracebackException, exception: BaseException) -> Iterator[tuple[Any, Any]]:
    """Yield each exception that a traceback shows, behind what the traceback has of it."""
    waiting: list[tuple[Any, Any]] = [(top, exception)]
    while waiting:
        shown, one = waiting.pop()
        yield shown, one
        behind = (shown.__cause__, one.__cause__), (shown.__context__, one.__context__)
        # Of one that it shows elsewhere, it has nothing here.
        waiting += [each for each in behind if each[0] is not None]
        # Python 3.10 knows no groups, unless it was taught.
        inner = getattr(shown, "exceptions", None)
        waiting += zip(inner, one.exceptions, strict=True) if inner else ()


def _tree(top: BaseException) -> Iterator[BaseException]:
    """Yield an exception with all that are in it and behind it, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [top]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__]
        if isinstance(found, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", found).exceptions


def _notes(found: Any) -> list[object]:
    notes: object = getattr(found, "__notes__", None)
    return cast("list[object]", notes) if isinstance(notes, list) else []
