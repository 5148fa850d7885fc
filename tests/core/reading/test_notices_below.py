"""Confidentiality notices and list footers are set aside; a writer who asks for discretion is not."""

from __future__ import annotations

import pytest

from service.core.reading.replies import cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"

NOTICES = [
    "Ce message et ses pièces jointes peuvent contenir des informations confidentielles.",
    "Les informations contenues dans ce courriel sont confidentielles et destinées exclusivement à son destinataire.",
    "This email and any files transmitted with it are confidential and intended solely for the addressee.",
    "CONFIDENTIALITY NOTICE: The contents of this email are intended solely for the addressee and may be confidential.",
    "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, vernichten Sie sie bitte.",
    "AVISO LEGAL: Este mensaje va dirigido exclusivamente a su destinatario y puede contener información confidencial.",
    "Le informazioni contenute in questo messaggio sono riservate. Qualora non fosse il destinatario, La invitiamo ad eliminarlo.",
    "De informatie verzonden met dit e-mailbericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde.",
    "_______________\nVie mailing list -- vie@passerelles.example",
]


@pytest.mark.parametrize("notice", NOTICES)
def test_a_notice_is_set_aside(notice: str) -> None:
    found = cut(f"{WORDS}\n\n{notice}")
    assert (found.reply, found.signature) == (WORDS, notice)


@pytest.mark.parametrize(
    "last",
    [
        "Ces informations sont confidentielles, merci de ne pas les publier.",
        "Ce message est confidentiel : ne le publiez pas.\nPourquoi le destinataire est-il parti ?",
        "Les informations des sociétaires sont-elles confidentielles vis-à-vis des destinataires ?",
        "Attention : cette information est confidentielle jusqu’au 20 mars.",
        "_____\nPouvez-vous m’ajouter à la liste de diffusion ?",
        "Notice: the attachment was empty.",
        "Hinweis: die Anhänge waren leer.",
        "Je soussignée donne pouvoir à :\n_______________",
    ],
)
@pytest.mark.parametrize("below", ["", "\n\nDe : Les Passerelles <vie@passerelles.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nObjet : Rdv\n\nBonjour"])  # fmt: skip
def test_a_writer_who_speaks_of_discretion_or_of_a_form_is_kept(last: str, below: str) -> None:
    assert cut(f"{WORDS}\n\n{last}{below}").reply == f"{WORDS}\n\n{last}"


def test_a_postscript_below_the_signature_is_the_writers() -> None:
    found = cut(f"{WORDS}\n-- \nOdile Tamarin\n\nPS : qui apporte le café ?")
    assert (found.reply, found.signature) == (f"{WORDS}\nPS : qui apporte le café ?", "--\nOdile Tamarin")


def test_the_link_to_a_program_goes_with_what_it_says() -> None:
    footer = "Envoyé avec Aqua Mail pour Android\nhttps://programme.example/aqua"
    assert cut(f"{WORDS}\n\n{footer}").signature == footer
    assert cut(f"{WORDS}\n\nhttps://passerelles.example/rdv").signature == ""
