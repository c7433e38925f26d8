"""Stand-ins for dependencies: how a test runs a workflow without the world."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from dependencies import Declined, Scripted, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, workflow
from awaitly_trio._policies.delays import spaced

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result


async def charge(amount: int, *, currency: str = "EUR") -> Result[str, Declined]:
    """Charge a card: what no test may do."""
    raise AssertionError("the real thing was called")


def read_rate(currency: str) -> float:
    """Ask a bank: what no test may do."""
    raise AssertionError("the real thing was called")


async def fake(amount: int, *, currency: str = "EUR") -> Result[str, Declined]:
    """Stand in for the charge."""
    return Ok(f"fake {amount} {currency}")


WAYS: dict[str, Any] = {
    "call": lambda step: step(charge, 5),
    "call by keyword": lambda step: step(charge, amount=5),
    "call with options": lambda step: step.options(timeout=1, retry=spaced(1))(charge, 5),
    "call of a partial": lambda step: step(partial(charge, 5)),
    "call of a partial of a partial": lambda step: step(partial(partial(charge), 5)),
    "when": lambda step: step.when(True, charge, 5),
    "branch": lambda step: step.branch("b", 1, {1: partial(charge, 5)}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_stand_in_is_called_with_the_same_arguments(way: str) -> None:
    """However the dependency is called."""

    @workflow
    async def pays(step: Step[Any]) -> Any:
        return await WAYS[way](step)

    assert await pays.options(replace={charge: fake})() == Ok("fake 5 EUR")


LISTS: dict[str, Any] = {
    "all": lambda step: step.all(partial(charge, 5), partial(charge, 6)),
    "map": lambda step: step.map(charge, [5, 6], limit=1),
    "batch": lambda step: step.batch(charge, [5, 6], size=1, limit=1),
}


@pytest.mark.parametrize("way", LISTS)
async def test_a_stand_in_is_called_by_blocks(way: str) -> None:
    """Each branch and each item is a step."""

    @workflow
    async def pays(step: Step[Any]) -> Any:
        return list(await LISTS[way](step))

    assert await pays.options(replace={charge: fake})() == Ok(["fake 5 EUR", "fake 6 EUR"])


async def test_a_stand_in_is_called_by_race_settle_parallel_and_resources() -> None:
    """There is one way to run something."""

    @workflow
    async def pays(step: Step[Any]) -> list[Any]:
        async with step.parallel() as group:
            branch = group.start_soon(charge, 1)
        async with step.resources() as resources:
            held = await resources.acquire(charge, len, 2)
        settled = await step.settle(partial(charge, 3))
        return [branch.value, held, *settled.values, await step.race(partial(charge, 4))]

    result = await pays.options(replace={charge: fake})()

    assert result == Ok([f"fake {amount} EUR" for amount in (1, 2, 3, 4)])


async def test_code_that_raises_has_a_stand_in_of_its_own_kind() -> None:
    """What ``catch`` calls is replaced by what returns bare values or raises, too."""

    @workflow
    async def rates(step: Step[Any]) -> float:
        return await step.catch(read_rate, "EUR", catch=OSError, error=Declined("rate"))

    def offline(currency: str) -> float:
        raise OSError(currency)

    assert await rates.options(replace={read_rate: lambda currency: 1.5})() == Ok(1.5)
    result = await rates.options(replace={read_rate: offline})()
    assert isinstance(result, Err)
    assert result.error == Declined("rate")


async def test_an_inner_workflow_inherits_stand_ins() -> None:
    """At any depth; its own win."""

    @workflow
    async def inner(step: Step[Any]) -> Any:
        return await step(charge, 5)

    @workflow
    async def middle(step: Step[Any]) -> Any:
        return await step(inner)

    @workflow
    async def outer(step: Step[Any]) -> Any:
        return await step(middle), await step(inner.options(replace={charge: other}))

    async def other(amount: int) -> Any:
        return Ok("other")

    assert await outer.options(replace={charge: fake})() == Ok(("fake 5 EUR", "other"))


async def test_an_inner_workflow_can_be_replaced() -> None:
    """It is a dependency too."""

    @workflow
    async def inner(step: Step[Any], number: int) -> Any:
        return await step(charge, number)

    @workflow
    async def outer(step: Step[Any]) -> Any:
        return await step(inner, 5)

    assert await outer.options(replace={inner: fake})() == Ok("fake 5 EUR")


async def test_a_method_can_be_replaced() -> None:
    """A bound method is the same dependency each time it is reached."""

    class Till:
        async def charge(self, amount: int) -> Result[str, Declined]:
            raise AssertionError("the real thing was called")

    till = Till()

    @workflow
    async def pays(step: Step[Any]) -> Any:
        return await step(till.charge, 5)

    assert await pays.options(replace={till.charge: fake})() == Ok("fake 5 EUR")
    assert isinstance(await pays.options(replace={Till().charge: fake})(), Err)


async def test_a_stand_in_keeps_the_name_of_the_step() -> None:
    """What observers see does not depend on whether a test runs."""
    recorder = Recorder()

    @workflow
    async def pays(step: Step[Any]) -> None:
        await step(charge, 5)

    await pays.options(replace={charge: fake}, observers=[recorder])()

    assert recorder.paths == ["pays", "pays/charge"]


async def test_a_stand_in_may_fail_and_is_retried(autojump_clock: MockClock) -> None:
    """Options hold for it."""
    scripted = Scripted(Err("busy"), Ok("paid"))

    @workflow
    async def pays(step: Step[Any]) -> Any:
        return await step.options(retry=spaced(1, attempts=2))(charge, 5)

    assert await pays.options(replace={charge: scripted})() == Ok("paid")
    assert scripted.calls == [(5,), (5,)]


async def test_other_dependencies_are_called_as_they_are() -> None:
    """Identity decides, not the name."""

    @workflow
    async def both(step: Step[Any]) -> Any:
        return await step(give, 1)

    assert await both.options(replace={charge: fake})() == Ok(1)


async def test_a_stand_in_is_not_itself_replaced() -> None:
    """Two functions can be swapped."""

    @workflow
    async def swapped(step: Step[Any]) -> Any:
        return await step(fail, "x")

    assert await swapped.options(replace={fail: give, give: fail})() == Ok("x")


async def test_an_unhashable_dependency_is_called_as_it_is() -> None:
    """It can be no key of the stand-ins."""

    class Unhashable(Scripted):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return self is other

    @workflow
    async def calls(step: Step[Any]) -> Any:
        return await step(Unhashable(Ok(1)))

    assert await calls.options(replace={charge: fake})() == Ok(1)


async def test_the_stand_ins_of_one_call_are_not_those_of_the_next() -> None:
    """Options make a copy, and later changes of the mapping do not reach it."""
    stand_ins: dict[Any, Any] = {give: fail}

    @workflow
    async def calls(step: Step[Any]) -> Any:
        return await step(give, 1)

    replaced = calls.options(replace=stand_ins)
    stand_ins.clear()

    assert await replaced() == Err(1)
    assert await calls() == Ok(1)
