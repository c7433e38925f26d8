"""The example of a checkout ends each order, over real HTTP, as a reader is told."""

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
book
  bank: took 995 cents
  warehouse: reserved
  => 995 cents paid, on its way from shelf 7

unicorn
  => nobody ordered a unicorn

riddle
  => the order of a riddle cannot be read

yacht
  => the card is declined: it has a limit

sofa
  bank: took 995 cents
  warehouse: busy
  warehouse: busy
  warehouse: reserved
  => 995 cents paid, on its way from shelf 7

piano
  bank: took 995 cents
  bank: the caller hung up
  bank: gave back 995 cents
  => charge took longer than 2 s

umbrella
  bank: took 995 cents
  warehouse: none left
  bank: gave back 995 cents
  => no umbrella is left

poem
  bank: took 995 cents
  bank: gave back 995 cents
  => a defect: ValueError("invalid literal for int() with base 10: 'Shelves are grey'")

globe
  bank: took 995 cents
  warehouse: the caller hung up
  bank: gave back 995 cents
  => cancelled

The bank has taken and kept: {'book': 995, 'sofa': 995}
"""


def test_every_order_ends_as_it_should(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """Money stays with the bank only for what was sent, and no request outlives its checkout."""
    ended = fresh_python(str(repository / "examples" / "checkout.py"))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == TRANSCRIPT
