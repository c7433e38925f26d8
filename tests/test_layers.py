"""Folders are layers: imports go down, never up and never round."""

from __future__ import annotations

import ast
import json
import sys
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

ROOT = "awaitly_trio"
LAYERS = ("_values", "_policies", "_tasks", "_engine", "_stores")
FACES = len(LAYERS)
PURE = {"cronsim", "exceptiongroup", "msgspec", "outcome", "typing_extensions"}
LONGEST_MODULE = 350
LONGEST_FUNCTION = 60
# What a program that only awaits a workflow must not pay for.
HEAVY = (
    "awaitly_trio._stores",
    "awaitly_trio.testing",
    "hypothesis",
    "opentelemetry.sdk",
    "pytest",
    "rich",
    "sqlite3",
    "trio.testing",
)


class Module(NamedTuple):
    """A module of the package, parsed, with the names of all modules it imports.

    ``loads`` are those that it also imports when no checker looks.
    """

    name: str
    lines: int
    tree: ast.Module
    imports: frozenset[str]
    loads: frozenset[str]

    @property
    def layer(self) -> int:
        """Return the height of the layer that the module belongs to."""
        return layer_of(self.name)


def layer_of(name: str) -> int:
    """Return the height of a module's layer; the public modules share the highest."""
    folder = name.split(".")[1]
    return LAYERS.index(folder) if folder in LAYERS else FACES


def imported_by(nodes: Iterable[ast.AST], known: set[str]) -> Iterator[str]:
    """Yield each module that one of the nodes imports, also inside functions."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or "." * node.level
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in known else source


def without_checkers(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is in it, but for what only a checker reads."""
    yield node
    body = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        body = iter(node.orelse)
    for child in body:
        yield from without_checkers(child)


@pytest.fixture
def modules(package: Path) -> list[Module]:
    """Return all modules but the root, which only gathers names."""
    files = {
        ".".join((ROOT, *path.relative_to(package).with_suffix("").parts)): path
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"
    }
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    return [
        Module(
            name,
            text.count("\n"),
            tree,
            frozenset(imported_by(ast.walk(tree), set(files))),
            frozenset(imported_by(without_checkers(tree), set(files))),
        )
        for name, path in files.items()
        for text in [path.read_text(encoding="utf-8")]
        for tree in [ast.parse(text)]
    ]


def test_imports_go_down(modules: list[Module]) -> None:
    """A module imports from its own layer or a lower one, also where only a checker looks."""
    upwards = [
        f"{module.name} imports {name}"
        for module in modules
        for name in module.imports
        if name.startswith(f"{ROOT}.") and layer_of(name) > module.layer
    ]

    assert upwards == []


def test_imports_form_no_ring(modules: list[Module]) -> None:
    """Each module can be loaded after all that it imports."""
    graph = {module.name: module.loads - {module.name} for module in modules}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as ring:
        pytest.fail(" imports ".join(reversed(ring.args[1])))


def test_a_name_is_imported_from_where_it_is_defined(modules: list[Module]) -> None:
    """The package root gathers names for users; nothing inside goes through it."""
    through_root = [module.name for module in modules if ROOT in module.imports]

    assert through_root == []


def test_values_and_policies_are_pure(modules: list[Module]) -> None:
    """The first two layers need no event loop: neither Trio nor anything that waits."""
    impure = [
        f"{module.name} imports {name}"
        for module in modules
        if module.layer <= LAYERS.index("_policies")
        for name in module.imports
        if name.split(".")[0] not in {ROOT, *PURE, *sys.stdlib_module_names}
    ]

    assert impure == []


def test_a_module_has_one_noun(modules: list[Module]) -> None:
    """A module that grew past its hard stop holds a second noun and is split there."""
    grown = {module.name: module.lines for module in modules if module.lines > LONGEST_MODULE}

    assert grown == {}


def test_a_function_fits_a_screen(modules: list[Module]) -> None:
    """A function that no screen shows at once does more than one thing."""
    grown = {
        f"{module.name}.{node.name}": length
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for length in [(node.end_lineno or node.lineno) - node.lineno]
        if length > LONGEST_FUNCTION
    }

    assert grown == {}


def test_importing_the_package_is_light(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """``import awaitly_trio`` loads no store, SDK, terminal or testing module."""
    script = f"import json, sys, {ROOT}; print(json.dumps(list(sys.modules)))"

    run = fresh_python("-c", script)

    assert run.stderr == ""
    assert set(HEAVY).isdisjoint(json.loads(run.stdout))
