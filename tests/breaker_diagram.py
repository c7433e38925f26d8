"""The diagram of a circuit breaker's states in the docs, drawn from its table.

``python tests/breaker_diagram.py`` writes it into the document.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from awaitly_trio._policies.circuit_states import TRANSITIONS, CircuitState

DOCUMENT = Path(__file__).parent.parent / "docs" / "reliability.md"
DRAWN = re.compile(r"```mermaid\nstateDiagram-v2\n.*?```\n", re.DOTALL)


def node(state: CircuitState) -> str:
    """Return the name of a state in the diagram."""
    return state.name.lower()


def diagram() -> str:
    """Return the diagram, with one arrow for each change of state and all events that cause it."""
    lines = ["stateDiagram-v2", f"    [*] --> {node(next(iter(TRANSITIONS)))}"]
    for before, row in TRANSITIONS.items():
        for after in dict.fromkeys(row.values()):
            if after is not before:
                events = [event.value for event, state in row.items() if state is after]
                lines.append(f"    {node(before)} --> {node(after)}: {' or '.join(events)}")
    return "\n".join(["```mermaid", *lines, "```", ""])


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(DRAWN.sub(lambda _: diagram(), text), encoding="utf-8")
    sys.stdout.write(f"drew {DOCUMENT.name}\n")
