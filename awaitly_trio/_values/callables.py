"""What is known of a function before it is called: its name, and whether it is async."""

from __future__ import annotations

import inspect
from functools import partial
from types import FunctionType
from typing import Any, cast


def behind_partials(fn: Any) -> Any:
    """Return the function that a ``functools.partial`` calls, of any depth."""
    while isinstance(fn, partial):
        fn = cast("partial[Any]", fn).func
    return fn


def name_of(fn: Any) -> str:
    """Return what a function is called: its name, that of its partial's function, or its type's."""
    if type(fn) is FunctionType:
        return fn.__name__
    while isinstance(fn, partial):
        # One that ``update_wrapper`` made the likeness of a function has that one's name.
        fn = vars(fn).get("__wrapped__") or cast("partial[Any]", fn).func
    name = getattr(fn, "name", None) or getattr(fn, "__name__", None)
    return name if isinstance(name, str) else type(fn).__name__


def is_async(fn: object) -> bool:
    """Tell whether calling it gives a coroutine: an async function, method or callable object."""
    inner: object = behind_partials(fn)
    # Asked of the class, because there a call looks it up.
    called = getattr(type(inner), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(called)


def check_sync(fn: object, name: str) -> None:
    """Refuse what cannot be called, and async functions, whose answer nobody would await.

    Raises:
      TypeError: See above.
    """
    if not callable(fn):
        raise TypeError(f"{name} is {fn!r}: write a function")
    if is_async(fn):
        raise TypeError(f"{name} is the async function {fn!r}: write a plain function")
