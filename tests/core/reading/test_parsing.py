"""Any bytes become a message: the pitfalls of mail that raise, mislead or take minutes elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.reading.bounces import read
from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import Limits, parse
from service.core.reading.replies import cut

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.eml"))
OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))


@pytest.mark.parametrize(
    "field",
    [
        b"To: (c):",
        b'To: "',
        b"Content-Type: text/plain; name*",
        b"Content-Type: text/plain; name*0*=utf-8''%; name*1",
        b"Message-ID: <[x@microsoft.example]>",
        b"From: =?utf-8?q?=0A?= <lea@membre.example>",
        b"To: " + b"(" * 20_000,
        b'From: "' + b'\\"' * 20_000,
        b"Subject: " + b"=?utf-8?q?mot?= " * 3_000,
        b"Content-Transfer-Encoding: ;",
        b"Content-Type: multipart/mixed; boundary*=x''%00",
    ],
)
def test_a_field_that_breaks_parsers_does_not_hide_the_text(field: bytes) -> None:
    message = parse(field + b"\n\nBonjour")
    assert message.text == "Bonjour"
    assert message.error is None


@pytest.mark.parametrize(
    "charset", ["unknown-8bit", "iso-8859-8-i", '"utf-8 eua"', "uft-8", "1", "unicode_escape", "../x"]
)
def test_a_charset_that_nobody_knows_leaves_utf8_as_it_is(charset: str) -> None:
    assert parse(f"Content-Type: text/plain; charset={charset}\n\nÉté \\u0041".encode()).text == "Été \\u0041"


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("", "l’été".encode(), "l’été"),
        ("us-ascii", "été".encode("latin-1"), "été"),
        ("iso-8859-1", "30 € d’avance".encode("cp1252"), "30 € d’avance"),
        ("iso-8859-15", "30 €".encode("iso-8859-15"), "30 €"),
        ("utf-8", "une été".encode() + b" caf\xe9", "une été café"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("utf-16le", "été".encode("utf-16-le"), "été"),
    ],
)
def test_the_bytes_decide_the_charset_before_the_declaration(charset: str, raw: bytes, text: str) -> None:
    assert parse(b"Content-Type: text/plain; charset=" + charset.encode() + b"\n\n" + raw).text == text


def test_controls_and_marks_leave_and_accents_are_composed() -> None:
    message = parse(b"Subject: a\x00b\n\nun\x00\x07e\xef\xbb\xbf e\xcc\x81te\xcc\x81\x0cfin")
    assert (message.subject, message.text) == ("ab", "une été\nfin")


@pytest.mark.parametrize("hidden", ["=0D=0ABcc:_x@y.example", "=E2=80=A8Bcc:_x@y.example", "=0B_=C2=85Bcc:"])
def test_no_header_value_holds_a_line_end(hidden: str) -> None:
    message = parse(
        f"Subject: =?utf-8?q?Question{hidden}?=\nFrom: =?utf-8?q?L{hidden}?= <lea@membre.example>\n\n".encode()
    )
    assert message.from_address == "lea@membre.example"
    assert all(len(value.splitlines()) <= 1 for _, value in message.headers.fields)


@pytest.mark.parametrize(
    ("field", "address", "name"),
    [
        ("René Poirier <rene@membre.example>", "rene@membre.example", "René Poirier"),
        ("Durand, Marie <m@membre.example>", "m@membre.example", "Durand, Marie"),
        ("=?utf-8?q?L=C3=A9a_=3Clea=40membre.example=3E?=", "lea@membre.example", "Léa"),
        ('"chef@autre.example" <lea@membre.example>', "lea@membre.example", "chef@autre.example"),
        ('"<chef@autre.example>" <lea@membre.example>', "lea@membre.example", ""),
        ("=?utf-8?q?chef=40autre.example?= <lea@membre.example>", "lea@membre.example", "chef@autre.example"),
        ("lea@membre.example (Léa Brun)", "lea@membre.example", "Léa Brun"),
        ("LEA@Membre.Example", "lea@membre.example", ""),
        ("=?utf-8?b?TMOp?= =?utf-8?b?YSA=?= <lea@membre.example>", "lea@membre.example", "Léa"),
        ("=?utf-8?q?L=C3?= =?utf-8?q?=A9a?= <lea@membre.example>", "lea@membre.example", "Léa"),
        ("Léa", "", "Léa"),
    ],
)
def test_the_sender_is_read_as_people_write_it(field: str, address: str, name: str) -> None:
    message = parse(f"From: {field}\n\n".encode())
    assert (message.from_address, message.from_name) == (address, name)


def test_two_senders_are_both_told() -> None:
    twice = parse(b"From: a@membre.example\nFrom: b@membre.example\n\n")
    listed = parse(b"From: A <a@membre.example>, B <b@membre.example>\n\n")
    assert twice.authors == listed.authors == ("a@membre.example", "b@membre.example")
    assert parse(b'From: "x@y.example, Z" <a@membre.example>\n\n').authors == ("a@membre.example",)


@pytest.mark.parametrize(
    ("head", "certain"),
    [
        ("From: Durand, Marie <a@membre.example>", True),
        ("From: b@membre.example <a@membre.example>", True),
        ("From: a@membre.example\nSender: b@membre.example\nReply-To: c@membre.example", True),
        ("From: a@membre.example\nFrom: b@membre.example", False),
        ("From: a@membre.example\nFROM: A@membre.example", False),
        ("From: a@membre.example\nFrom: personne", False),
        ("From: a@membre.example, b@membre.example", False),
        ("From: Léa", False),
        ("Subject: Question", False),
    ],
)
def test_s3_who_wrote_is_certain_of_one_from_with_one_address_alone(head: str, certain: bool) -> None:
    assert parse(f"{head}\n\nBonjour".encode()).has_one_author is certain


def test_a_broken_line_does_not_end_the_headers() -> None:
    message = parse(b"From lea Fri May 26\nFrom: lea@membre.example\nligne sans champ\nSubject: Question\n\nBonjour")
    assert (message.from_address, message.subject, message.text) == ("lea@membre.example", "Question", "Bonjour")


def test_text_that_follows_the_headers_without_an_empty_line_is_kept() -> None:
    assert parse(b"From: lea@membre.example\nBonjour, une question\nsur deux lignes").text.startswith("Bonjour, une")


def test_every_recipient_field_is_searched_for_tokens() -> None:
    fields = ["To", "Cc", "Delivered-To", "Envelope-To", "X-Original-To", "Apparently-To"]
    raw = "".join(f"{name}: <VIE+{number}@passerelles.example>\n" for number, name in enumerate(fields))
    assert parse(raw.encode()).recipients == tuple(f"vie+{number}@passerelles.example" for number in range(6))


def test_message_ids_keep_their_brackets_and_lose_their_folds() -> None:
    message = parse(b"In-Reply-To: c1@x.example\nReferences: <a@x.example>\n <b@\n x.example> <a@x.example>\n\n")
    assert message.in_reply_to == "<c1@x.example>"
    assert message.references == ("<a@x.example>", "<b@x.example>")


def test_text_before_and_after_a_picture_is_joined() -> None:
    message = parse(SAMPLES[[sample.name for sample in SAMPLES].index("reply_apple_mail.eml")].read_bytes())
    assert message.text.index("Voici le plan") < message.text.index("Peut-on s’y réunir")
    assert [part.filename for part in message.parts] == ["", "plan d'étage.png", ""]


def test_an_attached_text_is_no_part_of_the_letter() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\nBonjour\n--B\nContent-Disposition: attachment; filename=a.txt\n\nannexe\n--B--"
    message = parse(raw)
    assert message.text == "Bonjour"
    assert message.parts[1].size == len("annexe")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\passwd", "/etc/passwd", "a/.passwd", "=?utf-8?q?=2E=2E=2Fpasswd?="]
)
def test_a_file_name_never_leads_out_of_its_folder(name: str) -> None:
    part = parse(f'Content-Disposition: attachment; filename="{name}"\n\n'.encode()).parts[0]
    assert part.filename.endswith("passwd")
    assert not set(part.filename) & set("/\\")
    assert not part.filename.startswith(".")


def test_a_name_cannot_turn_the_writing_direction() -> None:
    assert (
        parse("Content-Disposition: attachment; filename=facture\u202efdp.exe\n\n".encode()).parts[0].filename
        == "facturefdp.exe"
    )


def test_flowed_lines_are_joined_at_each_depth() -> None:
    raw = b"Content-Type: text/plain; format=flowed\n\nune phrase \nsur deux lignes\n> un \n> mot\n-- \nLea"
    assert parse(raw).text == "une phrase sur deux lignes\n> un mot\n-- \nLea"


@pytest.mark.parametrize("top", [b"boundary=autre", b"", b'boundary="B'])
def test_a_multipart_with_a_wrong_boundary_still_gives_its_text(top: bytes) -> None:
    raw = b"Content-Type: multipart/mixed; " + top + b"\n\n--B\nContent-Type: text/plain\n\nBonjour\n--B--\n"
    assert parse(raw).text == "Bonjour"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"x" * (25 * 2**20 + 1), "pèse 26 Mo"),
        (b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\nx\n" * 20_000, "plus de 200 parties"),
        (
            b"".join(b"Content-Type: multipart/mixed; boundary=B%d\n\n--B%d\n" % (n, n) for n in range(2_000)),
            "20 niveaux",
        ),
        (b"Content-Type: message/rfc822\n\n" * 1_000, "20 niveaux"),
        (b"Subject: a\nX-Long: " + b"a@b.example, " * 9_000 + b"\n\nBonjour", "65536 octets"),
        (b"", "vide"),
    ],
)
def test_a_message_beyond_a_limit_says_which(raw: bytes, words: str) -> None:
    message = parse(raw)
    assert words in (message.error or "")
    assert recognise(message, OURS).kind == "unreadable"


def in_parts(count: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\nx\n" * count + b"--B--\n"


def in_multiparts(depth: int) -> bytes:
    opened = (b"Content-Type: multipart/mixed; boundary=B%d\n\n--B%d\n" % (n, n) for n in range(depth))
    return b"".join(opened) + b"\nBonjour"


def in_messages(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\n\n" * depth + b"\nBonjour"


def with_headers(octets: int) -> bytes:
    head = b"Subject: a\nX-Long: "
    # With the empty line that ends them.
    return head + b"a" * (octets - len(head) - 2) + b"\n\nBonjour"


def of_size(octets: int) -> bytes:
    return b"\n" + b"x" * (octets - 1)


@pytest.mark.parametrize(
    ("made", "most"),
    [(in_parts, 200), (in_multiparts, 20), (in_messages, 20), (with_headers, 64 * 1024), (of_size, 25 * 2**20)],
)
def test_s14_a_limit_is_where_it_is_said_to_be(made: Callable[[int], bytes], most: int) -> None:
    assert parse(made(most)).error is None
    assert parse(made(most + 1)).error is not None


def test_a_very_long_text_is_cut_and_says_so() -> None:
    assert parse(b"\n" + b"mot " * 100, Limits(text=40)).text.endswith("est plus long.]")


@given(st.binary(max_size=600))
def test_any_bytes_are_read(raw: bytes) -> None:
    message = parse(raw)
    assert "\x00" not in message.text + message.html + message.subject
    (message.text + message.html + str(message.headers)).encode()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_sample_is_read_to_the_end(sample: Path, data: st.DataObject) -> None:
    raw = bytearray(sample.read_bytes())
    for _ in range(data.draw(st.integers(0, 12))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    message = parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert recognise(message, OURS).reason
    assert all(bounce.address for bounce in read(message))
    assert isinstance(cut(message.text, message.html).reply, str)
