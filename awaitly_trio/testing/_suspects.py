"""What a test asked for that no seed decides: threads, real time, randomness of its own."""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from awaitly_trio.testing._tree import is_library, line_of

if TYPE_CHECKING:
    from types import FrameType

_REAL_TIME = "real time"
_UNSEEDED = "unseeded random"
_THREAD = "a thread"

_BUILTINS: dict[Any, str] = {
    **{
        getattr(time, name): _REAL_TIME
        for clock in ("time", "monotonic", "perf_counter", "process_time")
        for name in (clock, f"{clock}_ns")
    },
    os.urandom: _UNSEEDED,
}
# What these do for themselves, in a hook of the garbage collector say, decides nothing.
_TOOLS = ("/hypothesis/", "/_pytest/", "/coverage/")
_HIDDEN = (Path(random.__file__).name, "uuid.py", "secrets.py", "threading.py", "datetime.py")

LIKELY_ELSE = (
    "state that outlives a run: a module's variable, an object shared by runs, a cache",
    "the order of a set, or of anything sorted by id",
)


@final
class Suspects:
    """A profile function (``sys.setprofile``) that notes each such call with its line."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def causes(self) -> tuple[str, ...]:
        """Return what was found, in order; what is likely where nothing was."""
        return tuple(self._found) or LIKELY_ELSE

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        """Take note of one profile event."""
        kind = None
        if event == "c_call":
            kind = self._kind_of_builtin(called)
        elif event == "call":
            kind = self._kind_of_function(frame)
        if kind is not None:
            self._note(kind, frame)

    def _kind_of_builtin(self, called: Any) -> str | None:
        owner = getattr(called, "__self__", None)
        if owner is getattr(random, "_inst", None) and owner is not None:
            return _UNSEEDED
        if isinstance(owner, type) and issubclass(owner, dt.date):
            return _REAL_TIME if called.__name__ in {"now", "today", "utcnow"} else None
        try:
            return _BUILTINS.get(called)
        except TypeError:
            return None

    def _kind_of_function(self, frame: FrameType) -> str | None:
        code = frame.f_code
        if code is threading.Thread.start.__code__ or code.co_name == "to_thread_run_sync":
            return _THREAD
        if code is random.Random.seed.__code__ and frame.f_locals.get("a") is None:
            return _UNSEEDED
        return None

    def _note(self, kind: str, frame: FrameType) -> None:
        at: FrameType | None = frame
        if any(tool in frame.f_code.co_filename.replace("\\", "/") for tool in _TOOLS):
            return
        while at is not None:
            name = at.f_code.co_filename
            if is_library(name):
                # Trio reads the time for itself; only what the test asks for counts.
                if kind == _REAL_TIME:
                    return
            elif Path(name).name not in _HIDDEN:
                place = line_of(name, at.f_lineno, at.f_code.co_name)
                self._found[f"{kind}: {place}"] = None
                return
            at = at.f_back
