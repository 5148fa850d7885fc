"""Each usual program marks its quote in HTML in its own way; from all of them come the same words of the writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.parsing import parse
from service.core.reading.replies import cut

SAMPLES = Path(__file__).parents[2] / "samples"
WORDS = "Bonjour, Qui peut porter mon pouvoir à l’assemblée ?"
SIGNATURES = {
    "apple_iphone": "Envoyé de mon iPhone",
    "outlook_mobile": "Envoyé à partir de Outlook pour Android",
    "proton": "Envoyé avec la messagerie sécurisée Proton Mail.",
    "samsung": "Envoyé depuis mon appareil Galaxy",
    "thunderbird_html": "-- Odile Tamarin",
}
PROGRAMS = [
    "apple_iphone",
    "gmail_html",
    "laposte",
    "orange",
    "orange_old",
    "outlook_desktop",
    "outlook_mobile",
    "outlook_web",
    "proton",
    "samsung",
    "sfr",
    "thunderbird_html",
    "windows_mail",
    "yahoo",
    "zimbra",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_words_come_out_of_the_html_of_each_program(program: str) -> None:
    message = parse((SAMPLES / f"reply_{program}.eml").read_bytes())
    found = cut(message.text, message.html)
    assert " ".join(found.reply.split()) == WORDS
    assert " ".join(found.signature.split()) == SIGNATURES.get(program, "")
    assert "Retrouvons-nous vendredi 26 mai" in found.quoted
