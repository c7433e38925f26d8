"""The state machine of a circuit breaker, without any clock or task."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from awaitly_trio._policies.circuit import (
    CRITICAL_BREAKER,
    LENIENT_BREAKER,
    STANDARD_BREAKER,
    BreakerSettings,
    Circuit,
)
from awaitly_trio._policies.circuit_states import (
    TRANSITIONS,
    CircuitChange,
    CircuitEvent,
    CircuitState,
)
from awaitly_trio._policies.trip import ConsecutiveFailures, FailureCount

CLOSED, OPEN = CircuitState.CLOSED, CircuitState.OPEN
HALF_OPEN, ISOLATED = CircuitState.HALF_OPEN, CircuitState.ISOLATED


def circuit(trace: list[CircuitChange] | None = None, **changes: Any) -> Circuit:
    """Return a circuit that two failures in a row trip for ten seconds, unless told otherwise."""
    options: dict[str, Any] = {"trip": ConsecutiveFailures(2), "open_for": 10, "probes": 2}
    heard: list[CircuitChange] = [] if trace is None else trace
    return Circuit("service", BreakerSettings(**(options | changes)), heard.append)


def half_open(trace: list[CircuitChange] | None = None, **changes: Any) -> tuple[Circuit, int]:
    """Return a circuit at second 10 that has just admitted its first probe, and their era."""
    tripped = circuit(trace, **changes)
    tripped.fire(CircuitEvent.TRIPPED, 0.0)
    return tripped, tripped.admit(10.0)


def test_every_state_can_be_left_and_reached() -> None:
    """The table has no dead end and no dead state."""
    reached = {after for row in TRANSITIONS.values() for after in row.values()}

    assert set(TRANSITIONS) == set(CircuitState) == reached
    assert all(set(row.values()) - {state} for state, row in TRANSITIONS.items())


def test_a_person_can_act_in_every_state() -> None:
    """Opening, isolating and resetting by hand are never refused."""
    by_hand = {CircuitEvent.OPENED, CircuitEvent.ISOLATED, CircuitEvent.RESET}

    assert all(by_hand <= set(row) for row in TRANSITIONS.values())


def test_the_rule_trips_it() -> None:
    """Enough failures open a closed circuit."""
    tripped = circuit()

    for _ in range(2):
        tripped.settle(tripped.admit(1.0), 1.0, failed=True)

    assert tripped.state is OPEN
    assert tripped.admit(1.0) == 0
    assert tripped.retry_after(4.0) == 7.0


def test_it_half_opens_for_the_first_caller_after_the_wait() -> None:
    """The wait ends at its very instant, and looking does not end it."""
    tripped = circuit()
    tripped.fire(CircuitEvent.TRIPPED, 0.0)

    early, due = tripped.state_at(9.9), tripped.state_at(10.0)

    assert (early, due, tripped.state) == (OPEN, HALF_OPEN, OPEN)
    assert tripped.admit(10.0) > 0
    assert tripped.state is HALF_OPEN


def test_no_more_probes_are_admitted_than_configured() -> None:
    """Those that have ended count like those that run."""
    tried, first = half_open(probes=3)
    tried.settle(first, 10.0, failed=False)

    admitted = [tried.admit(11.0) > 0 for _ in range(5)]

    assert admitted == [True, True, False, False, False]


def test_a_probe_without_outcome_gives_its_place_back() -> None:
    """A cancelled probe leaves room for another."""
    tried, first = half_open(probes=1)
    refused = tried.admit(10.0)

    tried.forgo(first)

    assert refused == 0
    assert tried.admit(10.0) == first


def test_all_required_probes_close_it() -> None:
    """One success is not enough where two are required."""
    tried, first = half_open()
    second = tried.admit(10.0)

    tried.settle(first, 11.0, failed=False)
    between = tried.state
    tried.settle(second, 12.0, failed=False)

    assert (between, tried.state) == (HALF_OPEN, CLOSED)


def test_one_failed_probe_opens_it_anew() -> None:
    """The wait starts again, from the failure on."""
    tried, first = half_open()

    tried.settle(first, 12.0, failed=True)

    assert tried.state is OPEN
    assert tried.retry_after(13.0) == 9.0


def test_failures_are_tolerated_until_too_few_probes_remain() -> None:
    """With two of three required, the second failure decides."""
    tried, era = half_open(probes=3, required=2)
    tried.admit(10.0)
    tried.admit(10.0)

    tried.settle(era, 11.0, failed=True)
    between = tried.state
    tried.settle(era, 11.0, failed=True)

    assert (between, tried.state) == (HALF_OPEN, OPEN)


def test_the_first_decision_of_an_era_is_the_only_one() -> None:
    """A probe that succeeds after another has failed closes nothing."""
    trace: list[CircuitChange] = []
    tried, era = half_open(trace)
    tried.admit(10.0)

    tried.settle(era, 11.0, failed=True)
    counted = tried.settle(era, 11.0, failed=False)

    assert not counted
    assert [change.after for change in trace] == [OPEN, HALF_OPEN, OPEN]


def test_probes_that_hang_open_it_again() -> None:
    """After its time without a verdict a half-open circuit waits anew, and then probes anew."""
    tried, hung = half_open(probes=1, probes_within=5)
    before = tried.admit(14.9)

    overdue = tried.admit(15.0)

    assert (before, overdue, tried.state) == (0, 0, OPEN)
    assert not tried.settle(hung, 16.0, failed=False)
    assert tried.retry_after(16.0) == 9.0
    assert tried.admit(25.0) > 0


def test_late_failures_do_not_prolong_the_wait() -> None:
    """A call from before the circuit opened changes nothing when it fails."""
    tripped = circuit()
    late = tripped.admit(0.0)
    tripped.fire(CircuitEvent.TRIPPED, 1.0)

    counted = tripped.settle(late, 8.0, failed=True)

    assert not counted
    assert tripped.retry_after(8.0) == 3.0


def test_closing_forgets_the_failures() -> None:
    """A circuit that closed starts with a clean window."""
    tried, era = half_open(probes=1)
    tried.settle(era, 10.0, failed=False)

    tried.settle(tried.admit(11.0), 11.0, failed=True)

    assert (tried.state, tried.window.failures) == (CLOSED, 1)


def test_an_isolated_circuit_admits_nobody_until_reset() -> None:
    """No time and no opening by hand ends an isolation."""
    isolated = circuit()
    isolated.fire(CircuitEvent.ISOLATED, 0.0)
    isolated.fire(CircuitEvent.OPENED, 1.0)

    waited = isolated.admit(1e9)
    isolated.fire(CircuitEvent.RESET, 1e9)

    assert waited == 0
    assert isolated.admit(1e9) > 0


def test_opening_an_open_circuit_waits_anew_in_silence() -> None:
    """A state that stays as it is tells nobody."""
    trace: list[CircuitChange] = []
    opened = circuit(trace)
    opened.fire(CircuitEvent.OPENED, 0.0)

    opened.fire(CircuitEvent.OPENED, 5.0)

    assert len(trace) == 1
    assert opened.retry_after(5.0) == 10.0


def test_outcomes_from_elsewhere_count_as_well() -> None:
    """They trip a closed circuit, are ignored by an open one, and probe a half-open one."""
    told = circuit(probes=1)
    for _ in range(3):
        told.observe(0.0, failed=True)
    told.admit(10.0)
    told.forgo(told.era)

    told.observe(10.0, failed=False)

    assert told.state is CLOSED


@pytest.mark.parametrize(
    ("preset", "failures", "within", "open_for", "probes"),
    [
        (STANDARD_BREAKER, 5, 60, 30, 3),
        (CRITICAL_BREAKER, 3, 30, 60, 1),
        (LENIENT_BREAKER, 10, 120, 15, 5),
    ],
)
def test_presets(
    preset: BreakerSettings, failures: int, within: float, open_for: float, probes: int
) -> None:
    """The presets have the figures that their documentation names."""
    assert preset == BreakerSettings(FailureCount(failures, within), open_for, probes, probes)


def test_settings_survive_pickling() -> None:
    """Settings can be sent to another process."""
    assert pickle.loads(pickle.dumps(STANDARD_BREAKER)) == STANDARD_BREAKER


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"open_for": 0}, "open_for must be above 0 seconds, not 0"),
        ({"open_for": -1}, "open_for is -1"),
        ({"open_for": math.nan}, "open_for is nan"),
        ({"probes_within": 0}, "probes_within must be above 0 seconds, not 0"),
        ({"probes": 0}, "probes must be at least 1, not 0"),
        ({"required": 0}, "required must be between 1 and the 3 probes, not 0"),
        ({"required": 4}, "required must be between 1 and the 3 probes, not 4"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        BreakerSettings(ConsecutiveFailures(1), **options)


class AnyUse(RuleBasedStateMachine):
    """A circuit that is called, settled, cancelled and steered in any order."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.trace: list[CircuitChange] = []
        self.circuit = circuit(
            self.trace, trip=FailureCount(2, within=15), probes=3, required=2, probes_within=8
        )
        self.admitted: dict[int, int] = {}
        self.forgone: dict[int, int] = {}

    @rule(passed=st.sampled_from([0.5, 4, 10]))
    def time_passes(self, passed: float) -> None:
        self.now += passed

    @rule(target=calls)
    def call(self) -> int:
        era = self.circuit.admit(self.now)
        if self.circuit.state is HALF_OPEN:
            self.admitted[self.circuit.era] = self.admitted.get(self.circuit.era, 0) + (era > 0)
        return era

    @rule(era=consumes(calls), failed=st.booleans())
    def settle(self, era: int, failed: bool) -> None:
        if era:
            current = era == self.circuit.era
            assert self.circuit.settle(era, self.now, failed=failed) == current

    @rule(era=consumes(calls))
    def cancel(self, era: int) -> None:
        if era:
            if era == self.circuit.era and self.circuit.state is HALF_OPEN:
                self.forgone[era] = self.forgone.get(era, 0) + 1
            self.circuit.forgo(era)

    @rule(event=st.sampled_from(["opened", "isolated", "reset"]))
    def steer(self, event: str) -> None:
        self.circuit.fire(CircuitEvent[event.upper()], self.now)

    @invariant()
    def no_more_probes_than_configured(self) -> None:
        for era, count in self.admitted.items():
            assert count - self.forgone.get(era, 0) <= 3

    @invariant()
    def the_trace_is_a_path_of_the_table(self) -> None:
        state = CLOSED
        for change in self.trace:
            assert change.before is state
            assert TRANSITIONS[state][change.event] is change.after
            state = change.after
        assert state is self.circuit.state

    @invariant()
    def only_a_closed_circuit_has_a_closed_era(self) -> None:
        assert self.circuit.closed_era == (self.circuit.era if state_is_closed(self) else 0)

    @invariant()
    def the_promise_of_a_retry_is_kept(self) -> None:
        wait = self.circuit.retry_after(self.now)
        if self.circuit.state is OPEN and wait > 0:
            assert self.circuit.state_at(self.now + wait) is HALF_OPEN


def state_is_closed(machine: AnyUse) -> bool:
    """Tell whether the circuit of the machine is closed."""
    return machine.circuit.state is CLOSED


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=40, stateful_step_count=30)
