"""Notes on exceptions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from awaitly_trio import Err
from awaitly_trio._values.exits import Exit, verdict
from awaitly_trio._values.notes import FailureNote


def test_what_does_not_win_is_noted_with_its_error() -> None:
    """As a text for a traceback, and as itself for who may not tell the text."""
    first, second = (Exit("run", Err(error), number) for number, error in enumerate("ab"))

    [told] = verdict([second, first]).__notes__  # type: ignore[attr-defined]

    assert told == "also failed: 'b'"
    assert (told.said, told.error) == ("also failed", "b")


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))],
    ids=["copied", "copied deeply", "pickled"],
)
def test_a_note_is_kept_as_its_text(again: Any) -> None:
    """An error that cannot be pickled keeps no exception from it, and no copy holds it."""
    kept = again(FailureNote("also failed", lambda: None))

    assert type(kept) is str
    assert kept.startswith("also failed: <function ")
