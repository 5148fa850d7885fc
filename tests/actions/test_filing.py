"""What was read is put away in the mailbox, once and only if it is ours, whatever others do there meanwhile (I5, R9)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from service.actions import filing, inbox, mailbox
from service.core import pacing
from service.core.vocabulary import InboundState, MailFolder
from service.gateways.imap import Account, ImapMailbox
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.question import Asking
from tests.actions.test_mailbox import READER, mail, nothing_is_broken
from tests.builders import World
from tests.parts.dovecot import OLD_SERVER, DovecotServer, Postbox, dovecot_server
from tests.parts.imap_proxy import cut_line

DONE, TO_SEE, FAILED = "Trait&AOk-s", "&AMA- voir", "&AMk-checs"
STRANGER = mail("pub").replace(b"membre1@exemple1", b"pub@ailleurs")


@pytest.fixture(scope="module")
def old_server() -> Iterator[DovecotServer]:
    with dovecot_server(OLD_SERVER) as running:
        yield running


@pytest.fixture(params=["MOVE", "COPY"])
def server(request: pytest.FixtureRequest) -> DovecotServer:
    name = "dovecot_of_the_run" if request.param == "MOVE" else "old_server"
    found: DovecotServer = request.getfixturevalue(name)
    return found


@pytest.fixture
def box(world: World, server: DovecotServer) -> Postbox:
    """A mailbox with a stranger's mail and two of a member."""
    world.mailing_list()
    world.members(3, "nouvelles")
    made = server.fresh_postbox()
    for raw in (STRANGER, mail("premier"), mail("second")):
        made.deliver(raw)
    return made


def account(box: Postbox, port: int = 0) -> Account:
    return Account(box.host, port or box.port, box.user, box.password, tls=False)


def read_all(world: World, box: Postbox, max_size: int = 25_000_000) -> int:
    """Store what is new, then read it, as the process and the worker do; return how much was new."""
    with ImapMailbox(account(box), max_size=max_size) as line:
        found = mailbox.collect(world.sessions, line, READER, "INBOX", now=world.clock)
    for number in found:
        inbox.read(world.sessions, READER, number, now=world.clock)
    return len(found)


def put_away(world: World, box: Postbox, port: int = 0) -> int:
    with ImapMailbox(account(box, port)) as line:
        return filing.put_away(world.sessions, line, READER, "INBOX", now=world.clock)


def lying(box: Postbox) -> dict[str, list[str]]:
    """The subjects of the messages of each folder, under its name without the server's prefix."""
    found = {name.removeprefix("INBOX."): sorted(map(subject, box.texts(f'"{name}"'))) for name in box.folders()}
    return {name: subjects for name, subjects in found.items() if subjects}


def subject(raw: bytes) -> str:
    return raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()


def rows(world: World) -> dict[str, InboundMessage]:
    """The messages that are ours, by their subjects."""
    with world.sessions() as session:
        read = select(InboundMessage).where(InboundMessage.state == InboundState.TREATED)
        return {row.subject: row for row in session.scalars(read)}


def test_i5_what_is_ours_is_moved_once_it_was_read_and_a_strangers_mail_stays_untouched(
    world: World, box: Postbox
) -> None:
    assert put_away(world, box) == 0
    read_all(world, box)
    box.deliver(mail("nouveau"))
    assert put_away(world, box) == 2
    assert lying(box) == {"INBOX": ["nouveau", "pub"], DONE: ["premier", "second"]}
    assert [(row.filed_in, row.filed_at) for row in rows(world).values()] == [(MailFolder.DONE, world.clock())] * 2
    assert not [one for folder in box.folders() for one in box.flags(f'"{folder}"') if "Seen" in one]
    assert put_away(world, box) == 0
    assert nothing_is_broken(world)


def test_i5_what_nothing_ties_to_us_stays_where_it_lies_though_pli_has_it(world: World, box: Postbox) -> None:
    """Our own mail, a copy of what somebody of the team wrote from the mailbox; and what nobody but a person could read."""
    box.deliver(mail("copie").replace(b"membre1@exemple1.", b"vie@passerelles."))
    box.deliver(mail("mortel"))
    with ImapMailbox(account(box)) as line:
        *others, deadly = mailbox.collect(world.sessions, line, READER, "INBOX", now=world.clock)
    with world.sessions.begin() as session:
        session.get_one(InboundMessage, deadly).attempts = pacing.MOST_READINGS
    for number in (*others, deadly):
        inbox.read(world.sessions, READER, number, now=world.clock)
    assert put_away(world, box) == 2
    assert lying(box) == {"INBOX": ["copie", "mortel", "pub"], DONE: ["premier", "second"]}
    assert nothing_is_broken(world)


def test_what_only_a_person_can_judge_or_read_lies_in_folders_of_its_own(world: World, box: Postbox) -> None:
    box.deliver(mail("STOP"))
    box.deliver(mail("lourd") + b"x" * 3000)
    read_all(world, box, max_size=2000)
    with world.sessions.begin() as session:
        asked = select(Asking).join(InboundMessage).where(InboundMessage.subject == "second")
        session.scalars(asked).one().same_address = False
    assert put_away(world, box) == 4
    assert lying(box) == {"INBOX": ["pub"], DONE: ["premier"], TO_SEE: ["STOP", "second"], FAILED: ["lourd"]}


def test_i5_what_was_moved_is_not_new_and_what_somebody_moves_back_is_asked_once(world: World, box: Postbox) -> None:
    read_all(world, box)
    put_away(world, box)
    assert read_all(world, box) == 0
    with ImapMailbox(account(box)) as line:
        line.select("INBOX.Traités" if f"INBOX.{DONE}" in box.folders() else "Traités")
        line.move([1], "INBOX")
    assert read_all(world, box) == 1
    assert put_away(world, box) == 1
    assert lying(box) == {"INBOX": ["pub"], DONE: ["premier", "second"]}
    with world.sessions() as session:
        assert len(session.scalars(select(Asking)).all()) == 2
    assert nothing_is_broken(world)


def test_a_refused_move_is_repeated_by_itself_more_and_more_rarely_and_nothing_is_read_again(
    world: World, box: Postbox, server: DovecotServer
) -> None:
    read_all(world, box)
    with server.unable_to_make(box, DONE):
        tries = 0
        for _ in range(60):
            with world.sessions() as session:
                before = session.scalars(select(MailboxCursor)).one().moves_refused
            assert put_away(world, box) == 0
            with world.sessions() as session:
                tries += session.scalars(select(MailboxCursor)).one().moves_refused - before
            world.clock.forward(minutes=1)
        # After 1, 2, 4, 8 and 15 minutes.
        assert tries == 7
    world.clock.forward(minutes=15)
    assert read_all(world, box) == 0
    assert put_away(world, box) == 2
    assert lying(box) == {"INBOX": ["pub"], DONE: ["premier", "second"]}
    assert nothing_is_broken(world)


def test_a_folder_that_cannot_be_made_keeps_back_nothing_that_goes_to_another(
    world: World, box: Postbox, server: DovecotServer
) -> None:
    box.deliver(mail("STOP"))
    read_all(world, box)
    with server.unable_to_make(box, DONE):
        assert put_away(world, box) == 1
    assert lying(box) == {"INBOX": ["premier", "pub", "second"], TO_SEE: ["STOP"]}


def test_r9_what_somebody_took_away_or_marked_for_deletion_is_left_to_him(world: World, box: Postbox) -> None:
    box.deliver(mail("troisième"), flags="\\Deleted")
    read_all(world, box)
    box.expunge(2)
    box.deliver(mail("quatrième"), flags="\\Deleted")
    read_all(world, box)
    assert put_away(world, box) == 1
    assert lying(box) == {"INBOX": ["pub", "quatrième"], DONE: ["second"]}
    told = {name: (row.filed_in, row.filed_at is not None) for name, row in rows(world).items()}
    assert told["premier"] == told["quatrième"] == (None, True)
    assert nothing_is_broken(world)


def test_r9_what_somebody_takes_away_in_the_very_moment_of_the_move_is_no_error(world: World, box: Postbox) -> None:
    class Late(ImapMailbox):
        def move(self, uids: list[int], folder: str) -> None:
            box.expunge(2)
            super().move(uids, folder)

    read_all(world, box)
    with Late(account(box)) as line:
        filing.put_away(world.sessions, line, READER, "INBOX", now=world.clock)
    assert lying(box) == {"INBOX": ["pub"], DONE: ["second"]}
    assert put_away(world, box) == 0
    assert nothing_is_broken(world)


def test_r8_numbers_of_a_folder_that_was_made_anew_move_nothing_else(
    world: World, box: Postbox, server: DovecotServer
) -> None:
    read_all(world, box)
    box.expunge(1)
    box.deliver(STRANGER)
    server.renumber(box)
    # Now a stranger's mail has the number that the member's second one had.
    assert put_away(world, box) == 0
    read_all(world, box)
    put_away(world, box)
    assert lying(box) == {"INBOX": ["pub"], DONE: ["premier", "second"]}
    with world.sessions() as session:
        assert len(session.scalars(select(Asking)).all()) == 2
    assert nothing_is_broken(world)


@pytest.mark.parametrize(
    ("server", "command"),
    [
        ("MOVE", b"(FLAGS)"),
        ("MOVE", b"UID MOVE"),
        ("COPY", b"UID COPY"),
        ("COPY", b"UID STORE"),
        ("COPY", b"UID EXPUNGE"),
    ],
    indirect=["server"],
)
def test_i5_r7_wherever_the_line_is_cut_each_message_lies_in_one_place(
    world: World, box: Postbox, command: bytes
) -> None:
    read_all(world, box)
    with cut_line(box.port, command, 0) as cut:
        with pytest.raises(ConnectionError):
            put_away(world, box, cut.port)
        put_away(world, box, cut.port)
        assert cut.times == 1
    assert lying(box) == {"INBOX": ["pub"], DONE: ["premier", "second"]}
    assert all(row.filed_in is MailFolder.DONE and row.filed_at for row in rows(world).values())
    assert read_all(world, box) == 0
    assert nothing_is_broken(world)


def test_a_server_that_could_not_take_a_copy_away_again_is_left_alone(world: World) -> None:
    with dovecot_server(OLD_SERVER.replace(" UIDPLUS", "")) as server:
        world.mailing_list()
        world.members(3, "nouvelles")
        box = server.fresh_postbox()
        box.deliver(mail("premier"))
        read_all(world, box)
        assert put_away(world, box) == 0
        assert lying(box) == {"INBOX": ["premier"]}
        assert rows(world)["premier"].state is InboundState.TREATED
