"""Many results made one.  Cases C31 to C33, C41 and C43."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awaitly_trio._values.combine import all_ok, any_ok, partition, settle
from awaitly_trio._values.errors import EmptyInput
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST: Result[int, str] = Err("first", cause="c1")
SECOND: Result[int, str] = Err("second", cause="c2")


def test_all_gives_every_value_in_order() -> None:
    """A tuple of values, whatever kind of iterable they came in."""
    assert all_ok((Ok(1), Ok("x"))) == Ok((1, "x"))
    assert all_ok([Ok(1), Ok(2)]) == Ok((1, 2))
    assert all_ok(iter([])) == Ok(())


def test_all_gives_the_first_error_by_position() -> None:
    """It is the same object, so its cause comes along."""
    assert all_ok([Ok(1), FIRST, SECOND]) is FIRST


def test_any_gives_the_first_value_by_position() -> None:
    """Errors before it do not matter."""
    winner: Result[int, str] = Ok(1)

    assert any_ok([FIRST, winner, Ok(2)]) is winner


def test_any_of_errors_gives_the_first() -> None:
    """It is the same object, so its cause comes along."""
    assert any_ok([FIRST, SECOND]) is FIRST


def test_any_of_nothing_is_an_error() -> None:
    """An empty choice is planned for, not raised."""
    assert any_ok([]) == Err(EmptyInput("any_ok"))


def test_settle_keeps_every_failure_with_its_cause() -> None:
    """Failures come in input order, as the objects they were."""
    settled = settle([SECOND, Ok(1), FIRST])

    assert settled == Err((SECOND, FIRST))


def test_settle_without_failures_gives_the_values() -> None:
    """Nothing failed, so nothing but values."""
    assert settle([Ok(1), Ok(2)]) == Ok((1, 2))
    assert settle([]) == Ok(())


def test_partition_splits_in_order() -> None:
    """Values on one side, errors on the other."""
    assert partition([Ok(1), FIRST, Ok(2), SECOND]) == ((1, 2), ("first", "second"))
    assert partition([Ok(1)]) == ((1,), ())
    assert partition([FIRST]) == ((), ("first",))
    assert partition([]) == ((), ())


@pytest.mark.parametrize(
    ("collect", "needed"), [(all_ok, FIRST), (any_ok, Ok(1))], ids=["all_ok", "any_ok"]
)
def test_nothing_is_asked_for_after_the_answer_is_known(
    collect: Callable[[Iterator[Result[int, str]]], Any], needed: Result[int, str]
) -> None:
    """A lazy source is read no further than it has to be."""

    def results() -> Iterator[Result[int, str]]:
        yield needed
        pytest.fail("asked for more")

    assert collect(results()) is needed


@pytest.mark.parametrize("collect", [all_ok, any_ok, settle, partition])
def test_only_results_are_collected(collect: Callable[[Any], object]) -> None:
    """A bare value among results is a mistake, told with the value."""
    with pytest.raises(TypeError, match=f"{collect.__name__} needs a Result, got 7"):
        collect([7])
