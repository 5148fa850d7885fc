"""Is the number that a page tells the number of those who are written to?"""

from __future__ import annotations

from datetime import date

import pytest

from service.actions import audiences, lists, members
from service.core import addresses
from service.core.vocabulary import Channel, LeavingReason, MailKind, SkipReason
from service.models.campaign import Campaign
from service.models.mailing_list import MailingList, Subscription, Suppression
from service.models.member import Contact
from service.models.staff import Staff
from tests.builders import NOON, SECRET, World

TABLE = """Numéro;Prénom;Nom;E-mail
1;Anne;Roy;deux@exemple.example
2;Paul;Roy;deux@exemple.example
3;Zoé;Sans;
4;Luc;Parti;luc@exemple.example
5;Eva;Non;deux@exemple.example
6;Max;Ou;max@exemple.example
6;Mia;Ou;mia@exemple.example
7;Noé;Muet;muet@exemple.example
"""


@pytest.mark.parametrize("slug", ["nouvelles", lists.STATUTORY])
@pytest.mark.parametrize("suppressed", [False, True])
def test_the_count_is_the_list(world: World, slug: str, suppressed: bool) -> None:
    number = settled(world, slug, suppressed=suppressed)
    with world.sessions() as session:
        campaign = session.get_one(Campaign, number)
        audience = list(audiences.resolve(session, campaign, secret=SECRET))
        told = audiences.count(session, campaign, secret=SECRET)
        received = [one for one in audience if one.skip is None]
        assert told.receiving == len(received) > 1
        assert audiences.everybody(session, campaign) == told.everybody == len(audience)
        assert told.members == len({one.member_id for one in received})
        assert sum(told.left_out.values()) == len(audience) - len(received)
        for reason in SkipReason:
            assert told.left_out.get(reason, 0) == sum(one.skip is reason for one in audience), reason


def test_a_list_counts_those_whom_it_names(world: World) -> None:
    settled(world, "nouvelles", suppressed=False)
    with world.sessions() as session:
        found = lists.find(session, "nouvelles")
        assert session.scalar(Subscription.count_of(found.id)) == len(session.scalars(found.readers()).all()) == 6


def settled(world: World, slug: str, *, suppressed: bool) -> int:
    """Members of every sort on a list, and a message to it."""
    world.mailing_list()
    world.take_in(TABLE, "nouvelles", lists.STATUTORY)
    author: Staff = world.staff()
    kind = MailKind.AG_CONVOCATION if slug == lists.STATUTORY else MailKind.COMMUNIQUE
    number = world.draft(author, slug, kind=kind)
    with world.sessions.begin() as session:
        gone, no = members.find(session, "4"), members.find(session, "5").contacts[0]
        members.leave(session, gone, on=date(2020, 1, 1), reason=LeavingReason.RETRAIT, by=None, now=NOON)
        # Whoever left the home list is there by another list of the same message.
        lists.leave(session, lists.find(session, "nouvelles"), no, channel=Channel.LINK, wording="", now=NOON)
        if suppressed:
            key = session.query(Contact).filter_by(email="muet@exemple.example").one().email
            assert key is not None
            session.add(Suppression(address_hmac=addresses.fingerprint(key, SECRET), reason="complaint", at=NOON))
        assert session.query(MailingList).count() > 1
    return number
