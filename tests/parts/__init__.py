"""Which real parts has this machine, and what becomes of a test whose part is missing?"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from service.supervisor import is_free


def require(found: object, reason: str) -> None:
    """Skip the test when a real part is missing; under CI=true that is a failure, since there it must be installed."""
    if found:
        return
    if os.environ.get("CI") == "true":  # noqa: TID251  a fact of the test run, not a setting of the product
        pytest.fail(f"{reason} (CI=true: a missing part is a failure; tests/install-parts.sh installs it)")
    pytest.skip(reason)


def free_port(neighbours: int = 1) -> int:
    """A TCP port on loopback that a server can take, and so the `neighbours - 1` ports after it.

    Below the ports that the kernel gives to clients (32768 on Linux): one of those is refused to a server for the minute
    that a closed connection keeps it (TIME_WAIT), although nobody listens there.
    """
    for _ in range(1000):
        port = random.randrange(10_000, 32_000)
        if all(is_free("127.0.0.1", port + one) for one in range(neighbours)):
            return port
    raise AssertionError("no free port on loopback")


def await_that(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Return once the condition holds; fails when it does not within `seconds`, which only bounds a hang."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether a server accepts connections on that port of loopback."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
