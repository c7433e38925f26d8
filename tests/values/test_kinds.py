"""What kind of error something is."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import pytest

from awaitly_trio import TimedOut
from awaitly_trio._values.kinds import error_type


@dataclass
class Declined:
    """An error of a program."""


class Code(str, enum.Enum):
    """Codes as many programs have them."""

    MISSING = "not_found"


class Nameless(type):
    """Makes classes that will not say what they are called."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class Posing:
    """An instance that says it is a string, as a mock does."""

    __class__ = str  # type: ignore[assignment]


def without_module() -> type:
    """Make a class in a place that has no name."""
    space: dict[str, Any] = {}
    exec("found = type('Odd', (), {})", {"__builtins__": {"type": type}}, space)  # noqa: S102
    found: type = space["found"]
    return found


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("not_found", "not_found"),
        (Code.MISSING, "not_found"),
        ("order 17 is missing", "str"),
        ("file-\udcff", "str"),
        (Declined(), f"{__name__}.Declined"),
        (TimedOut("a", 1), "awaitly_trio.TimedOut"),
        (ValueError("secret"), "ValueError"),
        (type("Odd", (), {"__module__": None})(), "Odd"),
        (type("Odd", (), {"__module__": property(lambda _: "x")})(), "Odd"),
        (without_module()(), "Odd"),
        (Nameless("Odd", (), {"__module__": "shop"})(), "shop.Odd"),
        (Posing(), f"{__name__}.Posing"),
    ],
    ids=range(12),
)
def test_every_error_has_a_type(error: object, kind: str) -> None:
    """A code is its own, any other has its class; the oddest class does not make it fail."""
    assert error_type(error) == kind
    assert type(error_type(error)) is str
