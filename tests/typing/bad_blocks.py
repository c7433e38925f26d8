"""Each marked line is a misuse of a block that every checker must report."""

from __future__ import annotations

from functools import partial

from good_shop import User, UserNotFound, charge, fetch_user, reserve

from awaitly_trio import Step


async def parallel(step: Step[UserNotFound]) -> None:
    async with step.parallel() as group:
        group.start_soon(reserve, "sku")  # E undeclared
        group.start_soon(fetch_user, 1)  # E wrong type of argument
        group.start_soon(fetch_user)  # E argument missing
        group.start_soon(fetch_user("u"))  # E called by the user
        fetched = group.start_soon(fetch_user, "u")
    number: int = fetched.value  # E another type of value
    del number


async def parallel_in_time(step: Step[UserNotFound]) -> None:
    async with step.options(timeout=3).parallel() as group:  # E TimedOut is not declared
        group.start_soon(fetch_user, "u")


async def all_of(step: Step[UserNotFound]) -> None:
    fetch = partial(fetch_user, "u")
    pay = partial(charge, User("u"), 1)
    await step.all(fetch, pay)  # E undeclared
    await step.all({"a": pay})  # E undeclared in a mapping
    await step.all(fetch_user, fetch)  # E a branch takes no arguments
    one, two, three = await step.all(fetch, fetch)  # E two values
    del one, two, three


async def race(step: Step[UserNotFound]) -> None:
    fetch = partial(fetch_user, "u")
    await step.race(partial(charge, User("u"), 1), fetch)  # E undeclared
    await step.race(fetch, fetch, first="winner")  # E unknown way to win


async def settle(step: Step) -> None:
    fetch = partial(fetch_user, "u")
    await step.settle(fetch, min_ok="half")  # E neither a count nor a share
    await step.settle(fetch_user)  # E a branch takes no arguments


async def mapped(step: Step[UserNotFound]) -> None:
    await step.map(fetch_user, ["u"])  # E the limit is a choice
    await step.map(fetch_user, [1], limit=2)  # E wrong type of item
    await step.map(reserve, ["sku"], limit=2)  # E undeclared
    await step.batch(fetch_user, [1], size=1, limit=1)  # E wrong type of item


async def branches(step: Step[UserNotFound]) -> None:
    fetch = partial(fetch_user, "u")
    pay = partial(charge, User("u"), 1)
    await step.branch("way", "a", {"a": pay})  # E undeclared
    await step.branch("way", "a", {"a": fetch}, default=pay)  # E undeclared
