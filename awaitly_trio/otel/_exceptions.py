"""How an exception is told: without the values of planned errors that are noted on it."""

from __future__ import annotations

from contextlib import suppress
from traceback import TracebackException
from typing import TYPE_CHECKING, Any, cast

from awaitly_trio._values.kinds import type_name
from awaitly_trio._values.notes import FailureNote
from awaitly_trio._values.plain import tellable
from awaitly_trio.otel import _names as names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Span

    from awaitly_trio.otel._disclosure import Disclosure


def record(span: Span, cause: BaseException, disclosure: Disclosure, timestamp: int) -> None:
    """Record an exception on a span, as far as it may be told."""
    told = disclosure.exception(cause)
    fields = of_exception(cause, told, disclosure)
    if isinstance(told, BaseException):
        # The SDK asks it for its ``str`` once more, which may raise.
        with suppress(Exception):
            span.record_exception(told, fields, timestamp)
            return
    span.add_event(names.EXCEPTION, fields, timestamp)


def of_exception(
    cause: BaseException, told: BaseException | str | None, disclosure: Disclosure
) -> dict[str, str]:
    """Return the attributes of an exception of which this may be told."""
    if isinstance(told, BaseException):
        return {
            names.EXCEPTION_TYPE: disclosure.error_type(told),
            names.EXCEPTION_MESSAGE: message_of(told),
            names.EXCEPTION_STACKTRACE: traceback_of(told, disclosure.failure),
        }
    found = {names.EXCEPTION_TYPE: disclosure.error_type(cause)}
    return found if told is None else {**found, names.EXCEPTION_MESSAGE: told}


def message_of(exception: BaseException) -> str:
    """Return what an exception says, or that it fails to say it."""
    try:
        return tellable(str(exception))
    except Exception as exc:
        return f"<{type_name(type(exception))} whose str raises {type_name(type(exc))}>"


def may_be_formatted(exception: BaseException) -> bool:
    """Tell whether a formatter of the program may make the text of an exception.

    It would show planned errors that are noted on it, and fail at what no encoding has.
    """
    return all(
        not any(isinstance(each, FailureNote) for each in _notes(one)) and _can_be_encoded(one)
        for one in _tree(exception)
    )


def _can_be_encoded(exception: BaseException) -> bool:
    try:
        said = str(exception)
    except Exception:
        return False
    return tellable(said) == said


def traceback_of(exception: BaseException, tell: Callable[[FailureNote], str]) -> str:
    """Return the traceback of an exception, in which ``tell`` tells of planned errors.

    Other notes are the exception's own, and stay as they are.
    """
    whole = TracebackException.from_exception(exception)
    for each in _tree(whole):
        notes = _notes(each)
        if notes:
            each.__notes__ = [
                tell(note) if isinstance(note, FailureNote) else note for note in notes
            ]
    return tellable("".join(whole.format()))


def _tree(top: Any) -> Iterator[Any]:
    """Yield an exception, or a record of one, with all that are in it and behind it, each once."""
    seen: set[int] = set()
    waiting = [top]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__]
        inner = getattr(found, "exceptions", None)
        waiting += inner if isinstance(inner, (list, tuple)) else ()


def _notes(found: Any) -> list[object]:
    notes: object = getattr(found, "__notes__", None)
    return cast("list[object]", notes) if isinstance(notes, list) else []
