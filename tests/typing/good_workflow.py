"""Workflows: declared, inferred, nested, configured, and one-off runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from good_shop import (
    Declined,
    OutOfStock,
    Overdrawn,
    Receipt,
    User,
    UserNotFound,
    Warehouse,
    audit,
    charge,
    fetch_user,
    ping,
    reserve,
    withdraw,
)
from typing_extensions import Never, assert_never, assert_type

from awaitly_trio import Err, Ok, Result, Step, TimedOut, UnexpectedError, run, workflow


@workflow
async def checkout(step: Step[UserNotFound | Declined], user_id: str, cents: int = 5) -> Receipt:
    """The errors are read off the annotation."""
    user = await step(fetch_user, user_id)
    return await step(charge, user, cents)


@workflow
async def infallible(step: Step, line: str) -> int:
    """A bare step takes dependencies that cannot fail."""
    return await step(audit, line)


@workflow
async def outer(step: Step[UserNotFound | Declined | OutOfStock]) -> Receipt:
    """A workflow is a dependency of another; its ``UnexpectedError`` needs no declaring."""
    await step(reserve, "sku")
    assert_type(await step(infallible, "x"), int)
    async with step.parallel() as group:
        other = group.start_soon(checkout, "u", cents=1)
    assert_type(other.value, Receipt)
    assert_type(await step.options(key="c")(checkout.options(name="pay"), "u"), Receipt)
    return await step(checkout, "u", cents=7)


@workflow
async def limited(step: Step[TimedOut | UserNotFound]) -> User:
    """An allowance's error is declared like any other."""
    return await step.options(timeout="5s")(fetch_user, "u")


class Desk:
    """A workflow may be a method."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @workflow
    async def sell(self, step: Step[OutOfStock], sku: str, *, gift: bool = False) -> int:
        """The object comes first, then the step."""
        del gift
        return await step(self._warehouse.take, sku)


@workflow.of(fetch_user)
async def of_one(step: Step[UserNotFound], user_id: str) -> User:
    """One dependency."""
    return await step(fetch_user, user_id)


@workflow.of(fetch_user, charge, reserve, withdraw, audit, ping, checkout, infallible)
async def of_eight(
    step: Step[UserNotFound | Declined | OutOfStock | Overdrawn], user_id: str
) -> Receipt:
    """Eight dependencies: the union of their errors is inferred."""
    await step(withdraw, 1)
    await step(reserve, "sku")
    return await step(checkout, user_id)


@workflow.of(fetch_user, charge, reserve)
async def of_more_than_needed(step: Step[UserNotFound], user_id: str) -> User:
    """A body may want less than its dependencies declare."""
    return await step(fetch_user, user_id)


async def called(desk: Desk) -> None:
    """A workflow takes the arguments of its body and returns a Result."""
    paid = await checkout("u", cents=9)
    assert_type(paid, Ok[Receipt] | Err[UserNotFound | Declined | UnexpectedError])
    assert_type(await infallible("x"), Ok[int] | Err[UnexpectedError])
    assert_type(await desk.sell("sku", gift=True), Ok[int] | Err[OutOfStock | UnexpectedError])
    assert_type(await of_one("u"), Ok[User] | Err[UserNotFound | UnexpectedError])


async def configured() -> None:
    """Options change nothing about arguments and result."""

    async def fake(user_id: str) -> Result[User, UserNotFound]:
        return Ok(User(user_id))

    tested = checkout.options(replace={fetch_user: fake}, run_id="r1", name="test", context={})
    paid = await tested("u", cents=1)
    assert_type(paid, Ok[Receipt] | Err[UserNotFound | Declined | UnexpectedError])
    again = await tested.options(observers=[])("u")
    assert_type(again, Ok[Receipt] | Err[UserNotFound | Declined | UnexpectedError])


async def one_off() -> None:
    """A body that is run once needs no decorator."""

    async def body(step: Step[UserNotFound], user_id: str) -> User:
        return await step(fetch_user, user_id)

    assert_type(await run(body, "u"), Ok[User] | Err[UserNotFound | UnexpectedError])
    assert_type(await run(body, user_id="u"), Ok[User] | Err[UserNotFound | UnexpectedError])


# How a parameter or attribute that is a workflow is annotated.
named: Callable[[str], Awaitable[Result[Receipt, UserNotFound | Declined | UnexpectedError]]] = (
    checkout
)
certain: Callable[[str], Awaitable[Result[int, UnexpectedError]]] = infallible


def described(paid: Result[Receipt, UserNotFound | Declined | UnexpectedError]) -> str:
    """A checker proves that every way it can end is handled."""
    match paid:
        case Ok(receipt):
            assert_type(receipt, Receipt)
            return receipt.id
        case Err(error):
            match error:
                case UserNotFound(user_id):
                    assert_type(user_id, str)
                    return user_id
                case Declined(reason):
                    return reason
                case UnexpectedError(cause):
                    assert_type(cause, Exception)
                    return repr(cause)
                case _:
                    assert_never(error)
        case _:
            assert_never(paid)


def never_fails(result: Result[int, Never]) -> int:
    """Without an error there is nothing to handle."""
    return result.unwrap()
