"""Time limits whose expiry is a value.

That time ran out is read off the scope of this module, never off a ``Cancelled``.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, final

import msgspec
import trio
from msgspec.structs import force_setattr
from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._policies.layers import Layer
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.duration import Duration, format_duration, seconds
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

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
    record = TimedOut(name or name_of(fn), seconds(allowance, "allowance"), total)
    return update_wrapper(limited(fn, record), fn)


def limited(
    fn: Callable[P, Awaitable[Any]], record: TimedOut
) -> Callable[P, Coroutine[Any, Any, Any]]:
    """Return the bare function of ``timeout``, with the error that it is to fail with."""
    allowance, expired = record.seconds, Err(record)

    async def cut_off(*args: P.args, **kwargs: P.kwargs) -> Any:
        with trio.move_on_after(allowance):
            return await fn(*args, **kwargs)
        return expired

    return cut_off


@final
class Timeout(msgspec.Struct, frozen=True):
    """A time limit as a layer of a policy.

    Args:
      allowance: How long the call, or what is written further in, may take.
      total: Whether it is for all attempts together: written outside the retry, and kept
        apart from the limit of one attempt when policies merge.

    Raises:
      ValueError: The allowance is negative or NaN.
    """

    allowance: Duration
    total: bool = False

    def __post_init__(self) -> None:
        force_setattr(self, "allowance", seconds(self.allowance, "allowance"))

    @property
    def layer(self) -> Layer[TimedOut]:
        """What a time limit is as a layer of a policy."""
        kind = "total timeout" if self.total else "timeout"
        return Layer(kind, f"{kind}: {format_duration(seconds(self.allowance))}", (TimedOut,))

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Coroutine[Any, Any, Ok[T] | Err[E | TimedOut]]]:
        """Return the function with this limit."""
        return timeout(fn, self.allowance, total=self.total)

    def record(self, name: str) -> TimedOut:
        """Return what a call of that name fails with when the limit expires."""
        return TimedOut(name, seconds(self.allowance), self.total)
