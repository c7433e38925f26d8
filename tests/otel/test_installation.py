"""Telemetry for a whole program, and the switches that turn it off."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, final

import pytest
import trio

from awaitly_trio import otel
from awaitly_trio._policies.telemetry_switch import asked_by, is_off
from awaitly_trio.otel._installation import Telemetry, chosen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from trio.testing import MockClock

ONE_RUN = """
import trio
from opentelemetry import trace
from awaitly_trio import Ok, otel, workflow

async def give():
    return Ok(1)

@workflow
async def one_step(step):
    await step(give)

otel.install("traces")
trio.run(one_step)
"""


@final
class Sent:
    """Stands for a provider in use: what it is asked to do is a function of a test's."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.flush = self.close = lambda: bool(work())


def test_traces_and_metrics_are_the_usual(environment: pytest.MonkeyPatch) -> None:
    """Logs have to be asked for: a program has lines of its own."""
    assert chosen(()) == ("traces", "metrics")


def test_the_environment_chooses_where_the_program_does_not(
    environment: pytest.MonkeyPatch,
) -> None:
    """What is written in the program stands."""
    environment.setenv("AWAITLY_TRIO_OTEL", "Traces, logs")

    assert chosen(()) == ("traces", "logs")
    assert chosen(("metrics",)) == ("metrics",)


@pytest.mark.parametrize(
    ("text", "signals"),
    [
        ("", None),
        (" ", None),
        (",", None),
        *((word, ()) for word in ("off", "0", "False", "no", "none", " OFF ")),
        *((word, ("traces", "metrics")) for word in ("on", "1", "true", "YES")),
        ("traces,", ("traces",)),
        ("logs, Metrics", ("metrics", "logs")),
    ],
)
def test_a_switch_takes_the_words_that_operators_use(
    text: str, signals: tuple[str, ...] | None
) -> None:
    """An empty one is as good as none, which is not the same as off."""
    assert asked_by(text) == signals
    assert is_off(text) == (not signals)


@pytest.mark.parametrize("text", ["tracing", "of", "traces,off", "1,logs"])
def test_other_words_are_refused(text: str) -> None:
    """The message names the known ones."""
    assert not is_off(text)
    with pytest.raises(ValueError, match="is no signal: choose among on, off or a list of traces"):
        asked_by(text)


@pytest.mark.parametrize(
    ("variable", "value"), [("AWAITLY_TRIO_OTEL", "off"), ("OTEL_SDK_DISABLED", "true")]
)
def test_an_operator_can_turn_it_off(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Whatever the program says; nobody watches then."""
    environment.setenv(variable, value)

    with otel.install("traces", "logs") as telemetry:
        assert telemetry.observers == ()


def test_an_unknown_signal_is_refused(environment: pytest.MonkeyPatch) -> None:
    """Whether the program or the environment names it."""
    with pytest.raises(ValueError, match="'spans' is no signal: choose among 'traces'"):
        otel.install("spans")  # type: ignore[arg-type]

    environment.setenv("AWAITLY_TRIO_OTEL", "tracing")
    with pytest.raises(ValueError, match="'tracing' is no signal: choose among on, off"):
        otel.install("traces")


def test_logs_need_no_sdk(environment: pytest.MonkeyPatch) -> None:
    """They go to ``logging``; the block ends what it began."""
    with otel.install("logs") as telemetry:
        [logs] = telemetry.observers

        assert isinstance(logs, otel.Logs)


async def test_a_flush_of_nothing_is_done(autojump_clock: MockClock) -> None:
    """Where telemetry is off, a program need not ask before it flushes."""
    telemetry = Telemetry((), {})

    assert await telemetry.flush()
    assert await telemetry.shutdown()
    assert telemetry.delivery() is None


async def test_an_allowance_is_checked() -> None:
    """As every duration is."""
    with pytest.raises(ValueError, match="timeout"):
        await Telemetry((), {}).flush(-1)


async def test_a_cancelled_task_still_flushes() -> None:
    """A program flushes when it is told to stop."""
    flushed: list[str] = []
    pipes: Any = {"traces": Sent(lambda: flushed.append("spans") or True)}

    with trio.CancelScope() as scope:
        scope.cancel(reason="the program stops")
        done = await Telemetry((), pipes).flush(10)

    assert done
    assert flushed == ["spans"]


async def test_a_flush_that_hangs_is_left_behind() -> None:
    """After its allowance the program goes on; the others run on meanwhile."""
    hangs = threading.Event()
    pipes: Any = {"traces": Sent(hangs.wait)}

    done = await Telemetry((), pipes).flush(0.05)
    hangs.set()

    assert not done


async def test_a_flush_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The others are tried all the same."""
    flushed: list[str] = []
    pipes: Any = {
        "traces": Sent(lambda: 1 / 0),
        "metrics": Sent(lambda: flushed.append("metrics") or True),
    }

    done = await Telemetry((), pipes).flush(10)

    assert not done
    assert flushed == ["metrics"]
    assert "ZeroDivisionError" in caplog.text


def test_spans_go_to_the_console_if_the_environment_says_so(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """One line of code, one variable; the end of the program sends what is left."""
    environment.setenv("OTEL_TRACES_EXPORTER", "console")

    run = fresh_python("-c", ONE_RUN)

    assert run.returncode == 0, run.stderr
    assert '"awaitly.scope.path": "one_step/give"' in run.stdout


def test_the_environment_alone_turns_it_on(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """Without a line of code."""
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    environment.setenv("AWAITLY_TRIO_OTEL", "traces")

    run = fresh_python("-c", ONE_RUN.replace('otel.install("traces")', ""))

    assert run.returncode == 0, run.stderr
    assert '"awaitly.scope.path": "one_step/give"' in run.stdout


def test_a_wrong_variable_stops_no_program(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """What an operator mistypes is logged, once, and means nothing to what the program asks for."""
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    environment.setenv("AWAITLY_TRIO_OTEL", "tracing")

    run = fresh_python("-c", ONE_RUN)

    assert run.returncode == 0, run.stderr
    assert run.stderr.count("AWAITLY_TRIO_OTEL='tracing' has no effect") == 1
    assert '"awaitly.scope.path": "one_step/give"' in run.stdout


@pytest.mark.parametrize("word", ["", "no"])
def test_a_switch_that_is_off_loads_nothing(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
    word: str,
) -> None:
    """Nor does an empty one, as deployments have it that leave a variable blank."""
    environment.setenv("AWAITLY_TRIO_OTEL", word)

    run = fresh_python("-c", "import sys, awaitly_trio; print('awaitly_trio.otel' in sys.modules)")

    assert (run.stdout, run.stderr) == ("False\n", "")


@pytest.mark.parametrize("size", ["256", "abc"])
def test_a_small_queue_has_small_batches(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
    size: str,
) -> None:
    """OpenTelemetry's usual batch would not fit, and it would raise."""
    environment.setenv("OTEL_BSP_MAX_QUEUE_SIZE", size)
    environment.setenv("OTEL_TRACES_EXPORTER", "console")

    run = fresh_python("-c", ONE_RUN)

    assert run.returncode == 0, run.stderr
    assert '"awaitly.scope.path": "one_step/give"' in run.stdout
    assert ("is no number above zero: 2048 is used" in run.stderr) == (size == "abc")


def test_a_missing_sdk_names_its_extra(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """The message says what to install."""
    absent = "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"

    run = fresh_python("-c", absent + ONE_RUN)

    assert "pip install 'awaitly_trio[otel]'" in run.stderr


def test_without_sdk_and_install_nothing_of_it_is_loaded(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """The observers are made with OpenTelemetry's API alone."""
    script = "import sys, awaitly_trio.otel; print('opentelemetry.sdk' in sys.modules)"

    run = fresh_python("-c", script)

    assert run.stdout == "False\n"
