"""A line to a real IMAP server that is cut once: while a named command is answered, after so many bytes of the answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cut:
    """Where the line is cut, and how often it was."""

    server: int
    command: bytes
    after: int
    times: int = 0
    port: int = 0
    lines: list[socket.socket] = field(default_factory=list)

    def carry(self, client: socket.socket) -> None:
        """Carry one line until either end is gone, or it is cut."""
        with closing(client), closing(socket.create_connection(("127.0.0.1", self.server))) as server:
            self.lines += [client, server]
            left: list[int] = []
            back = threading.Thread(target=self._answer, args=[server, client, left])
            back.start()
            with suppress(OSError):
                while heard := client.recv(65536):
                    if self.command in heard and not self.times:
                        self.times += 1
                        left.append(self.after)
                    server.sendall(heard)
            _end(server)
            back.join()

    def _answer(self, server: socket.socket, client: socket.socket, left: list[int]) -> None:
        with suppress(OSError):
            while said := server.recv(65536):
                if not left:
                    client.sendall(said)
                    continue
                client.sendall(said[: left[0]])
                left[0] -= len(said)
                if left[0] <= 0:
                    break
        _end(client)


@contextmanager
def cut_line(server: int, command: bytes, after: int) -> Iterator[Cut]:
    """Stand between a client and the server on this port until the block ends."""
    cut = Cut(server, command, after)
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        cut.port = int(door.getsockname()[1])

        def open_door() -> None:
            with suppress(OSError):
                while True:
                    client, _ = door.accept()
                    threading.Thread(target=cut.carry, args=[client], daemon=True).start()

        threading.Thread(target=open_door, daemon=True).start()
        try:
            yield cut
        finally:
            _end(door)
            for line in cut.lines:
                _end(line)


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
