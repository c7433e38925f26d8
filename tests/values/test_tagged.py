"""Errors that are values and exceptions at once.  Cases T01 to T11, T14 and T15."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pytest
import trio

from awaitly_trio import Step, workflow
from awaitly_trio._values.result import Err, Result
from awaitly_trio._values.tagged import TaggedError

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

T = TypeVar("T")


class NotFound(TaggedError):
    """An error with a field."""

    user_id: str


class Declined(TaggedError, tag="card_declined", message="{card!r} was declined: {amount:.2f}"):
    """An error with everything."""

    card: str
    amount: float = 0.5
    history: list[str] = dataclasses.field(default_factory=list, compare=False)


class Offline(TaggedError):
    """An error without fields."""


class Gone(NotFound, message="{user_id} left in {year}"):
    """An error that adds to another."""

    year: int


class Caused(TaggedError):
    """An error whose cause is a field of the domain."""

    cause: str


class Holding(TaggedError, Generic[T]):
    """An error of any value."""

    given: T


ROUND_TRIPS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    lambda error: pickle.loads(pickle.dumps(error)),
]


def test_fields_are_given_by_position_or_name() -> None:
    """Defaults fill in what is left out."""
    assert NotFound("u").user_id == NotFound(user_id="u").user_id == "u"
    assert (Declined("visa").amount, Declined("visa", 3).amount) == (0.5, 3)
    assert Gone("u", 1999).year == 1999


def test_a_missing_or_unknown_field_is_refused() -> None:
    """The initialiser is that of a dataclass."""
    untyped: Any = NotFound

    with pytest.raises(TypeError, match="user_id"):
        untyped()
    with pytest.raises(TypeError, match="surplus"):
        untyped("u", surplus=1)


def test_the_tag_is_the_name_unless_given() -> None:
    """Each class has its own, on the class and on the error."""
    assert NotFound.tag == NotFound("u").tag == "NotFound"
    assert Declined.tag == "card_declined"
    assert Gone.tag == "Gone"


def test_the_message_is_the_sentence() -> None:
    """The template's, or the repr, which names the class and shows the fields."""
    assert str(Declined("visa", 3)) == Declined("visa", 3).message == "'visa' was declined: 3.00"
    assert NotFound("u").message == "NotFound(user_id='u')"
    assert Offline().message == "Offline()"


def test_a_template_is_inherited() -> None:
    """A subclass has all the fields that it asks for."""

    class Worse(Gone):
        pass

    assert str(Worse("u", 1999)) == "u left in 1999"


def test_a_sentence_may_be_written_in_code() -> None:
    """``__str__`` is the place, and ``message`` follows it."""

    class Odd(TaggedError):
        number: int

        def __str__(self) -> str:
            return "odd" if self.number % 2 else "even"

    assert Odd(3).message == "odd"


def test_a_sentence_never_hides_its_error() -> None:
    """A format that does not fit the value falls back to the repr."""
    untyped: Any = Declined

    assert str(untyped("visa", "much")).startswith("Declined(card='visa', amount='much'")


def test_equal_fields_make_equal_errors() -> None:
    """Of one class, of equal hash; fields may be left out of it."""
    assert NotFound("u") == NotFound("u")
    assert hash(NotFound("u")) == hash(NotFound("u"))
    assert NotFound("u") != NotFound("v")
    assert NotFound("u") != Gone("u", 1999)
    assert Declined("visa", history=["a"]) == Declined("visa", history=["b"])


def test_an_error_matches_by_position_and_name() -> None:
    """Patterns bind the fields."""
    match Gone("u", 1999):
        case Gone(user_id, year=year):
            assert (user_id, year) == ("u", 1999)


def test_an_error_can_be_raised_and_tells_its_story() -> None:
    """The traceback ends with the sentence, notes and cause included."""
    try:
        raise Declined("visa", 3) from KeyError("limit")
    except Declined as raised:
        text = "".join(traceback.format_exception(raised))

    assert "KeyError: 'limit'" in text
    assert text.endswith("Declined: 'visa' was declined: 3.00\n")


def test_it_is_an_exception_of_its_class_and_of_the_base() -> None:
    """Lookalikes are none."""
    error = NotFound("u")

    assert isinstance(error, Exception)
    assert isinstance(error, TaggedError)
    assert not isinstance(ValueError(), TaggedError)
    assert not isinstance({"tag": "NotFound"}, TaggedError)


async def test_it_travels_through_a_nursery() -> None:
    """Trio and contextlib write on it, and ``split`` finds it by its class."""

    async def fail() -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: None)
            raise NotFound("u")

    with pytest.raises(ExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    found, rest = caught.value.split(NotFound)
    assert rest is None
    assert found.exceptions == (NotFound("u"),)
    assert found.exceptions[0].__traceback__ is not None


async def test_it_is_the_error_of_a_workflow_as_it_is() -> None:
    """Nothing is wrapped around it on its way through a step."""

    async def find(user_id: str) -> Result[str, NotFound]:
        return Err(NotFound(user_id))

    @workflow
    async def greet(step: Step[NotFound], user_id: str) -> str:
        return "hello " + await step(find, user_id)

    assert await greet("u") == Err(NotFound("u"))


def test_fields_are_frozen() -> None:
    """Neither set nor deleted nor added, as with any value."""
    error: Any = NotFound("u")

    for change in (
        lambda: setattr(error, "user_id", "v"),
        lambda: delattr(error, "user_id"),
        lambda: setattr(error, "other", 1),
        lambda: setattr(error, "args", ()),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError, match=r"dataclasses\.replace"):
            change()
    assert dataclasses.replace(error, user_id="v") == NotFound("v")


def test_what_travels_with_an_exception_can_be_written() -> None:
    """Traceback, cause, context and notes are Python's to set."""
    error: Any = NotFound("u")
    cause = ValueError()

    error.__cause__ = error.__context__ = cause
    error.__suppress_context__ = True
    error.__notes__ = ["n"]
    error.with_traceback(None)

    assert (error.__cause__, error.__notes__) == (cause, ["n"])


def test_args_are_the_fields() -> None:
    """Tools that show the arguments of an exception show them, however it was made."""
    assert NotFound(user_id="u").args == ("u",)
    assert Gone("u", year=1999).args == ("u", 1999)


@pytest.mark.parametrize("again", ROUND_TRIPS, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize(
    "error",
    [
        NotFound("u"),
        Declined("visa", 3, ["x"]),
        Offline(),
        Gone("u", year=1999),
        Caused("c"),
        Holding(("x",)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_copy_is_equal(error: TaggedError, again: Callable[[Any], Any]) -> None:
    """Fields and notes come along, and notes added later do not go back."""
    error.__notes__ = ["first"]

    other = again(error)
    other.__notes__.append("second")

    assert other == error
    assert vars(other).keys() == vars(error).keys()
    assert error.__notes__ == ["first"]
    assert str(other) == str(error)


def test_a_cause_may_be_a_field() -> None:
    """It is the domain's; what Python calls the cause is set by ``raise from``."""
    with pytest.raises(Caused) as caught:
        raise Caused("flood") from ValueError("rain")

    assert caught.value.cause == "flood"
    assert repr(caught.value.__cause__) == "ValueError('rain')"
    assert Err(caught.value, cause="c").cause == "c"


def declare(**namespace: Any) -> Callable[[], type]:
    """Return what declares an error with fields of given names."""
    return lambda: type("Bad", (TaggedError,), {"__module__": __name__, **namespace})


@pytest.mark.parametrize(
    "name",
    ["args", "tag", "message", "with_traceback", "add_note", "__cause__", "__notes__", "_template"],
)
def test_a_name_that_errors_need_is_refused(name: str) -> None:
    """The class is refused as soon as it is written, and told what to do."""
    with pytest.raises(TypeError, match=rf"Bad declares {name}, which an error needs for itself"):
        declare(__annotations__={"sku": "str", name: "str"})()


@pytest.mark.parametrize("name", ["args", "tag", "message"])
def test_a_name_that_errors_need_is_refused_as_attribute(name: str) -> None:
    """Also where it is no field."""
    with pytest.raises(TypeError, match="tag and message are class arguments"):
        declare(**{name: "x"})()


def test_a_class_variable_is_no_field() -> None:
    """Constants of a class are not written or compared."""

    class Retryable(TaggedError):
        retry: ClassVar[bool] = True
        reason: str

    assert Retryable("r").args == ("r",)
    assert Retryable.retry


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{nobody}", "asks for 'nobody', which is no field: it has sku"),
        ("{}", "asks for '', which is no field"),
        ("{sku:{width}}", "asks for 'width', which is no field"),
        ("{sku", "expected '}'"),
    ],
)
def test_a_template_asks_for_fields_only(template: str, complaint: str) -> None:
    """A slip shows when the class is written, not when the error happens."""
    with pytest.raises(ValueError, match=re.escape(complaint)):

        class Bad(TaggedError, message=template):
            sku: str


def test_a_template_may_look_into_fields() -> None:
    """Attributes, items, conversions and nested formats are those of ``str.format``."""

    class Fancy(TaggedError, message="{sku[0]} {number.real} {number:{width}} {{}}"):
        sku: str
        number: int
        width: int

    assert str(Fancy("xyz", 3, 4)) == "x 3    3 {}"


def test_an_empty_tag_is_refused() -> None:
    """It would name nothing."""
    with pytest.raises(ValueError, match="tag=''"):

        class Bad(TaggedError, tag=""):
            sku: str


def test_an_unknown_class_argument_is_refused() -> None:
    """A typing error in it shows at once."""
    with pytest.raises(TypeError, match="tga"):
        type("Bad", (TaggedError,), {"__module__": __name__}, tga="x")


def test_the_base_itself_is_no_error() -> None:
    """It says what to write instead."""
    with pytest.raises(TypeError, match="write class NotFound"):
        TaggedError()
