"""Is a message ready to leave? Everything that must be mended first, all at once, in the words of its writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from service.actions import audiences
from service.actions.audiences import Recipient
from service.core.refusals import Refusal
from service.core.writing import fields, slips
from service.models.campaign import Campaign, CampaignVersion

# More names than this help nobody, and a long one must not push the others out of what the campaign keeps.
_NAMED, _NAME_LENGTH = 3, 30


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing to mend before the message may leave, and the field of the form where it stands."""

    sentence: str
    field: str


def obstacles(session: Session, campaign: Campaign, *, secret: bytes) -> list[Obstacle]:
    """List what must never leave: no text, a slip in it, nobody to receive it, a field empty for somebody."""
    version = campaign.version
    census = audiences.count(session, campaign, secret=secret)
    found = [*_in_the_text(version)]
    if not census.receiving:
        found.append(_NOBODY)
    without = audiences.gaps(session, campaign, census, _fields_without_words(version))
    if without:
        some = (audiences.one(session, contact_id) for contact_id in without[:_NAMED])
        found.append(_gap([one for one in some if one is not None], len(without)))
    return found


def require(session: Session, campaign: Campaign, *, secret: bytes) -> None:
    """Refuse what `obstacles` lists, all of it in one sentence after the other."""
    _refuse(obstacles(session, campaign, secret=secret))


def filled(version: CampaignVersion, audience: Iterable[Recipient]) -> Iterator[Recipient]:
    """Hand an audience on to who launches. Files change between an accord and its hour.

    Refuses, at its end, nobody to write to, and a text with a hole in it for somebody; what was written of it by then
    must be rolled back. Nobody is handed on after the first hole.
    """
    needed = _fields_without_words(version)
    without: list[Recipient] = []
    receiving = lacking = 0
    for one in audience:
        receiving += one.skip is None
        if audiences.lacks(one, needed):
            lacking += 1
            without = [*without, one][:_NAMED]
        elif not lacking:
            yield one
    found = [] if receiving else [_NOBODY]
    _refuse([*found, _gap(without, lacking)] if without else found)


def lacking(session: Session, campaign: Campaign, *, limit: int, secret: bytes) -> list[Recipient]:
    """List the first for whom a field of the text is empty, to lead to their files."""
    census = audiences.count(session, campaign, secret=secret)
    without = audiences.gaps(session, campaign, census, _fields_without_words(campaign.version))[:limit]
    return [one for contact_id in without if (one := audiences.one(session, contact_id)) is not None]


_NOBODY = Obstacle(
    "Personne ne recevrait ce message : les listes choisies sont vides. Importez des sociétaires ou choisissez une autre liste.",
    "list",
)


def _refuse(found: Sequence[Obstacle]) -> None:
    if found:
        raise Refusal(" ".join(one.sentence for one in found), field=found[0].field)


def _in_the_text(version: CampaignVersion) -> Iterable[Obstacle]:
    if not version.subject.strip():
        yield Obstacle("Écrivez un objet.", "subject")
    if not version.body.strip():
        yield Obstacle("Écrivez un message.", "body")
    for name, text in (("subject", version.subject), ("preheader", version.preheader)):
        yield from (Obstacle(fault, name) for fault in fields.faults(text))
    yield from (Obstacle(fault, "body") for fault in slips.of_body(version.body))


def _gap(some: Sequence[Recipient], everybody: int) -> Obstacle:
    named = ", ".join(f"{one.name[:_NAME_LENGTH]} ({(one.number or one.address)[:_NAME_LENGTH]})" for one in some)
    more = everybody - len(some)
    others = f" et {more} autre{'s' if more > 1 else ''}" if more else ""
    return Obstacle(
        f"Un champ du texte est vide pour {named}{others}. Complétez le fichier des sociétaires et importez-le, ou donnez "
        "des mots de remplacement : {prénom|cher sociétaire}.",
        "body",
    )


def _fields_without_words(version: CampaignVersion) -> set[str]:
    uses = [use for text in (version.subject, version.preheader, version.body) for use in fields.find(text)]
    return {use.name for use in uses if use.fallback is None}
