"""What a careful colleague remarks before a message leaves."""

from __future__ import annotations

from datetime import date

import pytest

from service.core.writing import advice

TODAY = date(2026, 11, 28)


def remarks(*, subject: str = "Nos nouvelles", preheader: str = "", body: str = "Bonjour.") -> list[tuple[str, str]]:
    return [(one.field, one.sentence.replace("\u00a0", " ").replace("\u202f", " ")) for one in advice.of_text(subject, preheader, body, today=TODAY)]  # fmt: skip


def test_a_good_message_is_left_in_peace() -> None:
    body = (
        "Bonjour {prénom},\n\nL’assemblée a lieu le **vendredi 28 mai 2027** à 14 h, 12 rue des Écoles.\n\n"
        "- [le rapport d’activité](https://exemple.example/rapport)\n- [les statuts](https://exemple.example/statuts)\n\n"
        "[bouton: Je m’inscris](https://exemple.example/ag)\n\nLe XXe siècle, chapitre XX ; \\[hors débat\\] ; voir l’ordre du jour."
    )
    assert remarks(subject="Assemblée générale du 28 mai", preheader="À 14 h, à Lille et en visio", body=body) == []


@pytest.mark.parametrize(
    "left", ["XXX", "xxxx", "XX/XX", "XX h", "TODO", "à compléter", "À COMPLÉTER", "a completer", "Lorem ipsum", "???"]
)
@pytest.mark.parametrize("field", ["subject", "preheader", "body"])
def test_what_was_left_to_be_written_is_shown(left: str, field: str) -> None:
    said = [sentence for where, sentence in remarks(**{field: f"Le lieu : {left}"}) if where == field]
    assert said
    assert "Il reste « " in said[0]


def test_a_gap_in_brackets_is_shown_and_a_link_or_a_field_is_none() -> None:
    assert remarks(body="Rendez-vous [date] à [lieu].") == [
        ("body", "Il reste « [date] » dans le texte : est-ce à remplacer ?"),
        ("body", "Il reste « [lieu] » dans le texte : est-ce à remplacer ?"),
    ]
    assert (
        remarks(
            body="[le texte](https://x.example) {prénom|cher sociétaire} \\[sic]\n\n[bouton: Voir le texte](https://x.example)"
        )
        == []
    )


def test_a_day_that_is_another_weekday_is_told_at_its_field_whatever_is_bold_in_it() -> None:
    assert remarks(subject="RDV du jeudi 26 mai", body="Le jeudi **26 mai** et le *jeudi 26 mai*.") == [
        ("subject", "Vous écrivez « jeudi 26 mai » : le 26 mai 2027 est un mercredi."),
        ("body", "Vous écrivez « jeudi 26 mai » : le 26 mai 2027 est un mercredi."),
    ]


def test_subjects_and_the_line_behind_them_are_measured() -> None:
    assert remarks(subject="a" * 61)[0][1].startswith("L’objet a 61 caractères")
    assert remarks(subject="a" * 60) == []
    assert "en capitales" in remarks(subject="ASSEMBLÉE GÉNÉRALE")[0][1]
    assert remarks(subject="AG de la SCIC") == []
    assert "exclamation" in remarks(subject="Venez !!")[0][1]
    assert remarks(preheader="b" * 111)[0][1].startswith("La première ligne a 111 caractères")
    assert "répète l’objet" in remarks(subject="Nos nouvelles", preheader="nos nouvelles")[0][1]


def test_a_link_says_where_it_leads() -> None:
    body = (
        "[ici](https://a.example), [Cliquez ici !](https://a.example) ou [le site](https://a.example), "
        "[Le site](https://b.example).\n\n[bouton: En savoir plus](https://c.example)"
    )
    assert [sentence.split(" :")[0] for _, sentence in remarks(body=body)] == [
        "Le lien « ici » ne dit pas où il mène",
        "Le lien « Cliquez ici ! » ne dit pas où il mène",
        "Deux liens s’appellent « Le site » et ne mènent pas au même endroit.",
        "Le lien « En savoir plus » ne dit pas où il mène",
    ]


@pytest.mark.parametrize("words", ["ci-joint", "Ci-jointes", "en pièce jointe", "les pièces jointes"])
def test_an_enclosure_that_is_not_there_is_remarked(words: str) -> None:
    assert "sans pièce jointe" in remarks(body=f"Vous trouverez {words} le texte.")[0][1]


def test_a_message_about_a_meeting_names_its_day() -> None:
    def remark(body: str) -> str | None:
        found = advice.of_its_date("RDV", body, starts=date(2027, 5, 28), today=TODAY)
        return found.sentence.replace("\u00a0", " ") if found else None

    assert remark("Rendez-vous le 28 mai, inscription avant le 20 mai.") is None
    assert remark("Rendez-vous bientôt.") is None
    said = "La rencontre a lieu le vendredi 28 mai 2027 : le message cite d’autres dates, jamais celle-ci."
    assert remark("Rendez-vous le **jeudi 27 mai**.") == said
