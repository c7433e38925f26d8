"""The methods of a result, on both kinds.  Cases C01 to C07 and C18 to C29."""

from __future__ import annotations

from typing import Any

import pytest

from awaitly_trio._values.errors import UnwrapError
from awaitly_trio._values.result import Err, Ok, Result, is_err, is_ok

ok: Result[int, str] = Ok(2)
err: Result[int, str] = Err("gone", cause="a story")


def must_not_run(given: object) -> Any:
    """Stand for a callback that belongs to the other kind."""
    pytest.fail(f"called with {given!r}")


def fail(given: object) -> Any:
    """Raise instead of answering."""
    raise ValueError(given)


def test_results_are_values() -> None:
    """Equal contents make equal results, of equal hash; the two kinds never meet."""
    assert Ok(1) == Ok(1)
    assert hash(Err("e")) == hash(Err("e"))
    assert Ok(1) != Err(1)
    assert Err("e") != Err("e", cause="c")


def test_a_result_cannot_be_changed() -> None:
    """A result that was handed on stays what it was."""
    with pytest.raises(AttributeError):
        ok.value = 3


def test_an_error_has_a_cause_only_if_given() -> None:
    """No cause is ``None``, a cause is kept as it is."""
    cause = KeyError("k")

    assert Err("e").cause is None
    assert Err("e", cause=cause).cause is cause


def test_results_match_by_position() -> None:
    """A pattern takes the value of an ``Ok``, the error and the cause of an ``Err``."""
    match err:
        case Err(error, cause):
            assert (error, cause) == ("gone", "a story")
        case _:
            pytest.fail("no Err")
    match ok:
        case Ok(value):
            assert value == 2
        case _:
            pytest.fail("no Ok")


def test_guards_tell_the_kinds_apart() -> None:
    """Exactly one guard is true; what merely looks like a result is none."""
    assert (is_ok(ok), is_err(ok)) == (True, False)
    assert (is_ok(err), is_err(err)) == (False, True)
    assert not is_ok({"ok": True, "value": 2})


def test_unwrap_gives_the_value() -> None:
    """Who knows that it succeeded takes the value."""
    assert ok.unwrap() == 2
    assert ok.expect("never said") == 2


def test_unwrap_of_an_error_raises_it_with_its_cause() -> None:
    """The exception holds error and cause and shows the error."""
    with pytest.raises(UnwrapError, match="'gone'") as caught:
        err.unwrap()

    assert (caught.value.error, caught.value.cause) == ("gone", "a story")


def test_expect_says_why_a_value_was_certain() -> None:
    """The sentence of the caller comes first."""
    with pytest.raises(UnwrapError, match=r"^the cart is never empty: 'gone'"):
        err.expect("the cart is never empty")


@pytest.mark.parametrize(
    ("error", "cause", "origin"),
    [
        (ValueError("e"), None, "error"),
        (ValueError("e"), KeyError("c"), "error"),
        ("e", KeyError("c"), "cause"),
        ("e", "c", None),
        ("e", None, None),
    ],
)
def test_unwrap_chains_from_the_nearest_exception(
    error: object, cause: object, origin: str | None
) -> None:
    """The traceback shows the error if it is an exception, else the cause if that is one."""
    with pytest.raises(UnwrapError) as caught:
        Err(error, cause).unwrap()

    assert caught.value.__cause__ is {"error": error, "cause": cause, None: None}[origin]


def test_a_default_replaces_an_error_only() -> None:
    """``unwrap_or`` takes a value, ``unwrap_or_else`` asks only when it has to."""
    assert ok.unwrap_or(0) == 2
    assert err.unwrap_or(0) == 0
    assert ok.unwrap_or_else(must_not_run) == 2
    assert err.unwrap_or_else(len) == 4


def test_map_changes_a_value_only() -> None:
    """The ``Err`` that passes is the same object."""
    assert ok.map(lambda value: value * 2) == Ok(4)
    assert err.map(must_not_run) is err


def test_map_err_changes_an_error_only() -> None:
    """The cause stays; the ``Ok`` that passes is the same object."""
    assert err.map_err(str.upper) == Err("GONE", cause="a story")
    assert ok.map_err(must_not_run) is ok


def test_bimap_changes_either() -> None:
    """One function for each kind; the cause stays."""
    assert ok.bimap(str, must_not_run) == Ok("2")
    assert err.bimap(must_not_run, len) == Err(4, cause="a story")


def test_match_answers_with_one_handler() -> None:
    """Each kind has its handler, and only that is called."""
    assert ok.match(ok=str, err=must_not_run) == "2"
    assert err.match(ok=must_not_run, err=len) == 4


def test_and_then_goes_on_from_a_value() -> None:
    """The next result counts, whichever it is; an error ends the chain."""
    assert ok.and_then(lambda value: Ok(value + 1)) == Ok(3)
    assert ok.and_then(Err) == Err(2)
    assert err.and_then(must_not_run) is err


def test_or_else_goes_on_from_an_error() -> None:
    """A rescue may succeed or fail in its own way; a success passes."""
    assert err.or_else(lambda error: Ok(len(error))) == Ok(4)
    assert err.or_else(lambda error: Err(error[0])) == Err("g")
    assert ok.or_else(must_not_run) is ok


def test_recover_always_succeeds() -> None:
    """An error becomes a value; a success passes."""
    assert err.recover(len) == Ok(4)
    assert ok.recover(must_not_run) is ok


def test_tap_looks_at_a_value() -> None:
    """The result passes as the same object, whatever the function returns."""
    seen: list[object] = []

    assert ok.tap(seen.append) is ok
    assert err.tap(must_not_run) is err
    assert seen == [2]


def test_tap_err_looks_at_an_error() -> None:
    """The result passes as the same object, whatever the function returns."""
    seen: list[object] = []

    assert err.tap_err(seen.append) is err
    assert ok.tap_err(must_not_run) is ok
    assert seen == ["gone"]


def test_map_try_makes_an_error_of_an_exception() -> None:
    """The exception is the cause of the error made of it."""
    failed = ok.map_try(fail, catch=ValueError, error=str)

    assert ok.map_try(str, catch=ValueError, error=must_not_run) == Ok("2")
    assert err.map_try(must_not_run, catch=ValueError, error=must_not_run) is err
    assert isinstance(failed, Err)
    assert failed.error == "2"
    assert isinstance(failed.cause, ValueError)


def test_map_err_try_makes_an_error_of_an_exception() -> None:
    """The exception replaces the cause; without one the cause stays."""
    failed = err.map_err_try(fail, catch=ValueError, error=str)

    assert err.map_err_try(len, catch=ValueError, error=must_not_run) == Err(4, cause="a story")
    assert ok.map_err_try(must_not_run, catch=ValueError, error=must_not_run) is ok
    assert isinstance(failed, Err)
    assert failed.error == "gone"
    assert isinstance(failed.cause, ValueError)


@pytest.mark.parametrize("method", ["map_try", "map_err_try"])
def test_an_exception_that_was_not_named_propagates(method: str) -> None:
    """Only what was planned for becomes an error."""
    result: Any = ok if method == "map_try" else err

    with pytest.raises(ValueError, match=r"2|gone"):
        getattr(result, method)(fail, catch=KeyError, error=must_not_run)


@pytest.mark.parametrize("method", ["map_try", "map_err_try"])
@pytest.mark.parametrize("result", [ok, err])
def test_what_must_leave_cannot_be_caught(method: str, result: Any) -> None:
    """The mistake shows at once, also when nothing would have raised."""
    with pytest.raises(TypeError, match="no subclass of Exception"):
        getattr(result, method)(str, catch=KeyboardInterrupt, error=str)


@pytest.mark.parametrize(
    ("result", "method"),
    [
        *((ok, name) for name in ("map", "and_then", "tap", "match")),
        *((err, name) for name in ("map_err", "or_else", "recover", "tap_err", "unwrap_or_else")),
    ],
)
def test_an_exception_of_a_callback_propagates(result: Any, method: str) -> None:
    """A defect of a callback is no planned error."""
    arguments: dict[str, Any] = {"ok": fail, "err": fail} if method == "match" else {"fn": fail}

    with pytest.raises(ValueError, match=r"2|gone"):
        getattr(result, method)(**arguments)


@pytest.mark.parametrize(("result", "method"), [(ok, "and_then"), (err, "or_else")])
def test_a_chain_needs_results(result: Any, method: str) -> None:
    """A function that returns something else is told so."""
    with pytest.raises(TypeError, match=rf"{method} needs a Result, got 7.*Ok\(\.\.\.\)"):
        getattr(result, method)(lambda _: 7)


def test_flatten_takes_one_level_away() -> None:
    """The inner result remains; an error stays itself."""
    nested: Result[Result[int, str], str] = Ok(err)

    assert nested.flatten() is err
    assert Ok(Ok(Ok(1))).flatten() == Ok(Ok(1))
    assert err.flatten() is err
    with pytest.raises(TypeError, match="flatten needs a Result, got 2"):
        ok.flatten()


def test_zip_pairs_two_values() -> None:
    """The first error by position is the answer when there is one."""
    other: Result[int, str] = Err("late")

    assert ok.zip(Ok("x")) == Ok((2, "x"))
    assert ok.zip(other) is other
    assert err.zip(other) is err
