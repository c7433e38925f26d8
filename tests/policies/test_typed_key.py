"""Keys made of arguments."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.typed_key import typed_key

VALUES: list[Any] = [
    None,
    0,
    0.0,
    -0.0,
    False,
    1,
    1.0,
    True,
    "1",
    b"1",
    math.nan,
    math.inf,
    (),
    [],
    {},
    set(),
    frozenset(),
    (1,),
    (True,),
    [1],
    {1},
    {1: 2},
    {1: 2.0},
    [[1]],
    [(1,)],
]
ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_different_arguments_have_different_keys() -> None:
    """What Python finds equal, such as 1 and True, or what JSON writes alike, is told apart."""
    keys = {typed_key((value,), {}): value for value in VALUES}

    assert len(keys) == len(VALUES)


@given(ARGUMENTS)
def test_equal_arguments_have_equal_keys(value: Any) -> None:
    """A key is hashable and is the same for each NaN and for a copy of a list."""
    copied = [*value] if isinstance(value, list) else value

    keys = {typed_key((value,), {"option": value}), typed_key((copied,), {"option": copied})}

    assert len(keys) == 1


def test_two_nans_are_one_key() -> None:
    """A cache would otherwise grow with each of them."""
    assert typed_key((float("nan"),), {}) == typed_key((float("nan"),), {})


def test_the_order_of_keywords_does_not_matter() -> None:
    """It is the same call."""
    assert typed_key((), {"a": 1, "b": 2}) == typed_key((), {"b": 2, "a": 1})


def test_a_position_is_not_a_keyword() -> None:
    """``f(1)`` and ``f(x=1)`` are told apart, for the function is not known."""
    assert typed_key((1,), {}) != typed_key((), {"x": 1})


def test_what_cannot_be_part_of_a_key_is_refused() -> None:
    """The message shows the argument and the way out."""

    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            return "<odd>"

    with pytest.raises(TypeError, match=r"<odd> is no part of a key.*give key="):
        typed_key((Odd(),), {})
