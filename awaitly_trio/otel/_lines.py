"""How a line gets into a logger: one of ``logging``, of structlog, or of a program's own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol, cast, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_IDS: Mapping[str, str] = {"trace_id": "", "span_id": "", "run_id": ""}
"""What a line has in place of the ids, where there are none."""

_METHODS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}


class BoundLogger(Protocol):
    """A logger that takes fields as keywords, as structlog's do."""

    def log(self, level: int, event: str, /, **fields: Any) -> Any:
        """Write a line."""


@final
class Line(msgspec.Struct, frozen=True):
    """What is written: a text, the ids of where the program is, and what else there is to say.

    ``exception`` is what the line is about, if there is one and it may be told.
    """

    level: int
    text: str
    ids: dict[str, str]
    fields: dict[str, Any]
    exception: BaseException | None = None


@final
class Lines:
    """Writes lines to a logger of any of these kinds."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._is_standard = isinstance(logger, (logging.Logger, logging.LoggerAdapter))

    def is_on(self, level: int) -> bool:
        """Tell whether the logger lets lines of a level through, as far as it says so."""
        logger: Any = self._bound()
        for name in ("isEnabledFor", "is_enabled_for"):
            # Of its class, because a generic logger of structlog has every attribute one
            # asks for, and fails when it is called.
            if _has(logger, name):
                return cast("bool", getattr(logger, name)(level))
        return True

    def write(self, line: Line) -> None:
        """Write a line."""
        if self._is_standard:
            _write_record(self._logger, line)
            return
        told = {**line.ids, **line.fields}
        if line.exception is not None:
            told["exc_info"] = line.exception
        logger = self._bound()
        if _is_generic(logger):
            # It hands on the methods of what it wraps, which are called after levels everywhere.
            getattr(logger, _METHODS[line.level])(line.text, **told)
        else:
            logger.log(line.level, line.text, **told)

    def _bound(self) -> Any:
        """Return the logger, or what structlog has it stand for by now."""
        if _has(self._logger, "log", "_proxy_to_logger") or not _has(self._logger, "bind"):
            return self._logger
        return self._logger.bind()


def _is_generic(logger: object) -> bool:
    """Tell whether this is structlog's logger for anything, which has no method of its own."""
    return _has(logger, "_proxy_to_logger") and not _has(logger, "log")


def _has(logger: object, *names: str) -> bool:
    """Tell whether the class of a logger has one of these methods."""
    return any(hasattr(type(logger), name) for name in names)


def _write_record(logger: Any, line: Line) -> None:
    """Write a record of ``logging``, which has the ids as attributes and the rest in ``fields``.

    The attributes are set here, since ``extra`` refuses those that a record factory of the
    program has set already.  What is there stays.
    """
    text = line.text
    added: dict[str, Any] = {}
    while isinstance(logger, logging.LoggerAdapter):
        adapter = cast("logging.LoggerAdapter[Any]", logger)
        text, keywords = adapter.process(text, {"extra": {}})
        extra: dict[str, Any] = keywords.get("extra") or {}
        added = {**extra, **added}
        logger = adapter.logger
    exc, level = line.exception, line.level
    info = None if exc is None else (type(exc), exc, exc.__traceback__)
    place, number, function, _ = logger.findCaller()
    record: logging.LogRecord = logger.makeRecord(
        logger.name, level, place, number, text, (), info, function
    )
    known = vars(record)
    for name, value in {**NO_IDS, **line.ids, **added}.items():
        known[name] = known.get(name) or value
    known["fields"] = line.fields
    logger.handle(record)
