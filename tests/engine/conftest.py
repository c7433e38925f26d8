"""What the tests of the engine share."""

from __future__ import annotations

import pytest
from recorder import Recorder


@pytest.fixture(params=["unwatched", "watched"])
def observers(request: pytest.FixtureRequest) -> list[Recorder]:
    """Return no observer, or one: watching must make no difference."""
    return [] if request.param == "unwatched" else [Recorder()]
