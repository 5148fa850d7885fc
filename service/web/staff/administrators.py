"""Who looks after Pli, for the sentences that tell somebody to call them?"""

from __future__ import annotations

from service.actions import staff
from service.core import explanations
from service.core.vocabulary import Role
from service.web.http import me, session

_NAMED = 3


def whom_to_tell(*, of_reply: bool = False) -> str:
    """Say whom to call: « prévenez la personne qui administre Pli (Ada) », by the accounts of the team, as /equipe shows them.

    `of_reply` where the words of a server are to be shown to them.
    """
    administrators = [one for one in staff.everyone(session()) if one.role is Role.ADMIN and one.disabled_at is None]
    is_me = any(one.id == me().id for one in administrators)
    others = [one.name for one in administrators if one.id != me().id][:_NAMED]
    return explanations.to_tell(others, is_reader=is_me, of_reply=of_reply)
