"""The tasks of a run as a text: who started whom, and on which line each waits."""

from __future__ import annotations

import linecache
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import outcome
import trio
import trio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from trio.lowlevel import Task

# Frames of these are how a wait is done, not where the program decided to wait.
_LIBRARIES = tuple(
    f"{path}/"
    for path in (
        Path(trio.__file__).parent.as_posix(),
        Path(outcome.__file__).parent.as_posix(),
        Path(__file__).parent.parent.as_posix(),
    )
)
_HARNESS = __name__.rpartition(".")[0]


@cache
def is_library(filename: str) -> bool:
    """Tell whether a source file belongs to Trio, to ``outcome`` or to this package."""
    return filename.replace("\\", "/").startswith(_LIBRARIES)


Place: TypeAlias = tuple[str, int, str]
"""A file, a line and a function."""


def line_of(filename: str, number: int, function: str) -> str:
    """Return a place in a program as ``file:line in function: source``."""
    source = linecache.getline(filename, number).strip()
    return f"{Path(filename).name}:{number} in {function}" + (f": {source}" if source else "")


def place_of(task: Task) -> Place | None:
    """Return the innermost place of the program's own code that a task has reached."""
    place: Place | None = None
    for frame, number in _frames(task):
        if not is_library(frame.f_code.co_filename):
            place = frame.f_code.co_filename, number, frame.f_code.co_name
    return place


def tree_of_tasks() -> str:
    """Return every task of the current run with the lines it waits on.

    Tasks of Trio itself are left out.  Call it inside ``trio.run``.
    """
    root = trio.lowlevel.current_root_task()
    if root is None:
        return "(no task)"
    # Trio's first task holds one nursery in another; the main task is in the innermost.
    tops = [
        task
        for nursery in root.child_nurseries[-1:]
        for task in nursery.child_tasks
        if task is not root
    ]
    return "\n".join(line for task in _by_age(tops) for line in _lines(task, ""))


def _lines(task: Task, indent: str) -> Iterator[str]:
    frames = _frames(task)
    shown = [pair for pair in frames if not is_library(pair[0].f_code.co_filename)]
    name = task.name
    if name.startswith(_HARNESS):
        if not shown:
            for nursery in task.child_nurseries:
                for child in _by_age(nursery.child_tasks):
                    yield from _lines(child, indent)
            return
        name = shown[0][0].f_code.co_name
    yield f"{indent}{name}"
    for frame, number in shown:
        code = frame.f_code
        yield f"{indent}  {line_of(code.co_filename, number, code.co_name)}"
    for frame, _ in frames:
        held = _lock_held(frame)
        if held:
            yield f"{indent}  {held}"
    for nursery in task.child_nurseries:
        for child in _by_age(nursery.child_tasks):
            yield from _lines(child, f"{indent}    ")


def _frames(task: Task) -> list[tuple[FrameType, int]]:
    # Trio before 0.32 fails on a task that has ended.
    return [] if task.coro.cr_frame is None else list(task.iter_await_frames())


def _lock_held(frame: FrameType) -> str | None:
    """Return who holds the lock that a frame of Trio waits for."""
    if frame.f_code.co_name != "acquire":
        return None
    lock = frame.f_locals.get("self")
    if not isinstance(lock, trio.Lock):
        return None
    owner = lock.statistics().owner
    return None if owner is None else f"(the lock is held by {owner.name})"


def _by_age(tasks: Iterator[Task] | frozenset[Task] | list[Task]) -> list[Task]:
    # Trio keeps children in sets and their age in a private counter; without it
    # the names give an order that is at least the same in each run.
    return sorted(tasks, key=lambda task: (getattr(task, "_counter", 0), task.name))
