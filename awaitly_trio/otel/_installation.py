"""Telemetry for a whole program: turned on in one line, flushed without blocking Trio."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import trio

from awaitly_trio._engine.opening import observe
from awaitly_trio._values.duration import seconds
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._disclosure import as_it_is
from awaitly_trio.otel._logs import Logs
from awaitly_trio.otel._metrics import Metrics
from awaitly_trio.otel._tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awaitly_trio._values.duration import Duration
    from awaitly_trio.otel._delivery import Delivery
    from awaitly_trio.otel._disclosure import Redact
    from awaitly_trio.otel._sdk import Pipes

logger = logging.getLogger("awaitly_trio")

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
USUAL: tuple[Signal, ...] = ("traces", "metrics")
VARIABLE = "AWAITLY_TRIO_OTEL"
_PATIENCE_AT_EXIT = 5.0


@final
class Telemetry:
    """What ``install`` turned on; it may be left alone, or used as a ``with`` block.

    At the end of the program it is flushed, for five seconds at most.
    """

    def __init__(self, observers: tuple[object, ...], pipes: Pipes | None) -> None:
        self.observers = observers
        self._pipes = pipes
        self._stop: Callable[[], None] | None = None
        self._ends, self._closed = threading.Event(), threading.Event()

    def observe(self) -> None:
        """Watch every run from here on: of this thread, or of this task and those it starts."""
        if self._stop is None and self.observers:
            self._stop = observe(*self.observers)
            # Made now, because from CPython 3.12 on none can be started at the end.
            threading.Thread(target=self._close_when_told, daemon=True).start()
            atexit.register(self._close_at_exit)

    def uninstall(self) -> None:
        """Watch no more runs from here on; it has to be called where ``install`` was."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    async def flush(self, timeout: Duration = 5.0) -> bool:  # noqa: ASYNC109  # a duration like all
        """Send what waits to be sent, in a thread; return whether it was done in time.

        It goes on for as long also when the task is cancelled: a program flushes when
        it is told to stop.
        """
        return await self._in_thread(() if self._pipes is None else self._pipes.flushes, timeout)

    async def shutdown(self, timeout: Duration = 5.0) -> bool:  # noqa: ASYNC109  # as above
        """Flush and close what ``install`` made; return whether it was done in time.

        Providers that the program had set itself stay open.
        """
        return await self._in_thread(() if self._pipes is None else self._pipes.closes, timeout)

    def delivery(self) -> Delivery | None:
        """Return how many spans arrived; ``None`` where the exporter is the program's own."""
        return None if self._pipes is None else self._pipes.delivery()

    def __enter__(self) -> Telemetry:
        return self

    def __exit__(self, *exc: object) -> None:
        self.uninstall()

    async def _in_thread(self, works: Iterable[Callable[[], object]], allowance: Duration) -> bool:
        limit = seconds(allowance, "timeout")
        found = tuple(works)
        if not found:
            await trio.lowlevel.checkpoint_if_cancelled()
            return True
        limiter = trio.CapacityLimiter(1)
        # Shielded, since it is part of stopping; an exporter that hangs is left behind in
        # its thread, which ends with the process.
        with trio.move_on_after(limit, shield=True):
            return await trio.to_thread.run_sync(
                _do_all, found, abandon_on_cancel=True, limiter=limiter
            )
        return False

    def _close_when_told(self) -> None:
        self._ends.wait()
        if self._pipes is not None:
            _do_all(tuple(self._pipes.closes))
        self._closed.set()

    def _close_at_exit(self) -> None:
        self._ends.set()
        # A collector that is down must not keep the process.
        self._closed.wait(_PATIENCE_AT_EXIT)


def install(
    *signals: Signal,
    service: str | None = None,
    errors_fail_spans: bool = False,
    values: bool = False,
    redact: Redact = as_it_is,
) -> Telemetry:
    """Turn telemetry on for every run from here on.

    Call it once, before ``trio.run``.  Providers that the program has set are used;
    otherwise OpenTelemetry's own variables, ``OTEL_EXPORTER_OTLP_ENDPOINT`` among them,
    say where things go.  A thread with a Trio of its own has to do the same, for
    example with ``observing(*telemetry.observers)``.

    The variable ``AWAITLY_TRIO_OTEL`` set to ``off``, or ``OTEL_SDK_DISABLED`` to
    ``true``, turns it off.  Set to a list such as ``traces,logs`` it says what to
    turn on where the program does not.

    Args:
      signals: Among ``"traces"``, ``"metrics"`` and ``"logs"``; the first two if none is given.
      service: What the program is called in the traces, unless the variables say so.
      errors_fail_spans: As for ``Tracing``.
      values: As for ``Tracing`` and ``Logs``.
      redact: As for ``Tracing`` and ``Logs``.

    Raises:
      ImportError: The SDK or an exporter is not installed; the message names the extra.
      ValueError: A signal or a variable has an unknown value.
    """
    wanted = chosen(signals)
    if not wanted:
        return Telemetry((), None)
    pipes = _pipes(service) if {"traces", "metrics"} & set(wanted) else None
    observers: list[object] = []
    # Tracing first: the others then are told of an end while its span is current.
    if pipes is not None and "traces" in wanted:
        provider = pipes.trace()
        observers.append(
            Tracing(provider, errors_fail_spans=errors_fail_spans, values=values, redact=redact)
        )
    if pipes is not None and "metrics" in wanted:
        observers.append(Metrics(pipes.measure()))
    if "logs" in wanted:
        observers.append(Logs(values=values, redact=redact))
    telemetry = Telemetry(tuple(observers), pipes)
    telemetry.observe()
    return telemetry


def install_from_environment() -> None:
    """Turn on what the environment asks for; a program runs on without it where that fails."""
    try:
        install()
    except Exception as exc:  # an operator's variable never stops a program
        asked = os.environ.get(VARIABLE)
        logger.error("%s=%r has no effect: %s", VARIABLE, asked, exc)  # noqa: TRY400


def chosen(signals: tuple[str, ...]) -> tuple[str, ...]:
    """Return which signals are on: those given, else those of the environment, else the usual."""
    asked = os.environ.get(VARIABLE, "").strip().lower()
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or asked == "off":
        return ()
    listed = () if asked in {"", "on"} else tuple(each.strip() for each in asked.split(","))
    found = signals or listed or USUAL
    for each in found:
        if each not in SIGNALS:
            known = ", ".join(map(repr, SIGNALS))
            raise ValueError(f"{each!r} is no signal: choose among {known}")
    return found


def _pipes(service: str | None) -> Pipes:
    try:
        # Loaded here, since the SDK is an extra.
        sdk: Any = import_module("awaitly_trio.otel._sdk")
        made: Pipes = sdk.Pipes(service)
    except ImportError as exc:
        raise ImportError(names.MISSING, name=exc.name) from exc
    return made


def _do_all(works: tuple[Callable[[], object], ...]) -> bool:
    """Call all, and tell whether none failed."""
    done = True
    for work in works:
        try:
            done = work() is not False and done
        except Exception:
            logger.exception("telemetry could not be sent")
            done = False
    return done
