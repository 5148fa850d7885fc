"""How does a child process learn that its parent is gone, even by kill -9?"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1

# The program's own parent for a moment: asks the kernel to be told of our death, looks whether we died before that,
# becomes the program. A child of its own, since code between fork and exec is not safe in a process with threads; without
# our modules, so that it costs what a bare interpreter does.
_LAUNCH = """
import ctypes, os, signal, sys
parent, command = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG survives exec
if os.getppid() != parent:
    sys.exit(1)
os.execvp(command[0], command)
"""


def tied(command: Iterable[str]) -> list[str]:
    """Give the command that runs this one until it ends or the thread of ours that started it does (SIGTERM; Linux)."""
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]


def end_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux), and end at once if it died before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
