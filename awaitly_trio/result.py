"""Results and errors: what to do with them beside the methods of ``Ok`` and ``Err``."""

from __future__ import annotations

from awaitly_trio._tasks.chaining import and_then_async, or_else_async, recover_async
from awaitly_trio._values.capture import (
    capture,
    capture_async,
    from_optional,
    from_outcome,
    to_outcome,
)
from awaitly_trio._values.codec import Codec
from awaitly_trio._values.combine import all_ok, any_ok, partition, settle
from awaitly_trio._values.errors import (
    EmptyInput,
    RemoteError,
    UnhandledError,
    UnwrapError,
    WireReadError,
    WireWriteError,
)
from awaitly_trio._values.matching import Cases, match_error, on
from awaitly_trio._values.records import record_codec
from awaitly_trio._values.result import Err, Ok, Result, is_err, is_ok
from awaitly_trio._values.tagged import TaggedError
from awaitly_trio._values.wire import WireFormat, from_wire, to_wire, wire_problems

__all__ = [
    "Cases",
    "Codec",
    "EmptyInput",
    "Err",
    "Ok",
    "RemoteError",
    "Result",
    "TaggedError",
    "UnhandledError",
    "UnwrapError",
    "WireFormat",
    "WireReadError",
    "WireWriteError",
    "all_ok",
    "and_then_async",
    "any_ok",
    "capture",
    "capture_async",
    "from_optional",
    "from_outcome",
    "from_wire",
    "is_err",
    "is_ok",
    "match_error",
    "on",
    "or_else_async",
    "partition",
    "record_codec",
    "recover_async",
    "settle",
    "to_outcome",
    "to_wire",
    "wire_problems",
]
