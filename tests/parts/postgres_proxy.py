"""A line to PostgreSQL that breaks at COMMIT: before the server hears of it, or before we hear of its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from sqlalchemy import make_url


class Cut(Enum):
    """Where the line breaks."""

    NOT_HEARD = auto()  # the server rolls back
    NOT_ANSWERED = auto()  # it is committed, and nobody told us


@dataclass
class Proxy:
    """The url to use instead of the server's, and which COMMIT is to break, by its number."""

    url: str
    cuts: dict[int, Cut] = field(default_factory=dict)
    commits: int = 0
    done: list[Cut] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at_commit(self) -> Cut | None:
        """Say what becomes of this COMMIT."""
        with self._lock:
            self.commits += 1
            cut = self.cuts.pop(self.commits, None)
            self.done += [cut] if cut else []
            return cut


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """Stand between clients and the server of this url until the block ends."""
    target = make_url(url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Proxy(target.set(port=server.getsockname()[1]).render_as_string(hide_password=False))
        ends: list[socket.socket] = []
        threads: list[threading.Thread] = []
        doorman = threading.Thread(target=_let_in, args=(server, target.port, made, ends, threads), daemon=True)
        doorman.start()
        try:
            yield made
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            doorman.join(10)
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)
            for end in ends:
                end.close()


def _let_in(
    server: socket.socket, port: int, made: Proxy, ends: list[socket.socket], threads: list[threading.Thread]
) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        behind = socket.create_connection(("127.0.0.1", port))
        ends += [client, behind]
        deaf = threading.Event()
        for target, ways in ((_forth, (client, behind)), (_back, (behind, client))):
            threads.append(threading.Thread(target=target, args=(*ways, made, deaf), daemon=True))
            threads[-1].start()


def _forth(client: socket.socket, behind: socket.socket, made: Proxy, deaf: threading.Event) -> None:
    with suppress(OSError):
        while data := client.recv(65536):
            # psycopg says it in a message of its own.
            cut = made.at_commit() if b"COMMIT\0" in data else None
            if cut is Cut.NOT_HEARD:
                break
            if cut is Cut.NOT_ANSWERED:
                deaf.set()
            behind.sendall(data)
    _end(client, behind)


def _back(behind: socket.socket, client: socket.socket, made: Proxy, deaf: threading.Event) -> None:
    with suppress(OSError):
        while data := behind.recv(65536):
            if deaf.is_set():
                break
            client.sendall(data)
    _end(client, behind)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
