"""The writer's own words are found under, over and between quotes of usual programs, and no word is ever lost."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.reading.parsing import parse
from service.core.reading.replies import Reply, cut

SAMPLES = Path(__file__).parents[2] / "samples"
WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?\nMerci d’avance."
LETTER = "Bonjour,\nRetrouvons-nous vendredi 26 mai à 11 h.\n\nL’équipe des Passerelles"
QUOTED = "\n".join(f"> {line}".rstrip() for line in LETTER.split("\n"))
BLOCK = "De : Les Passerelles <vie@passerelles.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nÀ : Odile Tamarin\nObjet : Rendez-vous"

INTRODUCTIONS = [
    "Le ven. 26 mai 2023 à 10:00, Les Passerelles <vie@passerelles.example> a écrit :",
    "Le\u00a0ven. 26 mai 2023 à\u00a010:00, Les Passerelles <vie@passerelles.example> a écrit\u00a0:",
    "Le 26/05/2023 à 10:12, Les Passerelles a écrit\u202f:",
    "Le ven. 26 mai 2023 à 10:00, Les Passerelles <\nvie@passerelles.example> a écrit :",
    "Le vendredi 26 mai 2023 à 10:12:33 UTC+2,\nLes Passerelles <vie@passerelles.example>\na écrit :",
    "On Fri, May 26, 2023 at 10:00 AM Les Passerelles <vie@passerelles.example> wrote:",
    "On 26 May 2023, at 10:12, Les Passerelles <\nvie@passerelles.example> wrote:",
    "Am 26.05.2023 um 10:12 schrieb Les Passerelles:",
    "Les Passerelles <vie@passerelles.example> a écrit le 26/05/2023 à 10:12 :",
]


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
def test_words_above_a_quote_are_the_reply(introduction: str) -> None:
    found = cut(f"{WORDS}\n\n{introduction}\n\n{QUOTED}\n")
    assert found.reply == WORDS
    assert found.quoted.startswith(introduction)


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
def test_words_under_a_quote_are_the_reply(introduction: str) -> None:
    assert cut(f"{introduction}\n{QUOTED}\n\n{WORDS}\n").reply == WORDS


@pytest.mark.parametrize(
    "opening",
    [
        BLOCK,
        f"________________________________\n{BLOCK}",
        f"-----Message d'origine-----\n{BLOCK}",
        "-------- Message d’origine --------",
        "----- Mail original -----",
        "-----Original Message-----",
        "*De :* Les Passerelles <vie@passerelles.example>\n*Date :* vendredi 26 mai 2023 à 10:12\n*Objet :* Rendez-vous",
        "De: Les Passerelles\nÀ: Odile\nEnvoyé: Vendredi 26 Mai 2023 10:12:33\nObjet: Rendez-vous",
        "From: Les Passerelles <vie@passerelles.example>\nSent: Friday, May 26, 2023 10:12 AM\nTo: Odile\nSubject: Rdv",
        "Le jeu. 3 août 2023 à 09:05, Les Passerelles <vie@passerelles.example> a écrit :",
    ],
)
def test_words_above_a_letter_without_marks_are_the_reply(opening: str) -> None:
    found = cut(f"{WORDS}\n\n{opening}\n\n{LETTER}")
    assert (found.reply, found.quoted) == (WORDS, f"{opening}\n\n{LETTER}")


def test_answers_between_quotes_keep_their_quotes() -> None:
    text = "Le 26/05/2023 à 10:12, X a écrit :\n> Qui vient ?\n\nMoi.\n\n> Qui vote ?\n\nMa voisine.\n\n> Cordialement"
    found = cut(text)
    assert found.reply == "> Qui vient ?\n\nMoi.\n\n> Qui vote ?\n\nMa voisine."
    assert found.quoted == "Le 26/05/2023 à 10:12, X a écrit :\n> Cordialement"


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nOdile Tamarin\nAtelier du Quai",
        "--\nOdile Tamarin",
        "Envoyé de mon iPhone",
        "Envoyé depuis mon smartphone Samsung Galaxy.",
        "Envoyé à partir de Outlook pour Android<https://aka.example/x>",
        "Obtenir Outlook pour Android<https://aka.example/x>",
        "Provenance : Courrier pour Windows 10",
        "Envoyé avec la messagerie sécurisée Proton Mail.",
        "Sent from my iPad",
        "Ce message et ses pièces jointes peuvent contenir des informations confidentielles.",
    ],
)
def test_a_signature_is_set_aside(signature: str) -> None:
    found = cut(f"{WORDS}\n\n{signature}\n\n{BLOCK}\n\n{LETTER}")
    assert (found.reply, found.signature) == (WORDS, signature.replace("-- ", "--"))


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\n\nLe 12 mai le CA a écrit que sept salariés étaient concernés.\nQuel accompagnement est prévu ?",
        "Le 7 septembre à 14 h je serai présent.\nFaut-il un pouvoir ?",
        "Mes questions :\n\n- Qui décide ?\n- Quand vote-t-on ?",
        "Envoyé de nouveau ce matin, mon pouvoir est-il arrivé ?",
        "Trajet :\nDe : Lyon\nÀ : Paris\nObjet : l’assemblée",
        "Cordialement invités, viendrons-nous ?",
        "> 50 % des voix, est-ce assez ?",
        "Le CA a écrit :\nnous y tenons",
        "",
    ],
)
def test_what_only_looks_like_a_quote_stays_a_reply(text: str) -> None:
    assert cut(text) == Reply(text, "", "")


def test_a_sentence_about_a_letter_is_no_introduction_even_above_a_quote() -> None:
    sentence = "Le 12 mai 2023 à 18:30 le CA a écrit ceci"
    assert cut(f"{sentence}\n{QUOTED}").reply == sentence


def test_html_deeper_than_the_library_reads_keeps_its_words() -> None:
    assert cut("", "<div>" * 50_000 + "Bonjour" + "</div>" * 50_000 + "fin").reply == "Bonjour\nfin"


def test_a_rule_in_html_parts_two_lines() -> None:
    assert cut("", "<div>un<hr>deux</div>").reply.split("\n")[0].strip() == "un"


def test_an_answer_hidden_in_an_unmarked_quote_is_kept() -> None:
    text = f"{BLOCK}\n\nBonjour,\nMa réponse est sous votre question."
    assert cut(text).reply == text


def test_a_reply_without_a_word_is_empty() -> None:
    assert cut(f"{INTRODUCTIONS[0]}\n{QUOTED}").reply == ""


@pytest.mark.parametrize(
    "markup",
    [
        f'<div class="gmail_quote"><div class="gmail_attr">{INTRODUCTIONS[2]}</div><blockquote class="gmail_quote">x<p>y</p></blockquote></div>',
        '<div class="gmail_quote">2023-05-26 10:12 Les Passerelles &lt;a@b.example&gt;:<br><blockquote class="gmail_quote">x</blockquote></div>',
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Von:</b> X<br><b>An:</b> Y</div><p>x</p>',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>Lähettäjä:</b> X</p></div><p>x</p>',
        '<br><blockquote type="cite"><div>Le 26 mai 2023 à 10:12, X a écrit :</div></blockquote><blockquote type="cite">x</blockquote>',
        '<div class="moz-cite-prefix">26.5.2023 10:12, X kirjoitti:<br></div><blockquote type="cite" cite="mid:c@x.example">x</blockquote>',
        '<hr id="zwchr"><div><b>De: </b>X<br><b>Objet: </b>Y</div><p>x</p>',
        '<div id="ydp1yahoo_quoted_1" class="ydp1yahoo_quoted"><div>26 mai : X</div><p>x</p></div>',
    ],
)
def test_marks_of_mail_programs_in_html_part_the_reply_from_the_quote(markup: str) -> None:
    found = cut("", f"<html><body><div>Bonjour,</div><div><br></div><div>Qui vote&nbsp;?</div>{markup}</body></html>")
    assert found.reply.split() == ["Bonjour,", "Qui", "vote", "?"]
    assert "x" in found.quoted


def test_answers_between_html_quotes_keep_their_quotes() -> None:
    found = cut(
        "", "<blockquote type=cite>Qui vient ?</blockquote>Moi.<blockquote type=cite>Qui vote ?</blockquote><p>Léa.</p>"
    )
    assert found.reply.split() == ["Qui", "vient", "?", "Moi.", "Qui", "vote", "?", "Léa."]


def test_html_is_read_when_the_text_part_says_nothing() -> None:
    html = "<p>Bonjour, qui peut porter mon pouvoir à l’assemblée du mois de juin ?</p>"
    assert cut("Ouvrez ce message en HTML.", html).reply.startswith("Bonjour, qui")
    assert cut("Bonjour, qui peut porter mon pouvoir lors de l’assemblée ?", html).reply.endswith("assemblée ?")


@pytest.mark.parametrize(
    ("sample", "reply", "signature"),
    [
        ("reply_gmail", "Bonjour,\n\nQui peut porter mon pouvoir ?", ""),
        ("reply_outlook_html", "Bonjour,\n\nL’avance de 30 € est-elle prévue ?", ""),
        ("reply_apple_mail", "Voici le plan du local :\nPeut-on s’y réunir ?", "Envoyé de mon iPhone"),
        (
            "reply_thunderbird_flowed",
            "Je viendrai avec deux voisines qui ne sont pas encore sociétaires, si c’est possible.",
            "--\nOdile Tamarin\nAtelier du Quai",
        ),
    ],
)
def test_whole_messages_give_the_writers_words(sample: str, reply: str, signature: str) -> None:
    message = parse((SAMPLES / f"{sample}.eml").read_bytes())
    found = cut(message.text, message.html)
    assert (re.sub(r"\n+", "\n", found.reply), found.signature) == (re.sub(r"\n+", "\n", reply), signature)


PIECES = [
    *WORDS.split("\n"),
    *QUOTED.split("\n"),
    *BLOCK.split("\n"),
    *INTRODUCTIONS,
    "-- ",
    "",
    "Envoyé de mon iPhone",
    "Télécharger BlueMail pour Android",
    "Cordialement,",
    "-Odile",
    "Pour info",
    "Mes réponses en rouge",
    "---------- Forwarded message ----------",
    "---- X wrote ----",
    "Le 26 mai 2023 à 10:12, X <x@y.example",
    "> a écrit :",
    "> (https://passerelles.example/a",
    "b)",
    "_" * 30,
]


def words(*texts: str) -> Counter[str]:
    return Counter(word for text in texts for word in text.split())


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), max_size=30).map("\n".join))
def test_no_word_of_a_text_is_lost_or_doubled(text: str) -> None:
    found = cut(text)
    assert words(found.reply, found.signature, found.quoted) == words(text)


TAGS = ["<p>", "</p>", "<div>", "</div>", "<blockquote type=cite>", "</blockquote>", "<br>", "<hr>", '<div id="divRplyFwdMsg">', "<table><tr><td>", "<o:p>", "<!-- x -->"]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TAGS, " un ", " deux ", " trois\u00a0", "De : x "]), max_size=25).map("".join))
def test_no_word_of_html_is_lost_or_doubled(html: str) -> None:
    found = cut("", html)
    assert words(found.reply, found.signature, found.quoted) == words(re.sub(r"<[^>]*>", " ", html))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_html_is_read(html: str) -> None:
    assert isinstance(cut("", html).reply, str)
