"""Points at which a test makes things go wrong, and which cost nothing in production.

The plan of what happens when is ``_policies.fault_plan``.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import update_wrapper
from typing import TYPE_CHECKING, TypeVar, final

import msgspec
import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.fault_plan import (
    Answer,
    Cancel,
    Delay,
    Fault,
    FaultPlan,
    Faults,
    Hang,
    Raise,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

_here: ContextVar[faults | None] = ContextVar("awaitly_trio.faults", default=None)
# All blocks that inject faults; while there is none, a point is one look at this.
_blocks: set[faults] = set()


@final
class Injection(msgspec.Struct, frozen=True):
    """A fault struck at a point of the program."""

    point: str
    fault: Fault


async def fault(point: str) -> None:
    """Let a test make something go wrong here; otherwise do nothing, and at no cost.

    It is no checkpoint, unless the fault that strikes is one.

    Args:
      point: What tests call this place, such as ``"outbox.sent"``.

    Raises:
      Exception: What the fault says.
      TypeError: The fault is an ``Answer``, which only a ``faulty`` function can give.
    """
    if not _blocks:
        return
    struck = await _strike(point)
    if struck is not None:
        raise TypeError(f"point {point!r} cannot answer {struck.value!r}: use faulty({point!r})")


def faulty(point: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Make a point of the start of an async function, which tests can also let answer.

    Args:
      point: What tests call this place.
    """

    def decorate(fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        async def struck_or_called(*args: P.args, **kwargs: P.kwargs) -> T:
            answer = await _strike(point) if _blocks else None
            if answer is None:
                return await fn(*args, **kwargs)
            value: T = answer.value
            return value

        return update_wrapper(struck_or_called, fn)

    return decorate


@final
class faults:  # noqa: N801  (it is used like a function: ``with faults(...):``)
    """Inject faults within a ``with`` block, and in the tasks that are started there.

    One seed gives the same faults at each point, whatever the other points do.  What
    struck is in ``struck``, in order.  A ``Cancel`` cancels this block, which then
    ends normally with ``cancelled_caught`` set, as a cancel scope does.

    Args:
      plan: The fault of each point; a name may be a pattern such as ``"db.*"``,
        and the first that fits counts.
      seed: Decides everything.
      share: The share of the points that are taken part in at all: with a small one,
        each seed tries other combinations.

    Raises:
      ValueError: ``share`` is not above 0 and at most 1.
    """

    def __init__(self, plan: Faults, *, seed: int, share: float = 1.0) -> None:
        self.plan = FaultPlan(plan, seed, share)
        self.struck: list[Injection] = []
        self.scope = trio.CancelScope()
        self._token: Token[faults | None] | None = None

    @property
    def cancelled_caught(self) -> bool:
        """Whether an injected cancellation ended the block."""
        return self.scope.cancelled_caught

    def __enter__(self) -> faults:
        self.scope.__enter__()
        self._token = _here.set(self)
        _blocks.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        _blocks.discard(self)
        if self._token is not None:
            _here.reset(self._token)
        return bool(self.scope.__exit__(kind, error, traceback))


async def _strike(point: str) -> Answer | None:
    """Do what the plan has for a point; an answer is left to the caller."""
    block = _here.get()
    # A task that outlives the block still has it in its context.
    struck = block.plan.strike(point) if block in _blocks else None
    if block is None or struck is None:
        return None
    block.struck.append(Injection(point, struck))
    if isinstance(struck, Answer):
        return struck
    if isinstance(struck, Raise):
        raise struck.make()
    if isinstance(struck, Delay):
        await trio.sleep(struck.length(block.plan.source(point)))
    elif isinstance(struck, Hang):
        await trio.sleep_forever()
    elif isinstance(struck, Cancel):
        block.scope.cancel(reason=f"a fault at {point!r} cancelled the block that injects it")
        await trio.lowlevel.checkpoint_if_cancelled()
    return None
