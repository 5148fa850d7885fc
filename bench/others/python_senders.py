"""The senders in Python that Pli is measured beside: `python_senders.py NAME PORT COUNT MAIL.json`, in a venv of theirs.

Prints the seconds that the sending took; loading a library is not counted.
"""

from __future__ import annotations

import json
import smtplib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Mail = dict[str, str]


def people(count: int) -> Iterator[tuple[str, str]]:
    """Give a name and an address for each recipient."""
    return ((f"Prénom{number}", f"membre{number}@exemple.example") for number in range(count))


def smtplib_reconnecting(port: int, count: int, mail: Mail) -> None:
    """A connection a mail, on bytes that are ready but for the name."""
    raw, name = mail["raw"].encode(), mail["name"].encode()
    for given, address in people(count):
        with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as line:
            line.sendmail(mail["bounces"], address, raw.replace(name, given.encode()))


def smtplib_reused(port: int, count: int, mail: Mail) -> None:
    """One connection for all, on bytes that are ready but for the name."""
    raw, name = mail["raw"].encode(), mail["name"].encode()
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as line:
        for given, address in people(count):
            line.sendmail(mail["bounces"], address, raw.replace(name, given.encode()))


def flask_mail(port: int, count: int, mail: Mail) -> None:
    """Flask-Mail, one connection for all."""
    from flask import Flask
    from flask_mail import Mail as Extension
    from flask_mail import Message

    app = Flask(__name__)
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_DEFAULT_SENDER=mail["bounces"])
    extension = Extension(app)
    with app.app_context(), extension.connect() as line:
        for given, address in people(count):
            text, html = (mail[part].replace(mail["name"], given) for part in ("text", "html"))
            line.send(Message(mail["subject"], recipients=[address], body=text, html=html))


def flask_mailman(port: int, count: int, mail: Mail) -> None:
    """Flask-Mailman, one connection for all."""
    from flask import Flask
    from flask_mailman import EmailMultiAlternatives
    from flask_mailman import Mail as Extension

    app = Flask(__name__)
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_DEFAULT_SENDER=mail["bounces"])
    Extension(app)
    with app.app_context(), app.extensions["mailman"].get_connection() as line:
        for given, address in people(count):
            text, html = (mail[part].replace(mail["name"], given) for part in ("text", "html"))
            letter = EmailMultiAlternatives(mail["subject"], text, mail["bounces"], [address], connection=line)
            letter.attach_alternative(html, "text/html")
            letter.send()


def django(port: int, count: int, mail: Mail) -> None:
    """Django's send_messages, a thousand at a time on one connection."""
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection

    settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port)
    with get_connection("django.core.mail.backends.smtp.EmailBackend") as line:
        waiting = []
        for given, address in people(count):
            text, html = (mail[part].replace(mail["name"], given) for part in ("text", "html"))
            letter = EmailMultiAlternatives(mail["subject"], text, mail["bounces"], [address])
            letter.attach_alternative(html, "text/html")
            waiting.append(letter)
            if len(waiting) == 1000:
                line.send_messages(waiting)
                waiting = []
        if waiting:
            line.send_messages(waiting)


SENDERS: dict[str, Callable[[int, int, Mail], None]] = {
    "smtplib-reconnecting": smtplib_reconnecting,
    "smtplib-reused": smtplib_reused,
    "flask-mail": flask_mail,
    "flask-mailman": flask_mailman,
    "django": django,
}


def main(name: str, port: str, count: str, path: str) -> None:
    """Send, and print how long it took."""
    mail = json.loads(Path(path).read_text(encoding="utf-8"))
    began = time.perf_counter()
    SENDERS[name](int(port), int(count), mail)
    print(time.perf_counter() - began)


main(*sys.argv[1:])
