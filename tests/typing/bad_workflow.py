"""Each marked line is a misuse of a workflow that every checker must report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from good_shop import Declined, OutOfStock, Receipt, User, UserNotFound, charge, fetch_user, reserve
from good_workflow import Desk, checkout
from typing_extensions import assert_never

from awaitly_trio import Err, Ok, Result, Step, UnexpectedError, run, workflow


@workflow
async def outer(step: Step[UserNotFound]) -> Receipt:
    return await step(checkout, "u")  # E the inner Declined is not declared


@workflow
async def wrong_return(step: Step[UserNotFound]) -> Receipt:
    return await step(fetch_user, "u")  # E another type of value


@workflow.of(fetch_user)  # E the body wants more than its dependency declares
async def of_too_little(step: Step[UserNotFound | Declined], user_id: str) -> Receipt:
    return await step(charge, await step(fetch_user, user_id), 1)


@workflow.of(fetch_user, charge, reserve, charge, charge, charge, charge, fetch_user)  # E likewise
async def of_eight(step: Step[UserNotFound | Declined | OutOfStock | ValueError]) -> User:
    return await step(fetch_user, "u")


@workflow  # E a body is async
def not_async(step: Step[UserNotFound]) -> int:
    del step
    return 1


@workflow  # E a body takes a step
async def no_step(user_id: str) -> User:
    return User(user_id)


async def called(desk: Desk) -> None:
    await checkout()  # E argument missing
    await checkout(1)  # E wrong type of argument
    await checkout("u", cent=3)  # E unknown keyword
    await desk.sell(1)  # E wrong type of argument
    await desk.sell("sku", True)  # E keyword-only
    checkout("u").value  # E not awaited
    paid: Result[Receipt, UserNotFound | UnexpectedError] = await checkout("u")  # E Declined too
    sold: Result[int, OutOfStock] = await desk.sell("sku")  # E UnexpectedError too
    (await checkout("u")).value  # E nobody looked whether it is an Ok
    del paid, sold


async def configured() -> None:
    await checkout.options(runid="r")("u")  # E unknown option
    await checkout.options(run_id=1)("u")  # E wrong type of option
    await checkout.options(run_id="r")(1)  # E wrong type of argument


async def one_off() -> None:
    async def body(step: Step[UserNotFound], user_id: str) -> User:
        return await step(fetch_user, user_id)

    await run(body)  # E argument missing
    await run(body, 1)  # E wrong type of argument
    done: Result[User, UserNotFound] = await run(body, "u")  # E UnexpectedError too
    del done


too_few: Callable[[str], Awaitable[Result[Receipt, UserNotFound | UnexpectedError]]] = checkout  # E


async def wrong_error(user_id: str) -> Result[User, UserNotFound]:
    return Err(Declined(user_id))  # E not the error that it declares


def forgotten(paid: Result[Receipt, UserNotFound | Declined | UnexpectedError]) -> str:
    match paid:
        case Ok(receipt):
            return receipt.id
        case Err(error):
            match error:
                case UserNotFound(user_id):
                    return user_id
                case UnexpectedError():
                    return "defect"
                case _:
                    assert_never(error)  # E Declined is forgotten
