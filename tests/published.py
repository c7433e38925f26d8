"""The page of what others publish and our tests reproduce, made of the tests themselves.

A test whose docstring names its ``Source:`` is a line of the page, with its cases where
they have names.  A module's ``DIFFERENCES`` are those that are on purpose: source, theirs,
and ours with the reason.  ``python tests/published.py`` writes the page.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "published_behaviour.md"
FOLDERS = ("policies", "tasks")
MARK = "Source:"
HEAD = """\
# Published behaviour

What articles, standards and other libraries say of retries, breakers and limiters, and which
test holds us to it. Every line is a test, with its cases: a build in which one of them fails is
red. This page is made by `tests/published.py`.
"""


def loaded(path: Path) -> ModuleType:
    """Import a test module, which is in no package."""
    spec = importlib.util.spec_from_file_location(f"published_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def modules() -> Iterator[ModuleType]:
    """Yield the test modules that name a source, in the order of their names."""
    for folder in FOLDERS:
        for path in sorted((TESTS / folder).glob("test_*.py")):
            if MARK in path.read_text(encoding="utf-8"):
                yield loaded(path)


def cases(test: Any) -> list[str]:
    """Return the names of the cases of a test, where they were given names."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    names = [mark.kwargs.get("ids") for mark in marks]
    return [name for each in names if isinstance(each, list) for name in each]


def sourced(module: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """Yield the source, the claim and the function of each test that names a source."""
    before = ""
    for test in vars(module).values():
        said = inspect.getdoc(test) if inspect.isfunction(test) else None
        if said and MARK in said and test.__module__ == module.__name__:
            claim, source = (" ".join(part.split()) for part in said.split(MARK))
            if source.startswith("as above"):
                source = f"{before}; {source.removeprefix('as above').lstrip(',: ')}"
            before = source.split(";")[0].split(":")[0].rstrip(".")
            yield source.rstrip("."), claim, test


def page() -> str:
    """Return the page."""
    lines = [HEAD]
    differences: list[tuple[str, str, str]] = []
    for module in modules():
        differences += getattr(module, "DIFFERENCES", [])
        lines.append(f"## {(module.__doc__ or '').splitlines()[0]}\n")
        for source, claim, test in sourced(module):
            lines.append(f"- {claim or 'Each case has the published outcome.'}")
            lines.append(f"  *{source}.* `{test.__name__}`")
            lines += [f"    - {case}" for case in cases(test)]
        lines.append("")
    lines.append("## Where we differ on purpose\n\n| source | theirs | ours |\n|---|---|---|")
    lines += [f"| {source} | {theirs} | {ours} |" for source, theirs, ours in differences]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
