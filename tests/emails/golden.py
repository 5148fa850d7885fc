"""The sample of each mail folder, rendered; `python -m tests.emails.golden` rewrites the golden mails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2

from service.core.vocabulary import MailClass, MailKind
from service.core.writing.letter import House, Letter, ListIdentity
from service.core.writing.mould import Mould
from service.core.writing.rendering import compose, environment

TEMPLATES = Path(__file__).parents[2] / "templates" / "emails"
GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True, slots=True)
class Sample:
    """What sample.json holds: a letter, its house and list, and the values of one recipient."""

    letter: Letter
    house: House
    list_identity: ListIdentity | None
    sender: str
    campaign: int | None
    values: dict[str, str]

    def mould(self) -> Mould:
        return compose(
            self.letter,
            self.house,
            self.list_identity,
            templates=templates(),
            sender=self.sender,
            campaign=self.campaign,
        )


def templates() -> jinja2.Environment:
    return environment(jinja2.FileSystemLoader(TEMPLATES))


def folders() -> list[str]:
    return sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir() and not folder.name.startswith("_"))


def sample(folder: str) -> Sample:
    held = json.loads((TEMPLATES / folder / "sample.json").read_text("utf-8"))
    letter = held["letter"]
    return Sample(
        letter=Letter(**{**letter, "kind": MailKind(letter["kind"]), "mail_class": MailClass(letter["mail_class"])}),
        house=House(**held["house"]),
        list_identity=ListIdentity(**held["list"]) if held["list"] else None,
        sender=held["sender"],
        campaign=held["campaign"],
        values=held["values"],
    )


def rendered(folder: str) -> dict[str, bytes]:
    """The golden files of a folder: the message as it leaves, and its two parts as people see them."""
    mail = sample(folder)
    mould = mail.mould()
    return {
        f"{folder}.eml": mould.splice(mail.values),
        f"{folder}.html": mould.html(mail.values).encode("utf-8"),
        f"{folder}.txt": mould.text(mail.values).encode("utf-8"),
    }


def main() -> None:
    for folder in folders():
        for name, content in rendered(folder).items():
            (GOLDEN / name).write_bytes(content)


if __name__ == "__main__":
    main()
