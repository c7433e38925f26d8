"""What kind of error something is: a word for whoever groups errors, without their data."""

from __future__ import annotations

import re
from typing import cast

from awaitly_trio._values.plain import class_name, tellable

_CODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_MODULE = type.__dict__["__module__"].__get__


def error_type(error: object) -> str:
    """Return what kind of error this is, in few enough words to group by.

    An error that is itself a code, such as ``"not_found"``, is its own kind; any
    other is known by its class, with its module unless it is one of Python's.
    """
    kind = type(error)
    # Asked of its class: an error may claim any ``__class__``, as a mock does.
    if issubclass(kind, str):
        text = str.__str__(cast("str", error))
        if is_code(text):
            return text
    return type_name(kind)


def is_code(text: str) -> bool:
    """Tell whether a text is short and plain enough to be the name of a case."""
    return _CODE.fullmatch(text) is not None


def type_name(kind: type) -> str:
    """Return the name of a class, with its module if it has one and is none of Python's."""
    try:
        module = _MODULE(kind)
    except AttributeError:  # made by hand, in a place without a name
        module = None
    if not isinstance(module, str) or module == "builtins":
        return class_name(kind)
    # The folders of this package are no business of whoever reads a trace.
    return f"{tellable(module).split('._')[0]}.{class_name(kind)}"
