"""Does a file beside the text arrive as it was, and does it change nothing of the text?"""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.vocabulary import MailClass, MailKind
from service.core.writing.letter import Attachment, Letter
from service.core.writing.mould import Mould
from service.core.writing.rendering import compose
from tests.core.writing.test_mould import HOUSE, TEMPLATES, values

LETTER = Letter(MailKind.NOTICE, MailClass.TRANSACTIONAL, "Preuve d’envoi", "", "Bonjour {prénom},\n\nVoici.\n")


def made(*files: Attachment) -> Mould:
    return compose(LETTER, HOUSE, None, templates=TEMPLATES, sender="<vie@passerelles.example>", attachments=files)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=3))
def test_files_arrive_as_they_were_beside_the_same_text(contents: list[bytes]) -> None:
    files = [Attachment(f"piece-{n}.pdf", "application/pdf", content) for n, content in enumerate(contents)]
    mould = made(*files)
    assert Mould.from_bytes(mould.to_bytes()) == mould
    message = mould.splice(values())
    mail = message_from_bytes(message, policy=policy.default)
    assert mail.get_content_type() == "multipart/mixed"
    found = [(one.get_filename(), one.get_payload(decode=True)) for one in mail.iter_attachments()]
    assert found == [(one.name, one.content) for one in files]
    assert mail.defects == []
    assert mould.text(values()) == made().text(values())
    assert mould.html(values()) == made().html(values())
    lines = message.split(b"\r\n")
    assert [line for line in lines if len(line) > 998 or line.startswith(b".") or b"\n" in line or b"\r" in line] == []


def test_a_mail_without_files_is_as_before() -> None:
    mail = message_from_bytes(made().splice(values()), policy=policy.default)
    assert mail.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ('x".pdf', "application/pdf"),
        ("x.pdf\r\nBcc: a@x.example", "application/pdf"),
        ("../x.pdf", "application/pdf"),
        ("é.pdf", "application/pdf"),
        ("x.pdf", "application/pdf\r\nBcc: a@x.example"),
    ],
)
def test_a_name_or_type_that_could_add_a_header_is_refused(name: str, content_type: str) -> None:
    with pytest.raises(ValueError, match="plain name and type"):
        made(Attachment(name, content_type, b"x"))
