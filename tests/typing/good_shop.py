"""A small shop: the dependencies and errors that the other cases use."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import Never

from awaitly_trio import Err, Ok, Result, TaggedError


@dataclass(frozen=True)
class User:
    id: str


@dataclass(frozen=True)
class Receipt:
    id: str


@dataclass(frozen=True)
class UserNotFound:
    id: str


@dataclass(frozen=True)
class Declined:
    reason: str


@dataclass(frozen=True)
class OutOfStock:
    sku: str


class Overdrawn(TaggedError, tag="overdrawn", message="{cents} cents are missing"):
    """An error that may also be raised."""

    cents: int
    account: str = "current"


async def fetch_user(user_id: str) -> Result[User, UserNotFound]:
    """A look-up by position or keyword."""
    return Err(UserNotFound(user_id)) if user_id == "ghost" else Ok(User(user_id))


async def charge(user: User, cents: int, *, currency: str = "EUR") -> Result[Receipt, Declined]:
    """A dependency with a keyword of its own."""
    return Ok(Receipt(f"{user.id}-{cents}{currency}")) if cents else Err(Declined("nothing due"))


async def reserve(sku: str, count: int = 1) -> Result[int, OutOfStock | Declined]:
    """A dependency that fails in two ways."""
    return Ok(count) if count < 3 else Err(OutOfStock(sku))


async def withdraw(cents: int) -> Result[int, Overdrawn]:
    """A dependency whose error is an exception as well."""
    return Ok(cents) if cents < 100 else Err(Overdrawn(cents - 100))


async def audit(line: str) -> Result[int, Never]:
    """A dependency that cannot fail."""
    return Ok(len(line))


async def ping() -> Result[bool, Never]:
    """A dependency without arguments."""
    return Ok(True)


async def refund(receipt: Receipt) -> None:
    """Undo a charge."""
    del receipt


def parse(text: str) -> int:
    """Code that raises."""
    return int(text)


async def download(url: str, attempts: int) -> bytes:
    """Async code that raises."""
    if not url:
        raise OSError(attempts)
    return url.encode()


class Warehouse:
    """A dependency with state: its methods are steps."""

    def __init__(self, stock: dict[str, int]) -> None:
        self._stock = stock

    async def take(self, sku: str) -> Result[int, OutOfStock]:
        """A method as a dependency."""
        return Ok(self._stock[sku]) if sku in self._stock else Err(OutOfStock(sku))

    @classmethod
    async def opened(cls, city: str) -> Result[Warehouse, Never]:
        """A class method as a dependency."""
        return Ok(cls({city: 1}))
