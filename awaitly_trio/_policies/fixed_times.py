"""Schedules of fixed times: the delay is what is missing to the next one by the wall clock.

Cron expressions are read by ``cronsim``, which follows Debian's cron through
changes of daylight saving time; it is an extra, as few programs need it.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone, tzinfo
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

from awaitly_trio._policies.moves import Move, Plan
from awaitly_trio._policies.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cronsim import CronSim

    from awaitly_trio._policies.moves import Play, Sources


# Sums of floats may make a wait that was full look this much too short.
_ROUNDING = 1e-3


class FixedTimes(Plan, frozen=True):
    """A plan whose next move is due at a time of day, whatever happened before."""

    @property
    def is_timed(self) -> bool:
        """Always true: whether a time was waited for is read off the time that has passed."""
        return True

    def following(self, now: float) -> datetime | None:
        """Return the first time after ``now``, in seconds since 1970."""
        raise NotImplementedError

    def begin(self, sources: Sources) -> Play:
        """Return a play that does not name a time again that was waited for.

        Raises:
          ValueError: There is no wall clock.
        """
        wall = sources.wall
        if wall is None:
            raise ValueError(f"{self!r} follows the wall clock: give start() or delays() one")
        named = reached = -math.inf
        ends = math.inf

        def play(given: object, elapsed: float, at_least: float) -> Move | None:  # noqa: ARG001
            nonlocal named, reached, ends
            now = wall()
            if elapsed >= ends - _ROUNDING:
                # Waited for in full.  The wall clock may still stand before that time, as it
                # drifts and can be set back; the same time would then be due again.
                reached = named
            due = self.following(max(now, reached))
            if due is None:
                return None
            named = due.timestamp()
            ends = elapsed + named - now
            return Move(named - now, due)

        return play


class AtTimes(FixedTimes, frozen=True):
    """The given times, in order."""

    times: tuple[datetime, ...]

    def following(self, now: float) -> datetime | None:
        """Return the first of the times that is still to come."""
        return next(dropwhile(lambda time: time.timestamp() <= now, self.times), None)

    def __repr__(self) -> str:
        return f"at_times({list(self.times)!r})"


class Cron(FixedTimes, frozen=True):
    """The times that a cron expression names in a zone."""

    expression: str
    zone: tzinfo

    def following(self, now: float) -> datetime | None:
        """Return the next minute that matches, or ``None`` if none ever will."""
        return next(_simulator(self.expression, datetime.fromtimestamp(now, self.zone)), None)

    def __repr__(self) -> str:
        zone = "" if self.zone is timezone.utc else f", zone={self.zone!r}"
        return f"cron({self.expression!r}{zone})"


def at_times(times: Iterable[datetime]) -> Schedule[Any, datetime]:
    """Wait for each of the given times; those that are past are skipped.

    The output is the time that is due.

    Raises:
      ValueError: A time has no zone.
    """
    found = sorted(times, key=_check_zone)
    return Schedule(AtTimes(tuple(found)))


def cron(expression: str, *, zone: tzinfo = timezone.utc) -> Schedule[Any, datetime]:
    """Wait for the next time that a cron expression names.

    The output is the time that is due.  Times that pass while a call runs are skipped.

    Args:
      expression: Five fields: minute, hour, day of month, month, day of week.
      zone: Where the clock hangs, such as ``ZoneInfo("Europe/Paris")``.

    Raises:
      ValueError: The expression is none.
      ImportError: ``cronsim`` is not installed.
    """
    _simulator(expression, datetime.fromtimestamp(0, zone))
    return Schedule(Cron(expression, zone))


def _simulator(expression: str, after: datetime) -> CronSim:
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415
    except ImportError as exc:
        raise ImportError(
            "cron expressions need an extra: pip install 'awaitly_trio[cron]'", name="cronsim"
        ) from exc
    try:
        return CronSim(expression, after)
    except CronSimError as exc:
        raise ValueError(
            f"cron expression is {expression!r}: {exc}; write five fields, such as '*/5 * * * *'"
        ) from exc


def _check_zone(time: datetime) -> float:
    if time.utcoffset() is None:
        raise ValueError(f"{time!r} has no zone: add one, such as tzinfo=timezone.utc")
    return time.timestamp()
