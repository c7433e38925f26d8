"""Durations: what is accepted, what is refused, and that nothing is lost when shown."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from awaitly_trio._values.duration import format_duration, seconds, to_iso

FINITE = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("5s", 5.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
        ("1w", 604800.0),
        ("1.5s", 1.5),
        ("1.5h", 5400.0),
        ("0s", 0.0),
        ("1e3s", 1000.0),
        ("0.1s", 0.1),
    ],
)
def test_text_with_one_unit(text: str, expected: float) -> None:
    """A number with a unit is that many of the unit, to the last bit of the float."""
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m30s", 90.0),
        ("1m 30s", 90.0),
        ("1h 30m", 5400.0),
        ("1d 12h", 129600.0),
        ("1s500ms", 1.5),
        ("  2H5M ", 7500.0),
        ("1 m 30 s", 90.0),
    ],
)
def test_text_with_several_units(text: str, expected: float) -> None:
    """Units add up, largest first; case and blanks do not matter."""
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1M30S", 90.0),
        ("P1DT2H", 93600.0),
        ("PT0.25S", 0.25),
        ("PT0,25S", 0.25),
        ("P2W", 1209600.0),
        ("PT0S", 0.0),
        ("pt5m", 300.0),
    ],
)
def test_iso_text(text: str, expected: float) -> None:
    """ISO 8601 durations of fixed length are read, with point or comma."""
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (0.25, 0.25),
        (0, 0.0),
        (timedelta(minutes=1, milliseconds=1), 60.001),
        (math.inf, math.inf),
        ("inf", math.inf),
        (" INF ", math.inf),
    ],
)
def test_numbers_timedeltas_and_no_limit(value: Any, expected: float) -> None:
    """Numbers are seconds, timedeltas are converted, infinity means no limit."""
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "5",
        "invalid",
        "-5s",
        "+5s",
        "5.s",
        ".5s",
        "5 parsecs",
        "30s 1m",
        "5m 10m",
        "5s junk",
        "-inf",
        "nan",
        "\u0665s",
        "5\u017f",
        "P",
        "PT",
        "P1DT",
        "P1Y",
        "P1M",
        "1m-30s",
    ],
)
def test_text_that_is_no_duration_is_refused(text: str) -> None:
    """Text without a unit, with a sign, out of order or with junk is an error, never a guess."""
    with pytest.raises(ValueError, match="is no duration") as caught:
        seconds(text, "timeout")

    assert str(caught.value).startswith(f"timeout is {text!r}, which is no duration")
    assert "'1m30s'" in str(caught.value)


@pytest.mark.parametrize("value", [-1, -0.001, math.nan, -math.inf, timedelta(seconds=-1)])
def test_negative_and_nan_are_refused(value: Any) -> None:
    """A duration below zero, or NaN, is refused with the value shown."""
    with pytest.raises(ValueError, match="zero or more") as caught:
        seconds(value, "delay")

    assert str(caught.value).startswith(f"delay is {value!r}, but must be zero or more")


@pytest.mark.parametrize("value", [True, False, None, b"5s", [5], 1j])
def test_other_types_are_refused(value: Any) -> None:
    """A bool or any other type is a TypeError that names the type."""
    with pytest.raises(TypeError) as caught:
        seconds(value, "delay")

    assert str(caught.value).startswith(f"delay is {value!r}, a {type(value).__name__}")


@pytest.mark.parametrize(
    "value",
    [
        "1e999s",
        "1e999999s",
        f"{'9' * 400}s",
        pytest.param(10**400, id="huge"),
        pytest.param(10**5000, id="unprintable"),
    ],
)
def test_durations_beyond_any_float_are_refused(value: Any) -> None:
    """What no float can hold is refused rather than silently endless."""
    with pytest.raises(ValueError, match="too long for a float"):
        seconds(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "500ms"),
        (0.25, "250ms"),
        (0.0005, "0.5ms"),
        (1e-12, "1e-12s"),
        (30, "30s"),
        (10, "10s"),
        (1.5, "1.5s"),
        (90, "1m30s"),
        (61.5, "1m1.5s"),
        (5400, "1h30m"),
        (129600, "1d12h"),
        (1_000_000, "11d13h46m40s"),
        (1e16, "1e+16s"),
        (0, "0s"),
        (math.inf, "inf"),
    ],
)
def test_format_is_short(value: float, text: str) -> None:
    """A duration is shown in its largest units, without zero parts."""
    assert format_duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "PT0S"),
        (90, "PT1M30S"),
        (93600, "P1DT2H"),
        (86400, "P1D"),
        (0.25, "PT0.25S"),
        (1e16, "PT10000000000000000S"),
    ],
)
def test_iso_form(value: float, text: str) -> None:
    """The ISO form has the same units and no exponents."""
    assert to_iso(value) == text


def test_iso_has_no_endless_duration() -> None:
    """Infinity cannot be written in ISO 8601 and says so."""
    with pytest.raises(ValueError, match="ISO 8601 has no endless duration"):
        to_iso(math.inf)


@pytest.mark.parametrize("form", [format_duration, to_iso])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_only_durations_are_formatted(form: Any, value: float) -> None:
    """A negative number or NaN is no duration, so it is not shown as one."""
    with pytest.raises(ValueError, match=f"seconds is {value!r}"):
        form(value)


@given(FINITE)
@example(0.1 + 0.2)
@example(5e-324)
@example(1.7976931348623157e308)
@example(9007199254740993.0)
def test_what_is_shown_reads_back_as_the_same_float(value: float) -> None:
    """Both text forms lose no bit of any duration."""
    assert seconds(format_duration(value)) == value
    assert seconds(to_iso(value)) == value


@given(st.timedeltas(min_value=timedelta(0)))
def test_timedeltas_agree_with_their_seconds(value: timedelta) -> None:
    """A timedelta and its total seconds are the same duration."""
    assert seconds(value) == seconds(value.total_seconds())
