"""The one place that reaches into Trio's private parts: its run loop.

Trio orders runnable tasks with a private ``random.Random``.  Whoever takes
its place decides each schedule, which no public interface allows.  All names
used are listed in ``PARTS``, looked up before each use and proved by a canary,
so that a Trio that changed gives a sentence and not a wrong answer.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio
import trio.lowlevel

from awaitly_trio.testing._errors import SchedulerBusyError, SchedulerUnavailableError

if TYPE_CHECKING:
    import random
    from collections import deque
    from collections.abc import Generator

PARTS = {
    "_ALLOW_DETERMINISTIC_SCHEDULING": "the switch that sorts each batch of runnable tasks",
    "_r": "the random source that shuffles each batch",
    "GLOBAL_RUN_CONTEXT": "the way to the run's queue of runnable tasks",
}

_holder = threading.Lock()


def private_module() -> Any:
    """Return the module of Trio that holds the run loop, or an empty one."""
    core = getattr(trio, "_core", None)
    return getattr(core, "_run", SimpleNamespace())


def missing_parts(module: Any) -> list[str]:
    """Return what a module lacks of the run loop we know, in words; empty when nothing."""
    return [
        f"trio._core._run.{name} is gone ({role})"
        for name, role in PARTS.items()
        if not hasattr(module, name)
    ]


def check_run_loop(module: Any) -> None:
    """Return if the schedule of this Trio can be decided.

    Raises:
      SchedulerUnavailableError: A private part is gone; the error names it.
    """
    missing = missing_parts(module)
    if missing:
        raise SchedulerUnavailableError(trio.__version__, missing)


def run_queue(module: Any) -> deque[trio.lowlevel.Task]:
    """Return the queue of runnable tasks of the run in this thread."""
    queue: deque[trio.lowlevel.Task] = module.GLOBAL_RUN_CONTEXT.runner.runq
    return queue


def is_waiting_for_idle() -> bool:
    """Tell whether a task is in ``wait_all_tasks_blocked``: it goes before any jump in time."""
    runner = getattr(getattr(private_module(), "GLOBAL_RUN_CONTEXT", None), "runner", None)
    return bool(getattr(runner, "waiting_for_idle", ()))


def drop_shields() -> bool:
    """Let a cancellation reach the tasks of this run that shield themselves.

    Returns:
      Whether there was a shield.
    """
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    dropped = False
    while waiting:
        task = waiting.pop()
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)
        status = getattr(task, "_cancel_status", None)
        while status is not None:
            scope = getattr(status, "_scope", None)
            if isinstance(scope, trio.CancelScope) and scope.shield:
                scope.shield = False
                dropped = True
            status = getattr(status, "_parent", None)
    return dropped


@contextmanager
def order_decided_by(source: random.Random) -> Generator[None]:
    """Let ``source.shuffle(batch)`` order the runnable tasks of the runs inside the block.

    Trio then sorts each batch by the age of its tasks before the call, and
    runs it from its end.  The former state is back after the block, however
    it ends.

    Raises:
      SchedulerUnavailableError: This Trio has no such hook.
      SchedulerBusyError: Another block is open, in this or another thread.
    """
    module = private_module()
    check_run_loop(module)
    if not _holder.acquire(blocking=False):
        raise SchedulerBusyError
    former = module._ALLOW_DETERMINISTIC_SCHEDULING, module._r  # noqa: SLF001
    try:
        module._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001
        module._r = source  # noqa: SLF001
        yield
    finally:
        module._ALLOW_DETERMINISTIC_SCHEDULING, module._r = former  # noqa: SLF001
        _holder.release()
