"""Which exceptions a trace has recorded: each is recorded once, by the innermost span.

The mark is on the exception itself.  A list of exceptions would keep their frames alive for
as long as the run, and several observers that trace one run could not share it; a list of
their ids would take a new exception for an old one that has been freed.
"""

from __future__ import annotations

from awaitly_trio._values.exits import leaves

_MARK = "__awaitly_trio_recorded__"


def take_unrecorded(cause: BaseException, trace_id: int) -> list[BaseException]:
    """Return what of a defect a trace has not recorded yet, and mark it as recorded.

    A group of which nothing has been is returned as one, otherwise those in it that have not.
    """
    found = leaves([cause])
    fresh = [each for each in found if vars(each).get(_MARK) != trace_id]
    for each in fresh:
        # Not by ``setattr``, which an exception may have refused.
        vars(each)[_MARK] = trace_id
    return [cause] if len(fresh) == len(found) else fresh
