"""Whatever can be written comes back exactly, and nothing but results is read."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._values.errors import EmptyInput, QueueFull, RateLimited, TimedOut
from awaitly_trio._values.result import Err, Ok, Result
from awaitly_trio._values.tagged import TaggedError
from awaitly_trio._values.wire import WireFormat


class Failed(TaggedError):
    """An error with a field of any kind."""

    given: Any


WIRE = WireFormat(Failed)
NUMBERS = st.integers() | st.floats(allow_nan=False)
ZONES = st.none() | st.sampled_from(
    [dt.timezone.utc, dt.timezone(dt.timedelta(hours=5), "X"), zoneinfo.ZoneInfo("Asia/Kolkata")]
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    *(st.none(), st.booleans(), NUMBERS, st.text(), st.binary(), st.uuids()),
    *(st.decimals(allow_nan=False), st.dates(), st.timedeltas(), st.datetimes(timezones=ZONES)),
    *(st.builds(TimedOut, st.text(), NUMBERS), st.builds(QueueFull, st.text(), st.integers())),
    *(st.builds(RateLimited, st.text(), NUMBERS), st.builds(EmptyInput, st.text())),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(), inner, max_size=3),
        st.dictionaries(SCALARS, inner, max_size=3),
        st.sets(SCALARS, max_size=3),
        st.builds(Failed, inner),
        st.builds(Ok, inner),
        st.builds(Err, inner, inner),
    ),
    max_leaves=10,
)
RESULTS: st.SearchStrategy[Result[Any, Any]] = st.builds(Ok, VALUES) | st.builds(
    Err, VALUES, VALUES
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["$type", "value", "format", "ok", "error", "cause", "x"]), inner
        ),
        st.builds(
            lambda name, value: {"$type": name, "value": value},
            st.sampled_from(["int", "set", "dict", "datetime", "Failed", "exception", "Ok"]),
            inner,
        ),
    ),
    max_leaves=8,
)


def shape(value: Any) -> Any:
    """Return a value with its types, which equality overlooks: ``1 == True == 1.0``."""
    if isinstance(value, list | tuple):
        return type(value), [shape(each) for each in value]
    if isinstance(value, dict):
        return dict, [(shape(key), shape(each)) for key, each in value.items()]
    if isinstance(value, Ok | Err | Failed):
        return type(value), [shape(getattr(value, name)) for name in type(value).__match_args__]
    return type(value), value


@given(RESULTS)
def test_a_result_comes_back_exactly(result: Result[Any, Any]) -> None:
    """Through the standard library's JSON and through msgspec's, with every type in it."""
    data = WIRE.to_wire(result)

    for back in (json.loads(json.dumps(data)), msgspec.json.decode(msgspec.json.encode(data))):
        assert shape(WIRE.from_wire(back)) == shape(result)


@given(RESULTS)
def test_what_is_written_has_no_problems(result: Result[Any, Any]) -> None:
    """Validation and reading agree on what is right."""
    assert WIRE.problems(WIRE.to_wire(result)) == ()


@given(JSON)
def test_any_data_is_read_or_refused_with_its_problems(data: Any) -> None:
    """Nothing else is ever raised, and what is read is written as the same result."""
    problems = WIRE.problems({"format": 1, "ok": True, "value": data})

    if not problems:
        result = WIRE.from_wire({"format": 1, "ok": True, "value": data})
        assert shape(WIRE.from_wire(WIRE.to_wire(result))) == shape(result)
    assert all(problem.startswith("value") for problem in problems)
