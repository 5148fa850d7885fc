"""The invariants I1 to I9: what the database alone can show of them, and what it cannot (requirements.md, section 5).

The queries are in `violations`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import String, and_, or_, select, type_coerce
from sqlalchemy.orm import Session

from service.actions import leases, violations
from service.core.vocabulary import OPEN_STATES, CampaignStatus, DeliveryState, InboundState
from service.models.campaign import Campaign, CampaignMould
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.lease import Lease

_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must be so: which invariant it belongs to, of which table the numbers are, what a broken row is."""

    invariant: str
    table: str
    broken: str
    # The numbers of the rows that break it, and how many there are.
    find: violations.Finder


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is broken: how many rows break it, and the numbers of some."""

    rule: Rule
    found: int
    examples: list[int]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant as found; `beyond` is what of it the database cannot show."""

    name: str
    beyond: str
    rules: int
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no rule of it is broken."""
        return not self.faults

    @property
    def found(self) -> int:
        """How many rows break it."""
        return sum(fault.found for fault in self.faults)


# What the database cannot show.
_BEYOND = {
    "I1": "whether a mail that the relay accepted reached anybody",
    "I2": "copies at the relay or in a mailbox: count the Message-IDs in the relay's log",
    "I3": "somebody who left within a minute before his mail, or between two attempts less than 15 minutes before the last",
    "I4": "the bytes that were received, and that the mould was rendered from the approved text",
    "I5": "messages that never reached us: compare with the mailbox",
    "I6": "nothing is checked: no registration is kept yet",
    "I7": "the bell itself: FLUSHALL and a restart show it",
    "I8": "the sink or the relay, and a page that is already open",
    "I9": "entries cut off at the end of the chain: compare the last hash with one kept elsewhere",
}


def check(session: Session) -> list[Check]:
    """Look at every invariant, in order, in one state of the database (`db.snapshot`)."""
    faults: dict[str, list[Fault]] = {name: [] for name in _BEYOND}
    for rule in RULES:
        found, examples = rule.find(session)
        if found:
            faults[rule.invariant].append(Fault(rule, found, examples))
    rules = [rule.invariant for rule in RULES]
    return [Check(name, beyond, rules.count(name), faults[name]) for name, beyond in _BEYOND.items()]


_SETTLED = tuple(state for state in DeliveryState if state not in OPEN_STATES)
_word = type_coerce(Delivery.state, String)
_LIVE = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED)
_OVER = (CampaignStatus.SENT, CampaignStatus.STOPPED)

RULES = (
    Rule(
        "I1",
        "delivery",
        "is in none of the seven states",
        violations.rows(violations.of(_word.not_in([state.value for state in DeliveryState]))),
    ),
    Rule(
        "I1",
        "campaign",
        "is called sent and has rows that wait or are at the wire",
        violations.rows(
            violations.campaigns_where(
                Campaign.status == CampaignStatus.SENT, violations.with_rows(Delivery.state.in_(OPEN_STATES))
            )
        ),
    ),
    Rule(
        "I1",
        "campaign",
        "is stopped and has rows that wait",
        violations.rows(
            violations.campaigns_where(
                Campaign.status == CampaignStatus.STOPPED, violations.with_rows(Delivery.state.in_(_WAITING))
            )
        ),
    ),
    Rule(
        "I1",
        "campaign",
        "has not as many rows as its frozen audience",
        violations.rows(violations.not_the_frozen_audience),
    ),
    Rule(
        "I1",
        "delivery",
        "has an end without its hour",
        violations.rows(violations.of(Delivery.state.in_(_SETTLED), Delivery.settled_at.is_(None))),
    ),
    Rule(
        "I1",
        "delivery",
        "is said to have left and was never handed over",
        violations.rows(
            violations.of(
                Delivery.state.in_(violations.MAY_HAVE_LEFT), or_(Delivery.handed_at.is_(None), Delivery.attempts < 1)
            )
        ),
    ),
    Rule(
        "I2",
        "delivery",
        "is in doubt and counts none",
        violations.rows(violations.of(Delivery.state == DeliveryState.IN_DOUBT, Delivery.doubts < 1)),
    ),
    Rule(
        "I2",
        "delivery",
        "had more doubts than attempts",
        violations.rows(violations.of(Delivery.doubts > Delivery.attempts)),
    ),
    Rule(
        "I2",
        "delivery",
        "left again after a doubt and nobody decided so",
        violations.rows(violations.repeated_by_nobody),
    ),
    Rule(
        "I2",
        "delivery",
        "is another mail of the same campaign to one address",
        violations.rows(violations.written_twice),
    ),
    Rule(
        "I3",
        "delivery",
        "was added after its campaign was launched, or without a launch",
        violations.rows(
            violations.of(
                violations.of_campaign(or_(Campaign.launched_at.is_(None), Delivery.created_at > Campaign.launched_at))
            )
        ),
    ),
    Rule("I3", "delivery", "went to somebody who had left the list", violations.rows(violations.sent_to_who_had_left)),
    Rule(
        "I3",
        "delivery",
        "went to an address that must not be written to",
        violations.rows(violations.sent_to_a_suppressed_address),
    ),
    Rule(
        "I4",
        "campaign",
        "was launched and its mail is not kept",
        violations.rows(
            violations.campaigns_where(
                Campaign.launched_at.is_not(None),
                ~select(CampaignMould.campaign_id).where(CampaignMould.campaign_id == Campaign.id).exists(),
            )
        ),
    ),
    Rule("I4", "campaign", "has a kept mail that was changed", violations.each(violations.changed_moulds)),
    Rule(
        "I4",
        "campaign",
        "was launched and nobody agreed to its last text",
        violations.rows(violations.campaigns_where(violations.not_approved())),
    ),
    Rule(
        "I4", "campaign", "has a text that is not the one of its fingerprint", violations.each(violations.changed_texts)
    ),
    Rule(
        "I5",
        "inbound_message",
        "is in no place",
        violations.rows(
            violations.messages_where(
                or_(
                    type_coerce(InboundMessage.state, String).not_in([state.value for state in InboundState]),
                    and_(InboundMessage.state == InboundState.TREATED, InboundMessage.kind.is_(None)),
                )
            )
        ),
    ),
    Rule(
        "I5",
        "inbound_message",
        "was missed and nobody asks for it again",
        violations.rows(
            violations.messages_where(
                InboundMessage.state == InboundState.MISSED, InboundMessage.next_attempt_at.is_(None)
            )
        ),
    ),
    Rule(
        "I5",
        "inbound_message",
        "is a question and in another place too",
        violations.rows(
            violations.messages_where(
                or_(InboundMessage.state != InboundState.TREATED, InboundMessage.kind.not_in(violations.FOR_PEOPLE)),
                violations.is_asked(),
            )
        ),
    ),
    Rule(
        "I5",
        "inbound_message",
        "was put into a folder of ours and is not ours, or was not read",
        violations.rows(violations.messages_where(violations.is_put_away_wrongly())),
    ),
    Rule("I5", "inbound_message", "is for a person and no question shows it", violations.rows(violations.for_nobody)),
    Rule("I5", "inbound_message", "was asked twice", violations.rows(violations.asked_twice)),
    Rule(
        "I5",
        "inbound_message",
        "is beyond where its folder was read to",
        violations.rows(violations.messages_where(violations.is_beyond_its_cursor())),
    ),
    Rule(
        "I7",
        "delivery",
        "is at the wire without a lease: nobody takes it back",
        violations.rows(
            violations.of(Delivery.state == DeliveryState.HANDING, ~select(Lease.owner).where(leases.is_out()).exists())
        ),
    ),
    Rule(
        "I7",
        "delivery",
        "is leased and not at the wire",
        violations.rows(violations.of(Delivery.lease_owner.is_not(None), Delivery.state != DeliveryState.HANDING)),
    ),
    Rule(
        "I7",
        "delivery",
        "waits where no clock looks",
        violations.rows(
            violations.of(
                Delivery.state.in_(_WAITING), violations.of_campaign(Campaign.status.not_in((*_LIVE, *_OVER)))
            )
        ),
    ),
    Rule(
        "I7",
        "delivery",
        "waits behind the front of its campaign, where no claim looks (./pli db recount begins anew)",
        violations.rows(violations.of(violations.passed_by())),
    ),
    Rule(
        "I7",
        "campaign",
        "is scheduled for no hour",
        violations.rows(
            violations.campaigns_where(Campaign.status == CampaignStatus.SCHEDULED, Campaign.due_at.is_(None))
        ),
    ),
    Rule("I8", "campaign", "shows other figures than its rows", violations.each(violations.other_figures)),
    Rule(
        "I8",
        "campaign",
        "has a tally that is not the count of its rows (./pli db recount counts anew)",
        violations.rows(violations.other_tallies),
    ),
    Rule("I8", "delivery", "was answered and is not counted so", violations.rows(violations.answers_not_counted)),
    Rule(
        "I8",
        "asking",
        "is counted for another campaign than the mail that it answers",
        violations.rows(violations.counted_elsewhere),
    ),
    Rule("I9", "journal", "is where the chain is broken", violations.each(violations.broken_chain)),
    Rule(
        "I9",
        "campaign",
        "was launched and the journal does not tell",
        violations.rows(
            violations.campaigns_where(
                Campaign.launched_at.is_not(None), ~violations.noted("campaign.launch", Campaign.id)
            )
        ),
    ),
)
