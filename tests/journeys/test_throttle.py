"""D20: what is at the wire for one destination domain, as the relay sees it, and the domain that waits behind a slow one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from service.core.vocabulary import CampaignStatus
from tests.parts.holding_sink import HoldingSink, holding_sink
from tests.parts.installation import installation
from tests.parts.stable import stable

AT_ONCE, CONNECTIONS = 2, 8
SLOW, QUICK = "lent.example", "vif.example"


@pytest.mark.parametrize(("database", "each"), [("sqlite", 300), ("postgresql", 60)], indirect=["database"])
def test_d20_a_domain_that_is_slow_has_two_mails_at_the_wire_and_holds_nobody_else_up(
    database: str, each: int, tmp_path: Path
) -> None:
    """Those of the slow domain come first, and its answers come once everybody of the other one has his mail."""
    with (
        holding_sink(HoldingSink(held=SLOW, until=each, bound=AT_ONCE)) as sink,
        installation(
            tmp_path, database, sink, SEND_CONNECTIONS=str(CONNECTIONS), DOMAIN_CONNECTIONS=str(AT_ONCE)
        ) as pli,
    ):
        world = pli.seeded(1)
        world.mailing_list("essai")
        rows = [f"P{n};N{n};p{n}@{domain}" for domain in (SLOW, QUICK) for n in range(each)]
        world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "essai")
        author, boss = world.colleagues()
        number = world.approved(author, boss, "essai")
        world.send(number, boss)
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            for _ in range(10):
                assert horses.run("send", number) == 0
                horses.run("tick")
                if world.status(number) is CampaignStatus.SENT:
                    break
        assert world.status(number) is CampaignStatus.SENT
    assert set(Counter(sink.taken).values()) == {1}
    assert (len(sink.of(SLOW)), len(sink.of(QUICK))) == (each, each)
    assert sink.most_at_once[SLOW] == AT_ONCE
    assert sink.most_at_once[QUICK] <= AT_ONCE
    assert not sink.gave_up
    # Whoever is at the slow domain waits for its server; nobody of the other waits for him.
    assert sink.of(QUICK)[-1] < sink.of(SLOW)[0]
