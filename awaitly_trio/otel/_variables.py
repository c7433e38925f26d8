"""OpenTelemetry's variables, read as its specification has it.

An empty one is as good as none.  A number that is none is logged and left at its default, as
the SDK does; an unknown exporter or protocol is refused, since spans would go nowhere.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

logger = logging.getLogger("awaitly_trio")

EXPORTERS = ("otlp", "console", "none")
PROTOCOLS = ("grpc", "http/protobuf")


@contextmanager
def empty_is_unset() -> Generator[None]:
    """Hide OpenTelemetry's empty variables from what is made in the block.

    Its SDK for Python takes some for values that it does not know, and raises.
    """
    empty = [name for name, text in os.environ.items() if name[:5] == "OTEL_" and not text.strip()]
    hidden = {name: os.environ.pop(name) for name in empty}
    try:
        yield
    finally:
        os.environ.update(hidden)


def exporters(signal: str) -> tuple[str, ...]:
    """Return where a signal goes: to a collector unless its variable lists something else.

    Raises:
      ValueError: It lists what is unknown.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    text = os.environ.get(variable, "")
    listed = [word for word in (each.strip().lower() for each in text.split(",")) if word]
    if not set(listed) <= set(EXPORTERS):
        known = ", ".join(EXPORTERS)
        raise ValueError(f"{variable} is {text!r}: it may be one of {known}, or a list of them")
    # The collector's comes first, since it is the one whose losses are counted.
    return tuple(name for name in ("otlp", "console") if name in (listed or ["otlp"]))


def protocol(signal: str) -> str:
    """Return how a signal goes to the collector.

    Raises:
      ValueError: The variable that says so says what is unknown.
    """
    for variable in (
        f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ):
        text = os.environ.get(variable, "").strip().lower()
        if text and text not in PROTOCOLS:
            raise ValueError(f"{variable} is {text!r}: it may be {' or '.join(PROTOCOLS)}")
        if text:
            return text
    return "http/protobuf"


def number(variable: str, default: int) -> int:
    """Return a variable's number, which is above zero."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        found = int(text)
    except ValueError:
        found = 0
    if found > 0:
        return found
    logger.warning("%s=%r is no number above zero: %d is used", variable, text, default)
    return default
