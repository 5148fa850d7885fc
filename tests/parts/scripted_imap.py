"""An IMAP server on loopback that says what a test wants it to say, for the ways in which a line dies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

_UNTAGGED = {b"DONE": b"DONE"}
Reply = bytes | Callable[[bytes], bytes] | None
USUAL: dict[bytes, Reply] = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK done\r\n",
    b"LOGIN": b"{tag} OK [CAPABILITY IMAP4rev1 IDLE] done\r\n",
    b"SELECT": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK [READ-WRITE] opened\r\n",
    b"IDLE": b"+ idling\r\n",
    b"DONE": b"{tag} OK idled\r\n",
    b"NOOP": b"{tag} OK done\r\n",
    b"LOGOUT": b"* BYE\r\n{tag} OK done\r\n",
}


@contextmanager
def scripted_server(**unusual: Reply) -> Iterator[int]:
    """A server that says what a command's name in `unusual` says (`UID FETCH`, …); None: it closes the line."""
    answers: dict[bytes, Reply] = USUAL | {verb.encode(): reply for verb, reply in unusual.items()}
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def talk() -> None:
            line, _ = server.accept()
            with line, line.makefile("rb") as lines:
                line.sendall(b"* OK ready\r\n")
                tag = b""
                for command in lines:
                    words = command.split()
                    # What answers a challenge (DONE, a token) has no tag.
                    tag, verb = (
                        (words[0], words[1]) if len(words) > 1 else (tag, _UNTAGGED.get(command.strip(), b"TOKEN"))
                    )
                    reply = answers[b" ".join(words[1:3]) if verb == b"UID" else verb]
                    if callable(reply):
                        reply = reply(command)
                    if reply is None:
                        return
                    line.sendall(reply.replace(b"{tag}", tag))

        thread = threading.Thread(target=talk)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(10)
