"""Settings of every test: reproducible properties, and proof of what is tested.

Property tests never fail on a time: two cores may be busy with other Pythons.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

import awaitly_trio

REPOSITORY = Path(__file__).parent.parent
PACKAGE = Path(awaitly_trio.__file__).parent

settings.register_profile("local", deadline=None, max_examples=50)
# A build draws the same examples each time, so that red means a change and not luck.
settings.register_profile(
    "ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_report_header() -> str:
    """Say which copy of the package the tests import."""
    return f"awaitly_trio: {PACKAGE}"


def pytest_configure() -> None:
    """Refuse to test the working tree where the built wheel was asked for."""
    if os.environ.get("AWAITLY_TRIO_WHEEL") and PACKAGE.is_relative_to(REPOSITORY / "awaitly_trio"):
        message = f"{PACKAGE} is the working tree, but the installed wheel was to be tested"
        raise pytest.UsageError(message)
