"""Notes on an exception: what else went wrong, for whoever reads its traceback."""

from __future__ import annotations

from typing import final

from awaitly_trio._values.plain import shown


@final
class FailureNote(str):
    """A note that tells of a planned error that did not win: as a text, and the error itself.

    Who may tell no values, as telemetry, tells ``said`` and the kind of ``error``.  It is
    copied and pickled as a mere text, so that it asks nothing of the error.
    """

    __slots__ = ("error", "said")

    said: str
    error: object

    def __new__(cls, said: str, error: object) -> FailureNote:
        """Return a note that reads as what is said, and the ``repr`` of the error."""
        made = super().__new__(cls, f"{said}: {shown(error)}")
        made.said, made.error = said, error
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def note(exception: BaseException, text: str) -> None:
    """Add a note that tracebacks show; Python 3.10 keeps it without showing it."""
    notes: list[str] = getattr(exception, "__notes__", [])
    exception.__notes__ = [*notes, text]  # type: ignore[attr-defined,unused-ignore]
