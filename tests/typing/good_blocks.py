"""What a body does with several dependencies at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from good_shop import (
    Declined,
    OutOfStock,
    Receipt,
    User,
    UserNotFound,
    audit,
    charge,
    fetch_user,
    ping,
    reserve,
)
from typing_extensions import assert_type

from awaitly_trio import Ok, Result, Step, TimedOut

Fetch = Callable[[], Awaitable[Result[User, UserNotFound]]]


async def parallel(step: Step[UserNotFound | Declined], user: User) -> None:
    """A handle has the type of its branch."""
    async with step.parallel("pay") as group:
        fetched = group.start_soon(fetch_user, "u")
        paid = group.start_soon(charge, user, 1, currency="USD")
        counted = group.start_soon(audit, "line")
        kept = group.options(key="k").start_soon(fetch_user, user_id="u")
    assert_type(fetched.value, User)
    assert_type(paid.value, Receipt)
    assert_type(counted.value, int)
    assert_type(kept.value, User)


async def parallel_in_time(step: Step[UserNotFound | TimedOut]) -> None:
    """A block with an allowance ends with ``TimedOut``."""
    async with step.options(timeout=3).parallel() as group:
        fetched = group.start_soon(fetch_user, "u")
    assert_type(fetched.value, User)


async def all_of(
    step: Step[UserNotFound | Declined | OutOfStock], user: User, many: list[Fetch]
) -> None:
    """A value for each branch, in order, or under the key that it was given."""
    fetch = partial(fetch_user, "u")
    pay = partial(charge, user, 1)
    assert_type(await step.all(fetch, pay), tuple[User, Receipt])
    assert_type(await step.all(fetch, pay, ping), tuple[User, Receipt, bool])
    assert_type(await step.all(ping, pay, ping, fetch), tuple[bool, Receipt, bool, User])
    five = await step.all(ping, pay, ping, fetch, partial(reserve, "sku"))
    assert_type(five, tuple[bool, Receipt, bool, User, int])
    six = await step.all(ping, pay, ping, fetch, ping, pay)
    assert_type(six, tuple[bool, Receipt, bool, User, bool, Receipt])
    assert_type(await step.all(*many), tuple[User, ...])
    assert_type(await step.all({"a": fetch, "b": fetch}), dict[str, User])
    assert_type(await step.all(lambda: fetch_user("u"), lambda: audit("x")), tuple[User, int])


async def race(step: Step[UserNotFound]) -> None:
    """The winner's value."""
    fetch = partial(fetch_user, "u")
    assert_type(await step.race(fetch, partial(fetch_user, "v")), User)
    assert_type(await step.race(fetch, fetch, first="finished"), User)


async def settle(step: Step) -> None:
    """Failures are data, so nothing has to be declared."""
    fetch = partial(fetch_user, "u")
    settled = await step.settle(fetch, fetch, min_ok=1)
    assert_type(settled.values, list[User])
    assert_type(settled.is_ok, bool)
    await step.settle(fetch, fetch, max_errors=0.5)


async def endless() -> AsyncIterator[str]:
    """An async source."""
    yield "u"


async def mapped(step: Step[UserNotFound]) -> None:
    """A value for each item of a sync or async source."""
    assert_type(await step.map(fetch_user, ["u", "v"], limit=2), list[User])
    assert_type(await step.map(fetch_user, (str(n) for n in range(3)), limit=math.inf), list[User])
    assert_type(await step.map(fetch_user, endless(), limit=2), list[User])


async def batches(step: Step[UserNotFound]) -> None:
    """Batch after batch."""
    users = await step.batch(
        fetch_user, ["u"], size=10, limit=2, delay="1s", on_progress=print, after_batch=ping
    )
    assert_type(users, list[User])


async def branches(step: Step[UserNotFound], country: str) -> None:
    """One way of several."""
    home = partial(fetch_user, "u")
    user = await step.branch("country", country, {"no": home, "se": home}, default=home)
    assert_type(user, User)


class Connection:
    """A thing that is opened and closed."""

    async def close(self) -> None:
        """Close it."""


async def connect(host: str, *, port: int = 80) -> Result[Connection, Declined]:
    """Open it."""
    del host, port
    return Ok(Connection())


async def resources(step: Step[Declined]) -> None:
    """A resource has the type of what acquired it."""
    async with step.resources(release_timeout=2) as held:
        connection = await held.acquire(connect, Connection.close, "localhost", port=8080)
        assert_type(connection, Connection)
