"""The words of the product: closed lists that the database, the commands and the pages share."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a staff member may do (contract: redacteur writes, valideur also sends, admin everything)."""

    REDACTEUR = "redacteur"
    VALIDEUR = "valideur"
    ADMIN = "admin"

    @property
    def may_send(self) -> bool:
        """Approve, send, pause, resume and stop."""
        return self is not Role.REDACTEUR


class MemberKind(StrEnum):
    """A member (sociétaire) is a person or an organisation; either holds one vote."""

    PERSON = "person"
    ORGANISATION = "organisation"


class LeavingReason(StrEnum):
    """Why a member is one no more."""

    RETRAIT = "retrait"
    DECES = "deces"
    EXCLUSION = "exclusion"
    CESSION = "cession"


class MailClass(StrEnum):
    """The legal class of a message, and of the list it goes to (P3)."""

    NEWSLETTER = "newsletter"
    COOPERATIVE = "cooperative"
    STATUTORY = "statutory"
    TRANSACTIONAL = "transactional"

    @property
    def can_be_left(self) -> bool:
        """Whether a member may opt out: never of statutory mail, nor of an answer to himself (D6)."""
        return self in (MailClass.NEWSLETTER, MailClass.COOPERATIVE)

    @property
    def must_arrive(self) -> bool:
        """Whether one copy too many is better than none: statutory mail, and what answers one person (sending.md)."""
        return self in (MailClass.STATUTORY, MailClass.TRANSACTIONAL)


class MailKind(StrEnum):
    """What a mail is: the four kinds of campaign, then the mails that answer one person."""

    COMMUNIQUE = "communique"
    RDV_INVITATION = "rdv_invitation"
    AG_CONVOCATION = "ag_convocation"
    COMPTE_RENDU = "compte_rendu"
    TEST = "test"
    NOTICE = "notice"
    PROOF = "proof"
    ANSWER = "question_answer"
    # What nobody writes: that a message came, and how to leave a list for who wrote that he wants to.
    ACKNOWLEDGEMENT = "question_received"
    UNSUBSCRIBE_LINK = "unsubscribe_link"
    MORNING = "morning"
    RECEIPT = "receipt"
    REVIEW_ASKED = "review_asked"
    # That the team changed where somebody is written to, to both addresses.
    MOVE = "move"


CAMPAIGN_KINDS = (MailKind.COMMUNIQUE, MailKind.RDV_INVITATION, MailKind.AG_CONVOCATION, MailKind.COMPTE_RENDU)


class CampaignStatus(StrEnum):
    """Where a campaign stands (contract, `campaigns show`)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    SENT = "sent"


class DeliveryState(StrEnum):
    """The state of one mail to one person; bounced and complained are marks beside it (sending.md)."""

    PENDING = "pending"
    HANDING = "handing"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SKIPPED = "skipped"
    IN_DOUBT = "in_doubt"


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.HANDING, DeliveryState.DEFERRED)


class SkipReason(StrEnum):
    """Why a row was not sent."""

    OPTED_OUT = "opted_out"
    # An address that is not written to: by its server's word, by what came back, or since the person objected. What former
    # versions skipped has the first word alone, which says none of the three.
    SUPPRESSED = "suppressed"
    UNKNOWN = "suppressed_unknown"
    RETURNED = "suppressed_returned"
    OBJECTED = "suppressed_objected"
    SHARED_ADDRESS = "shared_address"
    NO_ADDRESS = "no_address"
    STOPPED = "stopped"
    LEFT = "left"


class Wait(StrEnum):
    """What a sending waits for that goes on by itself."""

    PACE = "pace"
    QUIET = "quiet"
    RELAY = "relay"


class DoubtReason(StrEnum):
    """What left a row in doubt: its message may have arrived (sending.md)."""

    # The line was cut after the final dot, or the relay's words did not fit.
    CONNECTION_LOST = "connection_lost"
    # The process was gone, its log says that the message was leaving and tells no answer.
    PROCESS_ENDED = "process_ended"
    # The process was gone, and its log may have lost its end.
    LOG_LOST = "log_lost"
    # The lease ran out and the log is out of reach: its process may be alive, and may still tell the answer.
    LEASE_ENDED = "lease_ended"


# Why a row that was in doubt waits again (`why` of a pending row, until its next attempt is settled).
AFTER_DOUBT = "after_doubt"


class EventKind(StrEnum):
    """A monthly meeting or a general assembly."""

    RDV = "rdv"
    AG = "ag"


class EventState(StrEnum):
    """Where an event stands."""

    ANNOUNCED = "announced"
    CONVENED = "convened"
    HELD = "held"
    CANCELLED = "cancelled"


class InboundKind(StrEnum):
    """What an incoming message is (contract, kinds of incoming mail)."""

    QUESTION = "question"
    BOUNCE = "bounce"
    DELIVERY_NOTICE = "delivery_notice"
    COMPLAINT = "complaint"
    READ_RECEIPT = "read_receipt"
    CALENDAR_REPLY = "calendar_reply"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    OWN = "own"
    UNREADABLE = "unreadable"


class BounceClass(StrEnum):
    """What a failure speaks of, and with it what may be done: only `hard` says that this address will never do (D19)."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    MAILBOX_FULL = "mailbox_full"
    CONTENT = "content"


class InboundState(StrEnum):
    """What became of an incoming message; each is in exactly one place (I5)."""

    STORED = "stored"
    TREATED = "treated"
    LEFT_IN_PLACE = "left_in_place"
    # The server names it and does not give it: asked for again, then shown.
    MISSED = "missed"


class MailFolder(StrEnum):
    """Where in the mailbox a message of ours is put once it was read; the names are what staff see there."""

    # Pli has it: in the queue of questions, or counted where it belongs.
    DONE = "Traités"
    # Pli has it, and who wrote it or what he wants is for a person to judge.
    TO_SEE = "À voir"
    # Nobody could read it but a person, here.
    FAILED = "Échecs"


class RefusedWhat(StrEnum):
    """What keeps us out of the mailbox: its server takes no longer the password, or its provider grants no token."""

    PASSWORD = "password"  # noqa: S105 (the name of a way, not a secret)
    AGREEMENT = "agreement"


class MatchedBy(StrEnum):
    """How an incoming message was tied to one of ours, strongest first."""

    TOKEN = "token"  # noqa: S105 (the name of a way, not a secret)
    IN_REPLY_TO = "in_reply_to"
    REFERENCES = "references"
    RELAY = "relay"
    RECIPIENT = "recipient"
    SENDER = "sender"
    # Nothing ties it, and somebody of the team took it in.
    STAFF = "staff"
    NOTHING = "nothing"

    @property
    def is_sure(self) -> bool:
        """Whether what nobody can make up names our mail: all else may be guessed, or meant for another one."""
        return self in (MatchedBy.TOKEN, MatchedBy.IN_REPLY_TO, MatchedBy.REFERENCES)

    def is_surer_than(self, other: MatchedBy) -> bool:
        """Whether this way says more of which mail is answered than another."""
        order = list(MatchedBy)
        return order.index(self) < order.index(other)


class TokenRefusal(StrEnum):
    """Why a token at an address of ours was not believed (D16)."""

    FORGED = "forged"
    EXPIRED = "expired"


class SenderCheck(StrEnum):
    """What is known of who sent a message, beside what its From claims (S3)."""

    # The domain of From vouches for it (DMARC), as our own mail server found.
    PASSED = "passed"
    # That domain disowns it.
    FAILED = "failed"
    # From names several people, or stands there several times: programs differ on which one they look at.
    SEVERAL = "several"
    # Our mail server says nothing, or nobody told us its name (AUTHSERV_ID).
    UNKNOWN = "unknown"

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody may be taken for the author."""
        return self in (SenderCheck.FAILED, SenderCheck.SEVERAL)


class AskedBy(StrEnum):
    """By which way somebody asked."""

    MAIL = "mail"
    TELEPHONE = "telephone"
    CHAT = "chat"
    MEETING = "meeting"


class QuestionStatus(StrEnum):
    """The five trays of the question queue."""

    TO_SORT = "to_sort"
    TO_ANSWER = "to_answer"
    TO_PUBLISH = "to_publish"
    PUBLISHED = "published"
    CLOSED = "closed"


class ClosedAs(StrEnum):
    """What a message was that waits for no answer to a question (contract, `closed_as`)."""

    THANKS = "thanks"
    AUTOMATIC = "automatic"
    REGISTRATION = "registration"
    PROXY = "proxy"
    ADDRESS = "address"
    UNSUBSCRIBE = "unsubscribe"
    DEPARTURE = "departure"
    # A question that was answered, and is never published.
    ANSWERED = "answered"
    OTHER = "other"


class Granted(StrEnum):
    """What the team did because a mail asked for it."""

    UNSUBSCRIBED = "unsubscribed"
    ADDRESS = "address"
    DEPARTURE = "departure"
    DATA_REQUEST = "data_request"


class Channel(StrEnum):
    """By which way a change reached us."""

    IMPORT = "import"
    STAFF = "staff"
    LINK = "link"
    ONE_CLICK = "one_click"
    MAIL = "mail"
    COMMAND = "command"


class LinkPurpose(StrEnum):
    """What a personal link is good for: a token of one purpose opens nothing else (S4)."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    REGISTRATION = "registration"
    QUESTION = "question"
