"""Hostile mail, put into a real mailbox and read in a real browser: nothing runs, loads or leads away (S1, S2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request
from sqlalchemy import select

from service import schema
from service.actions import inbox, mailbox
from service.core.reading import files
from service.core.vocabulary import (
    InboundKind,
    InboundState,
)
from service.models.inbound_message import InboundMessage
from service.models.mailing_list import Suppression
from service.models.pace import Destination
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium
from tests.parts.dovecot import DovecotServer
from tests.parts.hostile_mails import FOREIGN, RUN, denial, mails, of_strangers, reports
from tests.web.hostile_walks import (
    DENIED,
    FILE,
    FRAMED,
    MEMBER,
    WALKS,
    WITHOUT_MAIL,
    Read,
    cut_otherwise,
    sent_to_all,
)
from tests.web.test_accessibility import served
from tests.web.world import PASSWORD, SENDER, World, wired

# How long the browser is given to do what it was told on the way.
GRACE = 300  # milliseconds
AT_ONCE = 20
FRAMES_WITHOUT_SANDBOX = """async (addresses) => {
    document.querySelector('main').replaceChildren();
    await Promise.all(addresses.map((address) => new Promise((loaded) => {
        const frame = document.createElement('iframe');
        frame.onload = loaded;
        frame.src = address;
        document.querySelector('main').append(frame);
    })));
}"""


@dataclass
class Tripwires:
    """What a page did that it must not do."""

    site: str
    found: list[str] = field(default_factory=list)
    # The form that is pressed here.
    ours: str = ""

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
        elif request.method != "GET" and request.url != self.ours:
            self.found.append(f"a form was sent: {request.url}")

    def _spoke(self, dialog: Dialog) -> None:
        self.found.append("it ran")
        dialog.dismiss()

    def _told(self, message: ConsoleMessage) -> None:
        # The browser says so when a policy keeps something back: nothing must even be tried.
        if message.type in ("error", "warning"):
            self.found.append(message.text)


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
    rows = sent_to_all(world)
    returns = wiring.office.usual.returns
    named = list(mails(returns.reply_to_for(rows[0].id), MEMBER))
    named += reports(lambda n: returns.envelope_sender_for(rows[n + 1].id), lambda n: rows[n + 1].address)
    named += (
        (f"a denial: {n}", denial(returns.envelope_sender_for(row.id), row.address))
        for n, row in enumerate(rows[-DENIED:])
    )
    named += of_strangers("vie@passerelles.example")
    box.deliver_all(raw for _, raw in named)
    with wiring.mailbox() as open_box:
        stored = mailbox.collect(wiring.sessions, open_box, wiring.reader, "INBOX", now=wiring.now)
    for number in stored:
        inbox.read(wiring.sessions, wiring.reader, number, now=wiring.now)
    app = create_app(wiring)
    with served(app, port):
        names = dict(zip(stored, (name for name, _ in named), strict=True))
        yield Read(f"http://127.0.0.1:{port}", app, world, names)
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
    asked = len(read.askings())
    with read.world.begin() as session:
        rows = list(session.scalars(select(InboundMessage)))
        barred = len(list(session.scalars(select(Suppression))))
        left = session.scalars(select(Destination.reply)).all()
    assert len(rows) == len(read.names) >= 120
    counted = Counter(row.kind if row.state is InboundState.TREATED else row.state for row in rows)
    assert counted[InboundKind.AUTO_REPLY] >= 8
    assert counted[InboundKind.BOUNCE] >= 8 + DENIED
    for kind in (
        InboundKind.DELIVERY_NOTICE,
        InboundKind.COMPLAINT,
        InboundKind.READ_RECEIPT,
        InboundKind.CALENDAR_REPLY,
    ):
        assert counted[kind], kind
    assert counted[InboundState.LEFT_IN_PLACE] >= 8
    assert barred >= 4, "the words of a server are shown with whom they bar"
    assert any("<script>" in words for words in left), "and with the server that is left in peace"
    automatic = sum(row.kind not in inbox.FOR_PEOPLE for row in rows)
    assert asked >= len(rows) - automatic - counted[InboundState.LEFT_IN_PLACE] - 2, "all else is a question"


def test_each_page_is_opened_or_shows_nothing_of_a_mail(read: Read) -> None:
    rules = {rule.rule for rule in read.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert rules == WALKS.keys() | FRAMED.keys() | WITHOUT_MAIL | {FILE}


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


@pytest.mark.parametrize("rule", WALKS)
def test_no_page_that_shows_mail_runs_loads_or_leads_anywhere(page: Page, read: Read, rule: str) -> None:
    """S1, S2: opened as staff do, each shows what it is asked for and does nothing else."""
    wires, found, opened = Tripwires(read.site), [], 0
    wires.watch(page.context, page)
    for path, name in WALKS[rule](read):
        answer, opened = page.goto(read.site + path), opened + 1
        assert answer is not None
        assert answer.status == 200, f"{path} {name}"
        found += [f"{path} ({name}): {one}" for one in strays(page, read, path, wires)]
    page.wait_for_timeout(GRACE)
    found += wires.found
    assert opened
    assert not found, "\n".join(found)


def strays(page: Page, read: Read, path: str, wires: Tripwires) -> list[str]:
    """List what an open page did beside showing what it was asked for."""
    frames = {f"{read.site}{path.partition('?')[0]}/{one}" for one in ("original", "apercu")}
    # A sending shows the mail that left, which we wrote.
    frames |= {"", "about:srcdoc"} if path.startswith("/messages/") else set()
    found = [f"a frame went to {frame.url}" for frame in page.frames[1:] if frame.url not in frames]
    if page.url != read.site + path:
        found.append(f"the page went to {page.url}")
    found += wires.found
    wires.found.clear()
    return found


@pytest.mark.parametrize("rule", FRAMED)
def test_nothing_of_a_mail_needs_its_frame_to_be_calm(page: Page, read: Read, rule: str) -> None:
    """S2: what the frame holds back is held back by the answer itself, whoever opens it otherwise."""
    wires, paths = Tripwires(read.site), [path for path, _ in FRAMED[rule](read)]
    page.goto(f"{read.site}/equipe")
    wires.watch(page.context, page)
    for place in range(0, len(paths), AT_ONCE):
        addresses = [f"{path}/{rule.rpartition('/')[2]}" for path in paths[place : place + AT_ONCE]]
        page.evaluate(FRAMES_WITHOUT_SANDBOX, addresses)
        assert [frame.url for frame in page.frames[1:]] == [read.site + one for one in addresses]
    page.wait_for_timeout(GRACE)
    assert paths
    assert not wires.found, "\n".join(wires.found)


def test_what_is_read_again_runs_loads_and_leads_nowhere(page: Page, read: Read) -> None:
    """S1: what a second reading changed is told word by word."""
    wires = Tripwires(read.site)
    wires.watch(page.context, page)
    for number in cut_otherwise(read):
        page.goto(f"{read.site}/reponses/courrier/{number}")
        wires.ours = f"{page.url}/relire"
        page.get_by_role("button", name="Lire de nouveau ce message").click()
        page.get_by_text("Avant", exact=True).first.wait_for()
        assert page.url == wires.ours
    page.wait_for_timeout(GRACE)
    assert not wires.found, "\n".join(wires.found)


def test_each_file_is_kept_and_none_is_opened(browser: Browser, page: Page, read: Read) -> None:
    """S13: whatever a file says that it is, the browser saves it."""
    with read.world.begin() as session:
        rows = session.execute(
            select(InboundMessage.id, InboundMessage.raw).where(InboundMessage.raw.is_not(None))
        ).all()
    paths = [
        f"/reponses/courrier/{number}/pieces/{one.position}" for number, raw in rows for one in files.of(raw or b"")
    ]
    assert len(paths) >= 15
    wires = Tripwires(read.site)
    wires.watch(page.context, page)
    for path in paths:
        with page.expect_download() as saved, suppress(Error):
            page.goto(read.site + path)
        assert saved.value.url == read.site + path
        saved.value.cancel()
    page.wait_for_timeout(GRACE)
    assert wires.found == ["a download"] * len(paths)
