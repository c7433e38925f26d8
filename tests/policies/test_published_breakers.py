"""What resilience4j, Polly and failsafe-go publish of circuit breakers, as tables, done with ours.

A case is a story: one character a call, and the state that the breaker is in at
the end.  ``F`` fails, ``.`` succeeds, ``S`` succeeds slowly, ``x`` is refused, ``1`` to ``9`` are
seconds that pass, ``i`` isolates, ``r`` resets, and ``(`` and ``)`` are the start of a
probe and its success.
"""

from __future__ import annotations

import pytest

from awaitly_trio._policies.circuit import BreakerSettings, Circuit
from awaitly_trio._policies.circuit_states import CircuitEvent, CircuitState
from awaitly_trio._policies.trip import ConsecutiveFailures, RateOfCalls, RateOverTime

CLOSED, OPEN = CircuitState.CLOSED, CircuitState.OPEN
HALF_OPEN, ISOLATED = CircuitState.HALF_OPEN, CircuitState.ISOLATED

Case = tuple[str, BreakerSettings, str, CircuitState]

SLOW = 5.0
"""How long an ``S`` takes, in seconds; ``slow_after`` is less."""

COUNTED = BreakerSettings(RateOfCalls(calls=10, minimum=10), open_for=6, probes=10, required=6)
MINIMUM = BreakerSettings(RateOfCalls(calls=100, minimum=10), open_for=6)
SLOW_COUNTED = BreakerSettings(RateOfCalls(calls=4, minimum=4, slow_after=SLOW - 1))
TIMED = BreakerSettings(RateOverTime(within=9, steps=9, minimum=3), open_for=6)

RESILIENCE4J: list[Case] = [
    ("nine failures of a minimum of ten are not judged", MINIMUM, "FFFFFFFFF", CLOSED),
    ("the tenth is", MINIMUM, "FFFFFFFFFF", OPEN),
    ("a rate equal to the threshold trips", COUNTED, "FFFFF.....", OPEN),
    ("a rate below it does not", COUNTED, "FFFF......", CLOSED),
    ("a full ring forgets its oldest call", COUNTED, "FFFF......F", CLOSED),
    ("and remembers those after it", COUNTED, ".....FFFF.F", OPEN),
    ("slow calls trip when all are slow", SLOW_COUNTED, "SSSS", OPEN),
    ("one that is fast prevents it", SLOW_COUNTED, "SSS.", CLOSED),
    ("a time-based window forgets what is too old", TIMED, "FF9F", CLOSED),
    ("and remembers what is not", TIMED, "FF8F", OPEN),
    ("an open breaker refuses until its wait is over", COUNTED, "FFFFFFFFFF5x", OPEN),
    ("then the next call finds it half open", COUNTED, "FFFFFFFFFF6.", HALF_OPEN),
    ("more calls than permitted are refused", COUNTED, "FFFFFFFFFF6((((((((((x", HALF_OPEN),
    ("half open, a rate at the threshold opens it", COUNTED, "FFFFFFFFFF6.....FFFFF", OPEN),
    ("half open, a rate below it closes it", COUNTED, "FFFFFFFFFF6FFFF......", CLOSED),
    ("a forced open breaker stays open", COUNTED, "i9999x", ISOLATED),
]

POLLY_DEFAULT = BreakerSettings(
    RateOverTime(within=30, minimum=100, failure_rate=0.1), open_for=5, probes=1
)
POLLY = BreakerSettings(
    RateOverTime(within=9, steps=9, minimum=2, failure_rate=0.5), open_for=5, probes=1
)

POLLY_V8: list[Case] = [
    ("less than the minimum throughput is not judged", POLLY_DEFAULT, "F" * 99, CLOSED),
    ("the failure ratio of 0.1 is reached at 10 of 100", POLLY_DEFAULT, "F" * 10 + "." * 90, OPEN),
    ("9 of 100 do not reach it", POLLY_DEFAULT, "F" * 9 + "." * 91, CLOSED),
    ("Closed: failures beyond the ratio open it", POLLY, "FF", OPEN),
    ("Open: calls are refused during the break", POLLY, "FF4x", OPEN),
    ("Open: after the break one probe is let through", POLLY, "FF5(", HALF_OPEN),
    ("HalfOpen: others are refused meanwhile", POLLY, "FF5(x", HALF_OPEN),
    ("HalfOpen: a success closes it", POLLY, "FF5()", CLOSED),
    ("HalfOpen: a failure opens it for another break", POLLY, "FF5F4x", OPEN),
    ("closing forgets the failures before", POLLY, "FF5.F", CLOSED),
    ("Isolated: calls are refused until it is closed by hand", POLLY, "i99x", ISOLATED),
    ("Isolated: closed by hand, it is as new", POLLY, "FirF", CLOSED),
]

ALL_OF_THREE = BreakerSettings(ConsecutiveFailures(1), open_for=1, probes=3)
TWO_OF_THREE = BreakerSettings(ConsecutiveFailures(1), open_for=1, probes=3, required=2)

FAILSAFE_GO: list[Case] = [
    ("success threshold 3: three successes close it", ALL_OF_THREE, "F1...", CLOSED),
    ("success threshold 3: two do not", ALL_OF_THREE, "F1..", HALF_OPEN),
    ("success threshold 3: a failure opens it", ALL_OF_THREE, "F1..F", OPEN),
    ("success threshold 2 of 3: one failure is tolerated", TWO_OF_THREE, "F1F..", CLOSED),
    ("success threshold 2 of 3: wherever it comes", TWO_OF_THREE, "F1.F.", CLOSED),
    ("success threshold 2 of 3: two failures open it", TWO_OF_THREE, "F1F.F", OPEN),
    ("success threshold 2 of 3: as soon as it is out of reach", TWO_OF_THREE, "F1FF", OPEN),
    ("no more trials run at once than the capacity", TWO_OF_THREE, "F1(((x", HALF_OPEN),
]

DIFFERENCES = [
    (
        "resilience4j",
        "A half-open breaker is judged when all permitted calls have ended.",
        "It is judged as soon as the verdict is certain: the state at the end is the same.",
    ),
    (
        "resilience4j",
        "Calls that began before a change of state count after it.",
        "They do not: what was true of the service then is not known to be true of it now.",
    ),
    (
        "resilience4j",
        "Ignored exceptions count neither as failure nor as success.",
        "An error that is no failure is a success, as with Polly: the service has answered.",
    ),
    (
        "resilience4j",
        "There are states in which every call is let through: DISABLED and METRICS_ONLY.",
        "There are none: a breaker that shall not break is not put into the policy.",
    ),
    (
        "failsafe-go",
        "A half-open breaker without a success threshold is judged by its failure threshold.",
        "The number of probes and of those required is always given.",
    ),
]


def play(settings: BreakerSettings, story: str) -> CircuitState:
    """Return the state in which a story leaves a breaker."""
    circuit = Circuit("service", settings, lambda change: None)
    now = 0.0
    open_probes: list[int] = []
    for moment in story:
        if moment.isdigit():
            now += int(moment)
        elif moment in "ir":
            circuit.fire(CircuitEvent.ISOLATED if moment == "i" else CircuitEvent.RESET, now)
        elif moment == ")":
            assert circuit.settle(open_probes.pop(), now, failed=False)
        else:
            era = circuit.admit(now)
            assert bool(era) == (moment != "x"), f"{moment!r} of {story!r}"
            if moment == "(":
                open_probes.append(era)
            elif era:
                elapsed = SLOW if moment == "S" else 0.0
                circuit.settle(era, now, failed=moment == "F", elapsed=elapsed)
    return circuit.state


def named(cases: list[Case]) -> pytest.MarkDecorator:
    """Parametrize a test with cases, each under its claim."""
    return pytest.mark.parametrize(
        ("settings", "story", "state"),
        [case[1:] for case in cases],
        ids=[case[0] for case in cases],
    )


@named(RESILIENCE4J)
def test_windows_of_resilience4j(
    settings: BreakerSettings, story: str, state: CircuitState
) -> None:
    """Sliding windows, thresholds and half-open trials.  Source: resilience4j's documentation."""
    assert play(settings, story) is state


@named(POLLY_V8)
def test_states_of_polly(settings: BreakerSettings, story: str, state: CircuitState) -> None:
    """The table of states and the defaults of version 8.  Source: Polly's documentation."""
    assert play(settings, story) is state


@named(FAILSAFE_GO)
def test_half_open_breakers_of_failsafe_go(
    settings: BreakerSettings, story: str, state: CircuitState
) -> None:
    """Success thresholds of a half-open breaker.  Source: failsafe-go's circuit breaker tests."""
    assert play(settings, story) is state
