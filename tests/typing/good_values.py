"""What results and errors can do beside the everyday: catching, matching, waiting, tags."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import outcome
from good_result import NotFound, Refused, length, missing
from good_shop import Declined, OutOfStock, Overdrawn, User, UserNotFound, parse
from typing_extensions import Never, assert_never, assert_type

from awaitly_trio import Err, Ok, Result, TaggedError, UnexpectedError
from awaitly_trio.result import (
    Cases,
    WireFormat,
    and_then_async,
    capture,
    from_optional,
    from_outcome,
    match_error,
    on,
    or_else_async,
    recover_async,
    to_outcome,
)

Found = Result[User, UserNotFound]
T = TypeVar("T")


def text_of(user: User) -> str:
    """Look at a value."""
    return user.id


def unreadable(raised: ValueError) -> Declined:
    """Make an error of an exception."""
    return Declined(str(raised))


def stocked(error: UserNotFound) -> Result[int, OutOfStock]:
    """Try something else."""
    return Err(OutOfStock(error.id))


def catching(found: Found) -> None:
    """What raises becomes an error too."""
    assert_type(
        found.map(text_of).map_try(parse, catch=ValueError, error=unreadable),
        Ok[int] | Err[Declined] | Err[UserNotFound],
    )
    assert_type(
        found.map_err_try(missing, catch=ValueError, error=unreadable),
        Ok[User] | Err[int] | Err[Declined],
    )
    assert_type(capture(parse, "1", catch=(ValueError, KeyError), error=repr), Ok[int] | Err[str])


def alternatives(found: Found, nested: Result[Result[int, Declined], OutOfStock]) -> None:
    """Another result takes the place of an error, or of a value."""
    assert_type(found.or_else(stocked), Ok[User] | Ok[int] | Err[OutOfStock])
    assert_type(nested.flatten(), Ok[int] | Err[Declined] | Err[OutOfStock])


def made_late(user: User | None) -> Found:
    """An error is made only when it is needed."""
    return from_optional(user, make_error=lambda: UserNotFound("u"))


def outcomes(kept: outcome.Value[User] | outcome.Error, found: Found) -> None:
    """Results and outcomes turn into each other."""
    assert_type(from_outcome(kept, catch=ValueError), Ok[User] | Err[ValueError])
    assert_type(from_outcome(kept, catch=ValueError, error=unreadable), Ok[User] | Err[Declined])
    assert_type(to_outcome(found), outcome.Value[User] | outcome.Error)


async def later(user: User) -> Result[int, Declined]:
    """Wait for a result."""
    return Ok(len(user.id))


async def rescue(error: UserNotFound) -> Result[str, OutOfStock]:
    """Wait for another result."""
    return Ok(error.id)


async def stand_in(error: UserNotFound) -> str:
    """Wait for a value."""
    return error.id


async def waiting(found: Found) -> None:
    """A function that waits may follow a result."""
    assert_type(await and_then_async(found, later), Ok[int] | Err[UserNotFound | Declined])
    assert_type(await or_else_async(found, rescue), Ok[User | str] | Err[OutOfStock])
    assert_type(await recover_async(found, stand_in), Ok[User | str])


def reason(error: Declined) -> str:
    """Answer for one error."""
    return error.reason


def cents(error: Overdrawn) -> int:
    """Answer for another."""
    return error.cents


def matching(error: Declined | Overdrawn, wider: Declined | OutOfStock | Overdrawn) -> None:
    """Cases add up to a function of the union of their errors."""
    cases = on(Declined, reason).on(Overdrawn, cents)
    assert_type(cases(error), str | int)
    assert_type(match_error(error, cases), str | int)
    assert_type(on(Declined, lambda e: e.reason).otherwise(type)(wider), str | type)
    narrow: Cases[Declined, str | int] = cases
    del narrow


def guarded(error: Declined | Overdrawn) -> str | int:
    """A guarded case comes on top of the one for all."""
    rare = on(Declined, lambda e: "limit", when=lambda e: e.reason == "limit")
    return rare.on(Declined, reason).on(Overdrawn, cents)(error)


def strings(error: Literal["LIMIT", "CLOSED"] | Declined) -> str | int:
    """Strings and classes go together."""
    return on("LIMIT", lambda _: 1).on("CLOSED", lambda _: 2).on(Declined, reason)(error)


def answered(found: Result[User, Declined | Overdrawn]) -> str | int:
    """Cases are the arm for errors of a match of a result."""
    return found.match(ok=text_of, err=on(Declined, reason).on(Overdrawn, cents))


class Gone(NotFound):
    """An error that adds a field to another."""

    since: int = 0


class Invalid(TaggedError, Generic[T]):
    """An error of any value."""

    given: T


def inherited(error: Gone | Refused) -> str:
    """The fields of the base come first."""
    assert_type(Gone("sku", 3).sku, str)
    assert_type(Invalid(3).given, int)
    assert_type(error.message, str)
    match error:
        case Gone(sku, since):
            assert_type(since, int)
            return sku
        case Refused():
            return error.tag
        case _:
            assert_never(error)


def both_levels(found: Result[User, NotFound | Refused | UnexpectedError]) -> str:
    """A checker proves that every error is handled."""
    match found:
        case Ok(user):
            return user.id
        case Err(error):
            match error:
                case NotFound(sku):
                    return sku
                case Refused(attempts):
                    return str(attempts)
                case UnexpectedError(cause):
                    return repr(cause)
                case _:
                    assert_never(error)
        case _:
            assert_never(found)


def certain(sure: Result[int, Never]) -> int:
    """A result without errors is its value."""
    return sure.unwrap()


def written(found: Found) -> Found:
    """The JSON form is data, and what is read back is any result."""
    wire = WireFormat(User, UserNotFound)
    return wire.from_wire(wire.to_wire(found))


def chained(found: Found) -> Result[int, UserNotFound | Declined]:
    """The errors of a chain add up."""
    return found.map(text_of).and_then(length)
