"""The staff: add someone, sign in, find who acts."""

from __future__ import annotations

from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import journal
from service.actions.lengths import require_fits
from service.core import addresses
from service.core.refusals import Conflict, Forbidden, NotFound, Refusal
from service.core.vocabulary import Role
from service.models.staff import Staff

PASSWORD_LENGTH = 12

# OWASP's minimum for argon2id (S18): 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified for an unknown address, so that the answer takes as long as for a known one (S7).
_NOBODY = _HASHER.hash("nobody has this password")


def add(session: Session, email: str, *, name: str, role: Role, password: str, now: datetime) -> Staff:
    """Add a member of the staff. Refuses when the address is taken or the password shorter than 12 characters."""
    address = addresses.key(addresses.normalise(email))
    if session.scalar(Staff.named(address)):
        raise Conflict("Cette adresse a déjà un compte dans l’équipe.", field="email")
    if not name.strip():
        raise Refusal("Indiquez le nom de la personne.", field="name")
    require_fits(name.strip(), Staff.name, called="Le nom de la personne", field="name")
    if len(password) < PASSWORD_LENGTH:
        raise Refusal(
            f"Ce mot de passe est trop court : {PASSWORD_LENGTH} caractères au moins. Une phrase convient très bien.",
            field="password",
        )
    person = Staff(email=address, name=name.strip(), role=role, password_hash=_HASHER.hash(password), created_at=now)
    session.add(person)
    session.flush()
    journal.note(session, "staff.add", now=now, subject="staff", subject_id=person.id, role=role.value)
    return person


def everyone(session: Session) -> list[Staff]:
    """List the staff, by name."""
    return list(session.scalars(select(Staff).order_by(Staff.name, Staff.id)))


def acting(session: Session, email: str) -> Staff:
    """Return who acts under this address. Refuses an unknown or disabled one."""
    person = session.scalar(Staff.named(addresses.key(email.strip())))
    if person is None or person.disabled_at is not None:
        raise NotFound(f"{email} n’a pas de compte dans l’équipe. Voyez les comptes avec « pli staff list ».")
    return person


def sign_in(session: Session, email: str, password: str) -> Staff:
    """Return who signs in. Refuses a wrong address and a wrong password in the same words and the same time (S7)."""
    person = session.scalar(Staff.named(addresses.key(email.strip())))
    known = person is not None and person.disabled_at is None
    try:
        _HASHER.verify(person.password_hash if person is not None and known else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        known = False
    if person is None or not known:
        raise Forbidden("Cet e-mail et ce mot de passe ne vont pas ensemble. Vérifiez-les, puis réessayez.")
    return person


def want_mornings(session: Session, person: Staff, wants: bool, *, now: datetime) -> None:
    """Say whether somebody is told at 8 h what waits."""
    if person.wants_mornings != wants:
        person.wants_mornings = wants
        journal.note(
            session, "staff.mornings", now=now, by=person.id, subject="staff", subject_id=person.id, wants=int(wants)
        )


def require_sender(person: Staff) -> None:
    """Refuse who may not approve, send, pause, resume or stop."""
    if not person.role.may_send:
        raise Forbidden(
            f"{person.name} peut écrire et demander une relecture, mais pas envoyer. Demandez à un valideur."
        )
