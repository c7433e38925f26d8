"""Policies that fit most services, by name, and a place to keep one's own.

All delays have proportional jitter of a quarter unless they are fixed, and no delay exceeds its
cap, jitter included.  Limits are for one attempt: the retry is outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, final

import msgspec
from typing_extensions import Never

from awaitly_trio._policies.delays import exponential, linear, spaced
from awaitly_trio._policies.layers import Without
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.errors import AwaitlyError, TimedOut

if TYPE_CHECKING:
    from awaitly_trio._values.duration import Duration

E = TypeVar("E")

_SHARE = 0.25
_LONGEST = 30.0


def _backing_off(attempts: int, initial: Duration, cap: Duration) -> Policy[Never]:
    schedule = exponential(initial, cap=cap, attempts=attempts)
    return policy(Retry(schedule.jitter("proportional", share=_SHARE)))


@final
class RetryPolicies(msgspec.Struct, frozen=True):
    """How patiently to retry; ``none`` takes a retry away when merged."""

    none: Policy[Never] = policy(Without("retry"))
    transient: Policy[Never] = _backing_off(3, 0.1, 1)
    standard: Policy[Never] = _backing_off(3, 0.2, 5)
    aggressive: Policy[Never] = _backing_off(5, 0.5, 30)

    def fixed(self, attempts: int, delay: Duration) -> Policy[Never]:
        """Make so many attempts, with the same delay between them and no jitter."""
        return policy(Retry(spaced(delay, attempts=attempts)))

    def linear(self, attempts: int, delay: Duration) -> Policy[Never]:
        """Make so many attempts, each delay longer than the last by ``delay``, up to 30 s."""
        schedule = linear(delay, cap=_LONGEST, attempts=attempts)
        return policy(Retry(schedule.jitter("proportional", share=_SHARE)))


@final
class TimeoutPolicies(msgspec.Struct, frozen=True):
    """How long to wait for an answer; ``none`` takes the limit of an attempt away when merged."""

    none: Policy[Never] = policy(Without("timeout"))
    fast: Policy[TimedOut] = policy(Timeout(1))
    api: Policy[TimedOut] = policy(Timeout(5))
    extended: Policy[TimedOut] = policy(Timeout(30))
    long: Policy[TimedOut] = policy(Timeout(120))


retry_policies = RetryPolicies()
timeout_policies = TimeoutPolicies()


@final
class ServicePolicies(msgspec.Struct, frozen=True):
    """What fits a kind of service: a retry around a limit for each attempt."""

    http_api: Policy[TimedOut] = merge(retry_policies.standard, timeout_policies.api)
    database: Policy[TimedOut] = merge(_backing_off(2, 0.1, 2), timeout_policies.extended)
    cache: Policy[TimedOut] = merge(retry_policies.none, timeout_policies.fast)
    message_queue: Policy[TimedOut] = merge(retry_policies.aggressive, timeout_policies.extended)
    file_system: Policy[TimedOut] = merge(retry_policies.standard, timeout_policies.long)
    rate_limited: Policy[TimedOut] = policy(
        Retry(linear(1, cap=10, attempts=5).jitter("proportional", share=_SHARE)), Timeout(10)
    )


service_policies = ServicePolicies()


class UnknownPolicyError(AwaitlyError, KeyError):
    """Raised when a registry is asked for a policy that it does not have."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        known = ", ".join(map(repr, self.known)) or "none"
        return f"no policy is called {self.name!r}: register it first; there are {known}"


@final
class PolicyRegistry(Mapping[str, Policy[E]]):
    """Policies by name, in the order in which they were registered.

    Args:
      policies: Those that it starts with.
    """

    def __init__(self, policies: Mapping[str, Policy[E]] | None = None) -> None:
        self._policies = dict(policies or {})

    def register(self, name: str, registered: Policy[E], *, replace: bool = False) -> None:
        """Keep a policy under a name.

        Args:
          name: What to ask for it by.
          registered: The policy.
          replace: Whether one of that name may be replaced.

        Raises:
          ValueError: There is one of that name already, and it may not be replaced.
        """
        if name in self._policies and not replace:
            raise ValueError(f"a policy is called {name!r} already: pass replace=True")
        self._policies[name] = registered

    def __getitem__(self, name: str) -> Policy[E]:
        """Return the policy of that name.

        Raises:
          UnknownPolicyError: There is none.
        """
        try:
            return self._policies[name]
        except KeyError:
            raise UnknownPolicyError(name, tuple(self._policies)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def __repr__(self) -> str:
        names: Any = list(self._policies)
        return f"<PolicyRegistry of {names}>"
