"""What ``AWAITLY_TRIO_OTEL`` says: which signals of telemetry a process has.

Read when the package is imported, so it is kept apart from all that telemetry needs.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
USUAL: tuple[Signal, ...] = ("traces", "metrics")
VARIABLE = "AWAITLY_TRIO_OTEL"

_ON = ("on", "1", "true", "yes")
_OFF = ("off", "0", "false", "no", "none")


def is_off(text: str) -> bool:
    """Tell whether a value of the variable turns nothing on: it says no, or nothing."""
    words = _words(text)
    return not words or (len(words) == 1 and words[0] in _OFF)


def asked_by(text: str) -> tuple[Signal, ...] | None:
    """Return the signals that a value of the variable asks for.

    Returns:
      No signal where it says no, and ``None`` where it says nothing.

    Raises:
      ValueError: A word is unknown.
    """
    words = _words(text)
    if not words:
        return None
    if is_off(text):
        return ()
    if len(words) == 1 and words[0] in _ON:
        return USUAL
    return checked(words, f"on, off or a list of {', '.join(SIGNALS)}")


def checked(words: list[str], known: str = ", ".join(map(repr, SIGNALS))) -> tuple[Signal, ...]:
    """Return words as signals, each once.

    Raises:
      ValueError: One of them is none; the message names what is ``known``.
    """
    for word in words:
        if word not in SIGNALS:
            raise ValueError(f"{word!r} is no signal: choose among {known}")
    return tuple(signal for signal in SIGNALS if signal in words)


def _words(text: str) -> list[str]:
    return [word for word in (each.strip().lower() for each in text.split(",")) if word]
