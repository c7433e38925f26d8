"""The example of an unreliable service shows what each protection did, over real HTTP."""

from __future__ import annotations

import re
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
        not all(map(find_spec, ("httpx", "hypercorn", "rich", "starlette"))),
        reason="needs the examples' extra",
    ),
]

ROW = re.compile(r"│ (\w+) +│ (.*) │")
NAMES = ["nothing", "timeout", "retry", "breaker", "limiter", "hedge", "all"]


def test_every_call_is_accounted_for(
    repository: Path, fresh_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Each client made the same calls, and each of them ended in one of the ways shown."""
    script = repository / "examples" / "unreliable_api.py"

    run = fresh_python(str(script), "0.5")

    assert run.returncode == 0, run.stderr
    rows = {
        name: [int(cell) for cell in rest.split("│")[:6]] for name, rest in ROW.findall(run.stdout)
    }
    assert list(rows) == NAMES
    assert len({sum(outcomes) for *outcomes, _ in rows.values()}) == 1
    answered, fell_back, *bad, _ = rows["all"]
    assert answered + fell_back > 0 == sum(bad)
    *outcomes, requests = rows["nothing"]
    assert requests == sum(outcomes)
