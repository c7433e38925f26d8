"""Row 23: the example that imports flights beside the same import written by hand.

Both read the same records, make the same checks and look-ups, two at once, and store
the same flights in the same order; the tallies of both have to agree.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import trio

from benchmarks.lines import Line
from examples import flights

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.timer import Timer

    Import = Callable[[sqlite3.Connection, Iterable[flights.Record]], Awaitable[flights.Tally]]

QUICK_LIMIT, ROUNDS = 10_000, 3


async def by_hand(database: sqlite3.Connection, records: Iterable[flights.Record]) -> flights.Tally:
    """Import one record after the other."""
    tally = flights.Tally()
    for record in records:
        await import_by_hand(database, record, tally)
    return tally


async def import_by_hand(
    database: sqlite3.Connection, record: flights.Record, tally: flights.Tally
) -> None:
    """Check a record, look up what it refers to, and store it as a flight."""
    try:
        flight = flights.parse(record)
    except ValueError as problem:
        tally.malformed[str(problem)] += 1
        return
    found: dict[str, str | None] = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(find_airport, database, flight.destination, found)
        nursery.start_soon(find_plane, database, flight.tail_number, found)
    if found["airport"] is None:
        tally.airports[flight.destination] += 1
    if found["plane"] is None:
        tally.planes[flight.tail_number] += 1
    if found["airport"] is None and found["plane"] is None:
        tally.lack_both += 1
    if found["airport"] is not None and found["plane"] is not None:
        await store(database, flight)
        tally.stored += 1


async def find_airport(
    database: sqlite3.Connection, code: str, found: dict[str, str | None]
) -> None:
    """Find the name of an airport."""
    await trio.lowlevel.checkpoint()
    row = database.execute("select name from airports where code = ?", (code,)).fetchone()
    found["airport"] = None if row is None else row[0]


async def find_plane(
    database: sqlite3.Connection, tail_number: str, found: dict[str, str | None]
) -> None:
    """Find the model of a plane."""
    await trio.lowlevel.checkpoint()
    row = database.execute(
        "select model from planes where tail_number = ?", (tail_number,)
    ).fetchone()
    found["plane"] = None if row is None else row[0]


async def store(database: sqlite3.Connection, flight: flights.Flight) -> None:
    """Insert a flight."""
    await trio.lowlevel.checkpoint()
    database.execute("insert into flights values (?, ?, ?, ?, ?, ?, ?, ?, ?)", flight)


def run(run_import: Import, limit: int | None, tallies: list[flights.Tally]) -> None:
    """Import into a new database and keep the tally."""
    with closing(sqlite3.connect(":memory:")) as database, database:
        flights.fill_tables(database)
        tallies.append(trio.run(run_import, database, flights.flights(limit)))


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    limit = None if timer.is_thorough else QUICK_LIMIT
    tallies: list[flights.Tally] = []
    imports: dict[str, Import] = {"ours": flights.import_flights, "limit": by_hand}
    runs = {name: partial(run, each, limit, tallies) for name, each in imports.items()}
    found = timer.compare_runs(runs, ROUNDS)
    assert all(tally == tallies[0] for tally in tallies)
    name = f"the flights example, {tallies[0].stored:,} flights stored"
    return [Line(name, found["ours"], "the same by hand", found["limit"], most=1.5)]
