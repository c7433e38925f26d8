"""A rate limit shared by machines, against a real Redis and its real clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from redis_server import running_redis

from awaitly_trio._policies.bucket import Gcra, TokenBucket
from awaitly_trio._policies.fault_plan import Raise
from awaitly_trio._stores.redis_limiter import RedisRateLimiter, redis_rate_limiter
from awaitly_trio._tasks.fault import faults
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

coredis = pytest.importorskip("coredis", reason="the extra redis is not installed")

SLOW = TokenBucket(1, burst=3, per="1h")
"""Three starts, and no more while a test runs."""
FAST = TokenBucket(100, burst=5)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a private server."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
async def machines(address: str) -> AsyncIterator[list[Any]]:
    """Return two clients, as of two machines; each test has keys of its own."""
    first, second = coredis.Redis.from_url(address), coredis.Redis.from_url(address)
    async with first, second:
        yield [first, second]


def of_each(machines: list[Any], name: str, rule: Any) -> list[RedisRateLimiter]:
    """Return the limiter of each machine."""
    return [RedisRateLimiter(client, name, rule) for client in machines]


async def answer() -> Result[int, str]:
    """Stand for a service that works."""
    return Ok(1)


pytestmark = pytest.mark.integration


async def test_machines_share_a_limit(machines: list[Any]) -> None:
    """What one has started, the other may not start again, and the refusal says when."""
    one, other = (each.options(max_wait=0) for each in of_each(machines, "shared", SLOW))

    results = [await limiter(answer) for limiter in (one, other, one)]
    refused: Any = await other(answer)

    assert results == [Ok(1)] * 3
    assert isinstance(refused.error, RateLimited)
    assert 3500 < refused.error.retry_after <= 3600


async def test_no_more_starts_than_the_rate_allows(machines: list[Any]) -> None:
    """Many tasks of both machines wait their turn: burst and rate hold for them together."""
    started: list[float] = []

    async def note() -> None:
        started.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for limiter in of_each(machines, "rate", FAST):
            for _ in range(15):
                nursery.start_soon(limiter, note)

    started.sort()
    assert len(started) == 30
    # A start is noted after its turn was given, so this clock may be late, but by no turn.
    took = started[-1] - started[0]
    assert len(started) <= 5 + 100 * took + 5


async def test_a_machine_keeps_the_order_of_arrival(machines: list[Any]) -> None:
    """Its tasks start as they came."""
    limiter, _ = of_each(machines, "order", FAST)
    started: list[int] = []

    async def note(i: int) -> None:
        started.append(i)

    async with trio.open_nursery() as nursery:
        for i in range(15):
            nursery.start_soon(limiter, note, i)
            await trio.testing.wait_all_tasks_blocked()

    assert started == list(range(15))


async def test_a_cost_is_paid_at_once(machines: list[Any]) -> None:
    """A burst of fractions comes out whole: rounding takes none of it away."""
    one, other = of_each(machines, "cost", TokenBucket(3, burst=3, per="1h"))

    await one.options(cost=2).acquire()
    await other.acquire()

    with pytest.raises(CallRefusedError):
        await one.options(max_wait=0).acquire()


async def test_a_wait_has_its_limit(machines: list[Any]) -> None:
    """Whoever would wait too long is refused at once, also in line behind one who waits."""
    limiter, _ = of_each(machines, "patience", Gcra("1h"))
    await limiter.acquire()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(limiter.acquire)
        await trio.testing.wait_all_tasks_blocked(0.05)
        refused: Any = await limiter.options(max_wait=0.01)(answer)
        nursery.cancel_scope.cancel(reason="test")

    assert refused == Err(RateLimited("patience", 3600.0))


async def test_a_cancelled_waiter_leaves_the_line(machines: list[Any]) -> None:
    """It takes nothing, and the next in line asks."""
    limiter, other = of_each(machines, "cancel", TokenBucket(1, burst=1, per="1h"))
    await limiter.acquire()

    with trio.move_on_after(0.05) as patience:
        await limiter.acquire()
    await other.reset()
    await limiter.options(max_wait=0).acquire()

    assert patience.cancelled_caught


async def test_reset_fills_the_bucket_for_all(machines: list[Any]) -> None:
    """A full bucket takes no room in Redis."""
    one, other = of_each(machines, "reset", SLOW)
    await one.options(cost=3).acquire()

    await other.reset()

    assert not await machines[0].exists(["awaitly:rate:reset"])
    await one.options(cost=3, max_wait=0).acquire()


async def test_a_bucket_that_is_full_again_is_forgotten(machines: list[Any]) -> None:
    """Keys of limits that nobody uses do not pile up."""
    limiter, _ = of_each(machines, "expiry", SLOW)

    await limiter.acquire()

    assert 0 < await machines[0].ttl("awaitly:rate:expiry") <= 3600


async def test_a_wrapped_function_is_limited(machines: list[Any]) -> None:
    """It keeps its name, with or without a limit of the wait."""
    limiter, _ = of_each(machines, "wrap", SLOW)
    wrapped: list[Any] = [limiter.wrap(answer), limiter.options(max_wait=0).wrap(answer)]

    assert [each.__name__ for each in wrapped] == ["answer", "answer"]
    assert [await each() for each in wrapped] == [Ok(1), Ok(1)]
    assert repr(limiter) == "<RedisRateLimiter 'wrap'>"


async def test_a_redis_that_fails_is_an_exception(machines: list[Any]) -> None:
    """The call is not made, and the line goes on."""
    limiter, _ = of_each(machines, "fault", SLOW)

    with faults({"redis_limiter.*": Raise(ConnectionError, most=1)}, seed=1):
        with pytest.raises(ConnectionError):
            await limiter(answer)

        assert await limiter(answer) == Ok(1)


async def test_a_limiter_can_open_its_own_client(address: str) -> None:
    """What the block raises comes out as it is, and the connection is closed."""
    with pytest.raises(KeyError):
        async with redis_rate_limiter(address, "own", SLOW) as limiter:
            assert await limiter(answer) == Ok(1)
            raise KeyError("own")


@pytest.mark.parametrize("cost", [0, 4])
async def test_a_cost_that_can_never_be_paid_is_refused(cost: float, machines: list[Any]) -> None:
    """Without asking Redis."""
    limiter, _ = of_each(machines, "mistake", SLOW)

    with pytest.raises(ValueError, match=f"cost .* {cost}"):
        limiter.options(cost=cost)
