"""Sagas: what is undone is typed like what is done, and so is what could not be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from good_shop import (
    Declined,
    OutOfStock,
    Receipt,
    User,
    UserNotFound,
    charge,
    fetch_user,
    refund,
    reserve,
)
from typing_extensions import assert_never, assert_type

from awaitly_trio import Err, Ok, Result, Step, TimedOut, UnexpectedError, exponential, workflow
from awaitly_trio.saga import CompensationFailed, SagaOptions, Uncompensated, saga


def release(reserved: int) -> Result[None, Declined]:
    return Ok(None)


async def find_and_refund(user: User, cents: int, *, currency: str = "USD") -> None: ...


@saga
async def order(step: Step[UserNotFound | Declined | OutOfStock], user_id: str) -> Receipt:
    user = await step(fetch_user, user_id)
    receipt = await step.compensated(charge, refund, user, 5, currency="EUR")
    assert_type(receipt, Receipt)
    assert_type(await step.compensated(reserve, release, "sku", 2), int)
    async with step.saga("extras", SagaOptions(order="overlap", timeout="5s")):
        extra = await step.compensated(charge, refund, user, 1)
    assert_type(extra, Receipt)
    careful = step.options(compensate_unknown=find_and_refund, depends_on=["charge"])
    await careful.compensated(charge, refund, user, 5)
    assert_type(await step.pivot(charge, user, 5), Receipt)
    assert_type(await step.retriable(fetch_user, user_id), User)
    return receipt


async def report(result: Result[Receipt, Failures]) -> str:
    match result:
        case Ok(receipt):
            return receipt.id
        case Err(error):
            match error:
                case UserNotFound(user_id):
                    return user_id
                case Declined() | OutOfStock():
                    return "no"
                case UnexpectedError(cause):
                    return repr(cause)
                case CompensationFailed(why, left):
                    assert_type(why, UserNotFound | Declined | OutOfStock | UnexpectedError)
                    assert_type(left, tuple[Uncompensated, ...])
                    return left[0].step
                case _:
                    assert_never(error)
        case _:
            assert_never(result)


Planned = UserNotFound | Declined | OutOfStock
Failures = Planned | CompensationFailed[Planned] | UnexpectedError


async def place() -> None:
    result = await order("u")
    assert_type(result, Ok[Receipt] | Err[Failures])
    await report(result)
    patient = order.options(saga=SagaOptions(retry=exponential(0.1)))
    await report(await patient("u"))


@saga.options(
    order="overlap",
    timeout=timedelta(seconds=5),
    total_timeout=30,
    grace="3s",
    retry=exponential(0.1, attempts=3),
    on_failure="stop",
    on_uncompensated=lambda failure: print(failure.left),
    forward=exponential(1, cap=60),
    raises=True,
)
async def configured(step: Step[Declined], user: User) -> Receipt:
    return await step.compensated(charge, refund, user, 5)


@saga
@workflow.of(fetch_user, charge)
async def declared(step: Step[UserNotFound | Declined], user_id: str) -> Receipt:
    return await step.compensated(charge, refund, await step(fetch_user, user_id), 5)


class Shop:
    @saga
    async def sell(self, step: Step[Declined], user: User) -> Receipt:
        return await step.compensated(charge, refund, user, 5)


async def call_them(shop: Shop) -> None:
    assert_type(
        await shop.sell(User("u")),
        Ok[Receipt] | Err[Declined | CompensationFailed[Declined] | UnexpectedError],
    )
    assert_type(
        await configured(User("u")),
        Ok[Receipt] | Err[Declined | CompensationFailed[Declined] | UnexpectedError],
    )
    await declared("u")


# A saga is a dependency; a body may plan for its report without saying of what.
@workflow
async def outer(step: Step[UserNotFound | Declined | CompensationFailed], user_id: str) -> None:
    assert_type(await step(declared, user_id), Receipt)
    assert_type(await step.compensated(declared, refund, user_id), Receipt)


# A part of a body that handles its own failure.
@workflow
async def handles(step: Step[Declined], user: User) -> Receipt | None:
    async def part(inner: Step[Declined | TimedOut]) -> Receipt:
        return await inner.options(timeout=5).compensated(charge, refund, user, 5)

    result = await saga.run(part)
    if isinstance(result, Ok):
        return result.value
    assert_type(
        result.error,
        Declined | TimedOut | CompensationFailed[Declined | TimedOut] | UnexpectedError,
    )
    return None


plain: Callable[[User], Awaitable[Result[Receipt | None, Declined | UnexpectedError]]] = handles
