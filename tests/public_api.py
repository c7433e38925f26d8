"""The public API as text: every public name, with its members and their parameters.

``docs/public_api.txt`` is that text, so that a review shows each change of what
users build on.

Usage, from the root of the working tree: PYTHONPATH=. python tests/public_api.py
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import awaitly_trio

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = awaitly_trio.__name__
LISTING = Path(__file__).parent.parent / "docs" / "public_api.txt"


def module_names() -> list[str]:
    """Return the modules whose path has no private part, the root first."""
    found = pkgutil.walk_packages(awaitly_trio.__path__, f"{ROOT}.")
    names = (module.name for module in found)
    return [ROOT, *sorted(name for name in names if "._" not in name)]


def parameters(thing: Any) -> str:
    """Return the parameters of a callable; ``=`` marks those that may be left out."""
    if inspect.isclass(thing) and issubclass(thing, Enum):
        return ""  # how an enum is looked up differs from Python to Python
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    bare = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=parameter.empty if parameter.default is parameter.empty else ...,
        )
        for parameter in signature.parameters.values()
        if parameter.name not in {"self", "cls"}
    ]
    return str(inspect.Signature(bare)).replace("=Ellipsis", "=")


def members(cls: type) -> Iterator[str]:
    """Yield the public attributes that a class of ours adds to those of others."""
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == ROOT]
    names = {name for base in ours for name in (*vars(base), *base.__dict__.get("__slots__", ()))}
    for name in sorted(name for name in names if not name.startswith("_")):
        found = inspect.getattr_static(cls, name)
        if isinstance(found, classmethod | staticmethod):
            found = found.__func__
        yield f"{name}{parameters(found) if inspect.isroutine(found) else ''}"


def describe(module_name: str) -> str:
    """Return the part of the listing for one module."""
    module = importlib.import_module(module_name)
    lines = [module_name]
    for name in sorted(module.__all__):
        thing = getattr(module, name)
        # Python 3.10 takes an alias such as ``Callable[[int], str]`` for a class.
        if inspect.isclass(thing) and get_origin(thing) is None:
            lines += [f"    class {name}{parameters(thing)}"]
            lines += [f"        {member}" for member in members(thing)]
        elif inspect.isroutine(thing):
            lines += [f"    {name}{parameters(thing)}"]
        else:
            lines += [f"    {name}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LISTING.write_text("\n".join(map(describe, module_names())), encoding="utf-8")
    sys.stdout.write(f"wrote {LISTING.name}\n")
