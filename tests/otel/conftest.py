"""What tests of telemetry share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables, where none of OpenTelemetry's is set."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "AWAITLY_TRIO_OTEL")):
            monkeypatch.delenv(name)
    return monkeypatch
