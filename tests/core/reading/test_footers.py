"""What mail programs add to each letter is set aside in the usual languages; a writer who tells what he sent is not."""

from __future__ import annotations

import pytest

from service.core.reading.replies import Reply, cut

WORDS = "Bonjour,\n\nQui peut porter mon pouvoir ?"
BLOCK = "De : Les Passerelles <vie@passerelles.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nObjet : Rendez-vous\n\nBonjour"

FOOTERS = [
    "Envoyé de mon iPhone",
    "Envoyé depuis mon appareil Galaxy",
    "Envoyé à partir d’un Galaxy",
    "Envoyé depuis l’application Mail Orange",
    "Envoyé depuis SFR Mail",
    "Envoyé avec La Poste Mail",
    "Envoyé depuis Yahoo Mail pour Android",
    "Envoyé avec la messagerie sécurisée Proton Mail.",
    "Envoyé à partir de Outlook pour Android<https://aka.example/x>",
    "Envoyé de mon appareil Android avec Courriel K-9 Mail. Veuillez excuser ma brièveté.",
    "Envoyé de mon appareil Android avec Courriel K-9 Mail.\nVeuillez excuser ma brièveté.",
    "Envoyé avec Newton Mail",
    "Envoyé via Mailspring",
    "Obtenir BlueMail pour Android",
    "Télécharger BlueMail pour Android",
    "Télécharger Outlook pour iOS<https://aka.example/x>",
    "Obtenez Outlook pour Android",
    "Provenance : Courrier pour Windows 10",
    "Garanti sans virus. www.avast.example",
    "Sent from my iPad",
    "Sent from my Galaxy, please excuse typos",
    "Sent from Yahoo Mail on Android",
    "Sent from TypeApp<https://aka.example/x>",
    "Sent with Proton Mail secure email.",
    "Sent from Outlook for Android",
    "Get Outlook for iOS",
    "Get BlueMail for Android",
    "Von meinem iPhone gesendet",
    "Gesendet von Outlook für Android<https://aka.example/x>",
    "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    "Outlook für Android beziehen",
    "Holen Sie sich Outlook für iOS",
    "Enviado desde mi iPhone",
    "Enviado desde Correo para Windows",
    "Obtener Outlook para Android",
    "Inviato da iPhone",
    "Inviato dal mio dispositivo Samsung",
    "Ottieni Outlook per Android",
    "Verstuurd vanaf mijn iPhone",
    "Verzonden vanuit Mail voor Windows",
    "Download Outlook voor Android",
    "Enviado do meu iPhone",
    "Enviado a partir do meu smartphone Samsung Galaxy.",
    "Obter o Outlook para Android",
    "Skickat från min iPhone",
    "Sendt fra min iPad",
    "Wysłane z iPhone'a",
    "Message envoyé depuis mon iPhone",
    "Écrit depuis mon téléphone",
    "Envoyé d’un téléphone Android",
    "Von meinem/meiner Galaxy gesendet",
    "Von Samsung Galaxy-Smartphone gesendet",
    "iPhone’umdan gönderildi",
    "发自我的iPhone",
    "iPhoneから送信",
    "Αποστολή από το iPhone μου",
    "נשלח מה-iPhone שלי",
    "Trimis de pe iPhone-ul meu",
    "Odesláno z iPhonu",
    "Yahoo Mail : Recherchez, organisez, maîtrisez",
    "Avant d’imprimer, pensez à l’environnement",
    "Please consider the environment before printing this e-mail",
]


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize("below", ["", f"\n\n{BLOCK}"])
def test_what_a_program_adds_is_set_aside(footer: str, below: str) -> None:
    found = cut(f"{WORDS}\n\n{footer}{below}")
    assert (found.reply, found.signature) == (WORDS, footer)


@pytest.mark.parametrize(
    "line",
    [
        "Envoyé par courrier",
        "Envoyé par mail",
        "Envoyé depuis Lyon",
        "Envoyé de Lyon par la poste hier",
        "Envoyé de mon téléphone ce matin, sans réponse",
        "Envoyé avec l’application Outlook, est-ce lisible ?",
        "Envoyé de nouveau, mon pouvoir est-il arrivé ?",
        "Envoyé avec mes excuses, et mes vœux",
        "Envoyé par ma voisine, présidente du comité de quartier du quai des Tanneurs",
        "Télécharger le document est impossible",
        "Obtenir un pouvoir pour ma voisine",
        "Von mir aus gern",
        "Von meinem Standpunkt aus ja",
        "Téléchargez l’application Signal",
        "Pensez à l’environnement",
        "Pensez à l’environnement\u00a0: évitez d’imprimer les convocations\u202f!",
        "Écrit depuis mon lit",
        "Sent from Lyon by train",
        "Sent from Lyon",
        "Get the minutes from Odile",
    ],
)
def test_a_writer_who_tells_what_was_sent_is_kept(line: str) -> None:
    assert cut(f"{WORDS}\n\n{line}") == Reply(f"{WORDS}\n\n{line}", "", "")


def test_a_footer_in_the_middle_of_a_letter_stays() -> None:
    text = "Bonjour,\n\nEnvoyé de mon iPhone\n\nEt le budget ?"
    assert cut(text).reply == text
