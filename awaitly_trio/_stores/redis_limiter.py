"""A rate limit shared by machines: the bucket is in Redis, and Redis tells the time.

The arithmetic is that of ``_policies.bucket``, in one script, which Redis runs as a
whole.  Redis 5 or later; the client is coredis, of the extra ``redis``.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.rate import check_cost
from awaitly_trio._tasks.crew import Crew
from awaitly_trio._tasks.fault import fault
from awaitly_trio._tasks.notices import Refused, tell, wait_began, wait_ended
from awaitly_trio._values.duration import Duration, seconds
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    import coredis

    from awaitly_trio._policies.bucket import Gcra, TokenBucket

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")

# In microseconds.  What is kept is how long the bucket would need to be full, and since when:
# an instant would lose the fractions that add up over a burst.  The key lives until
# the bucket is full, for a full bucket and a missing one are the same.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local price, depth = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'missing', 'at')
local passed = math.max(0, now - (tonumber(kept[2]) or now))
local missing = math.max(0, (tonumber(kept[1]) or 0) - passed) + price
if missing - depth >= 1 then return string.format('%.0f', math.ceil(missing - depth)) end
redis.call('HSET', KEYS[1], 'missing', string.format('%.17g', missing),
           'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(missing / 1000))
return '0'
"""


class _SharedBucket:
    """One bucket in Redis, and the line of those here who want to take from it."""

    __slots__ = ("_client", "_depth", "_key", "_script", "interval", "line", "name", "rule")

    def __init__(self, client: coredis.Redis[Any], name: str, rule: TokenBucket | Gcra) -> None:
        bucket = rule.state()
        self.name = name
        self.rule = rule
        self.line = trio.Lock()
        self.interval = bucket.interval
        self._depth = bucket.depth
        self._client = client
        self._key = f"awaitly:rate:{name}"
        self._script: Callable[..., Awaitable[Any]] = client.register_script(_TAKE)

    async def take(self, cost: float) -> float:
        """Take so much and return 0, or take nothing and return how long to wait."""
        await fault("redis_limiter.take")
        arguments = [repr(cost * self.interval * 1e6), repr(self._depth * 1e6)]
        return int(await self._script([self._key], arguments)) / 1e6

    async def reset(self) -> None:
        """Fill the bucket."""
        await self._client.delete([self._key])


class _Limiter:
    """What the two kinds of limiter share: a bucket, and the cost that is paid each time."""

    __slots__ = ("_bucket", "_cost", "name")

    _max_wait = math.inf

    def __init__(self, bucket: _SharedBucket, cost: float) -> None:
        self.name = bucket.name
        self._bucket = bucket
        self._cost = check_cost(cost, bucket.rule.capacity)

    async def acquire(self) -> None:
        """Wait for a turn and take it; always a checkpoint.

        Whoever is cancelled while waiting takes nothing.  Whoever is cancelled while Redis is
        being asked may have spent a turn that nobody makes use of.
        """
        remaining = await self._take()
        if remaining is not None:
            raise CallRefusedError(RateLimited(self.name, remaining))

    async def reset(self) -> None:
        """Fill the bucket, for all machines; those who wait learn of it when they ask again."""
        await self._bucket.reset()

    async def _take(self) -> float | None:
        """Take a turn, in order of arrival here; return what wait remains if that is too long."""
        admitted = False
        # Each call is measured, and not only who stood in line: all wait for Redis.
        began = wait_began()
        try:
            remaining = await self._ask()
            admitted = remaining is None
        finally:
            wait_ended(self.name, began, admitted=admitted)
        if not admitted:
            tell(Refused, self.name, "limiter")
        return remaining

    async def _ask(self) -> float | None:
        bucket = self._bucket
        latest = trio.current_time() + self._max_wait
        if not bucket.line.locked():
            # Not even the time of a checkpoint: some have no patience at all.
            bucket.line.acquire_nowait()
        else:
            with trio.move_on_at(latest) as patience:
                await bucket.line.acquire()
            if patience.cancelled_caught:
                return self._cost * bucket.interval
        try:
            while wait := await bucket.take(self._cost):
                if trio.current_time() + wait > latest:
                    return wait
                await trio.sleep(wait)
        finally:
            bucket.line.release()
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


@final
class RedisRateLimiter(_Limiter):
    """Let calls of many machines start no faster, in all, than a rule allows.

    Within a process calls start in order of arrival; machines ask again when their
    wait should be over, and whoever asks first is first.  The turn is taken when Redis
    says so, by its clock.  What a call does afterwards gives nothing back.

    Args:
      client: A coredis client that is open; see ``redis_rate_limiter`` for one
        that is opened with the limiter.
      name: What the limit is called, in Redis and in refusals: those of one name share it,
        and must give it the same rule.
      rule: How many starts are allowed, such as ``TokenBucket(10, burst=20)``.
    """

    __slots__ = ()

    def __init__(self, client: coredis.Redis[Any], name: str, rule: TokenBucket | Gcra) -> None:
        super().__init__(_SharedBucket(client, name, rule), 1)

    async def __call__(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call an async function, of whatever kind, when its turn has come."""
        await self._take()
        return await fn(*args, **kwargs)

    def wrap(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Return the function limited by this limiter."""
        return update_wrapper(partial(self, fn), fn)

    @overload
    def options(self, *, cost: float = 1) -> RedisRateLimiter: ...
    @overload
    def options(self, *, max_wait: Duration, cost: float = 1) -> RefusingRedisRateLimiter: ...
    def options(
        self, *, cost: float = 1, max_wait: Duration | None = None
    ) -> RedisRateLimiter | RefusingRedisRateLimiter:
        """Return a view of this limiter, which shares its rate and its line.

        Args:
          cost: How many starts a call through the view is worth.
          max_wait: How long a call may wait, in seconds or any other duration; 0 to
            never wait.

        Raises:
          ValueError: ``cost`` is not above zero, or more than can ever start at once.
        """
        if max_wait is not None:
            return RefusingRedisRateLimiter(self._bucket, cost, seconds(max_wait, "max_wait"))
        view = RedisRateLimiter.__new__(RedisRateLimiter)
        _Limiter.__init__(view, self._bucket, cost)
        return view


@final
class RefusingRedisRateLimiter(_Limiter):
    """A view of a limiter in Redis that sends away whoever would have to wait too long.

    ``acquire`` raises ``CallRefusedError``, which carries the ``RateLimited`` that a
    call returns.
    """

    __slots__ = ("_max_wait",)

    def __init__(self, bucket: _SharedBucket, cost: float, max_wait: float) -> None:
        super().__init__(bucket, cost)
        self._max_wait = max_wait

    async def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T] | Err[E | RateLimited]:
        """Call a function that returns a result, if its turn comes in time."""
        remaining = await self._take()
        if remaining is not None:
            return Err(RateLimited(self.name, remaining))
        return await fn(*args, **kwargs)

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | RateLimited]]]:
        """Return the function limited by this limiter."""
        return update_wrapper(partial(self, fn), fn)


@asynccontextmanager
async def redis_rate_limiter(
    url: str, name: str, rule: TokenBucket | Gcra
) -> AsyncGenerator[RedisRateLimiter]:
    """Open a client for a Redis, and a limiter that uses it, for a block.

    The client connects when it is first asked: then it shows whether Redis is there.

    Args:
      url: Where it is, such as ``"redis://localhost:6379"``.
      name: What the limit is called; see ``RedisRateLimiter``.
      rule: How many starts are allowed.

    Raises:
      ModuleNotFoundError: The extra ``redis`` is not installed.
    """
    try:
        import coredis  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "a limiter in Redis needs coredis: pip install 'awaitly_trio[redis]'"
        ) from missing
    client = coredis.Redis.from_url(url)
    opened = trio.Event()

    async def keep_open() -> None:
        async with client:
            opened.set()
            await trio.sleep_forever()

    # In a task of its own: around the block, the client would wrap what that raises.
    async with Crew() as crew:
        crew.nursery.start_soon(keep_open)
        await opened.wait()
        try:
            yield RedisRateLimiter(client, name, rule)
        finally:
            crew.nursery.cancel_scope.cancel(reason=f"the limiter {name!r} is closed")
