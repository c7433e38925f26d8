"""Handlers for the errors of a union.  Cases M01 to M10, T12, T13 and T16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from awaitly_trio._values.errors import TimedOut, UnexpectedError, UnhandledError
from awaitly_trio._values.matching import match_error, on
from awaitly_trio._values.result import Err, Ok, Result
from awaitly_trio._values.tagged import TaggedError


class NotFound(TaggedError, tag="not_found"):
    """An error that is an exception."""

    user_id: str


class Worse(NotFound):
    """A narrower one."""


@dataclass(frozen=True)
class Declined:
    """An error that is a record."""

    reason: str


def by_id(error: NotFound) -> str:
    """Answer for an error."""
    return f"no user {error.user_id}"


def by_reason(error: Declined) -> str:
    """Answer for another."""
    return f"declined: {error.reason}"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotFound("u"), "no user u"),
        (Declined("limit"), "declined: limit"),
        (TimedOut("fetch", 5), "slow"),
        ("CLOSED", "closed"),
        (UnexpectedError(ValueError("bug")), "bug"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_each_error_has_its_handler(error: Any, answer: str) -> None:
    """Tagged errors, records, the system's errors and strings, in one chain."""
    cases = (
        on(NotFound, by_id)
        .on(Declined, by_reason)
        .on(TimedOut, lambda _: "slow")
        .on("CLOSED", lambda _: "closed")
        .on(UnexpectedError, lambda error: str(error.cause))
    )

    assert cases(error) == answer
    assert match_error(error, cases) == answer


@pytest.mark.parametrize("answer", [None, True, 0, {"status": 404}, ["x"]])
def test_a_handler_may_answer_anything(answer: object) -> None:
    """Also what is empty or false."""
    assert on(Declined, lambda _: answer)(Declined("x")) is answer


def test_an_exception_of_a_handler_propagates() -> None:
    """A defect of a handler is not taken for a missing one."""
    with pytest.raises(ZeroDivisionError):
        on(Declined, lambda _: 1 // 0)(Declined("x"))


def test_a_missing_handler_names_the_error_and_the_handled() -> None:
    """Who gets an error that no checker saw is told what to add."""
    untyped: Any = Declined("limit")

    with pytest.raises(UnhandledError, match=r"no case for Declined.*reason='limit'") as caught:
        on(NotFound, by_id).on("CLOSED", by_id)(untyped)

    assert caught.value.error == untyped
    assert caught.value.handled == ("NotFound", "'CLOSED'")
    assert "NotFound, 'CLOSED'; add .on(...) or .otherwise(...)" in str(caught.value)


def test_the_rest_may_share_a_handler() -> None:
    """It gets the error; errors with a case of their own keep that."""
    cases = on(NotFound, by_id).otherwise(repr)

    assert cases(NotFound("u")) == "no user u"
    assert cases(Declined("x")) == "Declined(reason='x')"
    assert cases("CLOSED") == "'CLOSED'"


def test_a_guarded_case_takes_some_errors_of_its_class() -> None:
    """Where the condition fails, the next case is asked."""
    cases = on(NotFound, lambda _: "root!", when=lambda error: error.user_id == "root").on(
        NotFound, by_id
    )

    assert cases(NotFound("root")) == "root!"
    assert cases(NotFound("u")) == "no user u"


def test_a_guarded_case_leaves_the_others_to_the_rest() -> None:
    """A condition without a case for all does not keep errors from ``otherwise``."""
    cases = on(NotFound, by_id, when=lambda _: False).otherwise(lambda _: "rest")

    assert cases(NotFound("u")) == "rest"


def test_a_narrower_class_comes_first() -> None:
    """The first case that takes an error wins."""
    cases = on(Worse, lambda _: "worse").on(NotFound, by_id)

    assert cases(Worse("u")) == "worse"
    assert cases(NotFound("u")) == "no user u"


@pytest.mark.parametrize(
    ("first", "second"),
    [(NotFound, NotFound), (NotFound, Worse), ("A", "A"), (str, "A"), (object, NotFound)],
)
def test_a_case_that_is_never_reached_is_refused(first: Any, second: Any) -> None:
    """It would be a handler that nobody calls, and a checker cannot see it."""
    with pytest.raises(ValueError, match=r"is never reached.*put the narrower case first"):
        on(first, by_id).on(second, by_id)


def test_only_classes_and_strings_can_be_cases() -> None:
    """An instance is a mistake for its class."""
    mistake: Any = Declined("x")

    with pytest.raises(TypeError, match=r"on\(Declined\(reason='x'\)\) is neither"):
        on(mistake, by_reason)


def test_cases_are_immutable() -> None:
    """A chain that others build upon stays what it was."""
    first = on(NotFound, by_id)
    both = first.on(Declined, by_reason)
    untyped: Any = Declined("x")

    assert both(Declined("x")) == "declined: x"
    with pytest.raises(UnhandledError):
        first(untyped)


def test_a_string_case_takes_only_that_string() -> None:
    """Not a class of that name, nor an error of that tag."""
    untyped: Any = NotFound("u")

    assert on("not_found", lambda _: "string").otherwise(lambda _: "rest")(untyped) == "rest"


def test_cases_show_what_they_handle() -> None:
    """A name or a string for each, in order, and which are guarded."""
    cases = on(NotFound, by_id, when=bool).on("CLOSED", by_id)

    assert repr(cases) == "<cases for NotFound when, 'CLOSED'>"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Ok("body"), (200, "body")),
        (Err(NotFound("u")), (404, "no user u")),
        (Err(Declined("bad card")), (400, "bad card")),
    ],
)
def test_a_result_becomes_a_response(
    result: Result[str, NotFound | Declined], status: tuple[int, str]
) -> None:
    """Cases are the arm for errors of a result's own ``match``."""
    response = result.match(
        ok=lambda body: (200, body),
        err=on(NotFound, lambda error: (404, by_id(error))).on(
            Declined, lambda error: (400, error.reason)
        ),
    )

    assert response == status
