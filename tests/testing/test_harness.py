"""Harness: the real engine with scripted steps, and assertions that show what was instead."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from awaitly_trio import Err, Ok, Result, Step, TimedOut, UnexpectedError, exponential, workflow
from awaitly_trio.events import Retrying
from awaitly_trio.testing import (
    DeadlockError,
    Harness,
    OverlappingScriptError,
    ScriptExhaustedError,
    UnscriptedStepError,
    delayed,
    expect_err,
    expect_ok,
    fake,
    hangs,
    raises,
    real,
    returns,
    virtual_clock,
)

if TYPE_CHECKING:
    from trio.testing import MockClock


@dataclass(frozen=True)
class Order:
    id: str


@dataclass(frozen=True)
class OrderNotFound:
    id: str


@dataclass(frozen=True)
class CardDeclined:
    reason: str


async def fetch_order(order_id: str) -> Result[Order, OrderNotFound]:
    """Never called in a test: it would need a database."""
    raise ConnectionError(order_id)


async def charge_card(order: Order, *, currency: str) -> Result[int, CardDeclined]:
    """Never called in a test: it would need a bank."""
    raise ConnectionError(currency)


async def send_mail(order: Order) -> Result[str, CardDeclined]:
    """Send a mail; harmless."""
    return Ok(f"mail for {order.id}")


@workflow
async def checkout(
    step: Step[OrderNotFound | CardDeclined | TimedOut], order_id: str
) -> tuple[int, str]:
    """Fetch an order, charge for it, and say so."""
    order = await step(fetch_order, order_id)
    charged = await step.options(timeout=5, retry=exponential(1, attempts=3))(
        charge_card, order, currency="EUR"
    )
    return charged, await step(send_mail, order)


@pytest.fixture
def shop() -> Harness:
    """Return a harness in which everything goes well."""
    harness = Harness()
    harness.script(fetch_order, Ok(Order("7")))
    harness.script(charge_card, Ok(42))
    return harness


def test_a_scripted_step_gets_its_answer(shop: Harness) -> None:
    """What is scripted calls nothing, what is not runs."""
    result = shop.run(checkout, "7")

    assert expect_ok(result) == (42, "mail for 7")


def test_an_error_ends_the_workflow(shop: Harness) -> None:
    """A scripted Err is a planned failure, as in production."""
    shop.script(fetch_order, Err(OrderNotFound("7")))

    result = shop.run(checkout, "7")

    assert expect_err(result, OrderNotFound) == OrderNotFound("7")
    shop.assert_steps(fetch_order)


def test_an_exception_is_a_defect(shop: Harness) -> None:
    """A scripted exception takes the way of a real one."""
    shop.script(send_mail, raises(ConnectionError("down")))

    error = expect_err(shop.run(checkout, "7"), UnexpectedError)

    assert isinstance(error.cause, ConnectionError)


def test_an_exception_type_is_enough() -> None:
    """``raises`` makes an exception of its type."""
    assert isinstance(raises(KeyError).exception, KeyError)


def test_a_list_answers_call_after_call(shop: Harness) -> None:
    """Attempts of a retry get one answer each, with the real delays between."""
    shop.script(charge_card, [Err(CardDeclined("busy")), Err(CardDeclined("busy")), Ok(1)])

    result = shop.run(checkout, "7")

    assert expect_ok(result)[0] == 1
    shop.assert_called(charge_card, times=3)
    shop.assert_retried(charge_card, 2)
    assert [call.attempt for call in shop.calls_of(charge_card)] == [1, 2, 3]
    shop.assert_took(1 + 2)


def test_a_list_that_is_used_up_says_so(shop: Harness) -> None:
    """One more call than was planned is a finding, not a silent repetition."""
    shop.script(charge_card, [Err(CardDeclined("busy"))])

    error = expect_err(shop.run(checkout, "7"), UnexpectedError)

    assert isinstance(error.cause, ScriptExhaustedError)
    assert "called again after all 1 answers" in str(error.cause)


def test_a_delay_passes_virtual_time(shop: Harness) -> None:
    """A slow answer costs no real time, and limits see it."""
    shop.script(charge_card, delayed("4s", Ok(3)))

    shop.run(checkout, "7")

    shop.assert_took(4)


def test_a_step_that_hangs_meets_its_time_limit(shop: Harness) -> None:
    """A dependency that never answers is cut off by the step's own timeout."""
    shop.script(charge_card, hangs())

    result = shop.run(checkout, "7")

    assert expect_err(result) == TimedOut("charge_card", 5)


def test_a_step_that_hangs_without_a_limit_is_a_deadlock(shop: Harness) -> None:
    """A missing timeout is told as what it is."""
    shop.script(send_mail, hangs())

    with pytest.raises(DeadlockError):
        shop.run(checkout, "7")


def test_a_function_answers_by_the_arguments(shop: Harness) -> None:
    """Plain and async functions see what the dependency would have seen."""

    async def priced(_order: Order, *, currency: str) -> Result[int, CardDeclined]:
        await trio.sleep(1)
        return Ok(len(currency))

    shop.script(fetch_order, lambda order_id: Ok(Order(order_id * 2)))
    shop.script(charge_card, priced)

    assert expect_ok(shop.run(checkout, "7")) == (3, "mail for 77")


def test_the_real_function_may_be_an_answer(shop: Harness) -> None:
    """Part of a list may be the real thing."""
    shop.script(send_mail, [real()])

    assert expect_ok(shop.run(checkout, "7"))[1] == "mail for 7"


def test_a_script_by_name_and_one_by_path_go_before_the_dependency() -> None:
    """Two steps of one function can be told apart."""

    @workflow
    async def twice(step: Step[CardDeclined]) -> list[str]:
        order = Order("1")
        first = await step(send_mail, order)
        second = await step(send_mail, order)
        third = await step.options(name="again")(send_mail, order)
        return [first, second, third]

    harness = Harness()
    harness.script(send_mail, Ok("by dependency"))
    harness.script("again", Ok("by name"))
    harness.script("twice/send_mail#2", Ok("by path"))

    assert expect_ok(harness.run(twice)) == ["by dependency", "by path", "by name"]


def test_a_partial_is_known_by_its_function() -> None:
    """A dependency with some arguments bound is still that dependency."""

    @workflow
    async def bound(step: Step[CardDeclined]) -> str:
        return await step(partial(send_mail, Order("1")))

    harness = Harness()
    harness.script(send_mail, Ok("scripted"))

    assert expect_ok(harness.run(bound)) == "scripted"


def test_steps_of_inner_workflows_are_scripted_too(shop: Harness) -> None:
    """A workflow inside a workflow needs no harness of its own."""

    @workflow
    async def outer(step: Step[OrderNotFound | CardDeclined | TimedOut]) -> int:
        charged, _ = await step(checkout, "7")
        return charged

    assert expect_ok(shop.run(outer)) == 42
    shop.assert_order(checkout, fetch_order, charge_card)


def test_a_whole_inner_workflow_can_be_scripted() -> None:
    """A workflow is a dependency, and its script keeps its body from running."""

    @workflow
    async def outer(step: Step[OrderNotFound | CardDeclined | TimedOut]) -> int:
        charged, _ = await step(checkout, "7")
        return charged

    harness = Harness(strict=True)
    harness.script(checkout, Ok((5, "")))

    assert expect_ok(harness.run(outer)) == 5
    harness.assert_called_with(checkout, "7")


def test_code_that_raises_can_be_scripted() -> None:
    """A step that catches exceptions gets plain values and exceptions."""

    def parse(text: str) -> int:
        raise NotImplementedError

    @workflow
    async def read(step: Step[OrderNotFound], text: str) -> int:
        return await step.catch(parse, text, catch=ValueError, error=OrderNotFound(text))

    harness = Harness()
    harness.script(parse, [returns(3), raises(ValueError("no number"))])

    assert harness.run(read, "3") == Ok(3)
    assert expect_err(harness.run(read, "x"), OrderNotFound("x"))


def test_a_call_that_does_not_fit_is_refused(shop: Harness) -> None:
    """A fake accepts what the real function accepts, and shows both when it does not."""

    @workflow
    async def wrong(step: Step[CardDeclined]) -> int:
        return await step(charge_card, Order("1"))  # type: ignore[call-arg]

    error = expect_err(shop.run(wrong), UnexpectedError)

    text = str(error.cause)
    assert text.startswith("charge_card(Order(id='1')) does not fit charge_card(order")
    assert "missing a required" in text
    assert text.endswith("argument: 'currency'")


def test_an_error_that_is_not_declared_is_refused() -> None:
    """A script cannot promise what the dependency never gives."""
    with pytest.raises(ValueError, match=r"fetch_order never fails with CardDeclined\(.*declares"):
        Harness().script(fetch_order, Err(CardDeclined("x")))


@pytest.mark.parametrize("answer", [42, None, ValueError("x"), [Ok(1), 2]])
def test_a_bare_value_is_no_answer(answer: object) -> None:
    """The message says what to write instead."""
    with pytest.raises(TypeError, match=r"is no answer: write (Ok|raises)\("):
        Harness().script(fetch_order, answer)


def test_a_strict_harness_refuses_what_has_no_script() -> None:
    """Nothing real runs by accident."""
    harness = Harness(strict=True)
    harness.script(fetch_order, Ok(Order("1")))

    error = expect_err(harness.run(checkout, "1"), UnexpectedError)

    assert isinstance(error.cause, UnscriptedStepError)
    assert "step 'checkout/charge_card' called charge_card, which has no script" in str(error.cause)


def test_calls_that_overlap_cannot_share_a_list() -> None:
    """The schedule would decide who gets which answer, so the script is refused, always."""

    @workflow
    async def both(step: Step[CardDeclined]) -> None:
        async with step.parallel() as group:
            group.start_soon(send_mail, Order("1"))
            group.start_soon(send_mail, Order("2"))

    harness = Harness()
    harness.script(send_mail, [Ok("a"), Ok("b")])

    error = expect_err(harness.run(both), UnexpectedError)

    assert isinstance(error.cause, OverlappingScriptError)


def test_a_concurrent_run_is_the_same_each_time() -> None:
    """Branches run in one order, so a snapshot of a concurrent run is stable."""

    @workflow
    async def three(step: Step[CardDeclined]) -> None:
        async with step.parallel() as group:
            for number in range(3):
                group.start_soon(send_mail, Order(f"{number}"))

    def order() -> list[str]:
        harness = Harness()
        harness.script(send_mail, delayed(1, Ok("sent")))
        harness.run(three)
        return [f"{call}" for call in harness.calls]

    assert [order() for _ in range(10)] == [order()] * 10


def test_a_day_of_retries_takes_no_time_and_is_exact() -> None:
    """Virtual time is exact to a nanosecond over a day of sleeps and retries."""

    @workflow
    async def nightly(step: Step[CardDeclined]) -> int:
        for _ in range(24):
            await step.sleep("1h")
        return await step.options(retry=exponential(0.1, attempts=8))(
            charge_card, Order("1"), currency="EUR"
        )

    harness = Harness()
    harness.script(charge_card, [*[Err(CardDeclined("busy"))] * 7, Ok(1)])

    harness.run(nightly)

    harness.assert_took(86_400 + sum(0.1 * 2**i for i in range(7)))


def test_jitter_follows_the_seed() -> None:
    """Two harnesses of one seed see the same delays."""

    @workflow
    async def jittered(step: Step[CardDeclined]) -> int:
        return await step.options(retry=exponential(1, jitter="full", attempts=3))(
            charge_card, Order("1"), currency="EUR"
        )

    def delays(seed: int) -> list[float]:
        harness = Harness(seed=seed)
        harness.script(charge_card, Err(CardDeclined("busy")))
        harness.run(jittered)
        return [event.delay for event in harness.events if isinstance(event, Retrying)]

    assert delays(1) == delays(1) != delays(2)


async def test_a_harness_works_inside_a_running_test(
    shop: Harness, autojump_clock: MockClock
) -> None:
    """An async test calls the workflow itself, under its own clock."""
    shop.script(charge_card, delayed(3, Ok(9)))

    result = await shop.call(checkout, "7")

    assert expect_ok(result)[0] == 9
    assert trio.current_time() == pytest.approx(3)


async def test_a_harness_reaches_workflows_that_others_call(shop: Harness) -> None:
    """Inside the block every workflow is scripted, whoever calls it."""

    async def handler() -> Result[tuple[int, str], object]:
        return await checkout("7")

    with shop.installed():
        result = await handler()

    assert expect_ok(result)[0] == 42


def test_a_call_keeps_its_times_and_its_end(shop: Harness) -> None:
    """Each call tells what it was called with, when, and how it ended."""
    shop.script(charge_card, [delayed(2, Err(CardDeclined("no"))), hangs(), Ok(1)])

    shop.run(checkout, "7")

    declined, hung, charged = shop.calls_of("checkout/charge_card")
    assert str(declined) == "charge_card(Order(id='7'), currency='EUR')"
    assert (declined.started, declined.ended) == (0, 2)
    assert declined.result == Err(CardDeclined("no"))
    assert isinstance(hung.exception, trio.Cancelled)
    assert charged.result == Ok(1)


def test_a_harness_can_be_used_again(shop: Harness) -> None:
    """A cleared harness keeps its scripts and forgets its runs."""
    shop.run(checkout, "7")

    shop.clear()
    shop.run(checkout, "8")

    shop.assert_called(fetch_order, times=1)
    shop.assert_called_with(fetch_order, "8")


def test_a_manual_clock_may_drive_a_harness() -> None:
    """The clock of a harness can be any virtual clock."""
    clock = virtual_clock(start=100)
    harness = Harness(clock=clock)
    harness.script(fetch_order, Ok(Order("1")))
    harness.script(charge_card, delayed(1, Ok(1)))

    harness.run(checkout, "1")

    assert clock.current_time() == 101


FAILURES = {
    "assert_steps": (
        lambda harness: harness.assert_steps(fetch_order, send_mail),
        "other steps ran:\n    fetch_order\n  + charge_card\n    send_mail",
    ),
    "assert_order": (
        lambda harness: harness.assert_order(charge_card, fetch_order),
        "steps ran in another order:\n  + fetch_order\n    charge_card\n  - fetch_order",
    ),
    "assert_called": (
        lambda harness: harness.assert_called("refund"),
        "refund was called 0 times, not at least once:\n  fetch_order('7')\n  charge_card(",
    ),
    "times": (
        lambda harness: harness.assert_called(fetch_order, times=2),
        "fetch_order was called 1 times, not 2 times",
    ),
    "assert_not_called": (
        lambda harness: harness.assert_not_called(fetch_order),
        "fetch_order was called 1 times, not 0 times",
    ),
    "assert_called_with": (
        lambda harness: harness.assert_called_with(fetch_order, "8"),
        "no such call:\n  - fetch_order('8')\n  + fetch_order('7')",
    ),
    "assert_retried": (
        lambda harness: harness.assert_retried(charge_card, 2),
        "charge_card was retried 0 times, not 2",
    ),
    "assert_compensated": (
        lambda harness: harness.assert_compensated("charge_card"),
        "other compensations ran:\n  - charge_card",
    ),
    "assert_took": (
        lambda harness: harness.assert_took(3),
        "the workflow took 0.0 s, not 3 s",
    ),
    "assert_event": (
        lambda harness: harness.assert_event(Retrying, attempt=2),
        "no such event:\n  - Retrying(attempt=2)",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_assertion_shows_what_was_instead(name: str, shop: Harness) -> None:
    """A failing assertion has the difference in its message."""
    assertion, text = FAILURES[name]
    shop.run(checkout, "7")

    with pytest.raises(AssertionError) as caught:
        assertion(shop)

    assert text in str(caught.value)


def test_assertions_pass_where_it_is_so(shop: Harness) -> None:
    """The same assertions hold for what did happen."""
    shop.script(charge_card, [Err(CardDeclined("busy")), Ok(1)])

    shop.run(checkout, "7")

    shop.assert_steps(fetch_order, charge_card, "send_mail")
    shop.assert_order(fetch_order, send_mail)
    shop.assert_called(send_mail)
    shop.assert_not_called("refund")
    shop.assert_called_with(charge_card, Order("7"), currency="EUR")
    shop.assert_compensated()
    assert shop.assert_event(Retrying, attempt=1).delay == 1


def test_nothing_took_time_before_a_run() -> None:
    """Without a run there is nothing to measure."""
    with pytest.raises(AssertionError, match="no workflow has ended"):
        Harness().assert_took(1)


async def test_a_fake_stands_alone(autojump_clock: MockClock) -> None:
    """Outside of workflows a fake answers, keeps its calls and refuses wrong ones."""
    mail = fake(send_mail, [delayed(1, Ok("sent")), Err(CardDeclined("full"))])

    first = await mail(Order("1"))
    second = await mail(order=Order("2"))
    with pytest.raises(TypeError, match=r"send_mail\(\) does not fit send_mail\(order"):
        await mail()

    assert (first, second) == (Ok("sent"), Err(CardDeclined("full")))
    assert [str(call) for call in mail.calls] == [
        "send_mail(Order(id='1'))",
        "send_mail(order=Order(id='2'))",
        "send_mail()",
    ]
    assert repr(mail) == "<Fake of send_mail, called 3 times>"


async def test_a_fake_replaces_a_dependency() -> None:
    """A fake goes where a dependency goes, under its name."""
    order = fake(fetch_order, Ok(Order("9")))
    charge = fake(charge_card, Ok(1))

    result = await checkout.options(replace={fetch_order: order, charge_card: charge})("9")

    assert expect_ok(result) == (1, "mail for 9")
    assert order.calls[0].args == ("9",)


def test_an_expectation_shows_what_came() -> None:
    """The wrong kind of result is shown, with the exception behind it."""
    broken = LookupError("gone")

    with pytest.raises(AssertionError, match=r"expected Ok, got Err\(") as caught:
        expect_ok(Err("no", cause=broken))
    with pytest.raises(AssertionError, match=r"expected Err, got Ok\(value=1\)"):
        expect_err(Ok(1))
    with pytest.raises(AssertionError, match="expected Err of CardDeclined, got OrderNotFound"):
        expect_err(Err(OrderNotFound("1")), CardDeclined)
    with pytest.raises(AssertionError, match=r"expected Err of 'a', got 'b'"):
        expect_err(Err("b"), "a")

    assert caught.value.__cause__ is broken


def test_a_harness_is_deterministic(shop: Harness) -> None:
    """Whatever the global random source does, two runs give the same events."""
    shop.run(checkout, "7")
    first = list(shop.events)
    shop.clear()
    random.seed(5)

    shop.run(checkout, "7")

    assert [event.run_id for event in first] == [event.run_id for event in shop.events]
