"""One documented namespace: the names in the code are those in the document."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import awaitly_trio.otel
from awaitly_trio.otel import _names

PAGE = Path(__file__).parents[2] / "docs" / "tracing.md"
NAME = re.compile(r"(?:awaitly|error|exception)(?:\.[a-z_]+)+|exception")
# What is said about names elsewhere: a view of all durations.
METRICS = "_metrics.py"


def literals() -> dict[str, set[str]]:
    """Return the names that are written out in each module of the package."""
    [folder] = awaitly_trio.otel.__path__
    return {
        path.name: {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and NAME.fullmatch(node.value)
        }
        for path in Path(folder).glob("*.py")
    }


def documented() -> set[str]:
    """Return the names in the tables of the page."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    quoted = re.findall(r"`([^`]+)`", "\n".join(rows))
    return {each for each in quoted if NAME.fullmatch(each)}


def test_names_are_in_one_table() -> None:
    """Attributes and events are named in ``_names``, metrics where they are made."""
    elsewhere = {
        module: sorted(names)
        for module, names in literals().items()
        if names - {"exception"} and module not in {"_names.py", METRICS}
    }

    assert elsewhere == {}


def test_the_page_has_every_name_and_no_other() -> None:
    """Whoever looks for a name finds it, and what is found can occur."""
    in_code = set().union(*literals().values())

    assert sorted(in_code - documented()) == []
    assert sorted(documented() - in_code) == []


def test_no_name_is_that_of_two_things() -> None:
    """Each name of the table stands for itself."""
    names = [
        value for value in vars(_names).values() if isinstance(value, str) and NAME.fullmatch(value)
    ]

    assert len(names) == len(set(names))
