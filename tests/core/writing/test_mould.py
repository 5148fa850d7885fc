"""Is the message of each recipient exactly his own, whatever his name, and always one that any server takes?"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.smtp_text import WireReady, is_fit
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import places as names
from service.core.writing.letter import House, Letter, ListIdentity
from service.core.writing.mould import Mould
from service.core.writing.printable import one_line
from service.core.writing.rendering import compose
from tests.emails.golden import templates

TEMPLATES = templates()
LIST = ListIdentity("communiques", "Communiqués", "passerelles.example")
HOUSE = House("Les Passerelles", postal_address="12 quai des Tanneurs, 00000 Pont-Levant")


def made(subject: str, body: str, mail_class: MailClass = MailClass.NEWSLETTER, preheader: str = "") -> Mould:
    letter = Letter(MailKind.COMMUNIQUE, mail_class, subject, preheader, body)
    return compose(
        letter, HOUSE, LIST, templates=TEMPLATES, sender="Les Passerelles <vie@passerelles.example>", campaign=7
    )


def values(**given_values: str) -> dict[str, str]:
    return {
        names.TO: "camille@adherents.example",
        names.TO_NAME: "Camille Royer",
        names.REPLY_TO: "vie+abc@passerelles.example",
        names.MESSAGE_ID: "7.1.k2@passerelles.example",
        names.DATE: "Fri, 12 May 2023 09:00:00 +0200",
        names.UNSUBSCRIBE_URL: "https://vie.passerelles.example/d/abc",
        "prénom": "Camille",
        "nom": "Royer",
        "structure": "Médiation",
        "collège": "Salariés",
        "numéro": "12",
        **given_values,
    }


def parsed(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)


def parts(message: bytes) -> dict[str, str]:
    return {
        part.get_content_type(): part.get_content().replace("\r\n", "\n")
        for part in parsed(message).walk()
        if not part.is_multipart()
    }


def read_name(message: bytes) -> str:
    """The name in To as RFC 2047 reads it (policy.default of Python 3.11 puts a space inside long encoded names)."""
    name, _ = parseaddr(str(message_from_bytes(message, policy=policy.compat32)["To"]))
    return str(make_header(decode_header(name))).replace("\r\n", "")


def fit_for_the_wire(mould: Mould, given: dict[str, str]) -> bytes:
    """Give a mail whole. What it is marked as, it is: the line to the relay looks no more."""
    content = mould.fill(given)
    assert isinstance(content, WireReady)
    message = bytes(content)
    assert len(content) == len(message)
    assert is_fit(b"\r\n" + message)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message)
    assert max(map(len, message.split(b"\r\n"))) <= 78
    assert message.isascii()
    assert not re.search(rb"^\.", message, re.MULTILINE)
    return message


PERSONAL = made(
    "{prénom} {nom}, où en sommes-nous ?",
    "Bonjour {prénom} {nom},\n\n## Pour {structure}\n\n- {collège} n° {numéro}\n\n> [Voir {nom}](https://a.example)\n\n{prénom}{nom}",
)

any_value = st.text(max_size=60) | st.text(alphabet='.=?"\\<>&é\r\n\u2028\u00a0 _@,;:😀\ud800', max_size=200)


@settings(max_examples=60)
@given(any_value, any_value, any_value)
def test_d9_d10_any_value_arrives_exactly_and_injects_nothing(first: str, last: str, name: str) -> None:
    message = fit_for_the_wire(PERSONAL, values(prénom=first, nom=last, to_name=name))
    mail = parsed(message)
    first, last, name = one_line(first), one_line(last), one_line(name)
    assert read_name(message) == name
    assert mail["To"].addresses[0].addr_spec == "camille@adherents.example"
    assert len(mail["To"].addresses) == 1
    assert mail["Subject"].lstrip(" ") == f"{first} {last}, où en sommes-nous\u00a0?".lstrip(" ")
    assert mail.keys() == parsed(PERSONAL.splice(values())).keys()
    text, html = parts(message)["text/plain"], parts(message)["text/html"]
    assert f"Bonjour {first} {last},\n" in text
    assert f"\n{first}{last}\n" in text
    assert re.search(f">Bonjour {_html(first)} {_html(last)},</p>", html)


header_value = st.from_regex(r"<?[a.=\r\n]{1,3}@[a.\r\n]{1,3}>?", fullmatch=True)
header_value |= st.just(".a@a.a") | st.from_regex(r"https?://[a.\r\n]{1,3}|[a0 :\r\n]{9,12}", fullmatch=True)


@pytest.mark.parametrize("slot", list(names.Slot))
@settings(max_examples=100)
@given(any_value | header_value, any_value, st.none() | any_value)
def test_s9_whatever_its_value_a_place_is_filled_with_lines_fit_for_the_wire_or_not_at_all(
    slot: names.Slot, value: str, name: str, fallback: str | None
) -> None:
    """The mail is not looked at again: what stands between its runs has to be fit, even as a line of its own."""
    mould = Mould((b"A: a\r\n", names.Place("prénom", slot, fallback), b"\r\n"))
    try:
        message = mould.splice({"prénom": value, names.TO_NAME: name})
    except ValueError:
        return
    assert is_fit(message)


def _html(value: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        value = value.replace(character, entity)
    return re.escape(value)


@pytest.mark.parametrize("length", [0, 72, 73, 145])
def test_every_character_of_one_long_word_reads_back_from_the_text_and_the_html(length: int) -> None:
    start = "x" * length
    for character in map(chr, range(33, 127)):
        message = fit_for_the_wire(PERSONAL, values(prénom=f"{start}{character}"))
        text, html = parts(message)["text/plain"], parts(message)["text/html"]
        assert f"Bonjour {start}{character} Royer,\n" in text
        assert re.search(f">Bonjour {_html(f'{start}{character}')} Royer,</p>", html)


def test_a_long_accented_name_is_never_cut_inside_a_word() -> None:
    name = "Fédération départementale des associations d'éducation populaire et d'économie sociale et solidaire de l'Hérault"
    message = PERSONAL.splice(values(to_name=name))
    assert read_name(message) == name
    assert parsed(message)["To"].addresses[0].display_name.split() == name.split()


def test_a_value_is_never_a_header() -> None:
    evil = "Camille\r\nBcc: tous@adherents.example\r\n\r\nVide"
    mail = parsed(PERSONAL.splice(values(to_name=evil, prénom=evil)))
    assert "Bcc" not in mail
    assert mail["To"].addresses[0].display_name == "Camille Bcc: tous@adherents.example Vide"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to", "camille@adherents.example>, <tous@adherents.example"),
        ("to", "camille@adherents.example\r\nBcc: x@y.example"),
        ("to", "élo@adherents.example"),
        ("to", "@adherents.example"),
        ("reply_to", "vie@passerelles.example\n"),
        ("message_id", "sans arobase"),
        ("date", "demain\r\n"),
        ("unsubscribe_url", "https://x.example/>\r\nX: y"),
        ("unsubscribe_url", "javascript:alert(1)"),
        ("in_reply_to", "<a@b.example>\r\nX: y"),
    ],
)
def test_an_envelope_value_that_no_header_can_carry_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot stand in a header"):
        PERSONAL.splice(values(**{name: value}))


def test_a_value_not_given_is_refused() -> None:
    given_values = values()
    del given_values["nom"]
    with pytest.raises(KeyError):
        PERSONAL.splice(given_values)


def test_an_empty_field_takes_the_words_given_for_it() -> None:
    mail = made("Bonjour", "Bonjour {prénom|cher sociétaire}, {nom}.")
    assert "Bonjour cher sociétaire, Royer." in mail.text(values(prénom="  "))
    assert "Bonjour cher sociétaire, Royer." in mail.html(values(prénom=""))
    assert mail.fields == {"prénom", "nom"}
    assert mail.required_fields == {"nom"}


def test_d8_two_members_mails_differ_only_in_their_fields_and_tokens() -> None:
    mail = made("Pour {prénom}", "Bonjour {prénom},\n\n![p](https://a.example/p.gif) [x](https://a.example/x)")
    one = values(prénom="UN", to="un@a.example", to_name="UN", unsubscribe_url="https://v.example/d/UN")
    two = {name: value.replace("UN", "DEUX").replace("un@", "deux@") for name, value in one.items()}
    assert mail.html(one).replace("UN", "DEUX") == mail.html(two)
    assert mail.text(one).replace("UN", "DEUX") == mail.text(two)
    assert "<img" not in mail.html(one)


@pytest.mark.parametrize(
    "parts",
    [
        (b"a\nb\r\n",),
        (b"a\r", b"\nb\r\n"),
        (b".a\r\n",),
        ("été\r\n".encode(),),
        (b"a\r\n.", b"b\r\n"),
        (b"a\r\n", names.Place("prénom", names.Slot.TEXT), b".b\r\n"),
        (b"a",),
        (b"a\r\n", names.Place(names.DATE, names.Slot.DATE)),
        (),
    ],
)
def test_a_mould_that_is_not_fit_for_the_wire_as_it_stands_makes_mails_that_the_line_looks_at(
    parts: tuple[bytes | names.Place, ...],
) -> None:
    assert not isinstance(Mould(parts).fill(values()), WireReady)


def test_a_mould_whose_body_stands_among_its_headers_is_refused() -> None:
    """What no header may hold would else go into one as it is."""
    with pytest.raises(ValueError, match="place of the body"):
        Mould((names.Place("prénom", names.Slot.TEXT), b"\r\n", names.Place(names.DATE, names.Slot.DATE)))


def test_octets_of_a_heading_that_are_no_ascii_and_its_per_cents_stay_as_they_are() -> None:
    shape = Mould((b"X: \xe9\x00\xff 100 %s %%\r\nDate: ", names.Place(names.DATE, names.Slot.DATE), b"\r\n\r\n%d\r\n"))
    assert shape.splice(values()) == b"X: \xe9\x00\xff 100 %s %%\r\nDate: Fri, 12 May 2023 09:00:00 +0200\r\n\r\n%d\r\n"


def test_values_that_are_short_each_and_long_together_are_carried() -> None:
    given = values(to=f"{'a' * 400}@adherents.example", unsubscribe_url=f"https://vie.passerelles.example/{'d' * 700}")
    assert "d" * 700 in str(parsed(PERSONAL.splice(given))["List-Unsubscribe"])


def test_a_reply_is_threaded_and_a_campaign_is_not() -> None:
    assert "In-Reply-To" not in parsed(PERSONAL.splice(values()))
    mail = parsed(PERSONAL.splice(values(in_reply_to="<q@adherents.example>")))
    assert mail["In-Reply-To"] == mail["References"] == "<q@adherents.example>"


def test_a_mould_comes_back_from_the_database_as_it_went() -> None:
    stored = PERSONAL.to_bytes()
    again = Mould.from_bytes(stored)
    assert again == PERSONAL
    assert again.sha256 == PERSONAL.sha256 != made("a", "b").sha256
    assert again.splice(values()) == PERSONAL.splice(values())
    with pytest.raises(ValueError, match="version 2"):
        Mould.from_bytes(stored.replace(b'"version":1', b'"version":2'))


def test_r13_a_mould_of_a_former_version_is_read() -> None:
    """A campaign that was launched under the one goes on under the other."""
    stored = b'{"version":1,"parts":["VG86IA==",["to","address",null],"DQoNCkJvbmpvdXIg",["pr\xc3\xa9nom","text","vous"],"DQo="]}'
    assert Mould.from_bytes(stored).parts == (
        b"To: ",
        names.Place("to", names.Slot.ADDRESS),
        b"\r\n\r\nBonjour ",
        names.Place("prénom", names.Slot.TEXT, "vous"),
        b"\r\n",
    )


def test_the_preview_is_the_very_mail() -> None:
    personal = {name: value for name, value in values().items() if name in PERSONAL.fields}
    sent = parts(PERSONAL.splice(values(unsubscribe_url="https://pli.invalid/")))
    assert PERSONAL.html(personal) == sent["text/html"]
    assert PERSONAL.text(personal) == sent["text/plain"]
    assert PERSONAL.subject(personal) == "Camille Royer, où en sommes-nous\u00a0?"
