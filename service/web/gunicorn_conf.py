"""How does gunicorn serve the pages? Read by its master, which has its part in the embedded Valkey."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from service.settings import Need
from service.wiring import wire

_wiring = wire(Need.STORES | Need.KEYS | Need.WRITING | Need.WEB | Need.SENDING)
_held = ExitStack()

wsgi_app = "service.web.wsgi:application"
bind = _wiring.settings.bind
worker_class = "gthread"
workers = 2
threads = 4
# What is under way at a SIGTERM has so long to end; a supervisor gives eight seconds in all.
graceful_timeout = 5
# An address on our pages may hold a member's token: no log of requests (P10).
accesslog = None
errorlog = "-"
loglevel = _wiring.settings.log_level
# Who is in front of us is told by TRUSTED_PROXIES alone (S29).
forwarded_allow_ips = ""
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Take part in the embedded Valkey, in the master: a worker that ends must not end the server."""
    _held.enter_context(_wiring.embedded_valkey())


def on_exit(_server: Any) -> None:
    """Give it back, after the last worker has ended."""
    _held.close()
