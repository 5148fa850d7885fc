"""Does dkimpy, a verifier that is not ours, accept what we sign, and nothing that was changed on the way (D1, D3)?"""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.core.dkim import Signer, _headers, _unfolded, is_aligned, signer
from service.core.smtp_text import Message, WireReady
from service.core.vocabulary import MailClass
from service.core.writing.mould import Mould
from tests.core.writing.test_mould import any_value, made, values
from tests.parts.dkim_zone import ALGORITHMS, Zone, pem, signer_of, tags

AT = 1683874800
ONE_CLICK = {"list-unsubscribe", "list-unsubscribe-post"}
ED25519 = signer_of("ed25519-sha256")
ZONE = Zone.of(ED25519)
PERSONAL = made("{prénom} {nom}, où en sommes-nous ?", "Bonjour {prénom|cher sociétaire} {nom},\n\n{structure}\n")
LONG = "La très longue assemblée générale extraordinaire des sociétaires, à Pont-Levant, " * 5


def signed_by(ours: Signer, message: Message, *, at: int) -> bytes:
    return bytes(ours.sign(message, at=at))


@pytest.fixture(params=ALGORITHMS)
def ours(request: pytest.FixtureRequest) -> Signer:
    return signer_of(request.param)


@pytest.mark.parametrize("mail_class", MailClass)
@pytest.mark.parametrize(
    "subject", ["Bonjour", "Été à {prénom} : où en sommes-nous ?", LONG, "mot " * 80, "x" * 300, ""]
)
def test_d1_d3_a_mail_of_each_class_verifies(ours: Signer, mail_class: MailClass, subject: str) -> None:
    signed = signed_by(ours, made(subject, "Bonjour {nom},\n\nUne nouvelle.", mail_class).splice(values()), at=AT)
    assert Zone.of(ours).verifies(signed)
    assert (tags(signed)["a"], tags(signed)["d"], tags(signed)["s"]) == (ours.algorithm, ours.domain, ours.selector)
    assert max(map(len, signed.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("mail_class", MailClass)
def test_d1_d6_both_unsubscribe_headers_are_signed_where_the_mail_has_them(mail_class: MailClass) -> None:
    named = tags(signed_by(ED25519, made("Bonjour", "Bonjour.", mail_class).splice(values()), at=AT))["h"].split(":")
    assert ONE_CLICK & set(named) == (ONE_CLICK if mail_class.can_be_left else set())
    assert {"from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type"} <= set(named)
    assert {"list-id", "feedback-id"} <= set(named)


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        (b"https://vie.passerelles.example/d/abc>", b"https://vie.passerelles.example/d/abd>"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=One-Clock"),
        (b"Reply-To: <vie+abc@", b"Reply-To: <vie+abd@"),
        (b"camille@adherents.example", b"camilla@adherents.example"),
        (b"<communiques.passerelles.example>", b"<communique.passerelles.example>"),
        (b"Une nouvelle.", b"Une nouvelle?"),
        (b"From: ", b"From: <x@ailleurs.example>\r\nFrom: "),
        (b"Subject: ", b"Subject: Autre\r\nSubject: "),
        (b"Date: ", b"Cc: <x@ailleurs.example>\r\nDate: "),
        (b"List-Unsubscribe: ", b"List-Unsubscribe: <https://ailleurs.example>\r\nList-Unsubscribe: "),
    ],
)
def test_d1_one_character_changed_or_a_header_added_breaks_the_signature(
    ours: Signer, typed: bytes, changed: bytes
) -> None:
    signed = signed_by(ours, made("Bonjour", "Une nouvelle.").splice(values()), at=AT)
    assert Zone.of(ours).verifies(signed)
    altered = signed.replace(typed, changed, 1)
    assert altered != signed
    assert not Zone.of(ours).verifies(altered)


def test_what_relays_do_on_the_way_leaves_the_signature_whole(ours: Signer) -> None:
    signed = signed_by(ours, made(LONG, "Une nouvelle.").splice(values()), at=AT)
    onward = (
        b"Received: by relay.example\r\nFeedback-ID: theirs\r\n" + signed.replace(b"\r\n =?", b"\r\n\t =?") + b"\r\n"
    )
    assert Zone.of(ours).verifies(onward)


def test_another_key_or_none_in_the_dns_does_not_verify(ours: Signer) -> None:
    signed = signed_by(ours, PERSONAL.splice(values()), at=AT)
    assert not Zone().verifies(signed)
    assert not Zone.of(signer_of(ours.algorithm, 1)).verifies(signed)


def test_d8_the_same_message_and_second_give_the_same_bytes(ours: Signer) -> None:
    message = PERSONAL.splice(values())
    first = signed_by(ours, message, at=int(parsedate_to_datetime(values()["date"]).timestamp()))
    assert first == signed_by(ours, message, at=AT)
    assert first.endswith(message)
    assert tags(first)["t"] == str(AT)


@settings(max_examples=60)
@given(any_value, any_value, any_value, st.sampled_from(["", "<q.1@adherents.example>"]))
def test_d3_whatever_a_field_holds_the_mail_verifies(first: str, last: str, name: str, answered: str) -> None:
    message = PERSONAL.fill(values(prénom=first, nom=last, structure=first + last, to_name=name, in_reply_to=answered))
    assert isinstance(message, WireReady)
    assert ZONE.verifies(signed_by(ED25519, message, at=AT))


def test_libsodium_signs_as_openssl_does_with_the_same_key() -> None:
    """RFC 8032 leaves no choice."""
    assert isinstance(ED25519.key, Ed25519PrivateKey)
    assert ED25519._signature(b"said") == ED25519.key.sign(hashlib.sha256(b"said").digest())


@settings(max_examples=30)
@given(st.text(max_size=300), st.text(max_size=600))
def test_d3_whatever_is_typed_the_mail_verifies(subject: str, body: str) -> None:
    mould: Mould = made(subject.replace("{", "").replace("}", ""), body.replace("{", "").replace("}", ""))
    assert ZONE.verifies(signed_by(ED25519, mould.splice(values()), at=AT))


@pytest.mark.parametrize("end", range(1, 8))
@pytest.mark.parametrize("body", [b"Bonjour\r\n", b"Bonjour\r\n\r\n", b"\r\n\r\n", b"Bonjour"])
def test_wherever_the_last_piece_begins_the_body_ends_as_it_does_in_one(body: bytes, end: int) -> None:
    message = b"From: <vie@passerelles.example>\r\n\r\n" + body
    signed = signed_by(ED25519, WireReady([message[:-end], message[-end:]]), at=AT)
    assert ZONE.verifies(signed)
    assert signed == signed_by(ED25519, message, at=AT)


_VALUE = st.lists(
    st.sampled_from(["a", "B", ":", " ", "\t", "\r\n ", "\r\n\t", "=20", "é", "%d", "x" * 80]), max_size=12
)
_NAME = st.sampled_from(["From", "SUBJECT", "to", "List-Unsubscribe", "Feedback-ID", "X-Autre", "In-Reply-To"])
_BODY = st.lists(st.sampled_from(["a", ".", " ", "\t", "\r\n", "\r\n\r\n", "é", "--x"]), max_size=12)


@settings(max_examples=200)
@given(st.lists(st.tuples(_NAME, _VALUE), max_size=8), _BODY, st.lists(st.integers(1, 200), max_size=9))
def test_any_headers_and_any_body_verify_in_whatever_pieces_they_come(
    headers: list[tuple[str, list[str]]], body: list[str], cuts: list[int]
) -> None:
    lines = [("From", [" <vie@passerelles.example>"]), *headers]
    # A line of blanks alone is the end of the headers to some readers; no mould makes one.
    values_given = ["".join(["v", *value, "v"]) for _, value in lines]
    assume(not any("\r\n \r\n" in value or "\r\n\t\r\n" in value for value in values_given))
    head = "".join(f"{name}: {value}\r\n" for (name, _), value in zip(lines, values_given, strict=True))
    message = (head + "\r\n" + "".join(body)).encode()
    signed = signed_by(ED25519, message, at=AT)
    assert ZONE.verifies(signed)
    ends = sorted({0, *(cut for cut in cuts if cut < len(message)), len(message)})
    pieces = [message[start:end] for start, end in pairwise(ends)]
    assert signed_by(ED25519, WireReady(pieces), at=AT) == signed


_TYPED = st.sampled_from(["From", "SUBJECT", "to", "To", "Reply-To", "List-Unsubscribe", "X-Autre", "T."])
_ANY_VALUE = st.lists(st.sampled_from(["a", ":", " ", "  ", "\t", "\r\n a", "%b", "é"]), max_size=4).map("".join)


@settings(max_examples=300)
@given(st.lists(_TYPED, max_size=5), st.data())
def test_d8_what_a_signer_signed_before_changes_nothing(names: list[str], data: st.DataObject) -> None:
    """The headers of a mail are first tried as those of the one before."""
    before = signer_of("ed25519-sha256")
    for place in range(3):
        # Some of the names are others, so that a mail is sometimes like the one before and sometimes almost.
        typed = [data.draw(_TYPED) if data.draw(st.integers(0, 9)) == 0 else name for name in ["From", *names]]
        blanks = data.draw(st.sampled_from(["", " "]))
        head = "".join(f"{name}:{blanks}{data.draw(_ANY_VALUE)}\r\n" for name in typed)
        message = f"{head}\r\nBonjour {place}\r\n".encode()
        assert signed_by(before, message, at=AT) == signed_by(signer_of("ed25519-sha256"), message, at=AT)


@settings(max_examples=60)
@given(st.lists(st.tuples(any_value, st.sampled_from(["", "<q.1@adherents.example>"])), min_size=2, max_size=4))
def test_d3_mail_after_mail_of_a_campaign_verifies(fields: list[tuple[str, str]]) -> None:
    ours = signer_of("ed25519-sha256")
    for value, answered in fields:
        message = PERSONAL.fill(values(prénom=value, nom=value, structure=value, to_name=value, in_reply_to=answered))
        assert ZONE.verifies(signed_by(ours, message, at=AT))


@pytest.mark.parametrize(
    "second",
    [
        b"From:  <vie@passerelles.example> \r\nTo: \r\nSubject:\r\n",
        b"From: <vie@passerelles.example>\r\nTo: a\r\nSubject: b \r\n",
        b"From: <vie@passerelles.example>\r\nTo:a\r\n b\r\nSubject:\r\n\t\r\n",
        b"From: <vie@passerelles.example>\r\nTo: a: b\r\nTo: c\r\nSubject: d\r\n",
        b"From: <vie@passerelles.example>\r\nTo: a\r\nSubjects: b\r\n",
        b"From: <vie@passerelles.example>\r\nTo: a\r\n",
        b"X: y\r\n",
    ],
)
def test_a_mail_almost_like_the_one_before_is_signed_as_if_it_were_the_first(second: bytes) -> None:
    before = signer_of("ed25519-sha256")
    signed_by(before, b"From: <vie@passerelles.example>\r\nTo: a\r\nSubject: b\r\n\r\nBonjour\r\n", at=AT)
    first = signed_by(signer_of("ed25519-sha256"), second + b"\r\nBonjour\r\n", at=AT)
    assert signed_by(before, second + b"\r\nBonjour\r\n", at=AT) == first


def test_the_name_of_a_header_is_no_pattern_for_that_of_the_next_mail() -> None:
    before, second = signer_of("ed25519-sha256"), b"From: <vie@passerelles.example>\r\nTo: a\r\n\r\nBonjour\r\n"
    signed_by(before, second.replace(b"To", b"T."), at=AT)
    assert signed_by(before, second, at=AT) == signed_by(signer_of("ed25519-sha256"), second, at=AT)


def test_the_headers_of_a_campaign_are_cut_by_the_shape_of_the_mail_before() -> None:
    ours = signer_of("ed25519-sha256")
    signed_by(ours, PERSONAL.fill(values()), at=AT)
    shape = ours._last[0].shape
    head = PERSONAL.splice(values(prénom="Élodie", nom="d’Autre", to_name="Élodie d’Autre")).partition(b"\r\n\r\n")[0]
    alike = shape.fullmatch(_unfolded(head))
    assert alike is not None
    assert list(alike.groups()) == [value for _, value in _headers(_unfolded(head))]


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n", b"x", b"x\r\n", b"x\r\n\r\n\r\n", b".\r\n..\r\n", b" \t\r\n"]
)
def test_an_odd_body_verifies(ours: Signer, body: bytes) -> None:
    assert Zone.of(ours).verifies(
        signed_by(ours, b"From: <vie@passerelles.example>\r\nSubject: a\r\n\r\n" + body, at=AT)
    )


def test_a_message_without_end_of_headers_is_refused() -> None:
    with pytest.raises(ValueError, match="no blank line"):
        signed_by(ED25519, b"From: <vie@passerelles.example>\r\n", at=AT)


def _in_pem(key: object, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))  # type: ignore[attr-defined]


def _weak_key() -> object:
    p, q, e = 2**255 - 19, 2**256 - 189, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(e, p * q))
    return numbers.private_key()


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (b"", "no private key"),
        (b"not a key", "no private key"),
        (pem("rsa-sha256")[:-90], "no private key"),
        (_in_pem(generate_private_key(SECP256R1())), "neither RSA nor Ed25519"),
        (_in_pem(Ed25519PrivateKey.generate(), b"secret"), "passphrase"),
        (_in_pem(_weak_key()), "511 bits"),
    ],
)
def test_a_key_that_nobody_could_verify_is_refused(held: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        signer(held, selector="s", domain="passerelles.example")


@pytest.mark.parametrize(
    ("domain", "sender", "aligned"),
    [
        ("passerelles.example", "passerelles.example", True),
        ("Passerelles.example", "passerelles.Example", True),
        ("passerelles.example", "lettre.passerelles.example", True),
        ("mail.passerelles.example", "passerelles.example", True),
        ("autre.example", "passerelles.example", False),
        ("relles.example", "passerelles.example", False),
        ("passerelles.example", "relles.example", False),
        ("mail.passerelles.example", "lettre.passerelles.example", False),
    ],
)
def test_d3_a_signature_speaks_for_its_own_house_only(domain: str, sender: str, aligned: bool) -> None:
    assert is_aligned(domain, sender) is aligned


def test_a_key_is_never_printed() -> None:
    assert "Key" not in repr(ED25519)
