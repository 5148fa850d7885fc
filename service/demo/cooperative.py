"""Who is in the demo's little cooperative, and what do they write? Everything here is invented, at reserved domains (RFC 2606)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, auto
from pathlib import Path

from service.core import french
from service.core.vocabulary import Role

TEXTS = Path(__file__).parent / "texts"
ROSTER = TEXTS / "societaires.csv"

NAME = "Les Passerelles"
DOMAIN = "passerelles.example"
INBOX = f"vie@{DOMAIN}"
RETURNS = f"retours@{DOMAIN}"
# What lands in the inbox that Pli reads; every other address of the world is somebody's own mailbox.
INBOX_NAMES = frozenset({"vie", "retours"})
POSTAL_ADDRESS = "4 quai des Passerelles, 36000 Brenneval"
TELEPHONE = "01 99 00 12 34"  # ARCEP keeps 01 99 00 for fiction
LEGAL_NOTICE = "SCIC SA à capital variable, RCS Brenneval 000 000 000"

SUBJECT = "Où en sont Les Passerelles : nos comptes, nos choix, votre place"
PREHEADER = "La perte de 2022, ce que le conseil a décidé, et le prochain rendez-vous du vendredi."
RDV_TITLE = "Rendez-vous du vendredi"
RDV_VIDEO = "https://visio.passerelles.example/rdv-du-vendredi"
# Refused by their own server, so that staff see what a wrong address becomes.
GONE = ("ancien.contact@relais-des-aidants.example",)


# The file of a demo's folder which says that everything below is made.
SOWN = "sown"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the team, and the password that the command prints: it opens this demo only, on this machine."""

    name: str
    email: str
    role: Role
    password: str
    may: str


TEAM = (
    Account("Camille Verneuil", f"camille@{DOMAIN}", Role.REDACTEUR, "encre-et-papier-bleu", "écrit"),
    Account("Romane Tissandier", f"romane@{DOMAIN}", Role.VALIDEUR, "relire-avant-le-pont", "relit et envoie"),
    Account("Octave Lamirande", f"octave@{DOMAIN}", Role.ADMIN, "clef-de-la-passerelle", "administre"),
)
AUTHOR, REVIEWER, _ = TEAM


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has a mailbox; `belongs` says where: a structure, a college, or the team."""

    name: str
    address: str
    belongs: str


def people() -> list[Person]:
    """List everyone of the members file who has an address, then the team."""
    with ROSTER.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    members = [
        Person(f"{row['Prénom']} {row['Nom']}", address.strip(), _belongs(row, address.strip(), shared=place > 0))
        for row in rows
        for place, address in enumerate(row["E-mail"].split(","))
        if address.strip()
    ]
    return [*members, *(Person(one.name, one.email, "L’équipe") for one in TEAM)]


def _belongs(row: dict[str, str], address: str, *, shared: bool) -> str:
    where = row["Structure"] or row["Collège"]
    return f"{where}, {address.partition('@')[0]}@" if shared else where


class How(Enum):
    """The ways in which mail comes back in the real world."""

    AS_USUAL = auto()
    FROM_ANOTHER_ADDRESS = auto()
    BY_A_MACHINE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one member answers to the communiqué."""

    address: str
    text: str
    how: How = How.AS_USUAL


ANSWERS = (
    Answer(
        "clemence.aubourdin@premiers-gestes.example",
        "Bonjour,\n\nMerci pour ce message franc. Quatre mois de trésorerie, est-ce avec ou sans le solde des deux marchés "
        "en retard ? Et que se passe-t-il si l’un des deux n’est pas payé avant l’été ?\n\n"
        "Clémence Aubourdin\nRéseau Premiers Gestes",
    ),
    Answer(
        "idriss.tangara@bus-des-possibles.example",
        "Bonjour à tous,\n\nComment les groupements seront-ils constitués ? Nous sommes une petite structure et nous "
        "craignons que les appels à projets aillent toujours aux mêmes.\n\nBien à vous,\nIdriss",
        How.FROM_ANOTHER_ADDRESS,
    ),
    Answer(
        "delphine.ostrowiak@trois-rives.example",
        "Bonjour,\n\nLe budget révisé sera-t-il détaillé par projet ? Notre service des finances en a besoin avant le "
        "prochain conseil métropolitain.\n\nCordialement,\n\n-- \nDelphine Ostrowiak\nMétropole des Trois-Rives",
    ),
    Answer(
        "odilon.servantier@deux-phares.example",
        "Bonjour,\n\nQue devient l’accompagnement des deux personnes qui partent ? Je n’ai rien lu à ce sujet.\n\nOdilon S.",
    ),
    Answer("rosalie.nguyen-castel@haute-brenne.example", "", How.BY_A_MACHINE),
)


def communique(rdv: date) -> str:
    """Write the communiqué that announces the RDV of that day."""
    text = (TEXTS / "communique.md").read_text(encoding="utf-8")
    return text.replace("{{date_du_rdv}}", f"{french.date_in_words(rdv)} à 12 h 30")


def next_rdv(today: date) -> date:
    """Find the last Friday of a month, at least a week from today."""
    day = today + timedelta(days=7)
    while day.weekday() != 4 or (day + timedelta(days=7)).month == day.month:
        day += timedelta(days=1)
    return day
