"""What users see who have not installed the extra for Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

SCRIPT = """
import sys
sys.modules["coredis"] = None
import trio
from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._stores.redis_limiter import redis_rate_limiter

async def main():
    async with redis_rate_limiter("redis://localhost", "api", TokenBucket(1, 1)):
        pass

try:
    trio.run(main)
except ModuleNotFoundError as missing:
    print(missing)
"""


def test_a_missing_client_names_the_extra(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The module can be imported, and opening a limiter says what to install."""
    run = fresh_python("-c", SCRIPT)

    assert run.stdout == (
        "a limiter in Redis needs coredis: pip install 'awaitly_trio[redis]'\n"
    ), run.stderr
