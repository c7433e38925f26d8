"""The example of a trip leaves no half of one behind, over real HTTP, however it ends."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(map(find_spec, ("httpx", "hypercorn", "starlette"))),
        reason="needs the examples' extra",
    ),
]

TRANSCRIPT = """
All goes well
  flight: booked
  hotel: booked
  car: booked
  => have a nice trip
  The ledgers agree; the trip is in: flight, hotel, car

The flight fails
  flight: sold out
  => no flight is left
  The ledgers agree; the trip is in: none

The hotel fails
  flight: booked
  hotel: sold out
  flight: cancelled
  => no hotel is left
  The ledgers agree; the trip is in: none

The car fails
  flight: booked
  hotel: booked
  car: sold out
  hotel: cancelled
  flight: cancelled
  => no car is left
  The ledgers agree; the trip is in: none

The hotel books and does not answer in time
  flight: booked
  hotel: booked
  hotel: cancelled
  flight: cancelled
  => the hotel took longer than 2 s
  The ledgers agree; the trip is in: none

The traveller leaves while the car is booked
  flight: booked
  hotel: booked
  car: booked
  car: cancelled
  hotel: cancelled
  flight: cancelled
  => cancelled
  The ledgers agree; the trip is in: none

The traveller presses Ctrl-C while the hotel is booked
  flight: booked
  hotel: booked
  Ctrl-C
  hotel: cancelled
  flight: cancelled
  => interrupted
  The ledgers agree; the trip is in: none
"""


def test_after_every_scenario_the_ledgers_agree(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """Refused, too slow, cancelled or interrupted: each ledger has the trip, or none has."""
    ended = fresh_python(str(repository / "examples" / "travel.py"))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == TRANSCRIPT
