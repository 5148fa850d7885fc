"""A provider on loopback that grants, renews and refuses tokens as a script says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

from service.core.oauth import Client


@dataclass
class Provider:
    """What it answers, one after the other and the last again and again, and the forms that it was sent."""

    answers: list[tuple[int, object]]
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def client(self, *, device: bool = True) -> Client:
        """Who we are to it."""
        base = f"http://127.0.0.1:{self.port}"
        device_url = f"{base}/devicecode" if device else ""
        return Client("microsoft", "id-1", "shh", f"{base}/token", "mail", device_url, f"{base}/agree")

    def grants(self, access: str, refresh: str = "", seconds: int = 3600) -> None:
        """Answer with these tokens from now on."""
        said: dict[str, object] = {"token_type": "Bearer", "access_token": access, "expires_in": seconds}
        self.answers[:] = [(200, said | ({"refresh_token": refresh} if refresh else {}))]

    def refuses(self, word: str = "invalid_grant", status: int = 400) -> None:
        """Refuse from now on."""
        self.answers[:] = [(status, {"error": word, "error_description": "vie@passerelles.example said no"})]


@contextmanager
def provider() -> Iterator[Provider]:
    """Run one until the block ends."""
    made = Provider([])
    made.grants("first")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            made.asked.append(dict(parse_qsl(form)) | {"": self.path})
            status, said = made.answers[0] if len(made.answers) == 1 else made.answers.pop(0)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        # Nobody asks this way, unless sent here by a redirection.
        do_GET = do_POST  # noqa: N815 (the library’s name)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
