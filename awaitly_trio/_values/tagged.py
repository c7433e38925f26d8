"""Errors that are values and exceptions at once.

A subclass of ``TaggedError`` is a frozen dataclass that may go into an
``Err``, be matched by a checker, be raised, copied and pickled.  Python
writes a traceback, a cause and notes on an exception while it travels, so
the fields are frozen and those are not.
"""

from __future__ import annotations

import dataclasses
import re
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, final

from typing_extensions import dataclass_transform, get_annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

Error = TypeVar("Error", bound="TaggedError")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class TaggedError(Exception):
    """Base of your own errors: annotate the fields, and that is the class.

    A subclass is a frozen dataclass: initialiser, equality, hash, repr and
    ``__match_args__`` come from its annotated fields, which may have defaults
    or ``dataclasses.field(...)``.  Copy and pickle keep fields and notes; like
    with every exception, traceback and cause stay behind.

    Args:
      tag: A class argument.  What the error is called in logs and in its JSON
        form; the class's name unless given, never inherited.
      message: A class argument.  A ``str.format`` template over the fields, which
        subclasses inherit; the repr unless given.  For more, define ``__str__``.

    Raises:
      TypeError: A class declares a name that exceptions need, or the base itself
        is called.
      ValueError: The tag is empty, or the template asks for something that is
        not a field.
    """

    tag: ClassVar[str] = "TaggedError"
    _template: ClassVar[str | None] = None

    def __init_subclass__(cls, *, tag: str | None = None, message: str | None = None) -> None:
        super().__init_subclass__()
        _check_names(cls)
        dataclasses.dataclass(frozen=True)(cls)
        # The dataclass froze every attribute; the base freezes the fields only.
        del cls.__setattr__, cls.__delattr__
        cls.tag = cls.__name__ if tag is None else tag
        if not cls.tag:
            raise ValueError(f"tag='' on {cls.__qualname__}: give it a name, or leave it out")
        if message is not None:
            _check_template(message, cls)
            cls._template = message

    def __init__(self) -> None:
        raise TypeError("TaggedError is a base: write class NotFound(TaggedError) with its fields")

    @final
    @property
    def message(self) -> str:
        """The sentence about this error, the same as its ``str``."""
        return str(self)

    def __str__(self) -> str:
        if self._template is None:
            return repr(self)
        try:
            return self._template.format(**{name: getattr(self, name) for name in _fields(self)})
        except Exception:
            # A format that does not fit a value must not hide the error it is about.
            return repr(self)

    if not TYPE_CHECKING:

        @property
        def args(self) -> tuple[object, ...]:
            """The fields in order, for tools that look here."""
            return tuple(getattr(self, name) for name in _fields(self))

    def __setattr__(self, name: str, value: object) -> None:
        _check_thawed(self, name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _check_thawed(self, name)
        super().__delattr__(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), dict(vars(self)))


def _rebuilt(kind: type[Error], state: dict[str, Any]) -> Error:
    error = kind.__new__(kind)
    if "__notes__" in state:
        state["__notes__"] = list(state["__notes__"])  # a copy gets notes of its own
    vars(error).update(state)
    return error


def _fields(error: TaggedError | type[TaggedError]) -> Iterator[str]:
    # Checkers cannot see that every subclass is a dataclass by the time it is used.
    return (field.name for field in dataclasses.fields(cast("Any", error)))


def _check_thawed(error: TaggedError, name: str) -> None:
    if not name.startswith("_") or name in _fields(error):
        raise dataclasses.FrozenInstanceError(
            f"{name!r} of {type(error).__qualname__} is frozen: "
            "make another error with dataclasses.replace"
        )


def _check_names(cls: type[TaggedError]) -> None:
    # ``add_note`` is younger than the oldest Python we run on.
    reserved = {*dir(BaseException), "add_note", "tag", "message", "_template"}
    overridable = {name for name in reserved if name.startswith("__")}
    declared = {name for name in get_annotations(cls) if name in reserved or _is_dunder(name)}
    refused = sorted(declared | (vars(cls).keys() & (reserved - overridable)))
    if refused:
        raise TypeError(
            f"{cls.__qualname__} declares {', '.join(refused)}, which an error needs for itself: "
            "rename the field; tag and message are class arguments, as in "
            "class NotFound(TaggedError, tag='not_found', message='no user {user_id}')"
        )


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _check_template(template: str, cls: type[TaggedError]) -> None:
    known = set(_fields(cls))
    for name in _placeholders(template):
        if name not in known:
            raise ValueError(
                f"message={template!r} on {cls.__qualname__} asks for {name!r}, which is no field: "
                f"it has {', '.join(sorted(known)) or 'none'}; write {{{{ for a brace"
            )


def _placeholders(template: str) -> Iterator[str]:
    for _, name, spec, _ in Formatter().parse(template):
        if name is not None:
            yield re.split(r"[.\[]", name, maxsplit=1)[0]
            yield from _placeholders(spec or "")
