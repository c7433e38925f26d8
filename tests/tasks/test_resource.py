"""Things that are released in reverse order, without a workflow around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from awaitly_trio._tasks.resource import ResourceScope
from awaitly_trio._values.errors import ReleaseError, RunClosedError
from awaitly_trio._values.exits import BaseExceptionGroup, leaves

if TYPE_CHECKING:
    from typing import Any


async def test_what_is_held_is_released_newest_first() -> None:
    """By sync and async functions alike."""
    released: list[str] = []

    async def later(name: str) -> None:
        await trio.lowlevel.checkpoint()
        released.append(name)

    async with ResourceScope() as scope:
        assert scope.hold("a", released.append) == "a"
        scope.hold("b", later)
        scope.hold("c", released.append)
        assert len(scope) == 3

    assert released == ["c", "b", "a"]
    assert len(scope) == 0


async def test_one_thing_may_be_held_twice() -> None:
    """Then it is released twice: each time it was acquired."""
    released: list[str] = []

    async with ResourceScope() as scope:
        scope.hold("a", released.append)
        scope.hold("a", released.append)

    assert released == ["a", "a"]


async def test_nothing_is_held_outside_the_block() -> None:
    """Nobody would release it."""
    scope = ResourceScope()
    released: list[str] = []

    with pytest.raises(RunClosedError, match="'append' has not begun"):
        scope.hold("a", released.append)
    async with scope:
        pass
    with pytest.raises(RunClosedError):
        scope.hold("a", released.append)


@pytest.mark.parametrize("body", [None, ValueError("body")])
async def test_an_interrupt_of_a_release_leaves_with_what_the_body_raised(
    body: Exception | None,
) -> None:
    """Neither is dropped, and the others have been released."""
    released: list[str] = []

    def interrupted(name: str) -> object:
        raise KeyboardInterrupt

    with pytest.raises(BaseException) as raised:  # noqa: PT011  # one exception or both
        async with ResourceScope() as scope:
            scope.hold("a", released.append)
            scope.hold("b", interrupted)
            if body is not None:
                raise body

    found = (
        leaves([raised.value]) if isinstance(raised.value, BaseExceptionGroup) else [raised.value]
    )
    assert {type(each) for each in found} == {KeyboardInterrupt} | ({ValueError} if body else set())
    assert released == ["a"]


Release = st.sampled_from(["fine", "slow", "stuck", "raises", "swallows"])


@given(st.lists(Release, max_size=5), st.sampled_from(["returns", "raises", "cancelled"]))
def test_every_release_is_tried_whatever_happens(  # noqa: C901  # each way to release
    kinds: list[str], body: str
) -> None:
    """In reverse order and bounded time; what the body raised leaves, nothing else hides it."""
    tried: list[int] = []
    bug = LookupError("body")

    async def release(index: int) -> None:
        tried.append(index)
        kind = kinds[index]
        if kind == "slow":
            await trio.sleep(1)
        elif kind == "raises":
            raise OSError(index)
        elif kind == "stuck":
            await trio.sleep_forever()
        elif kind == "swallows":
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                return

    async def main() -> tuple[BaseException | None, bool, float]:
        left: BaseException | None = None
        with trio.move_on_after(10) as scope:
            try:
                async with ResourceScope(release_timeout=2) as held:
                    for index in range(len(kinds)):
                        held.hold(index, release)
                    if body == "raises":
                        raise bug
                    if body == "cancelled":
                        await trio.sleep_forever()
            except Exception as exc:
                left = exc
        return left, scope.cancelled_caught, trio.current_time()

    left, cancelled, seconds = trio.run(main, clock=MockClock(autojump_threshold=0))

    assert tried == list(reversed(range(len(kinds))))
    costs = {"slow": 1, "stuck": 2, "swallows": 2}
    began = 10 if body == "cancelled" else 0
    assert seconds == began + sum(costs.get(kind, 0) for kind in kinds)
    failed = [kind for kind in reversed(kinds) if kind in {"raises", "stuck"}]
    if body == "raises":
        assert left is bug
    elif body == "cancelled":
        assert cancelled
        assert left is None
    elif failed:
        assert isinstance(left, ReleaseError)
        assert len(left.errors) == len(failed)
    else:
        assert left is None


@pytest.mark.parametrize("allowance", [-1, float("nan"), "soon"])
def test_an_allowance_must_be_a_duration(allowance: Any) -> None:
    """The value is shown."""
    with pytest.raises(ValueError, match="release_timeout"):
        ResourceScope(release_timeout=allowance)
