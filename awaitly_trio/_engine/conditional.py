"""Conditions and decisions of a body, told to observers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.events import Decided, StepSkipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.result import Result

D = TypeVar("D")


async def skipped(run: Run, options: StepOptions, fn: Callable[..., Any], default: D) -> D:
    """Tell that a step does not run, and return what stands for its value."""
    run.check_open()
    tell_skipped(run, options.name or name_of(fn), options.description)
    await run.answer_at_once()
    return default


def tell_skipped(run: Run, name: str, reason: str | None) -> None:
    """Tell observers that a step was left out; its description is the reason."""
    scope = current_scope.get() or run.scope
    if run.watch is not None and scope is not None:
        run.watch.emit(StepSkipped, scope, name=name, reason=reason)


def choose(
    name: str, chosen: Any, arms: Mapping[Any, Any], default: Any
) -> tuple[Callable[..., Any], str]:
    """Return the way to take and what to call it.

    Raises:
      ValueError: There is no such way and no default.
    """
    if chosen in arms:
        return arms[chosen], str(chosen)
    if default is None:
        listed = ", ".join(repr(key) for key in arms)
        msg = f"branch {name!r} has no arm {chosen!r}: it has {listed}; add it or give default="
        raise ValueError(msg)
    return default, "default"


async def decide(
    run: Run, name: str, label: str, options: list[str], arm: Callable[..., Any]
) -> Result[Any, Any]:
    """Tell what was decided and take that way."""
    scope = current_scope.get()
    if run.watch is not None and scope is not None:
        run.watch.emit(Decided, scope, name=name, chosen=label, options=tuple(options))
    return await perform(Call(run, arm))
