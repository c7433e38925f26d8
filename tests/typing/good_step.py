"""What a body does with one dependency at a time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from good_shop import (
    Declined,
    OutOfStock,
    Receipt,
    User,
    UserNotFound,
    Warehouse,
    audit,
    charge,
    download,
    fetch_user,
    parse,
    ping,
    refund,
    reserve,
)
from typing_extensions import Never, assert_type

from awaitly_trio import Result, Step, TimedOut, exponential


async def calls(step: Step[UserNotFound | Declined | OutOfStock], warehouse: Warehouse) -> None:
    """Arguments are those of the dependency; the value is that of its ``Ok``."""
    user = await step(fetch_user, "u")
    assert_type(user, User)
    assert_type(await step(fetch_user, user_id="u"), User)
    assert_type(await step(charge, user, 1), Receipt)
    assert_type(await step(charge, user, cents=1, currency="USD"), Receipt)
    assert_type(await step(reserve, "sku"), int)
    assert_type(await step(reserve, "sku", count=2), int)
    assert_type(await step(audit, "line"), int)
    assert_type(await step(ping), bool)
    assert_type(await step(partial(charge, user), 3), Receipt)
    assert_type(await step(warehouse.take, "sku"), int)
    assert_type(await step(Warehouse.opened, "Oslo"), Warehouse)


async def values(step: Step[UserNotFound | Declined], found: Result[User, UserNotFound]) -> None:
    """What is at hand needs no call."""
    assert_type(await step.unwrap(found), User)
    names: dict[str, User] = {}
    assert_type(step.some(names.get("u"), Declined("unknown")), User)
    if len(names) > 1:
        step.fail(Declined("nobody"))


def ends(step: Step[Declined]) -> Never:
    """A checker knows that nothing follows a failure."""
    step.fail(Declined("closed"))


async def catches(step: Step[Declined | OutOfStock]) -> None:
    """Code that raises becomes a step with an error that was chosen, or made."""
    assert_type(await step.catch(parse, "1", catch=ValueError, error=Declined("no number")), int)
    kinds = (OSError, ValueError)
    body = await step.catch(download, "url", 3, catch=kinds, error=lambda e: Declined(str(e)))
    assert_type(body, bytes)
    fetched = step.options(name="get")
    assert_type(
        await fetched.catch(download, "url", 3, catch=OSError, error=OutOfStock("url")), bytes
    )


async def options(step: Step[UserNotFound | Declined]) -> None:
    """An option that adds no error changes no type."""
    schedule = exponential(0.1, attempts=3)
    assert_type(step.options(key="k"), Step[UserNotFound | Declined])
    assert_type(await step.options(name="user", key="k")(fetch_user, "u"), User)
    assert_type(await step.options(retry=schedule, tags=["slow"])(fetch_user, "u"), User)
    assert_type(await step.options(description="The payer.")(fetch_user, "u"), User)
    assert_type(await step.options(key="a").options(retry=schedule)(fetch_user, "u"), User)


async def allowances(step: Step[UserNotFound | TimedOut]) -> None:
    """An allowance in any form of a duration ends with ``TimedOut``."""
    assert_type(await step.options(timeout=3)(fetch_user, "u"), User)
    assert_type(await step.options(timeout=0.5, key="u")(fetch_user, "u"), User)
    assert_type(await step.options(timeout="1m30s")(fetch_user, "u"), User)
    assert_type(await step.options(timeout=timedelta(seconds=2))(fetch_user, "u"), User)
    assert_type(await step.options(total_timeout=9, timeout=3)(fetch_user, "u"), User)
    assert_type(step.options(timeout=3), Step[UserNotFound | TimedOut])


async def allowance_modes(step: Step[UserNotFound | Declined]) -> None:
    """With an error of one's own, or ``None``, nothing else has to be declared."""
    late = Declined("too slow")
    assert_type(await step.options(timeout=3, on_timeout=late)(fetch_user, "u"), User)
    assert_type(await step.options(timeout=3, on_timeout=None)(fetch_user, "u"), User | None)


async def conditions(step: Step[UserNotFound], zero: int, word: str, *, member: bool) -> None:
    """A step that may be skipped says what stands in its place."""
    assert_type(await step.when(member, fetch_user, "u"), User | None)
    assert_type(await step.unless(member, fetch_user, user_id="u"), User | None)
    assert_type(await step.when_or(member, zero, fetch_user, "u"), User | int)
    assert_type(await step.unless_or(member, word, fetch_user, "u"), User | str)


async def asks(step: Step[UserNotFound]) -> None:
    """A body may ask for its limits and its context."""
    assert_type(step.deadline, float)
    assert_type(step.time_left, float)
    assert_type(step.run_id, str | None)
    context: Any = step.context
    await step.sleep("250ms")
    await step.sleep(0.25, "settle down")
    del context


async def compensates(step: Step[Declined], user: User) -> None:
    """A compensation takes the value of its step."""
    assert_type(await step.compensated(charge, refund, user, 1, currency="USD"), Receipt)
    assert_type(await step.options(key="c").compensated(charge, refund, user, 1), Receipt)


async def narrow(step: Step[UserNotFound]) -> User:
    """A helper asks for the errors it needs and no more."""
    return await step(fetch_user, "u")


async def wide(step: Step[UserNotFound | Declined | OutOfStock]) -> None:
    """A step that may fail in more ways is accepted where fewer are asked for."""
    assert_type(await narrow(step), User)
    fewer: Step[Declined] = step
    none_at_all: Step = step
    assert_type(await none_at_all(audit, "line"), int)
    del fewer
