"""Settings of every test: reproducible properties, and proof of what is tested.

Property tests never fail on a time: two cores may be busy with other Pythons.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import awaitly_trio

if TYPE_CHECKING:
    from collections.abc import Callable

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
    if os.environ.get("AWAITLY_TRIO_WHEEL") and PACKAGE == REPOSITORY / "awaitly_trio":
        message = f"{PACKAGE} is the working tree, but the installed wheel was to be tested"
        raise pytest.UsageError(message)


@pytest.fixture
def repository() -> Path:
    """Return the root of the working tree: documents and examples are there."""
    return REPOSITORY


@pytest.fixture
def package() -> Path:
    """Return the folder of the package under test."""
    return PACKAGE


@pytest.fixture
def fresh_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a new interpreter, which finds the package under test.

    Warnings are errors there too, and the folder it runs in is empty.
    """

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
