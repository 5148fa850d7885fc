"""Who asks to be left off the list in any words is understood; who asks, tells or wants something else gets an answer."""

from __future__ import annotations

import pytest

from service.core.reading.wishes import is_wish


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\n\nMerci de me désinscrire.\n\nCordialement\nOdile Tamarin",
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
