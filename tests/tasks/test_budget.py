"""Budgets that flow down the task tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._policies.delays import forever, recurs, spaced
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.budget import afford_hedge, budget, is_budgeted, token_budget
from awaitly_trio._tasks.retry import attempts, retry
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock

THREE = spaced(1, attempts=3)


class Outage:
    """A service that fails, and counts how often it is asked."""

    def __init__(self, fails: float = float("inf")) -> None:
        self.calls = 0
        self.fails = fails

    async def call(self) -> Result[str, str]:
        self.calls += 1
        return Err("down") if self.calls <= self.fails else Ok("up")


def layered(outage: Outage) -> Any:
    """Return a call through three layers that make three attempts each."""
    inner = retry(outage.call, THREE)
    middle = retry(inner, THREE)
    return retry(middle, THREE)


async def test_layers_without_a_budget_multiply(autojump_clock: MockClock) -> None:
    """This is the storm that a budget prevents: three layers of three are 27 calls."""
    outage = Outage()

    await layered(outage)()

    assert outage.calls == 27


async def test_layers_draw_on_one_purse(autojump_clock: MockClock) -> None:
    """With a budget the layers share three retries, so an outage sees four calls, not 27."""
    outage = Outage()

    with budget(retries=0.1, minimum=3) as purse:
        result = await layered(outage)()

    assert result == Err("down")
    assert outage.calls == 4
    assert purse.statistics().calls == 1
    assert purse.statistics().retries == 3


async def test_many_calls_through_an_outage_cost_a_share(autojump_clock: MockClock) -> None:
    """A hundred calls at once, a tenth of extra load, and the minimum."""
    outage = Outage()
    with budget(retries=0.1, minimum=2):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(layered(outage))

    assert outage.calls == 100 + 10 + 2


async def test_why_a_retry_stopped_is_told(autojump_clock: MockClock) -> None:
    """A spent budget is a reason of its own."""
    heard: list[Any] = []
    outage = Outage()

    with budget(retries=0, minimum=1):
        await attempts(
            lambda _: outage.call(), Retry(forever()), on_stop=lambda *told: heard.append(told)
        )

    assert heard == [("down", 2, "budget")]


async def test_an_inner_budget_does_not_widen_the_outer(autojump_clock: MockClock) -> None:
    """Inside another budget both have to afford a retry; if one cannot, the other pays nothing."""
    outage = Outage()

    with budget(retries=0, minimum=1) as outer, budget(retries=0, minimum=5) as inner:
        await retry(outage.call, recurs(9))()

    assert outage.calls == 2
    assert outer.statistics().refused == 1
    assert (inner.statistics().retries, inner.statistics().refused) == (1, 0)


async def test_a_budget_within_an_attempt_counts_its_own_calls(autojump_clock: MockClock) -> None:
    """A call inside an attempt is new to a budget that begins there, but not to the outer one."""
    inner_calls: list[int] = []

    async def attempt() -> Result[str, str]:
        with budget() as inner:
            await retry(Outage(0).call, recurs(1))()
            inner_calls.append(inner.statistics().calls)
        return Ok("up")

    with budget() as outer:
        await retry(attempt, recurs(1))()

    assert inner_calls == [1]
    assert outer.statistics().calls == 1


async def test_a_budget_ends_with_its_block() -> None:
    """After the block retries are free again."""
    with budget(retries=0, minimum=0):
        assert is_budgeted()
    outage = Outage()

    await retry(outage.call, recurs(4))()

    assert not is_budgeted()
    assert outage.calls == 5


async def test_hedges_have_a_share_of_their_own() -> None:
    """A hedge asks the budgets as well; without any it is free."""
    assert afford_hedge()

    with budget(hedges=0, minimum=2):
        assert [afford_hedge() for _ in range(3)] == [True, True, False]


async def test_tokens_are_refunded_by_success(autojump_clock: MockClock) -> None:
    """A call that succeeds after a retry returns the price, one that fails does not."""
    with token_budget(capacity=100) as purse:
        await retry(Outage(fails=2).call, recurs(5))()
        after_success = purse.tokens
        await retry(Outage().call, recurs(2))()
        after_failure = purse.tokens
        await retry(Outage(0).call, recurs(2))()

    assert (after_success, after_failure, purse.tokens) == (95, 85, 86)


async def test_timeouts_cost_more_tokens(autojump_clock: MockClock) -> None:
    """A retry after a timeout takes the higher price."""

    async def slow() -> Result[str, str]:
        await trio.sleep(5)
        return Ok("late")

    with token_budget(capacity=100) as purse:
        result = await retry(slow, recurs(1), timeout=1)()

    assert result == Err(TimedOut("slow", 1))
    assert purse.tokens == 90


@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_nested_successes_earn_once(layers: int) -> None:
    """However many layers a call goes through, it earns one token."""
    call: Any = Outage(0).call
    for _ in range(layers):
        call = retry(call, recurs(1))

    with token_budget(capacity=100) as purse:
        purse.tokens = 50
        await call()

    assert purse.tokens == 51


async def test_a_cancelled_call_leaves_the_budget_in_order(autojump_clock: MockClock) -> None:
    """A call that is cancelled while it waits is counted, and the next call is outermost again."""
    with budget(minimum=9) as purse:
        with trio.CancelScope() as scope:

            async def cancel_and_fail() -> Result[str, str]:
                scope.cancel(reason="a test")
                return Err("down")

            await retry(cancel_and_fail, spaced(5))()
        await retry(Outage(0).call, recurs(1))()

    assert scope.cancelled_caught
    assert purse.statistics().calls == 2
