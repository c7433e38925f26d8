"""Retry rules: which failures are tried again, how long to wait, and why one gives up."""

from __future__ import annotations

import math
import pickle
import random
from datetime import timedelta
from typing import Any

import pytest

from awaitly_trio._policies.delays import exponential, forever, recurs, spaced
from awaitly_trio._policies.retry import Retry, as_retry
from awaitly_trio._values.errors import CircuitOpen, RateLimited, TimedOut, UnexpectedError


def chance() -> random.Random:
    """Return a source with a fixed seed."""
    return random.Random(0)


def untyped(value: object) -> Any:
    """Hide a wrong type from the checker, which would refuse it before the test could."""
    return value


async def async_predicate(error: object, attempt: int) -> bool:
    """Return an answer that nobody awaits."""
    return True


class Busy:
    """An error that asks for a delay."""

    def __init__(self, retry_after: Any) -> None:
        self.retry_after = retry_after


@pytest.mark.parametrize("error", ["declined", TimedOut("step", 5), ValueError("raised"), None])
def test_every_planned_failure_is_retried(error: object) -> None:
    """Unless told otherwise, a rule retries any error value and any listed exception."""
    driver = as_retry(recurs(1)).start(chance())

    assert driver.decide(error) is not None


def test_a_defect_is_not_retried() -> None:
    """An unexpected error is a bug, and repeating it hides the bug."""
    driver = as_retry(recurs(1)).start(chance())

    assert driver.decide(UnexpectedError(ValueError("bug"))) is None
    assert driver.stopped == "refused"


def test_attempts_count_the_first_call() -> None:
    """Three attempts are two waits, and then the schedule is exhausted."""
    driver = as_retry(exponential(1, attempts=3)).start(chance())

    delays = [tick.delay for _ in range(5) if (tick := driver.decide("x"))]

    assert delays == [1, 2]
    assert driver.stopped == "exhausted"
    assert driver.attempts == 3


def test_the_predicate_gets_the_error_and_the_number_of_the_attempt() -> None:
    """The attempt that just failed counts from one."""
    asked: list[tuple[str, int]] = []

    def on(error: str, attempt: int) -> bool:
        asked.append((error, attempt))
        return error != "fatal"

    driver = Retry(forever(), on=on).start(chance())
    for error in ("busy", "busy", "fatal"):
        driver.decide(error)

    assert asked == [("busy", 1), ("busy", 2), ("fatal", 3)]
    assert driver.stopped == "refused"


def test_giving_up_is_final() -> None:
    """A driver that gave up asks nobody again."""
    driver = Retry(forever(), on=lambda error, _: error == "busy").start(chance())
    driver.decide("fatal")

    assert driver.decide("busy") is None
    assert driver.attempts == 1


@pytest.mark.parametrize(
    ("hint", "delay"),
    [(7, 7), (0.5, 1), (timedelta(seconds=3), 3), ("9", 1), (True, 1), (-4, 1), (math.nan, 1)],
)
def test_the_longer_of_hint_and_delay_counts(hint: Any, delay: float) -> None:
    """An error's ``retry_after`` prolongs a delay; what is no duration is no hint."""
    tick = as_retry(spaced(1)).start(chance()).decide(Busy(hint))

    assert tick is not None
    assert tick.delay == delay


@pytest.mark.parametrize("error", [RateLimited("api", 4), CircuitOpen("api", 4)])
def test_our_own_refusals_say_when_to_come_back(error: object) -> None:
    """A limiter's and a breaker's refusal are hints as well."""
    tick = as_retry(spaced(1)).start(chance()).decide(error)

    assert tick is not None
    assert tick.delay == 4


def test_a_hint_of_never_ends_the_retries() -> None:
    """A breaker that only a person closes is not asked again."""
    driver = as_retry(spaced(1)).start(chance())

    assert driver.decide(CircuitOpen("api", math.inf)) is None
    assert driver.stopped == "refused"


def test_no_cap_shortens_a_hint() -> None:
    """The cap is for our own impatience, the hint is the other side's word."""
    tick = as_retry(spaced(1).cap(2)).start(chance()).decide(Busy(60))

    assert tick is not None
    assert tick.delay == 60


def test_a_hint_past_the_elapsed_limit_ends_the_retries() -> None:
    """A limit of elapsed time is not overshot for a hint."""
    driver = as_retry(spaced(1).up_to_elapsed(10)).start(chance())

    assert driver.decide(Busy(60)) is None
    assert driver.stopped == "exhausted"


def test_a_hint_may_be_read_by_a_function() -> None:
    """Where errors have another shape, a function finds the hint in them."""
    rule = Retry(spaced(1), delay_hint=lambda error: error["wait"])

    tick = rule.start(chance()).decide({"wait": 5})

    assert tick is not None
    assert tick.delay == 5


@pytest.mark.parametrize(("remaining", "goes_on"), [(1.5, True), (1.0, False), (0.5, False)])
def test_no_delay_reaches_the_deadline(remaining: float, goes_on: bool) -> None:
    """A retry whose wait would use up the time that is left gives up at once."""
    driver = as_retry(spaced(1)).start(chance())

    tick = driver.decide("x", remaining=remaining)

    assert (tick is not None) is goes_on
    assert driver.stopped == (None if goes_on else "deadline")


def test_the_deadline_is_asked_for_only_where_it_matters() -> None:
    """No wait needs no time, and a cancelled task leaves out of its wait, not with an error."""

    def never() -> float:
        raise AssertionError("asked")

    instant = as_retry(recurs(1)).start(chance()).decide("x", remaining=never)
    cancelled = as_retry(spaced(1)).start(chance()).decide("x", remaining=lambda: -math.inf)

    assert instant is not None
    assert cancelled is not None


def test_a_budget_is_asked_last() -> None:
    """A retry that would not happen anyway costs nothing."""
    paid: list[object] = []

    def afford(error: object) -> bool:
        paid.append(error)
        return len(paid) < 2

    Retry(spaced(1)).start(chance()).decide("late", remaining=0.5, afford=afford)
    Retry(recurs(0)).start(chance()).decide("once", afford=afford)
    driver = Retry(recurs(9)).start(chance())

    assert driver.decide("busy", afford=afford) is not None
    assert driver.decide("busy", afford=afford) is None
    assert driver.stopped == "budget"
    assert paid == ["busy", "busy"]


def test_the_schedule_sees_the_errors() -> None:
    """Predicates of the schedule decide on errors too."""
    driver = as_retry(spaced(1).while_input(lambda error: error == "busy")).start(chance())

    assert driver.decide("busy") is not None
    assert driver.decide("declined") is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: as_retry(untyped(3)), "retry is 3: write a schedule, such as exponential(0.1"),
        (lambda: Retry(untyped(None)), "retry is None: write a schedule"),
        (
            lambda: Retry(recurs(1), exceptions=untyped(KeyboardInterrupt)),
            "exceptions=<class 'KeyboardInterrupt'> is no subclass of Exception",
        ),
        (
            lambda: Retry(recurs(1), exceptions=untyped((OSError, "ValueError"))),
            "exceptions='ValueError' is no subclass",
        ),
        (lambda: Retry(recurs(1), on=untyped(True)), "on is True: write a function"),
        (lambda: Retry(recurs(1), on=untyped(async_predicate)), "on is the async function"),
        (lambda: Retry(recurs(1), delay_hint=untyped(5)), "delay_hint is 5"),
        (lambda: Retry(recurs(1), on_retry=untyped("log")), "on_retry is 'log'"),
    ],
)
def test_wrong_rules_are_refused(build: Any, message: str) -> None:
    """A rule that could not work is refused when it is made, with the way out."""
    with pytest.raises(TypeError) as caught:
        build()

    assert str(caught.value).startswith(message)


def test_rules_are_values() -> None:
    """Rules compare, hash and pickle."""
    rule = Retry(exponential(1), exceptions=(OSError, ValueError))

    assert pickle.loads(pickle.dumps(rule)) == rule
    assert hash(rule) == hash(Retry(exponential(1), exceptions=(OSError, ValueError)))
    assert as_retry(rule) is rule


@pytest.mark.parametrize("on", [TimedOut, (TimedOut, Busy)])
def test_the_type_of_an_error_says_enough(on: Any) -> None:
    """Retrying one kind of error needs no function."""
    rule = Retry(forever(), on=on)

    assert rule.start(chance()).decide(TimedOut("step", 5)) is not None
    assert rule.start(chance()).decide("declined") is None


def test_types_of_errors_and_exceptions_are_both_retried() -> None:
    """Naming an exception is enough, whatever errors are named beside it."""
    rule = Retry(forever(), on=TimedOut, exceptions=OSError)

    assert rule.start(chance()).decide(ConnectionResetError()) is not None
    assert rule.start(chance()).decide(KeyError()) is None


def test_a_rule_with_several_types_refuses_what_is_none() -> None:
    """The message shows what was given."""
    with pytest.raises(TypeError, match="on is"):
        Retry(forever(), on=untyped((TimedOut, "busy")))
