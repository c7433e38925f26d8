"""The policies that come with the library, and the registry for one's own."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from awaitly_trio._policies.layers import Without
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.presets import (
    PolicyRegistry,
    UnknownPolicyError,
    retry_policies,
    service_policies,
    timeout_policies,
)
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.duration import seconds


def delays(of: Policy[Any]) -> list[float] | None:
    """Return the delays of a policy's retry, jitter included, or ``None`` without a retry."""
    for layer in of.layers:
        if isinstance(layer, Retry):
            return layer.schedule.delays()
    return None


def limit(of: Policy[Any]) -> float | None:
    """Return the limit of one attempt."""
    return next((seconds(each.allowance) for each in of.layers if isinstance(each, Timeout)), None)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (retry_policies.none, None),
        (retry_policies.transient, [0.1, 0.2]),
        (retry_policies.standard, [0.2, 0.4]),
        (retry_policies.aggressive, [0.5, 1, 2, 4]),
        (retry_policies.fixed(3, 1), [1, 1]),
        (retry_policies.linear(5, 0.5), [0.5, 1, 1.5, 2]),
        (retry_policies.linear(4, 20), [20, 30, 30]),
        (service_policies.database, [0.1]),
        (service_policies.rate_limited, [1, 2, 3, 4]),
    ],
)
def test_presets_of_retries(preset: Policy[Any], expected: list[float] | None) -> None:
    """Attempts and delays of each preset; jitter moves them by a quarter at most."""
    assert delays(preset) == (expected and pytest.approx(expected, rel=0.25))


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (timeout_policies.none, None),
        (timeout_policies.fast, 1),
        (timeout_policies.api, 5),
        (timeout_policies.extended, 30),
        (timeout_policies.long, 120),
    ],
)
def test_presets_of_limits(preset: Policy[Any], expected: float | None) -> None:
    """How long each preset waits for an answer."""
    assert limit(preset) == expected


@pytest.mark.parametrize(
    ("preset", "allowance", "retry"),
    [
        (service_policies.http_api, 5, retry_policies.standard),
        (service_policies.cache, 1, retry_policies.none),
        (service_policies.message_queue, 30, retry_policies.aggressive),
        (service_policies.file_system, 120, retry_policies.standard),
    ],
)
def test_presets_of_services(preset: Policy[Any], allowance: float, retry: Policy[Any]) -> None:
    """A service's preset is a retry around a limit for each attempt."""
    assert preset == merge(retry, Timeout(allowance))


def test_only_fixed_delays_have_no_jitter() -> None:
    """A fixed delay is what it says; all others vary, and never exceed their cap."""
    assert delays(retry_policies.fixed(3, 1)) == [1, 1]
    assert delays(retry_policies.transient) != [0.1, 0.2]
    assert max(delays(retry_policies.linear(9, 20)) or []) <= 30


def test_none_really_removes() -> None:
    """Merged last, ``none`` leaves no trace of the limit or the retry before it."""
    bare = merge(service_policies.http_api, timeout_policies.none, retry_policies.none)

    assert delays(bare) is None
    assert limit(bare) is None
    assert all(isinstance(each, Without) for each in bare.layers)


def test_a_registry_keeps_policies_in_order() -> None:
    """It is a mapping: looked into, iterated over, asked with a default."""
    registry: PolicyRegistry[Any] = PolicyRegistry({"api": service_policies.http_api})

    registry.register("strict", policy(Timeout(1)))

    assert registry["strict"] == policy(Timeout(1))
    assert list(registry) == ["api", "strict"]
    assert "other" not in registry
    assert registry.get("other") is None
    assert repr(registry) == "<PolicyRegistry of ['api', 'strict']>"


def test_a_registry_names_what_it_has() -> None:
    """Asking for an unknown policy tells which there are."""
    registry = PolicyRegistry({"api": timeout_policies.api})

    with pytest.raises(UnknownPolicyError) as caught:
        registry["apo"]

    assert str(caught.value) == "no policy is called 'apo': register it first; there are 'api'"


def test_a_registry_is_not_overwritten_by_accident() -> None:
    """A second policy of one name has to say that it replaces the first."""
    registry = PolicyRegistry({"api": timeout_policies.api})

    with pytest.raises(ValueError, match="called 'api' already: pass replace=True"):
        registry.register("api", timeout_policies.fast)
    registry.register("api", timeout_policies.fast, replace=True)

    assert registry["api"] == timeout_policies.fast


def test_the_error_survives_pickling() -> None:
    """It can be sent to another process and says the same there."""
    error = UnknownPolicyError("a", ("b",))

    assert str(pickle.loads(pickle.dumps(error))) == str(error)
