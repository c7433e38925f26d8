"""Workflows that are methods, and dependencies that are."""

from __future__ import annotations

from typing import Any

import trio
from dependencies import Declined, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Result, Step, workflow


class Shop:
    """A shop with one till."""

    def __init__(self, rate: int) -> None:
        self.rate = rate

    async def price(self, amount: int) -> Result[int, Declined]:
        """Price an amount."""
        await trio.lowlevel.checkpoint()
        return Ok(amount * self.rate) if amount >= 0 else Err(Declined("negative"))

    @workflow
    async def sell(self, step: Step[Declined], amount: int) -> int:
        """Sell for an amount."""
        return await step(self.price, amount)

    @workflow.of(fail)  # type: ignore[arg-type]
    async def close(self, step: Step[Any]) -> int:
        """Close the shop."""
        return await step(fail, self.rate)


async def test_a_method_may_be_a_workflow() -> None:
    """It is called on its object, and the step comes by itself."""
    assert await Shop(3).sell(2) == Ok(6)
    assert await Shop(3).sell(-1) == Err(Declined("negative"))


async def test_each_object_has_its_own_workflow() -> None:
    """State is the object's."""
    cheap, dear = Shop(1), Shop(10)

    assert [await cheap.sell(2), await dear.sell(2)] == [Ok(2), Ok(20)]


async def test_a_method_takes_options() -> None:
    """They keep the object."""
    recorder = Recorder()

    assert await Shop(3).sell.options(observers=[recorder], name="sale")(2) == Ok(6)
    assert recorder.paths == ["sale", "sale/price"]


def test_a_method_keeps_name_docstring_and_dependencies() -> None:
    """As a function does."""
    sell = Shop(1).sell

    assert (sell.name, sell.__doc__) == ("sell", "Sell for an amount.")
    assert Shop(1).close.dependencies == (fail,)
    assert sell.errors == Declined


def test_a_workflow_is_found_on_the_class() -> None:
    """Tools that look at classes see it."""
    assert repr(Shop.sell) == "<Workflow 'sell'>"


def test_two_bindings_of_one_method_are_equal() -> None:
    """As for bound methods; those of two objects are not."""
    shop = Shop(1)

    assert shop.sell == shop.sell
    assert hash(shop.sell) == hash(shop.sell)
    assert shop.sell != Shop(1).sell
    assert shop.sell != shop.sell.options(name="x")
    assert shop.sell != "sell"


async def test_a_method_workflow_can_be_replaced() -> None:
    """Because its bindings are equal."""
    shop = Shop(1)

    @workflow
    async def day(step: Step[Any]) -> Any:
        return await step(shop.sell, 5)

    async def fake(amount: int) -> Any:
        return Ok(f"fake {amount}")

    assert await day.options(replace={shop.sell: fake})() == Ok("fake 5")


async def test_a_static_or_class_method_may_be_a_workflow() -> None:
    """The decorator goes below."""

    class Tools:
        factor = 2

        @staticmethod
        @workflow
        async def twice(step: Step[Any], number: int) -> int:
            return 2 * await step(give, number)

        @classmethod
        async def times(cls, number: int) -> Any:
            return Ok(cls.factor * number)

    assert await Tools.twice(4) == Ok(8)
    assert await Tools().twice(4) == Ok(8)


async def test_an_object_with_an_async_call_is_a_dependency() -> None:
    """Anything that is called and awaited."""

    class Adder:
        async def __call__(self, a: int, b: int) -> Result[int, str]:
            return Ok(a + b)

    @workflow
    async def adds(step: Step[str]) -> int:
        return await step(Adder(), 1, 2)

    assert await adds() == Ok(3)


async def test_an_inherited_workflow_runs_on_the_subclass() -> None:
    """An override of what it uses is used."""

    class Sale(Shop):
        async def price(self, amount: int) -> Result[int, Declined]:
            return Ok(0)

    assert await Sale(3).sell(2) == Ok(0)
