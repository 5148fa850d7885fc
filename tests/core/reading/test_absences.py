"""A letter that only says that nobody is there is a machine's; whoever asks, tells or gives a proxy is a person."""

from __future__ import annotations

import pytest

from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse

OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
AWAY = "Bonjour,\n\nJe suis en congés jusqu’au 26 août.\n\nOdile"
SOON_AWAY = "Bonjour,\n\nJe serai absente du 1er au 26 août. Vos messages seront traités à mon retour.\n\nOdile"


def kind_of(subject: str, text: str) -> str:
    head = "From: odile@membre.example\nContent-Type: text/plain; charset=utf-8"
    return recognise(parse(f"{head}\nSubject: {subject}\n\n{text}".encode()), OURS).kind.value


@pytest.mark.parametrize(
    "subject",
    [
        "Absence : Rendez-vous du vendredi",
        "Congés : Re: Rendez-vous du vendredi",
        "Congés d’été",
        "Absent(e) du bureau : Rendez-vous",
        "Absent.e du bureau",
        "Auto : Rendez-vous du vendredi",
        "Rép auto : Rendez-vous",
        "Rép. auto: Rendez-vous",
        "[EXTERNE] Fermeture annuelle",
        "Fermeture estivale - Rendez-vous du vendredi",
        "Indisponible",
        "Absente jusqu’au 26 août",
    ],
)
def test_d15_an_absence_is_automatic_under_any_subject_that_programs_give_it(subject: str) -> None:
    assert kind_of(subject, SOON_AWAY) == "auto_reply"


@pytest.mark.parametrize(
    "text",
    [
        "Je suis actuellement absent du bureau, de retour le 26 août.",
        "Bonjour,\n\nMerci pour votre message.\nJe suis actuellement absente, de retour le lundi 5 juin.\nEn cas d’urgence : 01 02 03 04 05",
        "Bonjour, je suis absent(e) du 3 au 15 août. Vos messages seront traités à mon retour.",
        "Actuellement en congés, je prendrai connaissance de votre message le 26 août.",
        "Madame, Monsieur,\nNos bureaux sont actuellement fermés. Réouverture le 22 août.",
        "L’association est fermée. Nous reprendrons nos activités le 3 janvier.",
        "Hello,\nI am currently out of the office and will be back on June 5.",
    ],
)
def test_d15_a_letter_that_only_says_its_writer_is_away_is_automatic(text: str) -> None:
    assert kind_of("Re: Rendez-vous du vendredi", text) == "auto_reply"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Assemblée", "Je serai absent vendredi, puis-je donner pouvoir ?"),
        ("Re: Assemblée", "Je serai absente vendredi."),
        ("Re: Assemblée", "Je suis absente le 26, de retour le 28 : qui vote pour moi ?"),
        ("Re: Assemblée", "Je suis actuellement absent, de retour le 28. Je donne procuration à Paul."),
        ("Absence", "Je serai absente vendredi."),
        ("Absence : assemblée du 12 juin", "Je suis en déplacement jusqu’au 13, je donne mon pouvoir à Paul."),
        ("Absence", "Veuillez m’excuser, je suis en congés jusqu’au 13."),
        ("Congés : qui ouvre la salle", "Je reprendrai les clés à mon retour de vacances. Qui les a ?"),
        ("Auto : covoiturage", "Je pars de la gare à 9 h, de retour le soir."),
        ("Fermeture annuelle", "La vôtre tombe en août, dommage pour les travaux."),
        ("Indisponible", "Le document de la convocation ne s’ouvre pas."),
        ("Absence de réponse", "Je suis sans nouvelles de vous depuis mon retour de vacances."),
        ("Re: Lettre", "Quand je suis en congés, je lis vos lettres jusqu’au bout."),
        ("Re: Lettre", "Je suis en vacances et " + "je lis vos lettres. " * 100 + "De retour le 3."),
    ],
)
def test_a_person_who_speaks_of_an_absence_is_a_question(subject: str, text: str) -> None:
    assert kind_of(subject, text) == "question"


@pytest.mark.parametrize(
    "words",
    [
        "Votez contre pour moi.",
        "Votez pour moi",
        "Contre le budget",
        "Je démissionne à mon retour.",
        "Je quitte la coopérative.",
        "Le loyer est trop cher.",
        "Le loyer est trop cher",
        "Changez mon adresse, merci.",
        "Comptez-moi présente par téléphone.",
        "Merci d’envoyer le contrat à ma fille.",
        "je paierai ma part à mon retour.",
        "Nous paierons notre part à notre retour.",
        "Oui",
        "Mon adresse est fausse.",
        "La fuite d’eau est urgente.",
        "Votre message est une honte.",
        "Je vous prie de supprimer mon adresse.",
    ],
)
@pytest.mark.parametrize("between", ["\n", " "])
def test_d15_one_word_for_us_beside_an_absence_makes_it_a_question(words: str, between: str) -> None:
    assert kind_of("Re: Lettre", f"Bonjour,\nJe suis absent jusqu’au 12.{between}{words}") == "question"
    assert (
        kind_of("Re: Lettre", f"Bonjour,\nJe suis absent jusqu'au 12.{between}{words.replace('’', chr(39))}")
        == "question"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Je consulterai vos messages à mon retour.\nMerci de contacter Paul Prunier au 01 02 03 04 05.\n\nCordialement,\n\nOdile Tamarin\nchargée de mission\nLes Passerelles",
        "Vous pouvez contacter l’accueil : accueil@membre.example\nMerci de votre compréhension.\nOdile Perez\nDirectrice générale",
        "Je ne manquerai pas de vous répondre. Merci d’adresser vos demandes à accueil@membre.example. N’hésitez pas à me contacter.",
        "J’ai bien reçu votre message et je vous répondrai à mon retour. Je vous souhaite un bel été.",
    ],
)
def test_d15_what_machines_add_to_an_absence_leaves_it_one(text: str) -> None:
    assert kind_of("Re: Lettre", f"Bonjour,\nJe suis absente jusqu’au 12.\n{text}") == "auto_reply"


@pytest.mark.parametrize(
    "line", ["A-" * 600 + "!x", "A." * 600 + "!x", "(" * 1_200 + "x", "1-(" * 400 + "x", "." * 1_200]
)
def test_a_long_word_below_an_absence_does_not_hold_the_reading(line: str) -> None:
    assert kind_of("Re: Lettre", f"Bonjour,\nJe suis absente jusqu’au 12.\n{line}") in {"auto_reply", "question"}


HELD = (
    "Bonjour,\n\nVotre message est en attente : ma messagerie est protégée contre le spam.\nPour qu’il me parvienne,"
    " merci de confirmer que vous êtes une personne réelle :\nhttps://filtre.example/v?id=12"
)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Rendez-vous du vendredi", HELD),
        (
            "Votre message attend votre vérification",
            "Cliquez ici pour valider votre adresse.\nhttps://filtre.example/v?id=12",
        ),
        (
            "Demande d’authentification",
            "Votre courriel à Odile sera distribué dès que vous suivrez ce lien\nhttps://filtre.example/12",
        ),
        ("Please verify your email", "Your message is held until you do.\nhttps://filtre.example/12"),
    ],
)
def test_d15_a_filter_that_asks_for_proof_is_automatic(subject: str, text: str) -> None:
    assert kind_of(subject, text) == "auto_reply"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Lettre", HELD.replace("https://filtre.example/v?id=12", "par retour")),
        ("Re: Lettre", HELD + "\nJe reçois ceci de vous, que faire ?"),
        ("Re: Lettre", "Votre message est resté bloqué. Je confirme ma venue : https://membre.example/venue"),
        ("Re: Votre message attend votre vérification", "C’est quoi, valider votre adresse\nhttps://filtre.example"),
        ("Re: Lettre", "Merci de vérifier l’expéditeur de ceci : https://membre.example/douteux"),
    ],
)
def test_a_person_who_speaks_of_a_filter_is_a_question(subject: str, text: str) -> None:
    assert kind_of(subject, text) == "question"


def test_staff_read_why_a_letter_counts_as_automatic() -> None:
    raw = f"From: odile@membre.example\nSubject: Re: Lettre\n\n{AWAY}"
    assert recognise(parse(raw.encode()), OURS).reason == "Réponse automatique\u00a0: le texte ne dit qu’une absence."
