"""Telemetry for a whole program: turned on in one line, flushed without blocking Trio."""

from __future__ import annotations

import logging
import os
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, final

import trio

from awaitly_trio._engine.observing import observe
from awaitly_trio._policies.telemetry_switch import USUAL, VARIABLE, Signal, asked_by, checked
from awaitly_trio._values.duration import seconds
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._disclosure import as_it_is
from awaitly_trio.otel._logs import Logs
from awaitly_trio.otel._metrics import Metrics
from awaitly_trio.otel._pipes import all_done
from awaitly_trio.otel._tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager

    from awaitly_trio._values.duration import Duration
    from awaitly_trio.otel._delivery import Delivery
    from awaitly_trio.otel._disclosure import Redact
    from awaitly_trio.otel._pipes import Pipe

logger = logging.getLogger("awaitly_trio")

_ignored: set[str] = set()
"""Values of the variable that were complained of, and mean nothing from then on."""


@final
class Telemetry:
    """What ``install`` turned on; it may be left alone, or used as a ``with`` block.

    At the end of the program it is flushed, for five seconds at most.
    """

    def __init__(self, observers: tuple[object, ...], pipes: Mapping[str, Pipe]) -> None:
        self.observers = observers
        self._pipes = pipes
        self._stop: Callable[[], None] | None = None

    def observe(self) -> None:
        """Watch every run from here on: of this thread, or of this task and those it starts."""
        if self._stop is None and self.observers:
            self._stop = observe(*self.observers)

    def uninstall(self) -> None:
        """Watch no more runs from here on; it has to be called where ``install`` was."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    async def flush(self, timeout: Duration = 5.0) -> bool:  # noqa: ASYNC109  # a duration like all
        """Send what waits to be sent, in a thread; a provider of the program's own is asked to.

        It goes on for as long also when the task is cancelled: a program flushes when
        it is told to stop.

        Returns:
          Whether it was done in time and lost nothing: false where the collector did not take
          something, or a span was dropped meanwhile.  What a provider of the program's own
          loses, only its own exporter knows.
        """
        return await _in_thread([pipe.flush for pipe in self._pipes.values()], timeout)

    async def shutdown(self, timeout: Duration = 5.0) -> bool:  # noqa: ASYNC109  # as above
        """Flush, and close what ``install`` made, for all who share it.

        Providers that the program had set itself are flushed and stay open.

        Returns:
          As for ``flush``, which is false from then on; of a second call, what the first did.
        """
        return await _in_thread([pipe.close for pipe in self._pipes.values()], timeout)

    def delivery(self) -> Delivery | None:
        """Return what became of the spans of this process that go to the collector.

        Returns:
          ``None`` where the provider is the program's own, or spans are sent nowhere.
        """
        pipe = self._pipes.get("traces")
        return None if pipe is None else pipe.delivery()

    def __enter__(self) -> Telemetry:
        return self

    def __exit__(self, *exc: object) -> None:
        self.uninstall()


def install(
    *signals: Signal,
    service: str | None = None,
    errors_fail_spans: bool = False,
    values: bool = False,
    redact: Redact = as_it_is,
) -> Telemetry:
    """Turn telemetry on for every run from here on.

    Call it before ``trio.run``.  Providers that the program has set are used; otherwise
    OpenTelemetry's own variables, ``OTEL_EXPORTER_OTLP_ENDPOINT`` among them, say where
    things go.  There is one provider of a kind in a process: a second call, also one after
    the environment has turned telemetry on, shares those of the first.  A thread with a Trio
    of its own has to do the same, for example with ``observing(*telemetry.observers)``.

    The variable ``AWAITLY_TRIO_OTEL`` set to ``off``, or ``OTEL_SDK_DISABLED`` to
    ``true``, turns it off.  Set to a list such as ``traces,logs`` it says what to
    turn on where the program does not.

    Args:
      signals: Among ``"traces"``, ``"metrics"`` and ``"logs"``; the first two if none is given.
      service: What the program is called, unless the variables say so or an earlier call did.
      errors_fail_spans: As for ``Tracing``.
      values: As for ``Tracing`` and ``Logs``.
      redact: As for ``Tracing``, ``Metrics`` and ``Logs``.

    Raises:
      ImportError: The SDK or an exporter is not installed; the message names the extra.
      ValueError: A signal or a variable has an unknown value.
    """
    wanted = chosen(signals)
    sent = [signal for signal in wanted if signal != "logs"]
    observers: list[object] = []
    with _connected(sent, service) as pipes:
        if "traces" in pipes:
            observers.append(
                Tracing(
                    pipes["traces"].provider,
                    errors_fail_spans=errors_fail_spans,
                    values=values,
                    redact=redact,
                )
            )
        if "metrics" in pipes:
            observers.append(Metrics(pipes["metrics"].provider, redact=redact))
        if "logs" in wanted:
            observers.append(Logs(values=values, redact=redact))
    telemetry = Telemetry(tuple(observers), pipes)
    telemetry.observe()
    return telemetry


def install_from_environment() -> None:
    """Turn on what the environment asks for; a program runs on without it where that fails."""
    asked = os.environ.get(VARIABLE, "")
    try:
        install()
    except Exception as exc:  # an operator's variable never stops a program
        logger.error("%s=%r has no effect: %s", VARIABLE, asked, exc)  # noqa: TRY400
        _ignored.add(asked)


def chosen(signals: tuple[str, ...]) -> tuple[Signal, ...]:
    """Return which signals are on: those given, else those of the environment, else the usual.

    Raises:
      ValueError: A signal is unknown, or a word of the environment.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    text = os.environ.get(VARIABLE, "")
    asked = None if text in _ignored else asked_by(text)
    if asked == ():
        return ()
    return checked(list(signals)) or asked or USUAL


def _connected(
    signals: Collection[str], service: str | None
) -> AbstractContextManager[dict[str, Pipe]]:
    if not signals:
        return nullcontext(dict[str, "Pipe"]())
    try:
        # Loaded here, since the SDK is an extra.
        sdk: Any = import_module("awaitly_trio.otel._sdk")
    except ImportError as exc:
        raise ImportError(names.MISSING, name=exc.name) from exc
    made: AbstractContextManager[dict[str, Pipe]] = sdk.connected(signals, service)
    return made


async def _in_thread(works: Collection[Callable[[], bool]], allowance: Duration) -> bool:
    limit = seconds(allowance, "timeout")
    if not works:
        await trio.lowlevel.checkpoint_if_cancelled()
        return True
    limiter = trio.CapacityLimiter(1)
    # Shielded, since it is part of stopping; an exporter that hangs is left behind in
    # its thread, which ends with the process.
    with trio.move_on_after(limit, shield=True):
        return await trio.to_thread.run_sync(
            all_done, works, abandon_on_cancel=True, limiter=limiter
        )
    return False
