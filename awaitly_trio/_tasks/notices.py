"""Notices: what a breaker, a limiter or a hedge tells those who watch its caller.

They belong to no run, so they know no observers.  Whoever watches is found in the
context of the task in which the thing happens, and nothing is built where nobody does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import msgspec
import trio
from typing_extensions import ParamSpec

from awaitly_trio._values.outcomes import Status

if TYPE_CHECKING:
    from contextvars import Token

P = ParamSpec("P")
Listener: TypeAlias = Callable[[Any], object]

_logger = logging.getLogger("awaitly_trio")
_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("awaitly_trio.listeners", default=())

who_listens = _listeners.get
"""Return who is told of what happens in this task: to ask costs less than to tell nobody."""


@final
class Waited(msgspec.Struct, frozen=True):
    """Somebody stood in the line of a limiter, for so many seconds.

    One who was not admitted was sent away, or cancelled while waiting.
    """

    name: str
    seconds: float
    admitted: bool


@final
class Refused(msgspec.Struct, frozen=True):
    """A breaker or a limiter of that name sent a call away."""

    name: str
    by: Literal["breaker", "limiter"]


@final
class HedgeStarted(msgspec.Struct, frozen=True):
    """An attempt of a hedged call begins; it is told in the task of that attempt.

    ``call`` is the same object for all attempts of one call, and lives as long as the
    call; the attempt that is hedged has the number 1.
    """

    call: object
    number: int


@final
class HedgeEnded(msgspec.Struct, frozen=True):
    """An attempt of a hedged call has ended; one that lost was cancelled.

    ``error`` is that of an ``Err``, or an exception.
    """

    call: object
    number: int
    status: Status
    error: object = None


def listen(listeners: tuple[Listener, ...]) -> Token[tuple[Listener, ...]] | None:
    """Let these, and no others, be told from here on in this task and those it starts.

    Returns:
      What ``unlisten`` takes; ``None`` if it is they who are told already.
    """
    return None if listeners == who_listens() else _listeners.set(listeners)


def unlisten(token: Token[tuple[Listener, ...]] | None) -> None:
    """Let those be told again who were before."""
    if token is not None:
        _listeners.reset(token)


def is_told(listener: Listener) -> bool:
    """Tell whether one is told of what happens in this task."""
    return listener in who_listens()


def tell(notice: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Build a notice and hand it on; nothing is built when nobody listens.

    What a listener raises is logged, and felt by nobody.
    """
    listeners = who_listens()
    if not listeners:
        return
    built = notice(*args, **kwargs)
    for listener in listeners:
        try:
            listener(built)
        except Exception:
            _logger.exception("listener %r raised on %r", listener, built)


def wait_began() -> float | None:
    """Return the time at which somebody joins a line, ``None`` when nobody listens."""
    return trio.current_time() if who_listens() else None


def wait_ended(name: str, began: float | None, *, admitted: bool) -> None:
    """Tell how long somebody stood in the line of a limiter."""
    if began is not None:
        tell(Waited, name, trio.current_time() - began, admitted)
