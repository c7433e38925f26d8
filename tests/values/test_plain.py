"""A view of any value as plain data, for events, logs and snapshots."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec
import pytest

from awaitly_trio._values.events import ScopeEnded, event_to_wire
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.plain import DEPTH, WIDTH, plain, shown, tellable


@dataclass
class Order:
    id: str
    items: list[str]


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Selfish:
    def __init__(self) -> None:
        self.me = self


def cyclic() -> list[object]:
    """Make a list that holds itself."""
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value",
    [
        cyclic(),
        Selfish(),
        {"a": Hostile()},
        {("a", 1): 2},
        10**40,
        float("nan"),
        float("inf"),
        b"\xff",
        ValueError("x"),
        {3, "a"},
        object(),
        len,
        type,
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_step_returns_its_event_can_be_written_as_json(value: object) -> None:
    """An observer that streams events never fails on what a step returned."""
    event = ScopeEnded(1, 2.0, "run", 1, "w/a", "step", "a", 0.5, Outcome("ok", value))

    text = json.dumps(event_to_wire(event), allow_nan=False)

    assert json.loads(text)["outcome"]["status"] == "ok"


def test_records_show_their_fields() -> None:
    """A dataclass appears as its fields, with its type."""
    assert plain(Order("o-1", ["tea"])) == {"type": "Order", "id": "o-1", "items": ["tea"]}


def test_two_equal_views_do_not_differ_by_an_address() -> None:
    """Addresses in reprs would make two runs of one seed look different."""
    assert plain(object()) == plain(object()) == "<object object>"


def test_an_exception_that_names_an_object_gives_equal_views() -> None:
    """Neither its message nor its traceback has the address of the object."""
    first, second = (plain(ValueError(str(object()))) for _ in range(2))

    assert first == second
    assert first["message"] == "<object object>"
    assert "0x" not in first["traceback"]


def test_a_long_collection_says_what_it_leaves_out() -> None:
    """A view is bounded, and says so."""
    view = plain(list(range(WIDTH + 5)))

    assert len(view) == WIDTH + 1
    assert view[-1] == "and 5 more"


def test_a_deep_value_ends_in_a_repr() -> None:
    """A view is bounded in depth as well."""
    deep: list[object] = ["bottom"]
    for _ in range(DEPTH + 1):
        deep = [deep]

    view = plain(deep)

    for _ in range(DEPTH):
        view = view[0]
    assert isinstance(view, str)


def test_a_repr_that_fails_is_described() -> None:
    """The failure of a repr is part of the view."""
    assert shown(Hostile()) == "<Hostile whose repr raises RuntimeError>"


class Undecodable:
    def __repr__(self) -> str:
        return "file-\udcff"


@pytest.mark.parametrize(
    "value",
    [
        "file-\udcff",
        {"file-\udcff": 1},
        ["file-\udcff"],
        ValueError("file-\udcff"),
        Undecodable(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_about_a_file_of_any_name_can_be_encoded(value: object) -> None:
    """Python reads names that are no UTF-8 with lone surrogates, which strict encoders refuse."""
    event = ScopeEnded(1, 2.0, "run", 1, "w/a", "step", "a\udcff", 0.5, Outcome("ok", value))

    written = msgspec.json.encode(event_to_wire(event))

    assert json.loads(written)["name"] == r"a\udcff"


def test_a_text_that_can_be_told_is_told_as_it_is() -> None:
    """Only what no encoding has is escaped, and what an older terminal lacks if it is named."""
    assert tellable("größe ✓ 🙂") == "größe ✓ 🙂"
    assert tellable("file-\udcff") == r"file-\udcff"
    assert tellable("größe ✓", "latin-1") == r"größe \u2713"
