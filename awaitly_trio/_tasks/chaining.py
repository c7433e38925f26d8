"""Continuing from a result with a function that waits.

The functions that need no waiting are methods of ``Ok`` and ``Err``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from awaitly_trio._values.result import Err, Ok, checked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._values.result import Result

T = TypeVar("T")
E = TypeVar("E")
U = TypeVar("U")
F = TypeVar("F")


async def and_then_async(
    result: Result[T, E], fn: Callable[[T], Awaitable[Result[U, F]]]
) -> Result[U, E | F]:
    """Return the result that ``fn`` makes of the value, or the same ``Err``.

    It adds no checkpoint to ``fn``; where ``fn`` is not called it is one.

    Raises:
      TypeError: What ``fn`` returned is no Result.
    """
    if isinstance(result, Ok):
        return checked(await fn(result.value), "and_then_async")
    await trio.lowlevel.checkpoint()
    return result


async def or_else_async(
    result: Result[T, E], fn: Callable[[E], Awaitable[Result[U, F]]]
) -> Result[T | U, F]:
    """Return the same ``Ok``, or the result that ``fn`` makes of the error.

    It adds no checkpoint to ``fn``; where ``fn`` is not called it is one.

    Raises:
      TypeError: What ``fn`` returned is no Result.
    """
    if isinstance(result, Err):
        return checked(await fn(result.error), "or_else_async")
    await trio.lowlevel.checkpoint()
    return result


async def recover_async(result: Result[T, E], fn: Callable[[E], Awaitable[U]]) -> Ok[T | U]:
    """Return the same ``Ok``, or ``Ok`` of what ``fn`` makes of the error.

    It adds no checkpoint to ``fn``; where ``fn`` is not called it is one.
    """
    if isinstance(result, Err):
        return Ok(await fn(result.error))
    await trio.lowlevel.checkpoint()
    return result
