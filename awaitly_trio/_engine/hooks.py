"""Hooks of a run: two that may refuse it, one before each step, one after each step.

A hook is sync or async.  Gates (``should_run``, ``before_start``,
``before_step``) take part: what they raise is a defect.  ``after_step`` only
reports: what it raises is logged and told to observers.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._values.events import HookFailed, HookRan

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope

logger = logging.getLogger("awaitly_trio")


async def refused_by(run: Run, scope: Scope) -> str | None:
    """Ask the hooks that decide whether a run starts.

    Returns:
      The name of the hook that returned ``False``, or ``None`` to go on.

    Raises:
      Exception: Whatever a hook raised.
    """
    settings = run.settings
    for name, hook in (
        ("should_run", settings.should_run),
        ("before_start", settings.before_start),
    ):
        if hook is not None and await _call(run, scope, name, hook, scope.run, gate=True) is False:
            return name
    return None


async def gate_step(run: Run, scope: Scope) -> None:
    """Let the ``before_step`` hook see a step that is about to run; it may raise."""
    hook = run.settings.before_step
    if hook is not None:
        await _call(run, scope, "before_step", hook, scope)


async def report_step(run: Run, scope: Scope, outcome: Outcome) -> None:
    """Let the ``after_step`` hook see a step that has ended; what it raises changes nothing."""
    hook = run.settings.after_step
    if hook is None:
        return
    try:
        await _call(run, scope, "after_step", hook, scope, outcome)
    except Exception:  # law 6: reporting never changes an outcome
        logger.exception("hook after_step raised for %r; the step keeps its outcome", scope.path)


async def _call(
    run: Run, scope: Scope, name: str, hook: Callable[..., Any], *args: object, gate: bool = False
) -> object:
    """Call a hook, wait for it if it is async, and tell how it went; a gate may refuse."""
    watch = run.watch
    started = trio.current_time()
    try:
        answer = hook(*args)
        if hasattr(answer, "__await__"):
            answer = await answer
    except Exception as exc:
        if watch is not None:
            watch.emit(HookFailed, scope, hook=name, error=exc)
        raise
    if watch is not None:
        duration, refused = trio.current_time() - started, gate and answer is False
        watch.emit(HookRan, scope, hook=name, duration=duration, refused=refused)
    return answer
