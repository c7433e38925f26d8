"""The points at which a fault can strike, and their text."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

FaultKind: TypeAlias = Literal["cancel", "deadline", "error", "raise", "crash"]

FAULTS: tuple[FaultKind, ...] = ("cancel", "deadline", "error", "raise", "crash")


class Point(msgspec.Struct, frozen=True):
    """One fault at one place.

    A ``cancel`` strikes after step ``index`` of the tasks; the others strike
    at step ``index`` of the workflows, which has ``path``.  Both count from 1.
    ``detail`` is the error's name, or ``before`` or ``after`` for a crash.
    """

    kind: FaultKind
    index: int
    path: str = ""
    detail: str = ""

    def __str__(self) -> str:
        if self.kind == "cancel":
            return f"cancel:{self.index}"
        return ":".join(part for part in (self.kind, self.path, self.detail) if part)


def check_faults(faults: tuple[FaultKind, ...]) -> None:
    """Raise ``ValueError`` unless each is a kind of fault, and there is one."""
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown or not faults:
        named = ", ".join(map(repr, unknown)) or "nothing"
        raise ValueError(f"faults are some of {', '.join(FAULTS)}, not {named}")
