"""Watch protections side by side in front of a service that fails, stalls and pushes back.

hypercorn serves the service on a free port.  Each client has one of its own, so that they do
not disturb each other, and calls it through another policy, as often as the others.  All
services follow the same script: well, failing, stalling, limiting, well again.

    python examples/unreliable_api.py [seconds of a phase]
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx  # noqa: ASYNC127  # what most readers have; httpx2 is asked in the same words
import hypercorn.trio
import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from awaitly_trio import Err, Ok, Result, Retry, TimedOut, exponential
from awaitly_trio.reliability import (
    BreakerSettings,
    CircuitBreaker,
    Hedge,
    RateLimiter,
    RateOverTime,
    Timeout,
    TokenBucket,
    fallback_value,
    policy,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

CALLS_A_SECOND = 15
LIMIT_A_SECOND = 8
PHASES = ("well", "failing", "stalling", "limiting", "well again")


@dataclass(frozen=True)
class Unavailable:
    """The service answers with an error of its own."""

    status: int


@dataclass(frozen=True)
class SlowDown:
    """The service has had enough calls; a retry waits as long as it says."""

    retry_after: float


Fetched: TypeAlias = Result[str, Unavailable | SlowDown]


class Service:
    """Answers as its script says: it is well, fails, stalls, or limits its callers."""

    def __init__(self, phase_length: float, seed: int) -> None:
        self.requests = 0
        self._phase_length = phase_length
        self._chance = random.Random(seed)
        self._started = trio.current_time()
        self._allowed = RateLimiter("service", TokenBucket(LIMIT_A_SECOND, burst=2))

    @property
    def phase(self) -> str:
        """What the script says now."""
        number = int((trio.current_time() - self._started) / self._phase_length)
        return PHASES[min(number, len(PHASES) - 1)]

    async def answer(self) -> Response:
        """Answer a request."""
        self.requests += 1
        await trio.sleep(0.02)
        if self.phase == "failing" and self._chance.random() < 0.7:
            return Response(status_code=503)
        if self.phase == "stalling" and self._chance.random() < 0.3:
            await trio.sleep(2)
        if self.phase == "limiting":
            try:
                self._allowed.acquire_nowait()
            except trio.WouldBlock:
                return Response(status_code=429, headers={"Retry-After": "1"})
        return Response("answer")


@dataclass
class Client:
    """Calls a service of its own through a policy, and counts what became of the calls."""

    name: str
    protection: Any
    told: Callable[[], str] = lambda: ""
    outcomes: Counter[str] = field(default_factory=Counter[str])
    times: list[float] = field(default_factory=list[float])

    async def call(self, http: httpx.AsyncClient) -> None:
        """Call once."""
        fetch: Callable[[httpx.AsyncClient, str], Awaitable[Result[str, Any]]] = fetch_answer
        if self.protection is not None:
            fetch = self.protection.wrap(fetch)
        started = trio.current_time()
        match await fetch(http, self.name):
            case Ok("answer"):
                self.outcomes["answered"] += 1
            case Ok(_):
                self.outcomes["fell back"] += 1
            case Err(Unavailable() | SlowDown()):
                self.outcomes["failed"] += 1
            case Err(TimedOut()):
                self.outcomes["timed out"] += 1
            case Err(_):
                self.outcomes["refused"] += 1
        self.times.append(trio.current_time() - started)


async def fetch_answer(http: httpx.AsyncClient, client: str) -> Fetched:
    """Ask the service of a client."""
    response = await http.get(f"/{client}")
    if response.status_code == 429:
        return Err(SlowDown(float(response.headers["Retry-After"])))
    return Err(Unavailable(response.status_code)) if response.is_error else Ok(response.text)


def clients() -> list[Client]:
    """Return a client for each protection, and one with all of them."""
    allowance = Timeout(0.5)
    patient = Retry(exponential(0.1, jitter="full", attempts=4))
    settings = BreakerSettings(
        RateOverTime(within=2, minimum=10, failure_rate=0.5), open_for=0.5, probes=2
    )
    breaker, inner = CircuitBreaker("breaker", settings), CircuitBreaker("all", settings)
    limiter = RateLimiter("limiter", TokenBucket(LIMIT_A_SECOND, burst=2)).options(max_wait=1)
    hedge = Hedge(0.1)
    everything = policy(
        fallback_value("yesterday's answer"), Timeout(2, total=True), patient, inner, allowance
    )
    return [
        Client("nothing", None),
        Client("timeout", policy(allowance)),
        Client("retry", policy(patient, allowance)),
        Client("breaker", policy(breaker, allowance), lambda: breaker.state.value),
        Client("limiter", policy(limiter, allowance), lambda: waiting(limiter)),
        Client("hedge", policy(hedge, allowance), lambda: f"{hedge.statistics().won} won"),
        Client("all", everything, lambda: inner.state.value),
    ]


def waiting(limiter: Any) -> str:
    """Say how many wait for their turn."""
    return f"{limiter.statistics().waiting} waiting"


def table(everybody: list[Client], services: dict[str, Service]) -> Table:
    """Show what became of the calls until now."""
    phase = services[everybody[0].name].phase
    kinds = ("answered", "fell back", "failed", "timed out", "refused")
    shown = Table("protection", *kinds, "requests", "median", "slowest", "now", title=phase)
    for client in everybody:
        times = sorted(client.times) or [0.0]
        shown.add_row(
            client.name,
            *(str(client.outcomes[kind]) for kind in kinds),
            str(services[client.name].requests),
            f"{times[len(times) // 2]:.2f} s",
            f"{times[-1]:.2f} s",
            client.told(),
        )
    return shown


async def main(phase_length: float) -> None:
    """Start the services, let the clients call, and show a table meanwhile."""
    everybody = clients()
    services = {client.name: Service(phase_length, seed=1) for client in everybody}

    async def answer(request: Request) -> Response:
        return await services[request.path_params["client"]].answer()

    config = hypercorn.Config()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(
            hypercorn.trio.serve,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            Starlette(routes=[Route("/{client}", answer)]),
            config,
        )
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=5) as http:
            await watch(everybody, services, http, phase_length * len(PHASES))
        nursery.cancel_scope.cancel(reason="the show is over")


async def watch(
    everybody: list[Client], services: dict[str, Service], http: httpx.AsyncClient, length: float
) -> None:
    """Make calls at a steady pace, wait for the last of them, and draw the table."""
    console = Console(width=110)
    started = trio.current_time()
    with Live(table(everybody, services), console=console, auto_refresh=False) as live:
        async with trio.open_nursery() as calls:
            for number in count():
                await trio.sleep_until(started + number / CALLS_A_SECOND)
                if trio.current_time() >= started + length:
                    break
                for client in everybody:
                    calls.start_soon(client.call, http)
                live.update(table(everybody, services), refresh=number % 5 == 0)
        live.update(table(everybody, services), refresh=True)


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
