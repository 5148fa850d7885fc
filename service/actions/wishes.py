"""Wishes: what a mail asks for beside an answer is done by the team, in one press, and told to the address on file.

A mail by itself changes nothing (S3): somebody of the team reads it and acts, and the member learns of it at the address
that was known before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import answers, bells, deliveries, lists, members, questions
from service.actions.office import Office
from service.actions.questions import Hand
from service.core import addresses, french
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import Channel, ClosedAs, Granted, LeavingReason, MailClass, MailKind, QuestionStatus
from service.core.writing import markdown, rendering
from service.core.writing.heading import answered_id
from service.core.writing.letter import Letter
from service.core.writing.mould import Mould
from service.models.delivery import Delivery
from service.models.granted_wish import GrantedWish
from service.models.mailing_list import MailingList
from service.models.member import Contact
from service.models.question import Asking, Question

# Marks the receipt to an address that was only typed: it may be somebody else's.
IS_NEW = "is_new"
_NOT_YOURS = (
    "Vous n’avez rien demandé, ou ce n’est pas ce que vous vouliez ? Répondez à ce message : nous le corrigerons."
)
_OPEN = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER, QuestionStatus.TO_PUBLISH)


@dataclass(frozen=True, slots=True)
class Resumed:
    """A stop that was undone, and the lists that the member is on again; none where that was done before."""

    done: GrantedWish
    back: list[MailingList]


def stop_mail(session: Session, question_id: int, office: Office, hand: Hand) -> GrantedWish:
    """Take who wrote off every list that one can leave, and put the mail away. Refuses who is on none."""
    question, asking, contact = _asked(session, question_id)
    done = _known(session, asking, Granted.UNSUBSCRIBED)
    if done is not None and done.undone_at is None:
        return done
    questions.require_unchanged(question, *_OPEN, QuestionStatus.CLOSED, hand=hand, session=session)
    left = [one for one in lists.read_by(session, contact) if one.mail_class.can_be_left]
    if not left:
        raise Refusal(
            f"{contact.name} ne reçoit déjà plus que les messages obligatoires : classez ce message sans rien changer."
        )
    for one in left:
        wording = f"Demandé par son message (réponse {question.id}), fait par l’équipe"
        lists.leave(session, one, contact, channel=Channel.MAIL, wording=wording, now=hand.now)
    names = ", ".join(one.name for one in left)
    if done is None:
        done = _grant(session, asking, contact, Granted.UNSUBSCRIBED, hand, names)
    else:
        done.detail, done.staff_id, done.at, done.undone_at, done.undone_by = (
            names[:1000],
            hand.by.id,
            hand.now,
            None,
            None,
        )
    _tell(session, done, contact.email, office, hand)
    questions.close(session, question_id, ClosedAs.UNSUBSCRIBE, hand)
    return done


def resume_mail(session: Session, question_id: int, hand: Hand) -> Resumed:
    """Undo `stop_mail`: who wrote is back on the lists that it took him off, and the mail among those to sort.

    The receipt leaves no more where it has not left, and nothing else is sent: he is not written to twice. It is whose mail
    was stopped, even where the team has said since that somebody else wrote. Refuses where he has left all of them himself
    since.
    """
    question = questions.locked(session, question_id)
    asking = question.askings[0] if question.askings else None
    done = _known(session, asking, Granted.UNSUBSCRIBED) if asking is not None else None
    if done is None:
        raise Conflict("Rien n’a été arrêté pour ce message : il n’y a rien à rétablir.")
    if done.undone_at is not None:
        return Resumed(done, [])
    questions.require_unchanged(question, *_OPEN, QuestionStatus.CLOSED, hand=hand, session=session)
    contact = done.contact
    if contact is None:
        raise Conflict("La fiche de ce sociétaire a été effacée : il n’y a plus rien à rétablir.")
    wording = f"Arrêt annulé par l’équipe (réponse {question.id})"
    back = lists.come_back_after(
        session, contact, left_at=done.at, channel=Channel.STAFF, wording=wording, now=hand.now
    )
    if not back:
        raise Refusal(f"{contact.name} a quitté ces listes aussi de son côté : son choix reste, rien n’est rétabli.")
    for receipt in receipts_of(session, done):
        done.withdrawn += deliveries.withdraw(session, receipt.id, now=hand.now)
    done.undone_at, done.undone_by = hand.now, hand.by.id
    if question.status is QuestionStatus.CLOSED:
        question.status, question.closed_as = QuestionStatus.TO_SORT, ""
    questions.record(session, question, hand, "question.resume_mail", lists=len(back))
    return Resumed(done, back)


def change_address(session: Session, question_id: int, email: str, office: Office, hand: Hand) -> GrantedWish:
    """Change where who wrote is written to, and tell both addresses: the one that was known before, and the new one.

    Refuses an address that cannot be written to, the one that is there, and the address of another member: what was typed
    in a hurry would send his mail, convocations too, to somebody else.
    """
    question, asking, contact = _asked(session, question_id)
    done = _known(session, asking, Granted.ADDRESS)
    if done is not None:
        return done
    questions.require_unchanged(question, *_OPEN, QuestionStatus.CLOSED, hand=hand, session=session)
    before, address = contact.email, _address(email)
    if before is not None and addresses.key(before) == addresses.key(address):
        raise Refusal(f"{address} est déjà l’adresse {french.de(contact.name)}.", field="adresse")
    _require_free(session, address, contact)
    members.change_address(session, contact, address, by=hand.by.id, now=hand.now)
    done = _grant(session, asking, contact, Granted.ADDRESS, hand)
    _tell(session, done, before, office, hand)
    # What was typed may be somebody else's: that mail repeats nothing of what the member wrote.
    _tell(session, done, contact.email, office, hand, is_new=True)
    questions.close(session, question_id, ClosedAs.ADDRESS, hand)
    return done


def note_departure(
    session: Session, question_id: int, *, on: date, reason: LeavingReason, office: Office, hand: Hand
) -> GrantedWish:
    """Note that who wrote is a member no more from a day on; of a death nobody is written to.

    Refuses when he has already left, or before the day he came.
    """
    question, asking, contact = _asked(session, question_id)
    done = _known(session, asking, Granted.DEPARTURE)
    if done is not None:
        return done
    questions.require_unchanged(question, *_OPEN, QuestionStatus.CLOSED, hand=hand, session=session)
    members.leave(session, contact.member, on=on, reason=reason, by=hand.by.id, now=hand.now)
    done = _grant(session, asking, contact, Granted.DEPARTURE, hand, french.date_in_words(on))
    if reason is not LeavingReason.DECES:
        _tell(session, done, contact.email, office, hand)
    questions.close(session, question_id, ClosedAs.DEPARTURE, hand)
    return done


def take_data_request(session: Session, question_id: int, office: Office, hand: Hand) -> Question:
    """Keep a request on one’s own data among what is to be answered, and tell the member by when (RGPD 12.3).

    Of nobody that we know nobody is told.
    """
    question = questions.take_as_data_request(session, question_id, hand)
    asking = question.askings[0]
    if asking.contact is None or question.due_on is None or _known(session, asking, Granted.DATA_REQUEST):
        return question
    done = _grant(session, asking, asking.contact, Granted.DATA_REQUEST, hand, french.date_in_words(question.due_on))
    _tell(session, done, asking.contact.email, office, hand)
    return question


def mould_of(done: GrantedWish, office: Office, *, address: str, is_new: bool) -> Mould:
    """Render the receipt of an act, to the address that it goes to: a new one is told of the change alone.

    One that was corrected before its mail left is told neither who it was noted for nor the right one.
    """
    asking, contact = done.asking, done.contact
    title, words = _said(done, contact)
    current = contact.email if contact else None
    is_current = bool(current) and addresses.key(address) == addresses.key(current or "")
    given = contact.given_name if contact and (is_current or not is_new) else ""
    parts = [f"Bonjour {markdown.as_typed(given)}," if given.strip() else "Bonjour,"]
    if is_new and not is_current:
        words = "Cette adresse avait été notée par erreur : nos prochains messages n’y iront pas."
    elif done.granted is Granted.ADDRESS and is_current:
        words = f"C’est fait : nos prochains messages iront à cette adresse, {markdown.as_typed(address)}."
    elif quoted := answers.quotation(asking):
        parts += ["Vous nous avez écrit :", quoted]
    elif not asking.same_address:
        parts.append("Nous avons reçu un message en votre nom, écrit depuis une autre adresse que la vôtre.")
    parts += [words, _NOT_YOURS, markdown.as_typed(office.house.name)]
    letter = Letter(MailKind.RECEIPT, MailClass.TRANSACTIONAL, title, "", "\n\n".join(parts))
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def receipts_of(session: Session, done: GrantedWish) -> list[Delivery]:
    """List the mails that told the member, the one to the address that was known before first; none where nobody was told."""
    return list(
        session.scalars(select(Delivery).where(Delivery.key.in_([done.key, done.key_of_new])).order_by(Delivery.id))
    )


def _require_free(session: Session, address: str, contact: Contact) -> None:
    """Refuses the address of another member; where two share one, the member's page takes it."""
    theirs = select(Contact).where(Contact.email_key == addresses.key(address), Contact.member_id != contact.member_id)
    other = session.scalars(theirs.limit(1)).first()
    if other is not None:
        raise Refusal(
            f"{address} est l’adresse {french.de(other.name)}. Vérifiez-la. Si ces deux personnes la partagent, "
            f"changez-la sur la fiche {french.de(contact.name)}.",
            field="adresse",
        )


def _asked(session: Session, question_id: int) -> tuple[Question, Asking, Contact]:
    question = questions.locked(session, question_id)
    asking = question.askings[0] if question.askings else None
    if asking is None or asking.contact is None:
        raise Conflict(
            "Nous ne savons pas quel sociétaire a écrit. Ouvrez sa fiche, faites-y ce qui est demandé, puis classez ce message."
        )
    return question, asking, asking.contact


def _known(session: Session, asking: Asking, granted: Granted) -> GrantedWish | None:
    return session.scalar(GrantedWish.to([asking.id]).where(GrantedWish.granted == granted))


def _address(typed: str) -> str:
    try:
        return addresses.normalise(typed)
    except Refusal as refusal:
        raise Refusal(refusal.sentence, field="adresse") from refusal


def _grant(
    session: Session, asking: Asking, contact: Contact, granted: Granted, hand: Hand, detail: str = ""
) -> GrantedWish:
    done = GrantedWish(
        asking_id=asking.id,
        contact_id=contact.id,
        granted=granted,
        detail=detail[:1000],
        staff_id=hand.by.id,
        at=hand.now,
    )
    session.add(done)
    session.flush()
    return done


def _tell(
    session: Session, done: GrantedWish, address: str | None, office: Office, hand: Hand, *, is_new: bool = False
) -> None:
    if not address:
        return
    asking = done.asking
    message = asking.inbound_message
    delivery = deliveries.order(
        session,
        key=done.key_of_new if is_new else done.key,
        kind=MailKind.RECEIPT,
        address=address,
        fields={"to_name": asking.contact.name if asking.contact and not is_new else ""}
        | ({IS_NEW: "1"} if is_new else {}),
        subject="granted_wish",
        subject_id=done.id,
        domain=office.transactional.sender.domain,
        secret=office.secret,
        now=hand.now,
        contact=asking.contact,
        in_reply_to=answered_id(message.message_id) if message and asking.same_address and not is_new else "",
    )
    bells.ring(session, "post", delivery.id)


def _said(done: GrantedWish, contact: Contact | None) -> tuple[str, str]:
    """Give the subject of a receipt and its sentence, in Markdown."""
    if done.granted is Granted.UNSUBSCRIBED:
        left = markdown.as_typed(done.detail)
        return "C’est fait : vous ne recevez plus nos messages", (
            f"C’est fait : nous ne vous envoyons plus ces messages : {left}. Les convocations aux assemblées vous "
            "parviendront toujours, la loi nous le demande."
        )
    if done.granted is Granted.ADDRESS:
        address = markdown.as_typed(contact.email or "") if contact else ""
        return "Votre nouvelle adresse est notée", (
            f"C’est fait : nos prochains messages iront à {address}, et non plus à l’adresse que nous avions."
        )
    if done.granted is Granted.DEPARTURE:
        return "Votre départ est noté", (
            f"Nous avons noté que vous quittez la coopérative le {done.detail}. À partir de ce jour vous ne recevrez plus "
            "nos messages."
        )
    return "Votre demande sur vos données est notée", (
        f"Nous avons bien reçu votre demande sur vos données. Nous vous répondrons avant le {done.detail}."
    )
