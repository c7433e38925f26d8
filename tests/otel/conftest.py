"""What tests of telemetry share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables, where none of OpenTelemetry's is set."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "AWAITLY_TRIO_OTEL")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def sent_nowhere(environment: pytest.MonkeyPatch) -> None:
    """Send neither traces nor metrics anywhere."""
    environment.setenv("OTEL_TRACES_EXPORTER", "none")
    environment.setenv("OTEL_METRICS_EXPORTER", "none")


@pytest.fixture
def rotel(tmp_path: Path) -> Generator[Any]:
    """Return a collector that runs, and keeps what it got in its receiver."""
    collector = pytest.importorskip("collector", exc_type=ImportError)
    receiver = collector.Receiver()
    found = collector.Collector(receiver)
    with receiver.serving(), found.running(tmp_path):
        yield found
