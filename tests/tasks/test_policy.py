"""Policies: layers in the order in which they are written, merged explicitly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from typing_extensions import assert_type

from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.delays import recurs, spaced
from awaitly_trio._policies.layers import Without
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.trip import FailureCount
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.bulkhead import Bulkhead
from awaitly_trio._tasks.fallback import fallback_value
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.errors import CircuitOpen, QueueFull, TimedOut
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio._policies.layers import Layered


class Service:
    """A service that answers by a script and then with its last answer for ever."""

    def __init__(self, *answers: Result[str, str], takes: float = 0) -> None:
        self.answers = list(answers)
        self.takes = takes
        self.executions = 0

    async def call(self) -> Result[str, str]:
        self.executions += 1
        await trio.sleep(self.takes)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def breaker(failures: int) -> CircuitBreaker:
    """Return a breaker that opens for a hundred seconds."""
    return CircuitBreaker("api", BreakerSettings(FailureCount(failures), open_for=100))


THREE = Retry(spaced(1, attempts=3))
DOWN, UP = Err("down"), Ok("up")
OPEN = Err(CircuitOpen("api", 100))
CUT = Err(TimedOut("call", 5))

NESTINGS: list[tuple[str, list[Layered[Any]], Service, Any, int, float]] = [
    # (claim, layers outermost first, service, result, executions, seconds)
    ("a retry retries", [THREE], Service(DOWN), DOWN, 3, 2),
    ("a retry stops at success", [THREE], Service(DOWN, UP), UP, 2, 1),
    ("a timeout cuts off", [Timeout(5)], Service(UP, takes=9), CUT, 1, 5),
    (
        "inside a retry it is for each attempt",
        [THREE, Timeout(5)],
        Service(UP, takes=9),
        CUT,
        3,
        17,
    ),
    ("outside a retry it is for all", [Timeout(5), THREE], Service(DOWN, takes=3), CUT, 2, 5),
    (
        "a hedge inside a retry is for each attempt",
        [THREE, Hedge(2)],
        Service(DOWN, takes=3),
        DOWN,
        6,
        17,
    ),
    ("a hedge outside a retry hedges them all", [Hedge(2), THREE], Service(DOWN), DOWN, 6, 4),
    (
        "a fallback outside a retry comes last",
        [fallback_value("cached"), THREE],
        Service(DOWN),
        Ok("cached"),
        3,
        2,
    ),
    (
        "a fallback inside a retry leaves it nothing",
        [THREE, fallback_value("cached")],
        Service(DOWN),
        Ok("cached"),
        1,
        0,
    ),
    ("retries multiply", [THREE, THREE], Service(DOWN), DOWN, 9, 8),
    (
        "a breaker inside a retry counts each attempt",
        [THREE, breaker(2)],
        Service(DOWN),
        Err(CircuitOpen("api", 99)),
        2,
        2,
    ),
    (
        "a retry waits for the breaker that refused, and is its probe",
        [Retry(spaced(1, attempts=4)), breaker(2)],
        Service(DOWN, DOWN, UP),
        UP,
        3,
        101,
    ),
    ("a breaker outside a retry counts calls", [breaker(2), THREE], Service(DOWN), DOWN, 3, 2),
    (
        "a limiter inside a retry is passed by each attempt",
        [Retry(recurs(2)), RateLimiter("r", TokenBucket(0.1, burst=1))],
        Service(DOWN),
        DOWN,
        3,
        20,
    ),
    (
        "a limiter outside a retry is passed once",
        [RateLimiter("r", TokenBucket(0.1, burst=1)), Retry(recurs(2))],
        Service(DOWN),
        DOWN,
        3,
        0,
    ),
]


@pytest.mark.parametrize("case", NESTINGS, ids=[case[0] for case in NESTINGS])
async def test_layers_nest_as_written(autojump_clock: MockClock, case: Any) -> None:
    """The table of nestings: what comes out, how often the call ran, and how long it took."""
    _, layers, service, result, executions, seconds = case
    stack: Any = policy
    guarded = stack(*layers).wrap(service.call)

    found = await guarded()

    assert found == result
    assert service.executions == executions
    assert trio.current_time() == seconds


async def test_a_breaker_outside_a_retry_spares_whole_calls(autojump_clock: MockClock) -> None:
    """After two failed calls of three attempts each, the third call makes none."""
    service = Service(DOWN)
    guarded = policy(breaker(2), THREE).wrap(service.call)

    results = [await guarded() for _ in range(3)]

    assert results == [DOWN, DOWN, OPEN]
    assert service.executions == 6


async def test_a_full_bulkhead_is_in_the_result(autojump_clock: MockClock) -> None:
    """The refusal of a limiter is an error value like the others."""
    service = Service(UP, takes=5)
    guarded = policy(Bulkhead("b", 1, max_queue=0), Timeout(9)).wrap(service.call)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(guarded)
        await trio.sleep(1)
        refused = await guarded()

    assert refused == Err(QueueFull("b", 0))


async def test_a_value_without_result_comes_in_ok() -> None:
    """A function that returns no result can be guarded as well, and then always returns one."""

    async def plain(n: int, *, plus: int = 0) -> int:
        return n + plus

    guarded = policy(Timeout(5), THREE).wrap(plain)

    found = await guarded(1, plus=2)

    assert_type(found, "Ok[int] | Err[TimedOut]")
    assert found == Ok(3)


async def test_exceptions_leave_through_all_layers(autojump_clock: MockClock) -> None:
    """A defect is no failure of the service to a retry, and is raised unchanged."""

    async def broken() -> Result[str, str]:
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        await policy(Timeout(5), THREE, breaker(5)).wrap(broken)()


async def test_cancellation_leaves_through_all_layers(autojump_clock: MockClock) -> None:
    """A cancelled call is no result, and the breaker has seen neither success nor failure."""
    api = breaker(1)
    service = Service(UP, takes=50)

    with trio.move_on_after(1) as scope:
        await policy(Timeout(9), THREE, api).wrap(service.call)()

    assert scope.cancelled_caught
    assert service.executions == 1
    assert api.statistics().failures == 0


def test_a_policy_explains_itself() -> None:
    """The layers are listed outermost first, with the errors that they add."""
    text = policy(
        fallback_value("cached"),
        Timeout(30, total=True),
        Retry(spaced(0.5, attempts=3)),
        breaker(5),
        RateLimiter("r", TokenBucket(10, burst=20)).options(max_wait=1),
        Bulkhead("b", 4, max_queue=2, max_wait="500ms"),
        Hedge("100ms", percentile=0.95),
        Timeout("5s"),
    ).explain()

    assert text.splitlines() == [
        "1. fallback: answer",
        "2. total timeout: 30s",
        "3. retry: spaced(0.5).up_to(2)",
        "4. breaker 'api'",
        "5. rate limiter 'r': TokenBucket(rate=10, burst=20, per=1.0), waits up to 1s",
        "6. bulkhead 'b': 4 at once, 2 waiting up to 500ms",
        "7. hedge: up to 1 more, slower than 95% of calls",
        "8. timeout: 5s",
        "9. the call",
        "adds: TimedOut, CircuitOpen, RateLimited, QueueFull",
    ]


def test_a_policy_within_a_policy_is_its_layers() -> None:
    """Nesting policies is the same as writing their layers out."""
    inner = policy(THREE, Timeout(5))

    assert policy(Timeout(30, total=True), inner) == policy(
        Timeout(30, total=True), THREE, Timeout(5)
    )


def test_a_policy_shows_its_layers() -> None:
    """The ``repr`` lists the layers, and the description has their errors without repetition."""
    guarded = policy(Timeout(30, total=True), Timeout(5))

    assert repr(guarded) == (
        "policy(Timeout(allowance=30.0, total=True), Timeout(allowance=5.0, total=False))"
    )
    assert guarded.layer.errors == (TimedOut,)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        # A later layer takes the place of the one of its kind.
        ([policy(Timeout(5), THREE), Timeout(1)], [Timeout(1), THREE]),
        ([policy(THREE, Timeout(5)), Timeout(1)], [THREE, Timeout(1)]),
        # The limit of one attempt and that of all are different kinds.
        (
            [policy(Timeout(30, total=True), THREE, Timeout(5)), Timeout(9, total=True)],
            [Timeout(9, total=True), THREE, Timeout(5)],
        ),
        # A new kind comes innermost.
        ([THREE, Timeout(5)], [THREE, Timeout(5)]),
        ([Timeout(5), THREE], [Timeout(5), THREE]),
        # Nothing is removed by leaving it out, but a removal removes, until it is given again.
        ([policy(THREE, Timeout(5)), Without("timeout")], [THREE, Without("timeout")]),
        ([Timeout(5), Without("timeout"), Timeout(1)], [Timeout(1)]),
        ([THREE, merge(Timeout(5), Without("retry"))], [Without("retry"), Timeout(5)]),
    ],
)
def test_merging(policies: list[Any], expected: list[Any]) -> None:
    """Of each kind the later wins, in the place of the earlier; order is kept."""
    assert merge(*policies) == Policy(tuple(expected))


async def test_what_is_taken_away_is_really_gone(autojump_clock: MockClock) -> None:
    """After ``Without`` there is no limit and no retry left, and no trace of their settings."""
    service = Service(DOWN, takes=9)
    strict = policy(THREE, Timeout(5))

    result = await merge(strict, Without("timeout"), Without("retry")).wrap(service.call)()

    assert result == DOWN
    assert service.executions == 1
    assert "without" not in merge(strict, Without("timeout")).explain()


@pytest.mark.parametrize("wrong", [5, "retry", recurs(2), breaker, None])
def test_what_is_no_layer_is_refused(wrong: Any) -> None:
    """A bare number or schedule does not say what kind of layer it would be."""
    with pytest.raises(TypeError, match="is no layer: write a Retry, a Timeout"):
        policy(wrong)
