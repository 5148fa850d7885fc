"""Who asks to be left off the list in any words is understood; who asks, tells or wants something else gets an answer."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from service.core.reading.wishes import is_wish


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\n\nMerci de me désinscrire.\n\nCordialement\nOdile Tamarin",
        "Bonjour,\n\nje ne souhaite plus recevoir vos communiqués, merci de me retirer de la liste.\n\nYanis",
        "Désinscrivez-moi svp\nYanis B.",
        "Stop aux mails svp, désinscrivez-moi",
        "désabonnement",
        "Désabonnez-moi svp",
        "Je souhaite me désinscrire de votre liste de diffusion.",
        "Bonjour,\nJe souhaite ne plus recevoir vos mails.\nMerci",
        "Merci de me retirer de votre liste",
        "Veuillez me retirer de vos listes de diffusion, merci.",
        "Bonjour, pouvez-vous me retirer de cette liste ? Merci",
        "stop svp",
        "STOP !!!",
        "Me désinscrire",
        "Je me désinscris.",
        "Désinscription de la newsletter",
        "Merci d’arrêter de m’envoyer des mails.",
        "Arrêtez de m’envoyer des messages.",
        "Ne m’écrivez plus.",
        "Merci de ne plus m’écrire.",
        "Je désire ne plus recevoir votre lettre d’information.",
        "Bonjour,\n\nVeuillez supprimer mon adresse mail de vos fichiers.\n\nMerci",
        "Merci de bien vouloir supprimer mon adresse e-mail de votre base de données.",
        "Je veux me désabonner de cette newsletter",
        "Bonjour Madame, je ne suis plus intéressée par vos communiqués, merci de me désabonner.",
        "Plus de mails svp",
        "unsubscribe me please",
        "Please remove me from this list",
        "Please unsubscribe me from your mailing list. Thank you",
        "I no longer wish to receive your emails.",
        "Enlevez-moi de votre liste",
        "Rayez-moi de vos listes, merci",
        "Je ne veux plus rien recevoir de vous",
        "Bonjour,\nJe vous prie de bien vouloir me désinscrire de votre liste d’envoi.\nBien cordialement,",
        "je souhaiterais être désinscrite de la liste",
        "Demande de désinscription",
        "Merci de procéder à ma désinscription",
        "Bonjour\nDésinscription s’il vous plaît\nMerci",
        "Retirez mon adresse de votre liste svp",
        "J’aimerais me désabonner, merci",
        "Desinscription",
        "Ne plus recevoir",
        "Je ne souhaite plus recevoir de courriels de la coopérative. Merci.",
        "Merci de me rayer de votre liste de diffusion",
        "Non merci, désinscription",
    ],
)
def test_a_letter_that_asks_for_nothing_else_is_a_wish(text: str) -> None:
    assert is_wish("Re: Lettre", text)


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\nComment se désinscrire de la lettre tout en restant sociétaire ?",
        "Je ne veux pas me désinscrire, mais recevoir moins de messages.",
        "Ma voisine souhaite se désinscrire, comment doit-elle faire ?",
        "Je me suis désinscrite par erreur, pouvez-vous me réinscrire ?",
        "Merci de ne pas me désinscrire.",
        "Merci de me désinscrire.\n\nAppelez-moi demain.",
        "Retirez mon nom\nDe la liste des candidats au conseil.",
        "Yanis",
        "Je souhaite me retirer de la coopérative et être remboursée de mes parts.",
        "Je souhaite me désinscrire de l’atelier de vendredi, mais pas de la lettre.",
        "Merci de me retirer de la liste des candidats.",
        "Stop aux travaux du parking ! Que fait la coopérative ?",
        "Je ne souhaite plus recevoir vos messages par mail mais par courrier postal.",
        "Veuillez supprimer mon ancienne adresse et la remplacer par odile@ailleurs.example.",
        "Je ne reçois plus vos messages depuis octobre.",
        "Désinscription : le lien en bas de la lettre ne marche pas, pouvez-vous regarder ?",
        "Je souhaite me désinscrire du rendez-vous du vendredi 4 décembre, je ne pourrai pas venir.",
        "Merci de me désinscrire du repas de samedi.",
        "Je vous ai demandé trois fois de me retirer de cette liste et je reçois toujours vos messages. C’est inadmissible, que dit la loi ?",
        "Pouvez-vous supprimer mon intervention du compte rendu ?",
        "Arrêtez les travaux le dimanche.",
        "Je ne veux plus recevoir d’appel de fonds avant l’assemblée.",
        "Merci de retirer le point 4 de l’ordre du jour.",
    ],
)
def test_a_letter_that_only_speaks_of_leaving_is_none(text: str) -> None:
    assert not is_wish("Re: Lettre", text)


@pytest.mark.parametrize(
    ("subject", "text", "wish"),
    [
        ("Désinscription", "", True),
        ("Re: Désabonnement de la lettre", "Bonjour, merci", True),
        ("Désinscription", "Bonjour, je déménage à l’étranger. Merci", True),
        ("Désinscription", "Est-ce possible ?", False),
        ("Désinscription", "C’était une erreur, merci de me réinscrire.", False),
        ("Désinscription", "Je me suis désinscrite hier et je reçois toujours la lettre.", False),
        ("Désinscription du repas", "", False),
        ("Lettre", "", False),
    ],
)
def test_a_subject_counts_where_the_text_says_nothing_against_it(subject: str, text: str, wish: bool) -> None:
    assert is_wish(subject, text) is wish


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("STOP", "Je vote contre ce projet."),
        ("STOP", "Je retire ma candidature au CA."),
        ("Désinscription", "Je vote contre ce projet."),
        ("Désinscription", "Bonjour,\nJe retire ma candidature au CA.\nMerci"),
        ("Désinscription", "Je déménage.\nLe loyer est trop cher."),
        ("Désinscription", "Je quitte la coopérative."),
        ("Désinscription", "Je déménage, gardez ma place."),
        ("Retirez mon nom", "De la liste des candidats au conseil."),
    ],
)
def test_a_text_that_says_something_else_is_for_a_person_whatever_its_subject(subject: str, text: str) -> None:
    assert not is_wish(subject, text)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("STOP", "Merci de faire le nécessaire.\nOdile Tamarin"),
        ("Désinscription", "Bonjour,\n\nJe reçois trop de mails.\n\nCordialement,\nOdile Tamarin"),
        ("Désabonnement", "Je ne suis plus intéressée."),
        ("Retirez mon nom", "de la liste"),
    ],
)
def test_a_reason_a_name_or_the_rest_of_the_subject_takes_nothing_from_a_wish(subject: str, text: str) -> None:
    assert is_wish(subject, text)


PHRASES = [
    *("Bonjour", "à tous", "merci", "merci à vous", "merci bien", "bien à vous", "à vous", "merci beaucoup", "svp"),
    *("non merci", "cordialement", "bien cordialement", "je vous remercie", "je vous remercie de", "merci de"),
    *("bien vouloir", "je", "je souhaite", "veuillez", "s’il vous plaît", "me", "m’", "désinscrire", "retirer", "moi"),
    *("de la liste", "de diffusion", "mon adresse mail", "stop", "stop mails", "ne plus recevoir", "vos", "messages"),
    *("aucun", "aucun de vos", "de", "any", "any more", "de votre", "part", "plus de mails", "désinscription"),
    *("et", "donc", "arrêtez"),
]


class HangError(Exception):
    pass


@contextmanager
def no_hang() -> Iterator[None]:
    """A pattern that tries every way would hold the reader for hours; this bound is far beyond what any machine needs."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@example(["Merci de me désinscrire"], ["merci à vous"])
@example([], ["svp", "stop"])
@example([], ["merci bien à vous"])
@example(["ne plus recevoir"], ["any more"])
@example(["ne plus recevoir"], ["aucun de vos"])
@given(st.lists(st.sampled_from(PHRASES), max_size=4), st.lists(st.sampled_from(PHRASES), min_size=1, max_size=4))
def test_no_order_of_its_own_phrases_holds_the_reading(beginning: list[str], again: list[str]) -> None:
    text = ", ".join([*beginning, *itertools.islice(itertools.cycle(again), 100)])[:290].rpartition(",")[0]
    with no_hang():
        is_wish("Désinscription", f"{text} x")
        is_wish("Re: Lettre", f"{text} budget")
