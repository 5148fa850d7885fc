"""The witnesses of a statutory sending: print its sealed proof once, and write the mail that brings it to them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from sqlalchemy.orm import Session

from service.core import french
from service.core.proof import sheet
from service.core.proof.content import Proof
from service.core.refusals import Refusal
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import markdown
from service.core.writing.letter import Attachment, House, Letter
from service.models.delivery import Delivery
from service.models.proof import CampaignProof
from service.ports import CannotPrint, ProofPrinter

log = structlog.get_logger(__name__)

_GROUP = 8


def print_ahead(
    reading: Callable[[], AbstractContextManager[Session]],
    writing: Callable[[], AbstractContextManager[Session]],
    delivery_id: int,
    printer: ProofPrinter,
) -> None:
    """Print the proof that a row is about, unless it is printed: before the row is claimed, since that takes its time.

    Does nothing for any other mail. Where it cannot be printed the mail brings the CSV, which is the proof itself.
    """
    with reading() as session:
        row = session.get(Delivery, delivery_id)
        kept = session.get(CampaignProof, row.subject_id) if row is not None and row.kind is MailKind.PROOF else None
        content = kept.content if kept is not None and kept.pdf is None else None
    if kept is None or content is None:
        return
    try:
        pdf = printer.pdf_of_file(content)
    except CannotPrint:
        log.warning("proof.not_printed", proof=kept.id, next="the witnesses get the CSV alone")
        return
    with writing() as session:
        session.get_one(CampaignProof, kept.id).pdf = pdf


def letter(kept: CampaignProof, house: House) -> tuple[Letter, Attachment]:
    """Write to a witness: the figures, the fingerprint, and the file. Refuses (LookupError) one that was tampered with."""
    try:
        proof = sheet.read_facts(kept.content)
    except (Refusal, ValueError) as error:
        raise LookupError(f"proof {kept.id} is not as it was sealed") from error
    title = proof.approved_subject.replace("{", "{{").replace("}", "}}")
    what = "Nouvelle preuve d’envoi" if proof.replaces else "Preuve d’envoi"
    written = Letter(MailKind.PROOF, MailClass.TRANSACTIONAL, f"{what} : « {title} »", "", _body(proof, kept, house))
    if kept.pdf is None:
        return written, Attachment(f"{proof.file_name}.csv", "text/csv; charset=utf-8", kept.content)
    return written, Attachment(f"{proof.file_name}.pdf", "application/pdf", kept.pdf)


def _body(proof: Proof, kept: CampaignProof, house: House) -> str:
    totals = proof.totals
    opening = f"Vous êtes témoin des messages statutaires {markdown.as_typed(french.de(house.name))}. {_why_now(proof)}"
    bounced = french.count(totals.bounced, "revenu en erreur", "revenus en erreur")
    figures = [
        f"- Destinataires prévus : {french.number(totals.planned)}",
        f"- Envoyés : {french.number(totals.accepted)}" + (f", dont {bounced}" if totals.bounced else ""),
        f"- En erreur : {french.number(totals.refused)}",
        f"- En doute : {french.number(totals.in_doubt)}",
        f"- Non envoyés : {french.number(totals.skipped)}",
    ]
    what = (
        "Le PDF joint se lit et s’imprime ; le fichier CSV, sur lequel porte l’empreinte, est dedans, parmi ses pièces jointes."
        if kept.pdf is not None
        else "Le fichier CSV joint s’ouvre dans un tableur ; le PDF n’a pas pu être écrit sur la machine d’envoi."
    )
    what += (
        " La preuve dit à qui ce message était destiné, quel texte est parti et ce que le serveur d’envoi a répondu "
        "pour chaque destinataire. Elle ne dit pas qui l’a lu."
    )
    ending = (
        "**Gardez ce message tel quel.** Sa date montre que cette preuve existait ce jour-là ; son empreinte montre "
        "qu’elle n’a pas changé depuis. Un avis d’échec qui nous reviendrait plus tard n’y figure pas."
    )
    fingerprint = f"**{_grouped(kept.sha256)}**"
    parts = ["Bonjour,", opening, "\n".join(figures), what, "Son empreinte SHA-256 :", fingerprint, ending]
    return "\n\n".join(parts)


def _why_now(proof: Proof) -> str:
    """Say why this proof comes; of one that replaces another, which, since the witness may hold it."""
    subject = f"« {markdown.as_typed(proof.subject)} »"
    if proof.replaces:
        return (
            f"Depuis la preuve précédente, l’envoi de {subject} a repris, ou l’équipe a décidé de ne pas renvoyer un ou "
            f"plusieurs messages en doute. Voici la preuve telle qu’elle est à cet instant. Elle remplace celle d’empreinte "
            f"{_grouped(proof.replaces)} ; gardez les deux."
        )
    end = "a été arrêté avant la fin" if proof.is_stopped else "vient de se terminer"
    return f"L’envoi de {subject} {end} ; voici la preuve de cet envoi, telle qu’elle est à cet instant."


def _grouped(sha256: str) -> str:
    return " ".join(sha256[start : start + _GROUP] for start in range(0, len(sha256), _GROUP))
