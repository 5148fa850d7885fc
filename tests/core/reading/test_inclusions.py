"""A letter that is passed on, and answers written into the letter, are what the writer wants to tell: they are kept."""

from __future__ import annotations

import pytest

from service.core.reading.replies import cut

LETTER = "Bonjour,\nLe local ferme en juin.\nUne idée ?"
BLOCK = (
    "De : Mairie du Quai <mairie@quai.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nÀ : Odile Tamarin\nObjet : Local"
)
ORIGINAL = f"-----Message d’origine-----\n{BLOCK}"

FORWARDS = [
    f"---------- Forwarded message ---------\n{BLOCK}",
    f"---------- Message transféré ---------\n{BLOCK}",
    f"-------- Message transféré --------\n{BLOCK}",
    f"----- Mail transféré -----\n{BLOCK}",
    f"Début du message réexpédié\u00a0:\n\n{BLOCK}",
    f"Begin forwarded message:\n\n{BLOCK}",
    f"-------- Weitergeleitete Nachricht --------\n{BLOCK}",
]


@pytest.mark.parametrize("forward", FORWARDS)
@pytest.mark.parametrize("above", ["", "FYI\n\n", "Bonjour,\n\nQue répond la coopérative à cette lettre ?\n\n"])
def test_a_forwarded_letter_is_kept(forward: str, above: str) -> None:
    text = f"{above}{forward}\n\n{LETTER}\n\n> Qui vient ?\n> Et qui vote ?\n\nMoi."
    assert cut(text).reply == text


@pytest.mark.parametrize(
    "above",
    [
        "FYI",
        "Pour info",
        "Pour votre information.",
        "Bonjour,\n\nPour info.\n\nCordialement,\nOdile Tamarin",
        "Bonjour,\nJe vous transfère ce message de la mairie.\nOdile",
        "À toutes fins utiles",
        "Voir ci-dessous.",
        "Cordialement,\nOdile",
    ],
)
@pytest.mark.parametrize("head", [BLOCK, ORIGINAL])
def test_a_letter_under_pour_info_is_kept(above: str, head: str) -> None:
    found = cut(f"{above}\n\n{head}\n\n{LETTER}")
    assert LETTER in found.reply
    assert found.quoted == ""


@pytest.mark.parametrize(
    "above",
    [
        "Bonjour,",
        "Bonjour,\nOui.\nOdile",
        "Je vous transmets mon pouvoir.",
        "Pour information, je viendrai avec deux voisines.",
        "Bonjour,\n\nMerci pour cette information.",
        "Mes réponses ci-dessous :\n- oui\n- non",
        "Mes questions ci-dessous :\n\nQui vient ?",
        "Avez-vous lu ma réponse ? Le local ferme en juin.",
        "Mes questions viendront au fil du temps.",
        "Voici mon logo en rouge.",
        "Oui\n\nCordialement,\nOdile",
    ],
)
def test_a_letter_under_an_answer_is_quoted(above: str) -> None:
    found = cut(f"{above}\n\n{BLOCK}\n\n{LETTER}")
    assert found.quoted == f"{BLOCK}\n\n{LETTER}"


@pytest.mark.parametrize(
    "above",
    [
        "Mes réponses en rouge.",
        "Bonjour,\n\nVous trouverez mes réponses en bleu dans votre message.\n\nBien à vous,\nOdile",
        "J’ai répondu dans le texte",
        "Je vous réponds ci-dessous.",
        "Mes commentaires ci-dessous :",
        "Réponses ci-dessous",
        "Mes remarques sous chacune de vos questions",
        "My answers in red below.",
        "See my comments inline",
        "Meine Antworten in Rot",
    ],
)
@pytest.mark.parametrize("head", [BLOCK, ORIGINAL, "Le 26/05/2023 à 10:12, Mairie du Quai a écrit :"])
def test_answers_that_are_announced_inside_an_unmarked_letter_are_kept(above: str, head: str) -> None:
    found = cut(f"{above}\n\n{head}\n\n{LETTER} Oui, chez Léa.")
    assert f"{LETTER} Oui, chez Léa." in found.reply
    assert found.quoted == ""


def test_answers_in_colour_inside_a_quote_with_marks_are_kept() -> None:
    text = "Mes réponses en rouge.\n\nLe 26/05/2023 à 10:12, X a écrit :\n> Qui vient ? Moi.\n> Qui vote ? Léa."
    assert cut(text).reply == text
    html = "<p>Mes réponses en rouge.</p><blockquote type=cite><p>Qui vient&nbsp;? <font color=red>Moi.</font></p></blockquote>"
    assert cut("", html).reply.split()[-1] == "Moi."


def test_a_forward_inside_what_is_answered_is_quoted() -> None:
    assert cut(f"Oui.\n\n{ORIGINAL}\n\nPour info\n\n{FORWARDS[0]}\n\n{LETTER}").reply == "Oui."
    quoted = "\n".join(f"> {line}" for line in FORWARDS[0].split("\n"))
    assert cut(f"Oui.\n\nLe 26/05/2023 à 10:12, X a écrit :\n{quoted}").reply == "Oui."


def test_a_forward_of_a_webmail_is_kept_whatever_its_marks() -> None:
    html = (
        "<div>Que répondre&nbsp;?</div><div class='gmail_quote'><div class='gmail_attr'>---------- Forwarded message"
        " ---------<br>De&nbsp;: Mairie</div><blockquote class='gmail_quote'>Le local ferme.</blockquote></div>"
    )
    assert cut("", html).reply.split()[-3:] == ["Le", "local", "ferme."]


def test_what_is_quoted_with_marks_under_pour_info_is_our_own_letter() -> None:
    assert cut("Pour info\n\nLe 26/05/2023 à 10:12, X a écrit :\n> Qui vient ?\n> Qui vote ?").reply == "Pour info"


def test_announced_answers_between_marked_quotes_leave_the_rest_quoted() -> None:
    text = "Mes réponses dans le texte.\n\nLe 26/05/2023 à 10:12, X a écrit :\n> Qui vient ?\n\nMoi.\n\n> Cordialement\n> X"
    assert cut(text).quoted.endswith("> Cordialement\n> X")
