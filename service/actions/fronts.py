"""Fronts: what of a campaign has left is passed by once, not by every look of every sending process (decision 0019)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Row, case, delete, insert, literal, select
from sqlalchemy.orm import Session

from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.tally import Tally

# A look passes by so many rows in a millisecond: fewer are not worth a write.
_WORTH_IT = 1000
# So many parts are put together at a time; the smallest is what counts, and the others hold the front back meanwhile.
_AT_ONCE = 5000


def start(session: Session, campaign_id: int) -> None:
    """Begin before the first row of a campaign, in the transaction of its launch: from now on the front is known."""
    session.add(Front(campaign_id=campaign_id, passed_id=0))


def put_back(session: Session, waiting: Iterable[tuple[int | None, int]]) -> None:
    """Put the front of each campaign before those of its rows that wait again, in the transaction in which they do.

    A part is added and none is changed: nobody waits for anybody here. It is added whatever the front is, since the clock
    may be moving it at this moment; but not where nothing is known, or it would be taken for the front of all the others.
    """
    first: dict[int, int] = {}
    for campaign_id, number in waiting:
        if campaign_id is not None:
            first[campaign_id] = min(number, first.get(campaign_id, number))
    for campaign_id, number in sorted(first.items()):
        is_known = select(Front.id).where(Front.campaign_id == campaign_id).exists()
        part = select(literal(campaign_id), literal(number - 1)).where(is_known)
        session.execute(insert(Front).from_select(["campaign_id", "passed_id"], part))


def advance(session: Session, *, worth: int = _WORTH_IT) -> None:
    """Move the front of each campaign under way up to its first mail that waits or is at the wire, if it lies `worth` further.

    Right whatever others do meanwhile: the parts are read before the mails, so that one that is added while the mails are
    looked at is not taken away. What is claimed and not committed is seen to wait. Should the tally know of mail that is
    nowhere before the front, all of the campaign is looked at again.
    """
    for campaign_id in session.scalars(Campaign.under_way().with_only_columns(Campaign.id)).all():
        parts = select(Front.id, Front.passed_id).where(Front.campaign_id == campaign_id)
        parts = parts.order_by(Front.passed_id).limit(_AT_ONCE)
        # What another clock is moving is left to it.
        seen = session.execute(parts.with_for_update(skip_locked=True)).all()
        if not seen:
            continue
        passed = seen[0].passed_id
        ahead = select(Delivery.id).where(Delivery.campaign_id == campaign_id, Delivery.id > passed)
        first = ahead.where(Front.is_held_back_by()).order_by(Delivery.id).limit(1).scalar_subquery()
        # In one statement: of one state of the database. Where nothing is left, the rest is not looked through for it.
        is_fresh = Tally.has_fresh(campaign_id)
        found, is_left = session.execute(select(case((is_fresh, first)), is_fresh)).one()
        if found is None and is_left and passed:
            _replace(session, campaign_id, seen, 0)
        elif found is not None and (len(seen) > 1 or found - 1 - passed >= worth):
            _replace(session, campaign_id, seen, found - 1)


def recount(session: Session) -> None:
    """Begin anew before the first row of each campaign. For an operator; who sends waits meanwhile (`tallies.recount`)."""
    session.execute(delete(Front))
    known = select(Campaign.id, literal(0)).where(Campaign.launched_at.is_not(None))
    session.execute(insert(Front).from_select(["campaign_id", "passed_id"], known))


def _replace(session: Session, campaign_id: int, seen: Iterable[Row[int, int]], passed_id: int) -> None:
    gone = delete(Front).where(Front.id.in_([part.id for part in seen]))
    session.execute(gone.execution_options(synchronize_session=False))
    session.add(Front(campaign_id=campaign_id, passed_id=passed_id))
    session.flush()
