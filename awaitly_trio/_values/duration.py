"""Durations: what a user may write for a length of time, and how one is shown.

Inside the package a duration is a float number of seconds, as in Trio.
The sums are done in decimals, so that what is shown reads back as the same float.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TypeAlias

Duration: TypeAlias = float | int | str | timedelta

_MILLISECOND = Decimal("0.001")
_UNITS = {
    "w": Decimal(604_800),
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": _MILLISECOND,
}
# Sixty digits hold any shortest float of at most 16 whole digits exactly, and the
# widest exponents keep "1e999999s" an ordinary number that is refused as too long.
_EXACT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)
# Outside these bounds splitting a float into units helps no reader.
_SHORTEST_SPLIT, _LONGEST_SPLIT = 1e-9, 1e16

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
# Compiled when the first text is read: two milliseconds that most imports need not pay.
_TEXT = r"\s*".join(rf"(?:(?P<{unit}>{_NUMBER})\s*{unit})?" for unit in _UNITS)
_ISO_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_ISO = (
    rf"P(?=.)(?:(?P<w>{_ISO_NUMBER})W)?(?:(?P<d>{_ISO_NUMBER})D)?"
    rf"(?:T(?=.)(?:(?P<h>{_ISO_NUMBER})H)?(?:(?P<m>{_ISO_NUMBER})M)?(?:(?P<s>{_ISO_NUMBER})S)?)?"
)
_WAY_OUT = (
    "write a number of seconds, a text such as '1m30s', '250ms' or 'PT1M30S', "
    "a timedelta, or 'inf' for no limit"
)


def seconds(value: Duration, name: str = "duration") -> float:
    """Return a duration as seconds: zero or more, ``math.inf`` for no limit.

    Texts are numbers with units, largest unit first and each at most once
    (``w d h m s ms``, in any case, blanks between them allowed: ``"1d 12h"``), the
    word ``"inf"``, or an ISO 8601 duration of weeks, days, hours, minutes
    and seconds (``"PT1M30S"``; years and months have no fixed length).

    Args:
      value: Seconds, a text, or a ``timedelta``.
      name: What the argument is called in the error message.

    Raises:
      TypeError: The value is of another type; ``bool`` is one.
      ValueError: The value is negative, NaN, too long for a float, or a text
        that is no duration.
    """
    if type(value) is float and value >= 0:
        return value
    if isinstance(value, str):
        return _parse(value, name)
    if isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = _as_float(value, name)
    else:
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}: {_WAY_OUT}")
    if not number >= 0:
        raise ValueError(f"{name} is {value!r}, but must be zero or more: {_WAY_OUT}")
    return number


def format_duration(seconds: float) -> str:
    """Return a short text for a duration, such as ``"1m30s"``, ``"250ms"``, ``"0s"``, ``"inf"``.

    From one second on the units are days, hours, minutes and seconds, of which
    only the seconds have decimals; below one second it is milliseconds.  The decimals
    are those of the float's ``repr``, split without rounding, so that the
    text reads back as the same float.  Below a nanosecond and from ``1e16`` on
    it is the ``repr`` with ``"s"``.

    Args:
      seconds: Seconds, zero or more, or ``math.inf``.

    Raises:
      ValueError: The number is negative or NaN.
    """
    _check(seconds)
    if seconds == math.inf:
        return "inf"
    if not seconds:
        return "0s"
    if not _SHORTEST_SPLIT <= seconds < _LONGEST_SPLIT:
        return f"{float(seconds)!r}s"
    if seconds < 1:
        return f"{_plain(_EXACT.divide(_decimal(seconds), _MILLISECOND))}ms"
    return "".join(f"{amount}{unit}" for unit, amount in _split(seconds))


def to_iso(seconds: float) -> str:
    """Return a duration in ISO 8601, such as ``"PT1M30S"`` or ``"P1DT2H"``.

    It reads back as the same float, as in :func:`format_duration`.

    Args:
      seconds: Seconds, zero or more.

    Raises:
      ValueError: The number is negative, NaN, or ``math.inf``, for which ISO 8601 has no form.
    """
    _check(seconds)
    if seconds == math.inf:
        raise ValueError("seconds is inf: ISO 8601 has no endless duration, save 'inf' instead")
    if not seconds:
        return "PT0S"
    if seconds >= _LONGEST_SPLIT:
        return f"PT{_plain(_decimal(seconds))}S"
    parts = {unit.upper(): amount for unit, amount in _split(seconds)}
    days = f"{parts.pop('D')}D" if "D" in parts else ""
    time = "".join(f"{amount}{unit}" for unit, amount in parts.items())
    return f"P{days}T{time}" if time else f"P{days}"


def _parse(text: str, name: str) -> float:
    stripped = text.strip()
    if stripped.lower() == "inf":
        return math.inf
    found = re.fullmatch(_TEXT, stripped, re.IGNORECASE | re.ASCII)
    found = found or re.fullmatch(_ISO, stripped, re.IGNORECASE | re.ASCII)
    if not found or not stripped:
        raise ValueError(f"{name} is {text!r}, which is no duration: {_WAY_OUT}")
    total = Decimal(0)
    for unit, amount in found.groupdict().items():
        if amount:
            part = _EXACT.multiply(Decimal(amount.replace(",", ".")), _UNITS[unit])
            total = _EXACT.add(total, part)
    number = float(total)
    if number == math.inf:
        raise ValueError(f"{name} is {text!r}, too long for a float: write 'inf' for no limit")
    return number


def _as_float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        # The integer itself is not shown: past 4,300 digits it has no ``repr``.
        raise ValueError(
            f"{name} is an integer of over 300 digits, too long for a float: "
            "write math.inf for no limit"
        ) from None


def _check(seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError(f"seconds is {seconds!r}, but a duration is zero or more")


def _split(seconds: float) -> list[tuple[str, str]]:
    """Return the amounts of days, hours, minutes and seconds that are not zero."""
    rest = _decimal(seconds)
    parts: list[tuple[str, str]] = []
    for unit in ("d", "h", "m"):
        whole, rest = _EXACT.divmod(rest, _UNITS[unit])
        if whole:
            parts.append((unit, _plain(whole)))
    if rest:
        parts.append(("s", _plain(rest)))
    return parts


def _decimal(seconds: float) -> Decimal:
    """Return the shortest decimal that reads back as this float."""
    return Decimal(repr(float(seconds)))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
