"""The head of a message without marks is found by the forms of programs; lists and tables of a writer are no heads."""

from __future__ import annotations

import pytest

from service.core.reading.replies import Reply, cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"
LETTER = "Bonjour,\nRetrouvons-nous vendredi 26 mai à 11 h."
QUOTED = "\n".join(f"> {line}" for line in LETTER.split("\n"))

HEADS = [
    "---- Les Passerelles a écrit ----",
    "---- Les Passerelles wrote ----",
    "---- On Fri, 26 May 2023 10:12:33 +0200 Les Passerelles <vie@passerelles.example> wrote ----",
    "From: vie@passerelles.example\nDate: Fri, 26 May 2023 10:12:33 +0200",
    "Date: Fri, 26 May 2023 10:12:33 +0200\nTo: odile@tamarin.example",
    "De : Les Passerelles <vie@passerelles.example>\nDate : ven. 26 mai 2023 à 10:12",
    "De : Les Passerelles\nEnvoyé : vendredi 26 mai 2023 10:12\nÀ : Odile Tamarin",
    "От: Мосты\nОтправлено: \u200eпятница\u200e, \u200e26\u200e \u200eмая\u200e \u200e2023\u200e г. \u200e10\u200e:\u200e12\nКому: Odile",
    "发件人: Les Passerelles <vie@passerelles.example>\n发送时间: 2023年5月26日 10:12\n收件人: Odile\n主题: 会议",
    *(
        f"{sender}: Les Passerelles\n{sent}: 26 mai 2023 10:12\n{to}: Odile\n{subject}: Rendez-vous"
        for sender, sent, to, subject in (
            ("Od", "Odesláno", "Komu", "Předmět"),
            ("Feladó", "Elküldve", "Címzett", "Tárgy"),
            ("De la", "Trimis", "Către", "Subiect"),
            ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
            ("Από", "Στάλθηκε", "Προς", "Θέμα"),
            ("Kimden", "Gönderildi", "Kime", "Konu"),
            ("מאת", "נשלח", "אל", "נושא"),
            ("من", "تم الإرسال", "إلى", "الموضوع"),
            ("De", "Enviat", "Per a", "Assumpte"),
        )
    ),
    "De : Les Passerelles <vie@passerelles.example>\n\nEnvoyé : vendredi 26 mai 2023 10:12\n\nÀ : Odile\n\nObjet : Rendez-vous",
    "----- Message de Les Passerelles <vie@passerelles.example> -----\nDe : vie@passerelles.example\nDate : 26 mai 2023 à 10:12",
    ">>> Les Passerelles <vie@passerelles.example> 26/05/2023 10:12 >>>",
    "------------------ Original ------------------",
]


@pytest.mark.parametrize("head", HEADS)
def test_what_stands_below_a_head_is_quoted(head: str) -> None:
    found = cut(f"{WORDS}\n\n{head}\n\n{LETTER}")
    assert (found.reply, found.quoted) == (WORDS, f"{head}\n\n{LETTER}")


@pytest.mark.parametrize("head", [*HEADS, "-----Message d’origine-----", f"-----Message d’origine-----\n{HEADS[5]}"])
def test_an_answer_below_a_head_and_a_marked_quote_is_the_reply(head: str) -> None:
    assert cut(f"{head}\n\n{QUOTED}\n\n{WORDS}").reply == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "Mon trajet :\nDe : Lyon\nDate : 26/05/2023 à 10:12\nÀ : Paris\n\nPeut-on venir plus tard ?",
        "Mon trajet :\nDe : Lyon\nÀ : Paris\nDate : 26/05/2023 à 10:12\n\nPeut-on venir plus tard ?",
        "Date : 26 mai 2023\nÀ : la Maison du Quai\n\nEst-ce bien là ?",
        "Pouvoir\nDe : Odile Tamarin, odile@tamarin.example\nÀ : Léa Prunier\nDate : à fixer",
        "De : odile@tamarin.example\nDate : le 26 si possible\n\nEst-ce encore temps ?",
        "Que veut dire « De : » dans « De : 12/05/2023 10:30 » ?\nEt « Date : » en dessous ?",
        "Les dates :\n12/05/2023 10:30  Lyon\n26/05/2023 11:00  Paris\n\nLaquelle vous convient ?",
        "---- Notes ----\nOdile a écrit ceci.",
        "Pouvoir\n\nDe : Odile Tamarin\nÀ : Léa Prunier\nDate : 20 mars 2026\nObjet : vote\n\nEst-ce la bonne forme ?",
    ],
)
def test_a_list_of_the_writer_is_no_head(text: str) -> None:
    assert cut(text) == Reply(text, "", "")


def test_a_form_above_a_head_is_no_part_of_it() -> None:
    form = "Nom : Tamarin\nDate : 13/03/2026\nÀ : Lyon\nMerci de m’inscrire."
    assert cut(f"{form}\n\n{HEADS[5]}\n\n{LETTER}").reply == form


def test_a_box_of_the_writer_is_no_head_and_one_of_outlook_is_in_any_language() -> None:
    box = '<div style="border:none;border-top:solid #000000 1.0pt">{}</div>'
    html = "<p>Bonjour,</p>" + box.format("<p>Note : ceci compte.</p>") + "<p>Et le budget&nbsp;?</p>"
    assert cut("", html).reply.split() == ["Bonjour,", "Note", ":", "ceci", "compte.", "Et", "le", "budget", "?"]
    labels = "<b>Zza:</b> X<br><b>Zzb:</b> 26 mai 2023 10:12<br><b>Zzc:</b> Odile"
    assert cut("", f"<p>Bonjour</p>{box.format(labels)}<p>x</p>").reply == "Bonjour"
