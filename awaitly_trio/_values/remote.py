"""Exceptions as data, and what stands for them where their class is not known.

An exception whose class has no codec is written as the class's name, its
sentence, its traceback as text, its notes and its cause.  It comes back as a
``RemoteError``, which says the same and is written the same again.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

from awaitly_trio._values.codec import Codec, check_fields
from awaitly_trio._values.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


def exception_codec(
    kind: type[Exception],
    name: str,
    part: str,
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Exception],
) -> Codec:
    """Return a codec that writes an exception's own data as ``part``, beside notes and cause."""

    def encode_all(error: Exception) -> dict[str, Any]:
        data = {part: encode(error)}
        if notes := vars(error).get("__notes__"):
            # As mere texts: a note of ours knows the error that it tells of.
            data["notes"] = [str(each) for each in notes]
        if (cause := error.__cause__) is not None:
            # A cancellation or an interrupt that was a cause is only told of: it had its effect.
            data["cause"] = cause if isinstance(cause, Exception) else stand_in(cause)
        return data

    def decode_all(data: dict[str, Any]) -> Exception:
        check_fields(data, (part,), ("notes", "cause"))
        error = decode(data[part])
        if "notes" in data:
            if not isinstance(data["notes"], list):
                raise TypeError("its notes are no list")
            vars(error)["__notes__"] = data["notes"]
        error.__cause__ = data.get("cause")
        return error

    return Codec(kind, name, encode_all, decode_all, dict)


def stand_in(error: BaseException) -> RemoteError:
    """Return what an exception comes back as when nobody knows its class."""
    if isinstance(error, RemoteError):
        return error
    kind: type[BaseException] = type(error)
    members: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    if not isinstance(error, BaseExceptionGroup):
        members = ()
    try:
        said = error.message if isinstance(error, BaseExceptionGroup) else str(error)
    except Exception:
        said = f"<{kind.__qualname__} fails to say what it is>"
    return RemoteError(
        kind.__qualname__,
        kind.__module__,
        said,
        "".join(traceback.format_tb(error.__traceback__)),
        tuple(each if isinstance(each, Exception) else stand_in(each) for each in members),
    )


def _encode(error: Exception) -> dict[str, Any]:
    told = stand_in(error)
    data: dict[str, Any] = {"type": told.kind, "module": told.module, "message": told.said}
    if told.traceback:
        data["traceback"] = told.traceback
    if told.exceptions:
        data["exceptions"] = list(told.exceptions)
    return data


def _decode(data: Mapping[str, Any]) -> RemoteError:
    check_fields(data, ("type", "module", "message"), ("traceback", "exceptions"))
    if not all(isinstance(each, str) for name, each in data.items() if name != "exceptions"):
        raise TypeError("its type, module, message and traceback are not all text")
    exceptions: list[object] = data.get("exceptions", [])
    if not all(isinstance(each, Exception) for each in exceptions):
        raise TypeError("its exceptions are not all exceptions")
    return RemoteError(
        data["type"],
        data["module"],
        data["message"],
        data.get("traceback", ""),
        tuple(data.get("exceptions", ())),
    )


REMOTE = exception_codec(RemoteError, "exception", "told", _encode, _decode)
