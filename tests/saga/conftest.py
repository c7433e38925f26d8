"""What is undone may not depend on who watches: these tests run with and without an observer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from effects import World
from recorder import Recorder

from awaitly_trio import observing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> World:
    """Return a world without effects."""
    return World()


@pytest.fixture(params=["bare", "watched"])
def watched(request: pytest.FixtureRequest) -> Iterator[Recorder | None]:
    """Run a test without an observer, and again with one; then check the laws of its events."""
    if request.param == "bare":
        yield None
        return
    recorder = Recorder()
    with observing(recorder):
        yield recorder
    assert recorder.events, "the test made no run that could be watched"
    recorder.check_laws()
