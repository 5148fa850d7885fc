"""A closing formula and a name are set aside; whatever could be a word to the cooperative stays in the reply."""

from __future__ import annotations

import pytest

from service.core.reading.replies import Reply, cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"
HEAD = "Le ven. 26 mai 2023 à 10:00, Les Passerelles <vie@passerelles.example> a écrit :"

FORMULAS = [
    "Cordialement,",
    "Bien cordialement",
    "Très cordialement.",
    "*Cordialement,*",
    "Cdlt",
    "Bien à vous,",
    "Salutations coopératives",
    "Meilleures salutations,",
    "Je vous prie d’agréer, Madame, Monsieur, l’expression de mes salutations distinguées.",
    "Regards,",
    "Best regards",
    "Yours sincerely,",
    "Cheers",
    "Mit freundlichen Grüßen",
    "Viele Grüße",
    "Un saludo,",
    "Cordiali saluti",
    "Met vriendelijke groet,",
    "Com os melhores cumprimentos,",
    "Med venlig hilsen",
    "Med vänliga hälsningar",
    "Kh",
    "Pozdrawiam,",
    "Ystävällisin terveisin",
]
CARDS = [
    "",
    "\nOdile",
    "\n\nOdile Tamarin\nAtelier du Quai",
    "\n\nOdile TAMARIN\nGérante, Atelier du Quai\n12 quai des Tanneurs, 69001 Lyon\nTél. : 01 23 45 67 89\nodile@tamarin.example",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("quote", ["", f"\n\n{HEAD}\n> Bonjour"])
def test_a_closing_formula_and_a_name_are_set_aside(formula: str, card: str, quote: str) -> None:
    found = cut(f"{WORDS}\n\n{formula}{card}{quote}")
    assert (found.reply, found.signature) == (WORDS, f"{formula}{card}")


@pytest.mark.parametrize("name", ["-Odile", "-Odile Tamarin", "/Odile", "— Odile", "Cordialement, Odile Tamarin"])
def test_a_name_that_signs_by_itself_is_set_aside(name: str) -> None:
    found = cut(f"{WORDS}\n\n{name}\n")
    assert (found.reply, found.signature) == (WORDS, name)


def test_a_closing_above_what_a_list_adds_is_set_aside() -> None:
    footer = "_______________\nLes Passerelles mailing list\nhttps://listes.passerelles.example/listinfo/vie"
    assert cut(f"{WORDS}\n\n-Odile\n\n{footer}").signature == f"-Odile\n{footer}"


def test_a_closing_below_an_unmarked_quote_that_is_kept_is_set_aside() -> None:
    head = "De : Les Passerelles <vie@passerelles.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nObjet : Rendez-vous"
    found = cut(f"{head}\n\nBonjour,\nQui vient ?\n\nMoi.\n\nCordialement,\nOdile")
    assert (found.reply, found.signature) == (f"{head}\n\nBonjour,\nQui vient ?\n\nMoi.", "Cordialement,\nOdile")


@pytest.mark.parametrize("below", ["-- \nOdile Tamarin", "Envoyé de mon iPhone"])
def test_where_a_program_signs_the_typed_closing_is_the_writers(below: str) -> None:
    assert cut(f"{WORDS}\n\nCordialement,\nOdile\n\n{below}").reply == f"{WORDS}\n\nCordialement,\nOdile"


def test_where_a_program_marked_the_signature_the_typed_closing_is_the_writers() -> None:
    html = '<p>Qui vient&nbsp;?</p><p>Cordialement,</p><div class="gmail_signature">Odile Tamarin</div>'
    assert cut("", html).reply.split() == ["Qui", "vient", "?", "Cordialement,"]


@pytest.mark.parametrize(
    "text",
    [
        "Cordialement invités, viendrons-nous ?",
        "Bonjour,\nCordialement invités, viendrons-nous ?\nOdile",
        "Cordialement,\nOdile",
        "Qui vient ?\n\nCordialement,\nOdile\n\nP.-S. : le local est-il chauffé",
        "Qui vient ?\n\nCordialement,\nOdile\n\nJe viendrai le 12 juin",
        "Qui vient ?\n\nCordialement,\nOdile\n\nMes questions :\n- le budget\n- le local",
        "Qui vient ?\n\nCordialement,\nOdile\n\nEt le budget ?",
        "Qui vient ?\n\nCordialement,\n" + "\n".join(f"Ligne numéro {number}" for number in range(12)),
        "Ceux qui viennent :\n\n-Odile\n-Léa",
        "Ma candidate :\n\n-Odile",
        "Voici mes points :\n\n- Odile\n\n- Léa",
        "Le mieux :\n- Odile",
        "Veuillez accepter ma candidature\nOdile Tamarin",
        "Veuillez recevoir mon pouvoir ci-joint, signé.\nOdile Tamarin",
        "Le quai s’éveille,\nla lune descend,\namicalement s’éveille\nle pont des Passerelles.",
        "Quelle formule pour les lettres ?\nCordialement ou bien à vous",
        "Bonne journée à tous, et le budget\nOdile",
        "12/05 Lyon\n26/05 Paris\n02/06 Brest",
        "> Qui vient ?\n\n-Odile\n\n> Qui vote ?\n\n-Léa",
    ],
)
def test_what_only_looks_like_a_closing_stays_a_reply(text: str) -> None:
    assert cut(text) == Reply(text, "", "")


def test_a_closing_between_two_answers_stays_where_it_is() -> None:
    text = "> Qui vient ?\n\nMoi.\nCordialement,\nOdile\n\n> Qui vote ?\n> Et qui compte ?\n\nMa voisine."
    assert cut(text).reply == text
