"""Time limits whose expiry is a value.

That time ran out is read off the scope of this module, never off a ``Cancelled``.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import trio
from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._values.duration import seconds
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from awaitly_trio._values.duration import Duration

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


def timeout(
    fn: Callable[P, Awaitable[Ok[T] | Err[E]]],
    allowance: Duration,
    *,
    name: str | None = None,
    total: bool = False,
) -> Callable[P, Coroutine[Any, Any, Ok[T] | Err[E | TimedOut]]]:
    """Return the function with a time limit: when it expires, the call fails with ``TimedOut``.

    The call is cancelled and awaited first.  If it then returns or raises something of its own,
    that counts.  A deadline from outside leaves as the cancellation that it is.

    Args:
      fn: An async function that returns a result.
      allowance: How long a call may take.
      name: What the error calls it; the function's name unless given.
      total: Whether the error says that the limit was for all attempts together.

    Raises:
      ValueError: The allowance is negative or NaN.
    """
    limit = seconds(allowance, "allowance")
    expired = Err(TimedOut(name or name_of(fn), limit, total))

    @wraps(fn)
    async def limited(*args: P.args, **kwargs: P.kwargs) -> Ok[T] | Err[E | TimedOut]:
        with trio.move_on_after(limit):
            return await fn(*args, **kwargs)
        return expired

    return limited


def name_of(fn: object) -> str:
    """Return a function's name, also through ``functools.partial`` and for callable objects."""
    wrapped = getattr(fn, "func", fn)
    name = getattr(wrapped, "__name__", None)
    return name if isinstance(name, str) else type(wrapped).__name__
