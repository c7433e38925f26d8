"""Results obey the laws that let one rewrite a chain without changing what it does."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._values.combine import all_ok, any_ok, partition, settle
from awaitly_trio._values.result import Err, Ok, Result

Some: TypeAlias = Result[int, str]

RESULTS: st.SearchStrategy[Some] = st.one_of(
    st.builds(Ok, st.integers()),
    st.builds(Err, st.text(max_size=3), st.none() | st.text(max_size=3)),
)
LISTS = st.lists(RESULTS, max_size=6)


def half(number: int) -> Some:
    """Fail for odd numbers."""
    return Err(f"{number} is odd", cause=number) if number % 2 else Ok(number // 2)


def small(number: int) -> Some:
    """Fail for big numbers."""
    return Ok(number) if abs(number) < 50 else Err("big")


def read(text: str) -> Some:
    """Rescue some errors."""
    return Ok(len(text)) if text else Err("empty")


def spell(text: str) -> Some:
    """Rescue others."""
    return Err(text + "!", cause="again") if len(text) > 1 else Ok(0)


def double(number: int) -> int:
    """Change a value."""
    return number * 2


@given(RESULTS)
def test_mapping_nothing_changes_nothing(result: Some) -> None:
    """The identity maps a result, its error, and both, to itself."""
    assert result.map(lambda value: value) == result
    assert result.map_err(lambda error: error) == result
    assert result.bimap(lambda value: value, lambda error: error) == result


@given(RESULTS)
def test_mapping_twice_is_mapping_once(result: Some) -> None:
    """Two functions one after the other are their composition."""
    assert result.map(double).map(str) == result.map(lambda value: str(double(value)))
    assert result.map_err(len).map_err(str) == result.map_err(lambda error: str(len(error)))


@given(RESULTS)
def test_both_sides_are_mapped_independently(result: Some) -> None:
    """``bimap`` is ``map`` and ``map_err``, in either order."""
    both = result.bimap(double, len)

    assert both == result.map(double).map_err(len) == result.map_err(len).map(double)


@given(st.integers(), RESULTS)
def test_chains_have_units(number: int, result: Some) -> None:
    """Starting from ``Ok`` or ending in ``Ok`` adds nothing."""
    assert Ok(number).and_then(half) == half(number)
    assert result.and_then(Ok) == result


@given(RESULTS)
def test_chains_are_associative(result: Some) -> None:
    """It does not matter how the links of a chain are bracketed."""
    assert result.and_then(half).and_then(small) == result.and_then(
        lambda value: half(value).and_then(small)
    )


@given(RESULTS)
def test_map_is_a_chain(result: Some) -> None:
    """``map`` is ``and_then`` with ``Ok``; ``and_then`` is ``map`` and ``flatten``."""
    assert result.map(double) == result.and_then(lambda value: Ok(double(value)))
    assert result.and_then(half) == result.map(half).flatten()


@given(st.text(), RESULTS)
def test_rescues_have_units_and_are_associative(text: str, result: Some) -> None:
    """``or_else`` does for errors what ``and_then`` does for values."""
    assert Err(text).or_else(read) == read(text)
    assert result.or_else(Err).map_err(str) == result.or_else(Err)
    assert result.or_else(read).or_else(spell) == result.or_else(
        lambda error: read(error).or_else(spell)
    )


@given(RESULTS)
def test_recovering_is_a_rescue_that_succeeds(result: Some) -> None:
    """Every way to end with a value agrees with the others."""
    recovered = result.recover(len)

    assert recovered == result.or_else(lambda error: Ok(len(error)))
    assert recovered.value == result.unwrap_or_else(len)
    assert recovered.value == result.match(ok=lambda value: value, err=len)
    assert recovered.recover(len) is recovered


@given(RESULTS)
def test_what_does_not_apply_returns_the_same_object(result: Some) -> None:
    """A success passes every method for errors untouched, and the other way round."""
    passed: list[object] = [result.tap(str), result.tap_err(str)]
    if isinstance(result, Ok):
        passed += [result.map_err(len), result.or_else(read), result.recover(len)]
    else:
        passed += [result.map(double), result.and_then(half), result.zip(Ok(1))]

    assert all(each is result for each in passed)


@given(RESULTS, RESULTS)
def test_zip_is_all_of_two(first: Some, second: Some) -> None:
    """Pairing two results is collecting them."""
    assert first.zip(second) == all_ok((first, second))


@given(LISTS)
def test_collections_agree(results: list[Some]) -> None:
    """All of them is the same as no errors, any of them the same as some value."""
    values, errors = partition(results)
    settled = settle(results)

    assert len(values) + len(errors) == len(results)
    assert isinstance(all_ok(results), Ok) == isinstance(settled, Ok) == (not errors)
    assert isinstance(any_ok(results), Ok) == bool(values)
    if isinstance(settled, Err):
        assert settled.error == tuple(each for each in results if isinstance(each, Err))
        assert all_ok(results) is settled.error[0]
    else:
        assert settled == all_ok(results) == Ok(values)


@given(LISTS, LISTS)
def test_collecting_distributes_over_concatenation(left: list[Some], right: list[Some]) -> None:
    """All of two lists is all of the first, then all of the second."""
    together = all_ok(left).and_then(lambda a: all_ok(right).map(lambda b: a + b))

    assert all_ok([*left, *right]) == together
