"""What introduces a quote is found in the shapes in which programs write and break it, and no sentence is taken for one."""

from __future__ import annotations

import pytest

from service.core.reading.replies import Reply, cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"
LETTER = "Bonjour,\nRetrouvons-nous vendredi 26 mai à 11 h."
QUOTED = "\n".join(f"> {line}" for line in LETTER.split("\n"))


@pytest.mark.parametrize(
    "introduction",
    [
        "Le ven. 26 mai 2023 à 10:12, Les Passerelles <vie@passerelles.example\n> a écrit :",
        "fre. 26. mai 2023 kl. 10:12 skrev Les Passerelles <vie@passerelles.example\n>:",
        "On Fri, May 26, 2023 at 10:12 AM Les Passerelles\n\n<\nmailto:Les Passerelles <vie@passerelles.example>\n> wrote:",
        "2023/5/26 Les Passerelles <vie@passerelles.example>",
        "2023-05-26 10:12 GMT+02:00 Les Passerelles <vie@passerelles.example>:",
        "Op 26-mei-2023, om 10:12 heeft Les Passerelles <vie@passerelles.example> het volgende geschreven:",
        "In data 26 maggio 2023 10:12:31 Les Passerelles <vie@passerelles.example> ha scritto:",
        'Friday, 26 May 2023, 10:12 AM +0200 from "Les Passerelles" <vie@passerelles.example>:',
        '10:12 AM, May 26, 2023, "Les Passerelles" <vie@passerelles.example>:',
    ],
)
def test_an_introduction_broken_or_worded_otherwise_goes_with_its_quote(introduction: str) -> None:
    found = cut(f"{WORDS}\n\n{introduction}\n\n{QUOTED}\n")
    assert (found.reply, found.quoted) == (WORDS, f"{introduction}\n{QUOTED}")


@pytest.mark.parametrize(
    "introduction",
    [
        "Op 26-mei-2023, om 10:12 heeft Les Passerelles <vie@passerelles.example> het volgende geschreven:",
        "In data 26 maggio 2023 10:12:31 Les Passerelles <vie@passerelles.example> ha scritto:",
        'Friday, 26 May 2023, 10:12 AM +0200 from "Les Passerelles" <vie@passerelles.example>:',
        '10:12 AM, May 26, 2023, "Les Passerelles" <vie@passerelles.example>:',
    ],
)
def test_an_introduction_with_date_and_address_needs_no_marks_below(introduction: str) -> None:
    assert cut(f"{WORDS}\n\n{introduction}\n\n{LETTER}").reply == WORDS


@pytest.mark.parametrize("closing", [")", ">", "]"])
def test_the_end_of_a_wrapped_link_stays_in_its_quote(closing: str) -> None:
    opening = {")": "(", ">": "<", "]": "["}[closing]
    quote = f"> Le plan {opening}https://passerelles.example/plan?jour=26&\nlieu=quai{closing}\n> Bonne lecture"
    assert cut(f"{WORDS}\n\nLe 26/05/2023 à 10:12, X a écrit :\n{quote}").reply == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "2023/5/26 Odile <odile@tamarin.example>\nMoi aussi.",
        "Mes dates :\n2023/5/26 Odile\n2023/6/2 Léa\n2023/6/9 Awa",
        "Le 26/05 à 10:30 j’écris à <vie@passerelles.example>\nEst-ce la bonne adresse ?",
    ],
)
def test_a_date_and_an_address_above_no_quote_are_the_writers(text: str) -> None:
    assert cut(text) == Reply(text, "", "")


@pytest.mark.parametrize("answer", ["oui)", "oui :", "d’accord [sous réserve]"])
def test_an_answer_in_small_letters_between_quotes_is_kept(answer: str) -> None:
    text = f"> Qui vient (le 26) ?\n{answer}\n> Qui vote ?\n> Et qui compte ?\nMoi."
    assert answer in cut(text).reply.split("\n")


def test_a_quoted_colon_that_closes_no_address_is_quoted() -> None:
    assert cut(f"{WORDS}\n\n> :\n> Bonjour").quoted == "> :\n> Bonjour"
