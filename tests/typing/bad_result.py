"""Each marked line is a misuse of results that every checker must report."""

from __future__ import annotations

from good_result import NotFound, Refused, length, missing
from good_shop import Declined, OutOfStock, User, UserNotFound, parse

from awaitly_trio import Err, Ok, Result
from awaitly_trio.result import all_ok, capture

Found = Result[User, UserNotFound]


def values(found: Found) -> None:
    found.value  # E nobody looked whether it is an Ok
    found.error  # E nobody looked whether it is an Err
    number: int = found.unwrap()  # E another type of value
    del number


def frozen(ok: Ok[int], err: Err[Declined]) -> None:
    ok.value = 2  # E frozen
    err.error = Declined("x")  # E frozen


def chained(found: Found) -> Result[int, UserNotFound]:
    found.map(length, 3)  # E argument too many
    found.map(missing)  # E takes the error
    found.and_then(length)  # E takes another type
    return found.map(lambda user: user.id).and_then(length)  # E Declined is not declared


def narrowed(found: Result[int, Declined]) -> Result[bool, Declined]:
    return found  # E a result of more is none of less


def collected(found: Found, measured: Result[int, Declined]) -> Result[tuple[User, int], Declined]:
    all_ok([found, 3])  # E no Result
    return all_ok((found, measured))  # E UserNotFound too


def captured() -> None:
    capture(parse, 1, catch=ValueError)  # E (not ty) wrong type of argument
    capture(parse, "1")  # E what to catch is a choice
    capture(parse, "1", catch=KeyboardInterrupt)  # E always leaves


def tagged(error: NotFound) -> Result[int, OutOfStock]:
    NotFound()  # E field missing
    NotFound(1)  # E wrong type of field
    Refused(attempt=1)  # E unknown field
    error.sku = "other"  # E frozen
    return Err(error)  # E not the error that it declares
