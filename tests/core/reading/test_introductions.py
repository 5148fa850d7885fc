"""What introduces a quote is found in many languages; a sentence of the writer that looks alike hides none of his words."""

from __future__ import annotations

import pytest

from service.core.reading.replies import Reply, cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"
LETTER = "Bonjour,\nRetrouvons-nous vendredi 26 mai à 11 h."
QUOTED = "\n".join(f"> {line}" for line in LETTER.split("\n"))
WHO = "Les Passerelles <vie@passerelles.example>"

SURE = [
    f"{WHO} ezt írta (időpont: 2023. máj.\n26., P, 10:12):",
    f"În vin., 26 mai 2023 la 10:12, {WHO} a scris:",
    f"Στις Παρ 26 Μαΐ 2023 στις 10:12 π.μ., ο χρήστης {WHO} έγραψε:",
    f"{WHO}, 26 May 2023 Cum, 10:12 tarihinde\nşunu yazdı:",
    f"2023年5月26日(金) 10:12 {WHO}:",
    f"{WHO} 于2023年5月26日周五 10:12写道：",
    f"2023년 5월 26일 (금) 오전 10:12, {WHO}님이 작성:",
    f"في الجمعة، 26 مايو 2023 في 10:12 ص تمت كتابة ما يلي بواسطة {WHO}:",
    "\u202bבתאריך יום ו׳, 26 במאי 2023 ב-10:12 מאת \u202aLes Passerelles\u202c\u200f <\u202avie@passerelles.example\u202c\u200f>:\u202c",
    f"Missatge de {WHO} del dia dv., 26 de maig\n2023 a les 10:12:",
    "26 mai 2023, 10:12 de vie@passerelles.example :",
    f"Le 26 mai 2023 à 10:12, {WHO} vous a écrit :",
    "Le 26/05/2023 à 10:12, Les Passerelles a écrit :",
]
ABOVE_MARKS = [
    *SURE,
    f"{WHO} a écrit :",
    "Les Passerelles a écrit :",
    f"{WHO} writes:",
    f"Quoting {WHO}:",
    f"Zitat von {WHO}:",
    f"En réponse à {WHO}:",
    f"Selon {WHO}:",
    "W dniu 26.05.2023 o 10:12, Les Passerelles pisze:",
    f"Пятница, 26 мая 2023, 10:12 +03:00 от {WHO}:",
]


@pytest.mark.parametrize("introduction", SURE)
def test_what_only_programs_write_needs_no_marks_below(introduction: str) -> None:
    assert cut(f"{WORDS}\n\n{introduction}\n\n{LETTER}").reply == WORDS


@pytest.mark.parametrize("introduction", ABOVE_MARKS)
def test_right_above_a_quote_with_marks_less_is_needed(introduction: str) -> None:
    assert cut(f"{WORDS}\n\n{introduction}\n\n{QUOTED}").reply == WORDS
    assert cut(f"{introduction}\n{QUOTED}\n\n{WORDS}").reply == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\n\nLe 12 mars 2026 à 14 h, la mairie a écrit :\n\n« Le local ferme. »\n\nQue répondre ?",
        "Bonjour,\nLe 12/03/2026 à 14:03, la mairie a écrit :\nle local ferme.\nQue répondre ?",
        "Bonjour,\nLe 12/03/2026 à 14:03, Mme Prunier m’a écrit :\nle local ferme.\nQue répondre ?",
        "Bonjour,\nLe 12/03/2026 à 14:03, Léa Prunier <lea@membre.example> m’a écrit :\nle local ferme.\nQue répondre ?",
        "Bonjour,\nLe 12/03/2026 à 14:03, Léa Prunier a écrit :\n« Le local ferme. »\nQue répondre ?",
        "Hello,\nOn Monday 9 March 2026 the town hall wrote:\nthe place closes.\nWhat now?",
        "Hallo,\nam 9. März 2026 um 10:12 Uhr schrieb die Stadt:\ndas Haus schließt.\nWas tun?",
        "Bonjour,\nLe 3 mars 2026 vous avez écrit :\nretrouvons-nous vendredi.\nLequel ?",
        "Bonjour,\nLe 20/03/2026 à 10:12 j’ai reçu de Léa Prunier <lea@membre.example> :\nun pouvoir en blanc.",
    ],
)
@pytest.mark.parametrize("below", ["", f"\n\nLe ven. 26 mai 2023 à 10:12, {WHO} a écrit :\n{QUOTED}"])
def test_a_sentence_about_what_somebody_wrote_hides_nothing(text: str, below: str) -> None:
    assert cut(text + below).reply == text


@pytest.mark.parametrize(
    "text",
    [
        "Le quorum serait >50 % ?\n>= 50 % me paraît mieux.",
        "Mes deux questions :\n> Le budget est-il voté ?\n> Le local est-il prolongé ?",
    ],
)
@pytest.mark.parametrize("below", ["", f"\n\nLe ven. 26 mai 2023 à 10:12, {WHO} a écrit :\n{QUOTED}"])
def test_marks_that_a_writer_types_above_the_quote_are_his(text: str, below: str) -> None:
    assert cut(text + below).reply == text


def test_marked_lines_that_begin_a_letter_above_the_quote_are_the_writers() -> None:
    text = "> 50 % des voix est-il exigé ?\n> 20 % de présents ?\nMerci"
    assert cut(f"{text}\n\nLe ven. 26 mai 2023 à 10:12, {WHO} a écrit :\n{QUOTED}").reply == text


def test_a_letter_that_is_a_few_marked_lines_is_the_writers() -> None:
    text = "> oui pour vendredi\n> non pour samedi"
    assert cut(text) == Reply(text, "", "")


def test_words_on_the_line_of_an_introduction_are_kept() -> None:
    line = "d’accord --- On Wed, Apr 5, 2023 at 3:59 PM, vie@passerelles.example wrote:"
    assert cut(f"{line}\n> a").reply == f"{line}\n> a"


@pytest.mark.parametrize("introduction", ["Le 26/05/2023 à 10:12, Les Passerelles a écrit :", f"Le 26 mai 2023 à 10:12, {WHO.replace('<', '&lt;')} a écrit :"])  # fmt: skip
def test_a_plain_blockquote_below_an_introduction_is_the_quote(introduction: str) -> None:
    found = cut("", f"<p>{introduction}</p><blockquote><p>Qui vient ?</p></blockquote><p>Moi, avec Léa.</p>")
    assert found.reply == "Moi, avec Léa."


def test_a_plain_blockquote_of_the_writer_is_his() -> None:
    html = "<p>Le 12 mars 2026 la mairie a écrit :</p><blockquote>Le local ferme.</blockquote><p>Que répondre ?</p>"
    assert cut("", html).reply.split("\n")[-1] == "Que répondre ?"
    assert "Le local ferme." in cut("", html).reply


def test_the_writers_own_line_above_a_name_that_he_cites_is_no_part_of_the_quote() -> None:
    text = "Le budget est faux\nPaul Durand a dit :\n> la mairie refuse\nA revoir."
    assert cut(text).reply.startswith("Le budget est faux\n")


HEAD_LINE = '<div style="border-top:solid #E1E1E1 1.0pt">{}</div><p>Retrouvons-nous vendredi.</p>'


@pytest.mark.parametrize(
    "box",
    [
        "De : mon point de vue, non.",
        "De : mon point de vue, non. Voyons-nous à 14:30.",
        "<p>De : mon point de vue,</p><p>non : je refuse.</p>",
    ],
)
def test_a_box_of_the_writer_under_a_line_is_no_head(box: str) -> None:
    found = cut("", f"<p>Bonjour</p>{HEAD_LINE.format(box)}")
    assert "mon point de vue" in found.reply
    assert "Retrouvons-nous" in found.reply


@pytest.mark.parametrize(
    "head",
    [
        "<p><b>De :</b> Les Passerelles<br><b>Envoyé :</b> vendredi<br></p>",
        "<p><b>De&nbsp;:</b> Les Passerelles &lt;vie@passerelles.example&gt;</p>",
        "De : Les Passerelles, vendredi 26 mai 2023 10:12",
    ],
)
def test_a_second_field_an_address_or_a_date_makes_a_box_under_a_line_a_head(head: str) -> None:
    assert cut("", f"<p>Bonjour</p>{HEAD_LINE.format(head)}").reply == "Bonjour"
