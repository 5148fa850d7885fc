"""What a WSGI server loads: `service.web.wsgi:application`."""

from __future__ import annotations

from service.settings import Need
from service.web.app import create_app
from service.wiring import wire

application = create_app(wire(Need.STORES | Need.KEYS | Need.WRITING | Need.WEB | Need.SENDING))
