"""The policy of a step: what it makes of a dependency is made once, and given up again."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dependencies import give

from awaitly_trio import Ok, Step, run

if TYPE_CHECKING:
    from collections.abc import Callable


class Wrapping:
    """A policy that adds nothing, and keeps what it was put around."""

    def __init__(self) -> None:
        self.wrapped: list[Any] = []

    def wrap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same."""
        self.wrapped.append(weakref.ref(fn))
        return partial(fn)


@dataclass
class Shop:
    """Answers calls, and methods, with its name; equal to all of its name."""

    name: str

    async def __call__(self) -> Any:
        """Be a dependency."""
        return await self.sells()

    async def sells(self) -> Any:
        """Be one as a method."""
        return Ok(id(self))


async def test_a_dependency_is_protected_once() -> None:
    """A step that is configured once pays for its policy once."""
    policy: Any = Wrapping()

    async def body(step: Step[Any]) -> Any:
        guarded = step.options(policy=policy)
        return [await guarded(give, number) for number in range(3)]

    assert await run(body) == Ok([0, 1, 2])
    assert len(policy.wrapped) == 1


async def test_a_method_is_protected_once() -> None:
    """Although every look at it makes another object."""
    policy: Any = Wrapping()
    shop = Shop("corner")

    async def body(step: Step[Any]) -> Any:
        guarded = step.options(policy=policy)
        return [await guarded(shop.sells) for _ in range(3)]

    assert await run(body) == Ok([id(shop)] * 3)
    assert len(policy.wrapped) == 1


async def test_equal_dependencies_are_told_apart() -> None:
    """Each call reaches the very object that it names."""
    policy: Any = Wrapping()
    one, other = Shop("corner"), Shop("corner")

    async def body(step: Step[Any]) -> Any:
        guarded = step.options(policy=policy)
        calls = (one, other, one.sells, other.sells)
        return [await guarded(call) for call in calls]

    assert await run(body) == Ok([id(one), id(other)] * 2)


async def test_another_policy_protects_anew() -> None:
    """Options that are added to a step do not keep what the former policy made."""
    first: Any = Wrapping()
    second: Any = Wrapping()

    async def body(step: Step[Any]) -> Any:
        guarded = step.options(policy=first)
        await guarded(give, 1)
        return await guarded.options(policy=second)(give, 2)

    assert await run(body) == Ok(2)
    assert (len(first.wrapped), len(second.wrapped)) == (1, 1)


async def test_dependencies_made_for_one_call_are_given_up() -> None:
    """A long loop over new functions does not fill the memory."""
    policy: Any = Wrapping()

    async def body(step: Step[Any]) -> Any:
        guarded = step.options(policy=policy)
        for number in range(10):
            await guarded(partial(give, number))
        gc.collect()
        return sum(made() is not None for made in policy.wrapped)

    assert await run(body) == Ok(1)
