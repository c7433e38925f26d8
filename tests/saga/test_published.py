"""Published samples of sagas, told again, and struck by a fault at every point they have.

They are Temporal's ``SagaTest`` of its Java SDK, the breakfast of its article on
compensating actions, in Python, and its sample of opening an account, in
TypeScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
import trio
from effects import World

from awaitly_trio import Err, Ok, Result, Step, UnexpectedError, workflow
from awaitly_trio.saga import CompensationFailed, saga
from awaitly_trio.testing import sweep

if TYPE_CHECKING:
    from awaitly_trio.testing import Ended

IO = Literal["IO"]


def whole_or_nothing(world: World, ended: Ended) -> None:
    """Hold when a saga succeeded, or left nothing."""
    assert isinstance(ended.value, Ok) or world.effects == []


# --- Java: an activity, a child workflow, a failing activity


class JavaSaga:
    """The three steps of the Java test, and the two ways in which it undoes them."""

    def __init__(self, world: World, *, fails: bool) -> None:
        self.world, self.fails = world, fails

    async def custom_activity(self, amount: int) -> Result[int, IO]:
        await self.world.do("activity 1")
        return Ok(amount)

    async def activity_2(self, amount: int) -> None:
        assert amount == 10
        await self.world.undo("activity 1")

    async def throw_io(self) -> Result[None, IO]:
        await trio.lowlevel.checkpoint()
        return Err("IO") if self.fails else Ok(None)

    async def child_step(self) -> Result[str, IO]:
        await self.world.do("child workflow")
        return Ok("done")

    async def leave_child(self, _value: str) -> Result[None, IO]:
        await self.world.undo("child workflow")
        return Ok(None)

    def run(self, order: Literal["newest_first", "overlap"] = "newest_first") -> Any:
        """Return the workflow of the test."""
        world = self

        @workflow
        async def child(step: Step[IO]) -> str:
            return await step(world.child_step)

        @workflow
        async def compensation(step: Step[IO], value: str) -> None:
            await step(world.leave_child, value)

        @saga.options(order=order)
        async def test_saga(step: Step[IO]) -> str:
            known = step.options(compensate_unknown=world.undo_if_there)
            await known.compensated(world.custom_activity, world.activity_2, 10)
            await known.compensated(child, compensation)
            await step(world.throw_io)
            return "done"

        return test_saga

    async def undo_if_there(self, *args: object) -> None:
        """Undo a step that may have had its effect, told by its arguments."""
        name = "activity 1" if args else "child workflow"
        if name in self.world.effects:
            await self.world.undo(name)


@pytest.mark.parametrize("order", ["newest_first", "overlap"])
async def test_the_java_saga_undoes_the_child_and_then_the_activity(order: Any) -> None:
    """Done one after the other, they are undone so, also where order allows for more."""
    world = World()

    result = await JavaSaga(world, fails=True).run(order)()

    assert result == Err("IO")
    assert world.undone == ["child workflow", "activity 1"]


@pytest.mark.parametrize("order", ["newest_first", "overlap"])
def test_the_java_saga_leaves_nothing_at_any_point(order: Any) -> None:
    """Cancelled, failed, timed out, broken or crashed anywhere it is whole or nothing."""
    worlds: list[World] = []

    def make() -> World:
        worlds.append(World())
        return worlds[-1]

    async def tell(world: World) -> Any:
        return await JavaSaga(world, fails=False).run(order)()

    report = sweep(tell, make=make, invariant=whole_or_nothing)

    assert report.steps == (
        "test_saga/custom_activity",
        "test_saga/child",
        "test_saga/child/child/child_step",
        "test_saga/throw_io",
    )


# --- Python: breakfast, registered before the step, a failing compensation is reported


class Breakfast:
    """A bowl, cereal and milk; what was taken out is put back."""

    def __init__(self, world: World, *, bowl_breaks: bool = False) -> None:
        self.world, self.bowl_breaks = world, bowl_breaks

    async def get_bowl(self) -> Result[None, IO]:
        await self.world.do("bowl")
        return Ok(None)

    async def put_bowl_away_if_present(self, *_value: object) -> None:
        await trio.lowlevel.checkpoint()
        if self.bowl_breaks:
            raise ValueError("the bowl is broken")
        if "bowl" in self.world.effects:
            self.world.remove("bowl")

    async def add_cereal(self) -> Result[None, IO]:
        await self.world.do("cereal")
        return Ok(None)

    async def put_cereal_back_in_box_if_present(self, *_value: object) -> None:
        await trio.lowlevel.checkpoint()
        if "cereal" in self.world.effects:
            self.world.remove("cereal")

    async def add_milk(self) -> Result[None, IO]:
        await trio.lowlevel.checkpoint()
        return Ok(None)

    async def sour_milk(self) -> Result[None, IO]:
        await trio.lowlevel.checkpoint()
        raise OSError("the milk is sour")


def breakfast(table: Breakfast, milk: Any) -> Any:
    """Return the workflow: each step is registered before it runs, so to speak."""
    bowl, cereal = table.put_bowl_away_if_present, table.put_cereal_back_in_box_if_present

    @saga
    async def have_breakfast(step: Step[IO]) -> None:
        await step.options(compensate_unknown=bowl).compensated(table.get_bowl, bowl)
        await step.options(compensate_unknown=cereal).compensated(table.add_cereal, cereal)
        await step(milk)

    return have_breakfast


async def test_breakfast_raises_the_original_error_again() -> None:
    """What spoiled it is what the caller hears of."""
    world = World()
    table = Breakfast(world)

    result = await breakfast(table, table.sour_milk)()

    assert isinstance(result, Err)
    assert isinstance(result.error, UnexpectedError)
    assert str(result.error.cause) == "the milk is sour"
    assert world.undone == ["cereal", "bowl"]


async def test_breakfast_reports_what_could_not_be_put_back() -> None:
    """A failing compensation does not go unnoticed, and the others run."""
    world = World()
    table = Breakfast(world, bowl_breaks=True)

    result = await breakfast(table, table.sour_milk)()

    assert isinstance(result, Err)
    failure = result.error
    assert isinstance(failure, CompensationFailed)
    assert str(failure.error.cause) == "the milk is sour"
    assert [(left.step, str(left.error)) for left in failure.left] == [
        ("get_bowl", "the bowl is broken")
    ]
    assert world.effects == ["bowl"]


def test_breakfast_leaves_nothing_at_any_point() -> None:
    """Nothing stays on the table, whatever happens and whenever."""

    async def tell(world: World) -> Any:
        table = Breakfast(world)
        return await breakfast(table, table.add_milk)()

    report = sweep(tell, make=World, invariant=whole_or_nothing)

    assert len(report.steps) == 3


# --- TypeScript: an account; a crash after an effect and before its registration


class Bank:
    """An account with an address, a client and a bank account."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def create_account(self, _account: str) -> Result[None, IO]:
        await trio.lowlevel.checkpoint()
        return Ok(None)

    async def add_address(self, account: str) -> Result[str, IO]:
        await self.world.do(f"address of {account}")
        return Ok("address")

    async def add_client(self, account: str) -> Result[str, IO]:
        await self.world.do(f"client of {account}")
        return Ok("client")

    async def add_bank_account(self, account: str) -> Result[str, IO]:
        await self.world.do(f"bank account of {account}")
        return Ok("bank account")

    def clear(self, what: str, account: str) -> Any:
        """Return a compensation that clears by the account, as the sample's do."""

        async def clear(*_args: object) -> None:
            await trio.lowlevel.checkpoint()
            if f"{what} of {account}" in self.world.effects:
                self.world.remove(f"{what} of {account}")

        return clear


def open_account(bank: Bank) -> Any:
    """Return the workflow of the sample."""

    @saga
    async def open_account(step: Step[IO], account: str) -> None:
        await step(bank.create_account, account)
        for add, what in (
            (bank.add_address, "address"),
            (bank.add_client, "client"),
            (bank.add_bank_account, "bank account"),
        ):
            clear = bank.clear(what, account)
            known = step.options(name=what, compensate_unknown=clear)
            await known.compensated(add, clear, account)

    return open_account


def test_a_crash_between_effect_and_registration_leaks_nothing() -> None:
    """The sample registers after the step; what crashes in between leaks there, not here."""

    async def tell(world: World) -> Any:
        return await open_account(Bank(world))("alice")

    report = sweep(tell, make=World, invariant=whole_or_nothing)

    assert report.points["crash"] == 2 * len(report.steps)
    assert report.steps == (
        "open_account/create_account",
        "open_account/address",
        "open_account/client",
        "open_account/bank account",
    )
