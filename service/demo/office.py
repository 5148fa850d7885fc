"""`python -m service.demo.office`: the process of the post office and of the pages that show its mailboxes."""

from __future__ import annotations

import logging
import socket
import sys
import threading

from werkzeug.serving import make_server

from service.demo import pages, post_office
from service.demo.mailboxes import Mailboxes
from service.settings import Need
from service.wiring import wire


def main(smtp: int, imap: int, shown: int) -> None:
    """Take mail in, give it out, and show it, on the listening sockets that are inherited."""
    wiring = wire(Need.READING | Need.SENDING)
    settings = wiring.settings
    for chatty in ("werkzeug", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    mailboxes = Mailboxes.of(settings.data_dir)
    world = pages.World(mailboxes, _port(smtp), settings.public_url, settings.zone, wiring.now)
    web = make_server("127.0.0.1", _port(shown), pages.create_app(world), threaded=True, fd=shown)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    doors = post_office.Doors(socket.socket(fileno=smtp), socket.socket(fileno=imap), wiring.imap.password)
    post_office.serve(doors, settings.data_dir / "coop", mailboxes, now=wiring.now)


def _port(descriptor: int) -> int:
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as copy:
        return int(copy.getsockname()[1])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
