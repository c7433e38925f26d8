"""The JSON form of results: what it looks like, what it refuses, and how it says so."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import sys
import zoneinfo
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
import trio

from awaitly_trio._values.codec import Codec
from awaitly_trio._values.errors import (
    RemoteError,
    TimedOut,
    UnexpectedError,
    UnwrapError,
    WireReadError,
    WireWriteError,
)
from awaitly_trio._values.records import record_codec
from awaitly_trio._values.result import Err, Ok, Result
from awaitly_trio._values.tagged import TaggedError
from awaitly_trio._values.wire import WireFormat, from_wire, to_wire, wire_problems

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


class Colour(enum.Enum):
    RED = "r"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int


class Line(msgspec.Struct, frozen=True):
    sku: str
    price: Decimal


@dataclass(frozen=True)
class Order:
    id: str
    lines: tuple[Line, ...]
    count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", len(self.lines))


class NotFound(TaggedError, tag="not_found"):
    user_id: str
    cause: str = "unknown"


class PlainError(Exception):
    """An exception of the user's that its arguments rebuild."""


WIRE = WireFormat(Colour, Access, Point, Line, Order, NotFound, PlainError)
SAID = {"type": "Some", "module": "m", "message": "said"}
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
AUTUMN = dt.datetime(2024, 10, 27, 2, 30)  # noqa: DTZ001  # naive on purpose
ORDER = Order("o1", (Line("x", Decimal("1.50")), Line("y", Decimal("0.70"))))


def again(result: Result[Any, Any], wire: WireFormat = WIRE) -> Result[Any, Any]:
    """Write a result as text, and read that."""
    return wire.from_wire(json.loads(json.dumps(wire.to_wire(result), allow_nan=False)))


def test_the_form_of_a_success() -> None:
    """JSON's own kinds of values are written as they are."""
    data = {"a": [1, 2.5, "x", None, True]}

    assert to_wire(Ok(data)) == {"format": 1, "ok": True, "value": data}


def test_the_form_of_a_failure() -> None:
    """There is a cause only where there is one."""
    assert to_wire(Err("e")) == {"format": 1, "ok": False, "error": "e"}
    assert to_wire(Err("e", "c")) == {"format": 1, "ok": False, "error": "e", "cause": "c"}


@pytest.mark.parametrize("result", [Ok(None), Err(None), Err("e"), Err("e", cause="c")], ids=repr)
def test_what_is_absent_stays_absent(result: Result[Any, Any]) -> None:
    """No value, no error and no cause are not confused with one another."""
    assert again(result) == result


@pytest.mark.parametrize(
    "value",
    [
        *(0, 2**53 - 1, 2**53, -(2**200), True),
        *(0.1, -0.0, 1e308, math.inf, -math.inf),
        *("", "ü€😀", "$type", "a\x00b"),
        *(b"", b"\xff\x00", bytearray(b"x")),
        *((), (1, (2,)), [1, [2]], {1, 2}, frozenset("a"), {(2, "x")}),
        *({}, {"$type": 1}, {1: "a", None: "b", (1, 2): "c"}, {"": 1}, {"a b": {}}),
        *(Decimal("1.10"), Decimal("-0E+5"), UUID(int=7)),
        *(dt.date(2024, 2, 29), dt.timedelta(-1, 2, 3), dt.timedelta.max),
        *(AUTUMN, AUTUMN.replace(microsecond=7), AUTUMN.replace(tzinfo=dt.timezone.utc)),
        AUTUMN.replace(tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
        *(dt.time(1, 2, 3, 4), dt.time(1, tzinfo=dt.timezone.utc)),
        *(Colour.RED, Access.READ | Access.WRITE, Access(0), Point(1, 2), ORDER),
        *(Ok(1), Err("e", cause="c"), TimedOut("s", math.inf), NotFound("u")),
    ],
    ids=repr,
)
def test_a_value_comes_back_the_same(value: Any) -> None:
    """Of the same type too, alone and deep inside another."""
    deep = {"in": [(value,)]}

    back = again(Ok(value))

    assert back == Ok(value)
    assert type(back.unwrap()) is type(value)
    assert repr(back) == repr(Ok(value))
    assert again(Err(deep)) == Err(deep)


def test_not_a_number_comes_back() -> None:
    """It is equal to nothing, so it is looked at."""
    assert math.isnan(again(Ok(math.nan)).unwrap())


@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize("zone", [BERLIN, None, dt.timezone(dt.timedelta(hours=1), "CET")])
def test_a_moment_keeps_its_zone_and_fold(zone: dt.tzinfo | None, fold: int) -> None:
    """The two equal hours when clocks go back stay apart, and a zone keeps its name."""
    moment = AUTUMN.replace(tzinfo=zone, fold=fold)
    clock = moment.timetz()

    back, back_clock = again(Ok((moment, clock))).unwrap()

    assert (back, back.fold, back.tzname()) == (moment, fold, moment.tzname())
    assert (back_clock, back_clock.fold) == (clock, fold)
    assert back.utcoffset() == moment.utcoffset()


def test_a_set_is_written_in_one_order() -> None:
    """Two processes with other hashes write the same bytes."""
    assert to_wire(Ok({"b", "a", "c"}))["value"] == {"$type": "set", "value": ["a", "b", "c"]}


def test_an_error_is_revived_as_its_class() -> None:
    """With its fields, notes and cause; a field named cause is not the cause."""
    error = NotFound("u", cause="moved")
    error.__cause__ = PlainError("why", 3)
    vars(error)["__notes__"] = ["a note"]

    back = again(Err(error)).error

    assert back == error
    assert type(back) is NotFound
    assert back.cause == "moved"
    assert vars(back)["__notes__"] == ["a note"]
    assert type(back.__cause__) is PlainError
    assert back.__cause__.args == ("why", 3)


def test_an_exception_without_a_class_comes_back_as_a_stand_in() -> None:
    """It tells what the exception told: type, sentence, traceback, notes and cause."""
    try:
        try:
            json.loads("{")
        except ValueError as low:
            vars(low)["__notes__"] = ["in a file"]
            raise KeyError("k") from low
    except KeyError as raised:
        error = UnexpectedError(raised)

    back = again(Err(error)).error.cause

    assert isinstance(back, RemoteError)
    assert (back.kind, back.module, back.said) == ("KeyError", "builtins", "'k'")
    assert "in test_an_exception_without_a_class_comes_back_as_a_stand_in" in back.traceback
    assert str(back) == "KeyError: 'k'"
    assert str(back.__cause__).startswith("json.decoder.JSONDecodeError: Expecting property")
    assert vars(back.__cause__)["__notes__"] == ["in a file"]


def test_a_stand_in_is_written_the_same_again() -> None:
    """However often a result is saved, it keeps what it tells."""
    cause = ExceptionGroup("g", [ValueError(1), NotFound("u")])
    cause.__cause__ = KeyboardInterrupt("stop")
    data = WIRE.to_wire(Err("e", cause=cause))

    back = WIRE.from_wire(data)

    assert WIRE.to_wire(back) == data
    assert isinstance(back, Err)
    assert back.cause.exceptions[1] == NotFound("u")
    assert str(back.cause.__cause__) == "KeyboardInterrupt: stop"


def test_a_group_with_an_interrupt_is_only_told_of_as_a_cause() -> None:
    """As the cause of an error it has had its effect; reading it interrupts nobody."""
    error = PlainError("e")
    error.__cause__ = BaseExceptionGroup("g", [KeyboardInterrupt(), ValueError("v")])

    back = again(Err(error)).error

    assert [str(each) for each in back.__cause__.exceptions] == [
        "KeyboardInterrupt",
        "ValueError: v",
    ]


def test_an_exception_that_cannot_say_what_it_is_is_written() -> None:
    """A broken sentence does not keep the rest from being saved."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    back = again(Err("e", cause=MuteError())).cause

    assert back.said.endswith("MuteError fails to say what it is>")


def test_an_exception_of_the_system_is_revived() -> None:
    """The whole vocabulary is known without being named."""
    back = again(Err(UnwrapError("e", None, "sure"))).error

    assert type(back) is UnwrapError
    assert back.message == "sure"


async def cancelled() -> BaseException:
    """Return a real cancellation."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as leaving:
            kept = leaving
            raise
    return kept


async def test_a_cancellation_is_never_written() -> None:
    """Not as an error, not as a cause, not inside a value."""
    leaving = await cancelled()

    for result in (Err(leaving), Err("e", cause=leaving), Ok([leaving])):
        with pytest.raises(WireWriteError, match="cancellation and interrupts are never kept"):
            WIRE.to_wire(result)


class Text(str):
    __slots__ = ()


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Odd(), "value, which is <odd>: its type Odd is not known: pass its class, or a Codec"),
        ({"a": [1, Odd()]}, "value.a[1], which is <odd>"),
        ({"two words": (Odd(),)}, "value['two words'][0], which is <odd>"),
        (Order("o", (Line("x", Odd()),)), "value.lines[0].price, which is <odd>"),
        (Text("x"), "value, which is 'x': its type Text is not known"),
        (Odd, "its type type is not known"),
        ("\ud800", "as text it has no UTF-8 form: surrogates not allowed"),
        ({"\ud800": 1}, "as text it has no UTF-8 form"),
        (NotFound("u", cause=Odd()), "value.fields.cause, which is <odd>"),
        (PlainError(Odd()), "value.args[0], which is <odd>"),
    ],
    ids=str,
)
def test_what_has_no_exact_form_is_refused_with_its_place(value: Any, sentence: str) -> None:
    """The error names the way to the value, the value and what to do."""
    with pytest.raises(WireWriteError) as caught:
        WireFormat(Line, NotFound, PlainError, record_codec(Order)).to_wire(Ok(value))

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("result", "path"),
    [(Ok(Odd()), "value"), (Err(Odd()), "error"), (Err("e", cause=[Odd()]), "cause[0]")],
    ids=repr,
)
def test_a_place_begins_with_the_part_of_the_result(result: Result[Any, Any], path: str) -> None:
    """It is read like Python."""
    with pytest.raises(WireWriteError) as caught:
        to_wire(result)

    assert caught.value.path == path


def test_a_value_that_holds_itself_is_refused() -> None:
    """The end of it is shown, not all of the way."""
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(WireWriteError, match=r"nested deeper than 100, or holds itself") as caught:
        to_wire(Ok(loop))

    assert len(str(caught.value)) < 300


def test_a_zone_without_a_name_is_refused() -> None:
    """It could not be found again."""
    path = zoneinfo.TZPATH[0] + "/Europe/Berlin" if zoneinfo.TZPATH else ""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            zone = zoneinfo.ZoneInfo.from_file(file)
    except OSError:
        pytest.skip("this system keeps its zones elsewhere")

    with pytest.raises(WireWriteError, match="was read from a file and has no name"):
        to_wire(Ok(AUTUMN.replace(tzinfo=zone)))


def test_only_results_are_written() -> None:
    """A bare value is a mistake, told with the value; ``write`` is for those."""
    untyped: Any = 7

    with pytest.raises(TypeError, match="to_wire needs a Result, got 7"):
        to_wire(untyped)
    assert WIRE.read(WIRE.write((7,))) == (7,)


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (None, ["a result is a mapping, not NoneType"]),
        ([], ["a result is a mapping, not list"]),
        ({}, ["format is None, not 1", "ok is None, neither true nor false"]),
        (
            {"format": 2, "ok": True, "error": 1},
            ["format is 2, not 1", "'value' is missing", "'error' is unknown"],
        ),
        ({"format": 1, "ok": 1, "value": 1}, ["ok is 1, neither true nor false"]),
        ({"format": 1, "ok": False, "cause": 1}, ["'error' is missing"]),
        ({"format": 1, "ok": True, "value": Odd()}, ["value is <odd>, which JSON does not know"]),
        (
            {"format": 1, "ok": True, "value": {1: 2}},
            ["value is {1: 2}, which JSON does not know"],
        ),
    ],
    ids=repr,
)
def test_every_problem_of_the_frame_is_listed(data: object, problems: list[str]) -> None:
    """Reading raises exactly what the validation says."""
    assert list(wire_problems(data)) == problems
    with pytest.raises(WireReadError) as caught:
        from_wire(data)
    assert list(caught.value.problems) == problems


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"$type": "nope", "value": 1}, "has the type 'nope', which is not known: pass its class"),
        ({"$type": ["x"], "value": 1}, "has the type ['x'], which is not known"),
        ({"$type": "set"}, "has the keys ['$type'], not '$type' and 'value'"),
        ({"$type": "set", "value": "ab"}, "is no set: its value is no list"),
        ({"$type": "set", "value": [[1]]}, "is no set: unhashable type: 'list'"),
        ({"$type": "int", "value": "x"}, "is no int: invalid literal"),
        ({"$type": "float", "value": 1}, "is no float: its value is no str"),
        ({"$type": "bytes", "value": "?"}, "is no bytes: "),
        ({"$type": "datetime", "value": "now"}, "is no datetime: Invalid isoformat string: 'now'"),
        ({"$type": "zone", "value": "Mars/Base"}, "is no zone: "),
        ({"$type": "Colour", "value": "BLUE"}, "is no Colour: 'BLUE'"),
        ({"$type": "Point", "value": {"x": 1, "z": 2}}, "lacks 'y'; does not know 'z'"),
        ({"$type": "not_found", "value": {}}, "is no not_found: lacks 'fields'"),
        ({"$type": "PlainError", "value": {"args": 3}}, "is no PlainError: "),
        ({"$type": "exception", "value": {"told": {}}}, "lacks 'type', 'module', 'message'"),
        (
            {"$type": "exception", "value": {"told": {"type": 1, "module": "", "message": ""}}},
            "its type, module, message and traceback are not all text",
        ),
        (
            {"$type": "exception", "value": {"told": {**SAID, "exceptions": [1]}}},
            "its exceptions are not all exceptions",
        ),
        (
            {"$type": "exception", "value": {"told": SAID, "notes": 3}},
            "its notes are no list",
        ),
        (
            {"$type": "exception", "value": {"told": SAID, "cause": 3}},
            "exception cause must be None or derive from BaseException",
        ),
    ],
    ids=repr,
)
def test_a_typed_value_that_is_none_is_refused_with_its_place(typed: Any, problem: str) -> None:
    """Whatever a codec raises is reported as a problem of the data."""
    found = WIRE.problems({"format": 1, "ok": True, "value": ["fine", typed]})

    assert len(found) == 1
    assert found[0].startswith("value[1] ")
    assert problem in found[0]


def test_every_problem_inside_is_listed() -> None:
    """One bad value does not hide the next, and its container is not blamed as well."""
    bad = {"$type": "decimal", "value": "x"}
    inner = {"id": bad, "lines": {"$type": "tuple", "value": [1, bad]}, "count": 0}
    data = {"format": 1, "ok": False, "error": [{"$type": "Order", "value": inner}], "cause": bad}

    assert [problem.split(" is ")[0] for problem in WIRE.problems(data)] == [
        "error[0].value.id",
        "error[0].value.lines.value[1]",
        "cause",
    ]


def test_data_nested_without_end_is_refused() -> None:
    """Reading ends before Python does."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    (problem,) = wire_problems({"format": 1, "ok": True, "value": deep})

    assert problem.endswith("is nested deeper than 100")


def test_a_class_that_was_not_given_is_not_revived() -> None:
    """Data never decides what code runs."""
    data = WIRE.to_wire(Err(NotFound("u")))

    with pytest.raises(WireReadError, match="error has the type 'not_found', which is not known"):
        from_wire(data)
    assert from_wire(data, NotFound) == Err(NotFound("u"))


def test_two_classes_of_one_name_are_refused() -> None:
    """The sentence names both and the way out, which is another name."""
    other = type("Other", (TaggedError,), {"__module__": __name__}, tag="not_found")
    mine = type("TimedOut", (TaggedError,), {"__module__": __name__})

    with pytest.raises(ValueError, match=r"Other.*NotFound.*both written as 'not_found'"):
        WireFormat(NotFound, other)
    with pytest.raises(ValueError, match=r"record_codec\(TimedOut, 'another name'\)"):
        WireFormat(mine)
    renamed = WireFormat(record_codec(mine, "shop.TimedOut"))
    assert again(Ok((mine(), TimedOut("s", 1))), renamed) == Ok((mine(), TimedOut("s", 1)))


def test_a_class_may_be_given_twice() -> None:
    """Lists of types of several modules overlap."""
    assert again(Ok(Point(1, 2)), WireFormat(Point, Point)) == Ok(Point(1, 2))


def test_a_class_that_nobody_knows_how_to_write_needs_a_codec() -> None:
    """With one it is written, without one it is refused at once."""
    path = PurePosixPath("a/b")

    with pytest.raises(TypeError, match="give a Codec that says how to write it"):
        WireFormat(PurePosixPath)
    wire = WireFormat(Codec(PurePosixPath, "path", str, PurePosixPath, str))
    assert again(Ok([path]), wire) == Ok([path])


def test_what_a_codec_raises_names_the_value() -> None:
    """The defect of the codec is the cause of the error."""

    def refuse(_: object) -> str:
        raise ZeroDivisionError

    wire = WireFormat(Codec(Odd, "odd", refuse, str))

    with pytest.raises(WireWriteError, match=r"value\[0\].*'odd' says ZeroDivisionError") as caught:
        wire.to_wire(Ok([Odd()]))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_any_mapping_is_read() -> None:
    """Some stores hand out mappings of their own."""
    assert from_wire(MappingProxyType({"format": 1, "ok": True, "value": 3})) == Ok(3)
