"""A nursery whose children record their failures: what leaves it, and who is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._values.exits import BaseExceptionGroup, leaves

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


async def member(crew: Crew, index: int, after: float, raised: BaseException | None) -> None:
    """Work for a while; record what went wrong, as members of a crew do."""
    try:
        await trio.sleep(after)
        if raised is not None:
            raise raised
    except HELD as exc:
        crew.fail(exc, index, f"member {index} failed")


async def test_a_crew_ends_with_its_last_member(autojump_clock: MockClock) -> None:
    """As a nursery does."""
    async with Crew() as crew:
        for index in range(3):
            crew.nursery.start_soon(member, crew, index, index, None)

    assert trio.current_time() == 2
    assert (crew.why, crew.by, crew.reason, crew.failures) == (None, None, None, [])


async def test_a_failure_is_raised_without_a_group(autojump_clock: MockClock) -> None:
    """The very exception, when all have ended."""
    bug = ValueError("a bug")

    with pytest.raises(ValueError, match="a bug") as raised:
        async with Crew() as crew:
            crew.nursery.start_soon(member, crew, 0, 1, bug)
            crew.nursery.start_soon(member, crew, 1, 99, None)

    assert raised.value is bug
    assert trio.current_time() == 1
    assert (crew.why, crew.by, crew.reason) == ("sibling_failed", 0, "member 0 failed")


async def test_several_failures_are_raised_together(autojump_clock: MockClock) -> None:
    """In the order in which they came."""
    first, second = ValueError("first"), KeyError("second")

    async def late(crew: Crew) -> None:
        try:
            await trio.sleep_forever()
        finally:
            crew.fail(second, 1, "member 1 failed")

    with pytest.raises(BaseExceptionGroup) as raised:
        async with Crew() as crew:
            crew.nursery.start_soon(late, crew)
            crew.nursery.start_soon(member, crew, 0, 1, first)

    assert leaves([raised.value]) == [first, second]


async def test_the_first_end_says_why(autojump_clock: MockClock) -> None:
    """Later ones change nothing."""
    async with Crew() as crew:
        crew.end("enough_succeeded", 2, "enough")
        crew.end("lost_race", 3, "lost")

    assert (crew.why, crew.by, crew.reason) == ("enough_succeeded", 2, "enough")


async def test_a_body_that_raises_ends_the_members(autojump_clock: MockClock) -> None:
    """What it raised is raised again, alone."""
    bug = ValueError("a bug")

    with pytest.raises(ValueError, match="a bug") as raised:
        async with Crew() as crew:
            crew.nursery.start_soon(member, crew, 0, 99, None)
            await trio.sleep(1)
            raise bug

    assert raised.value is bug
    assert trio.current_time() == 1
    assert crew.reason == "the body of the block failed"


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_leaves_with_the_failures(
    leaving: type[BaseException], autojump_clock: MockClock
) -> None:
    """Neither is dropped."""
    bug = ValueError("a bug")

    with pytest.raises(BaseExceptionGroup) as raised:
        async with Crew() as crew:
            crew.nursery.start_soon(member, crew, 0, 1, bug)
            try:
                await trio.sleep_forever()
            finally:
                raise leaving

    assert {type(each) for each in leaves([raised.value])} == {leaving, ValueError}


async def test_a_cancellation_from_outside_leaves(autojump_clock: MockClock) -> None:
    """It is not the crew's own."""
    with trio.move_on_after(1) as scope:
        async with Crew() as crew:
            crew.nursery.start_soon(member, crew, 0, 99, None)

    assert scope.cancelled_caught
    assert crew.why is None


async def test_a_crew_knows_the_cancellations_that_it_caused(autojump_clock: MockClock) -> None:
    """Alone or in a group, and those of another crew with equal reasons are not its own."""
    seen: dict[str, BaseException] = {}

    async def waits(name: str, wait: Callable[[], Any]) -> None:
        try:
            await wait()
        except BaseException as exc:
            seen[name] = exc
            raise

    async def two_waits() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    letters = ["o", "v", "e", "r"]
    async with Crew() as crew:
        crew.nursery.start_soon(waits, "alone", trio.sleep_forever)
        crew.nursery.start_soon(waits, "group", two_waits)
        await trio.sleep(1)
        crew.end("closed", None, "".join(letters))
    async with Crew() as other:
        other.end("closed", None, "".join(letters))

    assert crew.caused(seen["alone"])
    assert crew.caused(seen["group"])
    assert not other.caused(seen["alone"])
    assert not crew.caused(ValueError())


async def test_a_crew_that_caused_nothing_causes_nothing(autojump_clock: MockClock) -> None:
    """A cancellation without a reason is not the one of a crew without a reason."""
    seen: list[trio.Cancelled] = []

    async def waits() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as exc:
            seen.append(exc)
            raise

    with trio.move_on_after(1):
        async with Crew() as crew:
            crew.nursery.start_soon(waits)

    assert not crew.caused(seen[0])
