"""Each marked line is a misuse of one step that every checker must report."""

from __future__ import annotations

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
    refund,
    reserve,
)

from awaitly_trio import Ok, Result, Step


def not_async(user_id: str) -> Result[User, UserNotFound]:
    return Ok(User(user_id))


async def not_a_result(user_id: str) -> User:
    return User(user_id)


async def undo_number(number: int) -> None:
    del number


async def calls(step: Step[UserNotFound], warehouse: Warehouse) -> None:
    await step(charge, User("u"), 1)  # E Declined is not declared
    await step(reserve, "sku")  # E neither of its errors is declared
    await step(warehouse.take, "sku")  # E the method's error is not declared
    await step(fetch_user, 1)  # E wrong type of argument
    await step(fetch_user)  # E argument missing
    await step(fetch_user, "u", "v")  # E argument too many
    await step(fetch_user, user="u")  # E unknown keyword
    await step(not_async, "u")  # E not async
    await step(not_a_result, "u")  # E no Result
    await step(fetch_user("u"))  # E called by the user
    await step("fetch_user")  # E no function
    user: Receipt = await step(fetch_user, "u")  # E another type of value
    del user


async def values(step: Step[Declined], found: Result[User, UserNotFound]) -> None:
    names: dict[str, User] = {}
    await step.unwrap(found)  # E its error is not declared
    await step.unwrap(User("u"))  # E no Result
    step.some(names.get("u"), UserNotFound("u"))  # E the error is not declared
    if not names:
        step.fail("declined")  # E a word is no declared error
    step.fail(OutOfStock("sku"))  # E the error is not declared


async def catches(step: Step[Declined]) -> None:
    await step.catch(parse, "1", catch=ValueError, error=OutOfStock("sku"))  # E not declared
    await step.catch(parse, 1, catch=ValueError, error=Declined("x"))  # E (not ty) wrong type
    await step.catch(download, "url", catch=OSError, error=Declined("x"))  # E (not ty) missing
    await step.catch(parse, "1", catch=KeyboardInterrupt, error=Declined("x"))  # E always leaves
    await step.catch(parse, "1", error=Declined("x"))  # E what to catch is a choice


async def options(step: Step[UserNotFound]) -> None:
    await step.options(kye="k")(fetch_user, "u")  # E unknown option
    await step.options(key=1)(fetch_user, "u")  # E wrong type of option
    await step.options(retry=3)(fetch_user, "u")  # E a number is no schedule
    await step.options(timeout=3)(fetch_user, "u")  # E TimedOut is not declared
    await step.options(total_timeout=3)(fetch_user, "u")  # E TimedOut is not declared
    await step.options(key="k")(reserve, "sku")  # E undeclared through options
    await step.options(timeout=3, on_timeout=Declined("x"))(fetch_user, "u")  # E not declared
    user: User = await step.options(timeout=3, on_timeout=None)(fetch_user, "u")  # E may be None
    del user


async def conditions(step: Step[UserNotFound]) -> None:
    await step.when(True, reserve, "sku")  # E undeclared when run
    await step.unless(True, fetch_user, 1)  # E wrong type of argument
    user: User = await step.when(True, fetch_user, "u")  # E may be None
    other: User = await step.when_or(True, 0, fetch_user, "u")  # E may be the default
    del user, other


async def compensates(step: Step[Declined], user: User) -> None:
    await step.compensated(charge, undo_number, user, 1)  # E the compensation takes another value
    await step.compensated(charge, refund, user)  # E argument missing
    await step.compensated(fetch_user, audit, "u")  # E undeclared


def widened(narrow: Step[UserNotFound]) -> Step[UserNotFound | Declined]:
    return narrow  # E a step cannot be given more errors


async def bare(step: Step) -> None:
    await step(fetch_user, "u")  # E a bare step takes only what cannot fail
    step.fail(Declined("x"))  # E likewise
