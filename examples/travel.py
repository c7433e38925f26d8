"""Book a flight, a hotel and a car: all of them, or none, whatever ends the booking.

Three services with a SQLite ledger each are served by hypercorn on free ports, in a thread
of their own, so that they outlive a traveller who presses Ctrl-C; httpx asks them.  They
print what they did; after ``=>`` stands how the booking ended, and then what the ledgers say.

    python examples/travel.py
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import uuid4

import httpx  # noqa: ASYNC127  # what most readers have; httpx2 is asked in the same words
import hypercorn.trio
import trio
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from awaitly_trio import Err, Ok, Result, Step, TimedOut, UnexpectedError
from awaitly_trio.saga import CompensationFailed, saga

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from starlette.requests import Request


@dataclass(frozen=True)
class SoldOut:
    """A supplier has nothing left."""

    supplier: str


Refusal: TypeAlias = SoldOut | TimedOut


class Supplier:
    """Asks one service; what is sold out becomes a typed error."""

    def __init__(self, name: str, http: httpx.AsyncClient, address: str) -> None:
        self.name = name
        self._http = http
        self._address = address

    async def book(self, trip: str) -> Result[str, SoldOut]:
        """Book for a trip and return the trip, which is all it takes to cancel."""
        response = await self._http.put(f"{self._address}/{trip}")
        if response.status_code == 409:
            return Err(SoldOut(self.name))
        response.raise_for_status()
        return Ok(trip)

    async def cancel(self, trip: str) -> None:
        """Cancel what was booked for a trip, if anything was, or still will be."""
        response = await self._http.delete(f"{self._address}/{trip}")
        response.raise_for_status()


@saga
async def travel(step: Step[Refusal], suppliers: list[Supplier], trip: str) -> str:
    """Book one supplier after the other; when one fails, cancel those before it."""
    for supplier in suppliers:
        # When a booking is cut off midway, nobody knows whether it was made.  The key of the
        # trip is ours and not the service's answer, so that it can be cancelled all the same.
        careful = step.options(name=supplier.name, timeout=2, compensate_unknown=supplier.cancel)
        await careful.compensated(supplier.book, supplier.cancel, trip)
    return "have a nice trip"


def describe(result: Result[str, Refusal | CompensationFailed[Refusal] | UnexpectedError]) -> str:
    """Say how a booking ended; the type checker misses none of the errors."""
    match result:
        case Ok(wish):
            return wish
        case Err(error):
            match error:
                case SoldOut(supplier):
                    return f"no {supplier} is left"
                case TimedOut(name, seconds):
                    return f"the {name} took longer than {seconds:g} s"
                case CompensationFailed():
                    return f"something is still booked: {error}"
                case UnexpectedError(cause):
                    return f"a defect: {cause!r}"


async def go(addresses: dict[str, str], trip: str, patience: float) -> None:
    """Book a trip, and leave when it takes longer than a patience in seconds."""
    async with httpx.AsyncClient() as http:
        suppliers = [Supplier(name, http, address) for name, address in addresses.items()]
        with trio.move_on_after(patience) as scope:
            # A cancelled booking has no result: it is undone, and then nothing of it runs.
            print("  =>", describe(await travel(suppliers, trip)))
    if scope.cancelled_caught:
        print("  => cancelled")


Mood: TypeAlias = Literal["willing", "sold out", "silent", "interrupting"]


class Service:
    """The other side: a supplier who keeps a ledger, in a mood that a scenario chooses."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.mood: Mood = "willing"
        self._ledger = folder / f"{name}.sqlite"
        self._run("CREATE TABLE bookings (trip TEXT PRIMARY KEY, state TEXT NOT NULL)")

    def app(self) -> Starlette:
        """Return the service as an application."""
        return Starlette(
            routes=[
                Route("/{trip}", self._book, methods=["PUT"]),
                Route("/{trip}", self._cancel, methods=["DELETE"]),
            ]
        )

    def holds(self, trip: str) -> bool:
        """Tell whether the ledger has the trip as booked."""
        return self._run("SELECT state FROM bookings WHERE trip = ?", trip) == [("booked",)]

    async def _book(self, request: Request) -> Response:
        trip: str = request.path_params["trip"]
        if self.mood == "sold out":
            print(f"  {self.name}: sold out")
            return Response(status_code=409)
        # A trip that was cancelled before its booking arrived stays cancelled.
        self._run("INSERT OR IGNORE INTO bookings VALUES (?, 'booked')", trip)
        print(f"  {self.name}: booked")
        if self.mood == "interrupting":
            print("  Ctrl-C")
            signal.raise_signal(signal.SIGINT)
        if self.mood in {"silent", "interrupting"}:
            await request.body()
            await request.receive()  # until the caller hangs up
        return Response()

    async def _cancel(self, request: Request) -> Response:
        trip: str = request.path_params["trip"]
        self._run("INSERT OR REPLACE INTO bookings VALUES (?, 'cancelled')", trip)
        print(f"  {self.name}: cancelled")
        return Response()

    def _run(self, statement: str, *values: str) -> list[tuple[str]]:
        with closing(sqlite3.connect(self._ledger)) as ledger, ledger:
            return ledger.execute(statement, values).fetchall()


Opened: TypeAlias = "tuple[dict[str, str], Callable[[], None]]"


async def serve(services: list[Service], opened: SimpleQueue[Opened]) -> None:
    """Serve until closed; tell the addresses, and how any thread closes the services."""
    token = trio.lowlevel.current_trio_token()
    addresses: dict[str, str] = {}
    async with trio.open_nursery() as nursery:
        for service in services:
            config = hypercorn.Config()
            config.bind, config.errorlog = ["127.0.0.1:0"], None
            [addresses[service.name]] = await nursery.start(
                hypercorn.trio.serve,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
                service.app(),
                config,
            )
        scope = nursery.cancel_scope
        opened.put((addresses, lambda: token.run_sync_soon(lambda: scope.cancel(reason="closed"))))


@contextmanager
def in_business(services: list[Service]) -> Generator[dict[str, str], None, None]:
    """Serve in another thread for as long as the block runs; the addresses are by name."""
    opened: SimpleQueue[Opened] = SimpleQueue()
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(trio.run, serve, services, opened)
        addresses, close = opened.get(timeout=10)
        try:
            yield addresses
        finally:
            close()
        served.result()


SCENARIOS: list[tuple[str, dict[str, Mood], float]] = [
    ("All goes well", {}, 60),
    ("The flight fails", {"flight": "sold out"}, 60),
    ("The hotel fails", {"hotel": "sold out"}, 60),
    ("The car fails", {"car": "sold out"}, 60),
    ("The hotel books and does not answer in time", {"hotel": "silent"}, 60),
    ("The traveller leaves while the car is booked", {"car": "silent"}, 1),
    ("The traveller presses Ctrl-C while the hotel is booked", {"hotel": "interrupting"}, 60),
]
"""What happens, the moods in which it does, and the traveller's patience in seconds."""


def main() -> int:
    """Play the scenarios; the exit status is 0 when the ledgers agreed after each."""
    # A shell that starts a program in the background lets it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    disagreements = 0
    with TemporaryDirectory() as folder:
        services = [Service(name, Path(folder)) for name in ("flight", "hotel", "car")]
        with in_business(services) as addresses:
            for title, moods, patience in SCENARIOS:
                print(f"\n{title}")
                for service in services:
                    service.mood = moods.get(service.name, "willing")
                trip = uuid4().hex
                try:
                    trio.run(go, addresses, trip, patience)
                except KeyboardInterrupt:
                    print("  => interrupted")
                disagreements += not agree(services, trip)
    return min(disagreements, 1)


def agree(services: list[Service], trip: str) -> bool:
    """Compare the ledgers: either all of them hold the trip, or none does."""
    holders = [service.name for service in services if service.holds(trip)]
    does_agree = len(holders) in {0, len(services)}
    verdict = "agree" if does_agree else "DISAGREE"
    print(f"  The ledgers {verdict}; the trip is in: {', '.join(holders) or 'none'}")
    return does_agree


if __name__ == "__main__":
    sys.exit(main())
