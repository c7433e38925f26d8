"""Each marked line is a misuse of results or errors that every checker must report."""

from __future__ import annotations

from good_result import NotFound
from good_shop import Declined, OutOfStock, Overdrawn, User, UserNotFound, parse
from good_values import Gone, cents, later, reason, rescue, stocked, text_of, unreadable
from typing_extensions import assert_never

from awaitly_trio import Err, Ok, Result, TaggedError
from awaitly_trio.result import and_then_async, from_optional, match_error, on, or_else_async

Found = Result[User, UserNotFound]


def catching(found: Found) -> None:
    found.map(text_of).map_try(parse, catch=OSError, error=unreadable)  # E takes a ValueError
    found.map(text_of).map_try(parse, catch=BaseException, error=repr)  # E always leaves
    found.map(text_of).map_try(parse, catch=ValueError)  # E no error to make of it


def alternatives(found: Found, flat: Result[int, Declined]) -> Result[User, OutOfStock]:
    found.or_else(reason)  # E takes another error
    found.or_else(text_of)  # E takes the value
    found.recover(cents)  # E takes another error
    flat.flatten()  # E nothing inside
    return found.or_else(stocked)  # E its value is an int


def made_late(user: User | None) -> Result[User, Declined]:
    from_optional(user)  # E no error
    return from_optional(user, UserNotFound("u"))  # E another error


async def waiting(found: Found) -> Result[int, Declined]:
    await and_then_async(found, text_of)  # E does not wait
    await or_else_async(found, later)  # E takes the value
    await or_else_async(found, rescue, 1)  # E argument too many
    return await and_then_async(found, later)  # E UserNotFound too


def matching(error: Declined | Overdrawn, wider: Declined | OutOfStock | Overdrawn) -> None:
    on(Declined, reason)(error)  # E Overdrawn is not handled
    match_error(error, on(Declined, reason))  # E likewise
    on(Declined, reason).on(Overdrawn, cents)(wider)  # E OutOfStock is not handled
    on(Declined, cents)  # E handler of another error
    on(Declined, reason).on(Overdrawn, reason)  # E likewise
    on(Declined, reason).on(Overdrawn, cents, when=lambda e: e.cents)(error)  # E not always
    on(Declined, reason, wen=bool)  # E unknown keyword
    on(3, reason)  # E neither class nor string


def answered(found: Result[User, Declined | Overdrawn]) -> None:
    found.match(ok=text_of, err=on(Declined, reason))  # E Overdrawn is not handled
    found.match(ok=text_of)  # E errors are not handled


class Wrong(TaggedError, tga="wrong"):  # E unknown class argument
    sku: str


def fields(error: Gone, either: NotFound | Declined) -> str:
    Gone("sku", "since")  # E wrong type of field
    Gone(since=1)  # E field of the base missing
    error.since = 1  # E frozen
    error.sku = "x"  # E frozen
    match either:
        case NotFound(sku):
            return sku
        case _:
            assert_never(either)  # E Declined is not handled


def wrapped() -> Result[int, Gone]:
    Err(Gone("x")).unwrap_or(1).since  # E an int
    Ok(1).map_try(str, catch="ValueError", error=repr)  # E no exception
    return Err(NotFound("x"))  # E wider than Gone
