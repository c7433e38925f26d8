"""Each marked line is a misuse of a saga that every checker must report."""

from __future__ import annotations

from good_saga import configured, declared, order, release
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
from typing_extensions import assert_never

from awaitly_trio import Err, Ok, Result, Step, UnexpectedError, workflow
from awaitly_trio.saga import CompensationFailed, SagaOptions, saga


@saga
async def steps(step: Step[UserNotFound | Declined], user: User) -> None:
    await step.compensated(reserve, release, "sku")  # E undeclared
    await step.compensated(charge, release, user, 5)  # E the compensation takes another value
    await step.compensated(charge, refund, user)  # E argument missing
    await step.compensated(charge, refund, user, "5")  # E wrong type of argument
    await step.compensated(charge, user, 5)  # E no compensation
    await step.pivot(reserve, "sku")  # E undeclared
    await step.retriable(fetch_user, 1)  # E wrong type of argument
    await step.options(compensate_unkown=refund).compensated(charge, refund, user, 5)  # E typo
    step.saga()  # E a block has a name
    step.saga("a", {"order": "overlap"})  # E options are a record
    step.saga("a", SagaOptions(order="random"))  # E unknown order


@workflow
async def outer(step: Step[UserNotFound | Declined], user_id: str) -> None:
    await step(declared, user_id)  # E CompensationFailed is not declared


async def callers(user: User) -> None:
    await order(1)  # E wrong type of argument
    plain: Result[Receipt, Declined | UnexpectedError] = await configured(user)  # E not the whole
    del plain


def describe(result: Result[Receipt, Declined | CompensationFailed[Declined]]) -> str:
    match result:
        case Ok(receipt):
            return receipt.id
        case Err(error):
            match error:
                case Declined(reason):
                    return reason
                case _:
                    assert_never(error)  # E CompensationFailed not handled


@saga.options(order="random")  # E unknown order
async def misconfigured(step: Step[OutOfStock | Declined], sku: str) -> int:
    return await step(reserve, sku)
