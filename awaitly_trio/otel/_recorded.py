"""Which exceptions a trace has recorded, or a log: each is once, where it is innermost.

The mark is on the exception itself.  A list of exceptions would keep their frames alive for
as long as the run, and several observers that trace one run could not share it; a list of
their ids would take a new exception for an old one that has been freed.
"""

from __future__ import annotations

from awaitly_trio._values.exits import leaves

RECORDED = "__awaitly_trio_recorded__"
"""The mark of a trace."""

_MOST = 16

WRITTEN = "__awaitly_trio_written__"
"""The mark of a log."""


def take_unrecorded(cause: BaseException, by: object, mark: str = RECORDED) -> list[BaseException]:
    """Return what of a defect has not been recorded yet by this, and mark it as recorded.

    ``by`` is the id of the trace, or whatever a log tells its runs apart by.

    A group of which nothing has been is returned as one, otherwise those in it that have not.
    """
    found = leaves([cause])
    fresh = [each for each in found if by not in vars(each).get(mark, ())]
    for each in fresh:
        # Not by ``setattr``, which an exception may have refused.  Several runs may share it,
        # but one that is raised for ever is not to remember them all.
        vars(each)[mark] = (*vars(each).get(mark, ())[1 - _MOST :], by)
    return [cause] if len(fresh) == len(found) else fresh
