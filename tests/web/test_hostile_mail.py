"""Hostile mail, put into a real mailbox and read in a real browser: nothing runs, loads or leads away (S1, S2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request
from sqlalchemy import func, select

from service import schema
from service.actions import inbox, mailbox
from service.core.vocabulary import DeliveryState, InboundKind, InboundState, Role
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium
from tests.parts.dovecot import DovecotServer
from tests.parts.hostile_mails import FOREIGN, RUN, mails
from tests.web.test_accessibility import served
from tests.web.world import PASSWORD, SENDER, WRITER, World, wired

MEMBER = "camille.roy@membre.example"


@dataclass
class Tripwires:
    """What a page did that it must not do."""

    site: str
    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext, page: Page) -> None:
        """Look at everything that this page does from now on."""
        context.on("request", self._asked)
        context.on("page", lambda _: self.found.append("another window"))
        page.on("dialog", self._spoke)
        page.on("download", lambda _: self.found.append("a download"))
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.found.append(f"it ran and failed: {error}"))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.site, "data:", "about:")):
            self.found.append(f"a foreign request: {request.url}")
        elif request.method != "GET":
            self.found.append(f"a form was sent: {request.url}")

    def _spoke(self, dialog: Dialog) -> None:
        self.found.append("it ran")
        dialog.dismiss()

    def _told(self, message: ConsoleMessage) -> None:
        # The browser says so when a policy keeps something back: nothing must even be tried.
        if message.type in ("error", "warning"):
            self.found.append(message.text)


@dataclass(frozen=True)
class Read:
    """A cooperative whose mailbox was filled with hostile mail, served to a browser."""

    site: str
    world: World
    names: dict[int, str]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, dovecot_of_the_run: DovecotServer) -> Iterator[Read]:
    box, port = dovecot_of_the_run.fresh_postbox(), free_port()
    wiring = wired(
        tmp_path_factory.mktemp("hostile"),
        PUBLIC_URL=f"http://127.0.0.1:{port}",
        IMAP_URL=f"imap://{box.user}:{box.password}@{box.host}:{box.port}/INBOX",
    )
    schema.upgrade(wiring.engine)
    world = World(wiring)
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    world.mailing_list()
    world.member(email=MEMBER, to="nouvelles")
    row = world.deliveries(world.launched().id)[0]
    with world.begin() as session, session.begin():
        session.get_one(Delivery, row.id).state = DeliveryState.ACCEPTED
    named = list(mails(wiring.office.usual.returns.reply_to_for(row.id), MEMBER))
    box.deliver_all(raw for _, raw in named)
    with wiring.mailbox() as open_box:
        stored = mailbox.collect(wiring.sessions, open_box, wiring.reader, "INBOX", now=wiring.now)
    for number in stored:
        inbox.read(wiring.sessions, wiring.reader, number, now=wiring.now)
    with served(create_app(wiring), port):
        yield Read(f"http://127.0.0.1:{port}", world, dict(zip(stored, (name for name, _ in named), strict=True)))
    wiring.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, read: Read) -> Iterator[Page]:
    """Paul at his browser, signed in."""
    context = browser.new_context()
    made = context.new_page()
    made.goto(f"{read.site}/connexion")
    made.fill("input[name=email]", SENDER)
    made.fill("input[name=password]", PASSWORD)
    made.get_by_role("button", name="Se connecter").click()
    made.wait_for_url(f"{read.site}/")
    yield made
    context.close()


def test_there_are_enough_of_them_and_each_is_read(read: Read) -> None:
    assert len(read.names) >= 120
    with read.world.begin() as session:
        rows = list(session.scalars(select(InboundMessage)))
        asked = session.scalar(select(func.count()).select_from(Asking)) or 0
    assert {row.state for row in rows} == {InboundState.TREATED}
    automatic = [row for row in rows if row.kind is InboundKind.AUTO_REPLY]
    assert len(automatic) >= 8
    assert asked >= len(rows) - len(automatic) - 2, "all that a person may have written is a question"


def test_the_tripwires_are_taut(browser: Browser, read: Read) -> None:
    """What is asserted below can fail: the same mail without any care trips each of them."""
    context = browser.new_context()
    bare, wires = context.new_page(), Tripwires(read.site)
    wires.watch(context, bare)
    bare.set_content(f"<script>{RUN}</script><img src=https://{FOREIGN}/i><form method=post action=/x id=f></form>")
    bare.wait_for_timeout(300)
    context.close()
    assert "it ran" in wires.found
    assert any(f"https://{FOREIGN}/couru" in one for one in wires.found)
    assert any(f"https://{FOREIGN}/i" in one for one in wires.found)


def test_no_list_of_mail_runs_loads_or_leads_anywhere(page: Page, read: Read) -> None:
    """S1: the trays, what a search finds, the lines that a mail is split at, the member's page, the home page."""
    with read.world.begin() as session:
        asked = list(session.scalars(select(Asking.question_id).where(Asking.text.contains("\n"))))
    trays = [f"/reponses?page={number}" for number in range(1, -(-len(read.names) // 20))]
    pages = [
        *trays,
        *(f"/reponses/{question}/separer" for question in asked),
        "/reponses?bac=a-trier&cherche=alert",
        "/societaires/1",
        "/",
    ]
    assert_calm(page, read, [(path, "") for path in pages])


def test_no_original_and_none_of_its_files_runs_loads_or_leads_anywhere(page: Page, read: Read) -> None:
    """S1, S2, S13: each message as it came."""
    assert_calm(page, read, [(f"/reponses/courrier/{number}", name) for number, name in read.names.items()])


def test_no_question_runs_loads_or_leads_anywhere(page: Page, read: Read) -> None:
    """S1: the words as asked, signatures, quotes, subjects, names, files; ten mails a page, as if ten had asked the same."""
    with read.world.begin() as session, session.begin():
        askings = list(session.scalars(select(Asking).order_by(Asking.id)))
        for place, asking in enumerate(askings):
            asking.question_id = askings[place - place % 10].question_id
        questions = sorted({asking.question_id for asking in askings})
        names = {
            question: ", ".join(
                read.names[one.inbound_message_id or 0] for one in askings if one.question_id == question
            )
            for question in questions
        }
    assert_calm(page, read, [(f"/reponses/{question}", names[question]) for question in questions])


def assert_calm(page: Page, read: Read, pages: list[tuple[str, str]]) -> None:
    """Open each page as staff do: it shows what it is asked for, and does nothing else."""
    wires, found = Tripwires(read.site), []
    wires.watch(page.context, page)
    for path, name in pages:
        answer = page.goto(read.site + path)
        assert answer is not None
        assert answer.status == 200, f"{path} {name}"
        strays = [frame.url for frame in page.frames[1:] if frame.url != f"{read.site}{path}/original"]
        found += [f"{path} ({name}): {one}" for one in (*wires.found, *(f"a frame went to {url}" for url in strays))]
        if page.url != read.site + path:
            found.append(f"{path} ({name}): the page went to {page.url}")
        wires.found.clear()
    page.wait_for_timeout(300)
    found += wires.found
    assert not found, "\n".join(found)
