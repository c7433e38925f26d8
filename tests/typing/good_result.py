"""Results, without any workflow."""

from __future__ import annotations

from good_shop import Declined, OutOfStock, Overdrawn, User, UserNotFound, download, parse
from typing_extensions import Never, assert_type

from awaitly_trio import Err, Ok, Result, TaggedError, is_err, is_ok
from awaitly_trio.result import (
    EmptyInput,
    all_ok,
    any_ok,
    capture,
    capture_async,
    from_optional,
    partition,
    settle,
)

Found = Result[User, UserNotFound]


def length(text: str) -> Result[int, Declined]:
    """A function that returns a Result."""
    return Ok(len(text)) if text else Err(Declined("empty"))


def guards(found: Found) -> None:
    """A guard narrows both ways."""
    if is_ok(found):
        assert_type(found.value, User)
    else:
        assert_type(found.error, UserNotFound)
    if is_err(found):
        assert_type(found.error, UserNotFound)
    else:
        assert_type(found.value, User)


# ty gives the parameter of a lambda no type when the method is that of a union.
def name_of(user: User) -> str:
    """Look at a value."""
    return user.id


def missing(error: UserNotFound) -> int:
    """Look at an error."""
    return len(error.id)


def guest(error: UserNotFound) -> User:
    """Stand in for a value."""
    return User(error.id)


def methods(found: Found) -> None:
    """A method's result is the union of what both kinds answer."""
    names = found.map(name_of)
    assert_type(names, Ok[str] | Err[UserNotFound])
    assert_type(names.and_then(length), Ok[int] | Err[Declined] | Err[UserNotFound])
    assert_type(found.map_err(missing), Ok[User] | Err[int])
    assert_type(found.bimap(name_of, missing), Ok[str] | Err[int])
    assert_type(found.unwrap_or(None), User | None)
    assert_type(found.unwrap_or_else(missing), User | int)
    assert_type(found.unwrap(), User)
    assert_type(found.expect("a user"), User)
    assert_type(found.recover(guest), Ok[User])
    assert_type(found.match(ok=name_of, err=missing), str | int)
    assert_type(found.tap(print).tap_err(print), Ok[User] | Err[UserNotFound])
    assert_type(found.zip(length("x")), Ok[tuple[User, int]] | Err[Declined] | Err[UserNotFound])


def covariant(found: Result[bool, Never]) -> Result[int, Declined]:
    """A result of less is a result of more."""
    return found


def collections(found: Found, measured: Result[int, Declined], many: list[Found]) -> None:
    """Many results become one."""
    assert_type(all_ok((found, measured)), Ok[tuple[User, int]] | Err[UserNotFound | Declined])
    assert_type(all_ok(many), Ok[tuple[User, ...]] | Err[UserNotFound])
    assert_type(any_ok(many), Ok[User] | Err[UserNotFound | EmptyInput])
    assert_type(settle(many), Ok[tuple[User, ...]] | Err[tuple[Err[UserNotFound], ...]])
    assert_type(partition(many), tuple[tuple[User, ...], tuple[UserNotFound, ...]])


async def captured(users: dict[str, User]) -> None:
    """Code that raises, and values that may be missing."""
    assert_type(capture(parse, "1", catch=ValueError), Ok[int] | Err[ValueError])
    made = capture(parse, "1", catch=ValueError, error=lambda e: Declined(str(e)))
    assert_type(made, Ok[int] | Err[Declined])
    body = await capture_async(download, "url", 3, catch=OSError)
    assert_type(body, Ok[bytes] | Err[OSError])
    assert_type(from_optional(users.get("u"), UserNotFound("u")), Ok[User] | Err[UserNotFound])


class NotFound(TaggedError):
    """An error with a field."""

    sku: str


class Refused(TaggedError, tag="refused", message="refused after {attempts} attempts"):
    """An error with a default, a tag and a sentence."""

    attempts: int = 1


def tagged(error: NotFound | Refused | Overdrawn) -> str:
    """Fields are parameters, attributes and patterns; the class is an exception."""
    assert_type(NotFound("sku").sku, str)
    assert_type(Refused().attempts, int)
    assert_type(Refused(attempts=2).tag, str)
    raisable: Exception = error
    match error:
        case NotFound(sku):
            assert_type(sku, str)
            return sku
        case Refused(attempts):
            assert_type(attempts, int)
            return raisable.__class__.__name__
        case Overdrawn(cents=cents):
            return str(cents)


def sums(stock: Result[int, OutOfStock]) -> Result[int, OutOfStock | Declined]:
    """Functions chain into the union of their errors."""
    return stock.map(str).and_then(length)
