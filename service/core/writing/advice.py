"""What would a careful colleague remark in a text before it leaves? None of it keeps it from leaving."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from service.core import french
from service.core.writing import markdown, said_dates

# What most telephones show of a subject, and of the words behind it.
SUBJECT_SHOWN, PREHEADER_SHOWN = 60, 110
_UNFINISHED = re.compile(
    r"(?<!\w)(?:x{3,}|xx/xx|xx(?=[ \u00a0\u202f]?[h€])|todo|tbd|lorem ipsum|[àa] compl[ée]ter|[àa] remplir)(?!\w)|\?{3,}",
    re.IGNORECASE,
)
# « [date] »: square brackets around a word or two that are no link; « \\[ » is a bracket on purpose.
_GAP = re.compile(r"(?<![\\\]])\[(?!\s*bouton)([^\[\]\n(){}]{1,40})\](?![(\[:])")
_ENCLOSED = re.compile(r"(?<!\w)(?:ci-joint(?:e|s|es)?|pi[èe]ces? jointes?)(?!\w)", re.IGNORECASE)
# RGAA 6.1: what a screen reader tells of a link, out of its sentence, must say where it leads.
_SAYS_NOTHING = frozenset(
    (
        "ici", "là", "lien", "le lien", "ce lien", "cliquez", "cliquez ici", "cliquer ici", "cliquez là", "voir", "voir ici",
        "suite", "la suite", "lire la suite", "en savoir plus", "plus d’infos", "plus d’informations", "ce site", "cette page",
    )
)  # fmt: skip
_MARKS = re.compile(r"\*\*|(?<!\w)[*_]|[*_](?!\w)")


@dataclass(frozen=True, slots=True)
class Advice:
    """A remark, and the field of the form that it is about."""

    sentence: str
    field: str


def of_text(subject: str, preheader: str, body: str, *, today: date) -> list[Advice]:
    """List what a careful colleague would remark in a text, in French, each once."""
    found = [*_of_subject(subject), *_of_preheader(preheader, subject)]
    for field, text in (("subject", subject), ("preheader", preheader), ("body", _MARKS.sub("", body))):
        found += [Advice(said.fault, field) for said in said_dates.read(text, today=today) if said.fault]
        found += [Advice(sentence, field) for sentence in _unfinished(text)]
    found += [Advice(sentence, "body") for sentence in _of_links(body)]
    if enclosed := _ENCLOSED.search(body):
        found.append(
            Advice(
                f"Vous écrivez «\u00a0{enclosed[0]}\u00a0»\u00a0: ce message part sans pièce jointe. Mettez plutôt un lien "
                "vers le document.",
                "body",
            )
        )
    return list(dict.fromkeys(found))


def of_its_date(subject: str, body: str, *, starts: date, today: date) -> Advice | None:
    """Remark that a message about a meeting names days, and never its own; None where it does, or names none."""
    said = [one.day for one in said_dates.read(f"{subject}\n{_MARKS.sub('', body)}", today=today) if one.day]
    if not said or starts in said:
        return None
    return Advice(
        f"La rencontre a lieu le {french.date_in_words(starts)}\u00a0: le message cite d’autres dates, jamais celle-ci.",
        "body",
    )


def _of_subject(subject: str) -> Iterator[Advice]:
    words = subject.strip()
    if len(words) > SUBJECT_SHOWN:
        yield Advice(
            f"L’objet a {len(words)} caractères\u00a0: un téléphone le coupe vers {SUBJECT_SHOWN}. Commencez par l’essentiel.",
            "subject",
        )
    letters = [letter for letter in words if letter.isalpha()]
    if len(letters) > 12 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters):
        yield Advice(
            "L’objet est écrit en capitales\u00a0: il se lit mal, et des messageries le tiennent pour une publicité.",
            "subject",
        )
    if "!!" in words.replace(" ", "").replace("\u202f", ""):
        yield Advice("Plusieurs points d’exclamation dans l’objet\u00a0: un seul suffit.", "subject")


def _of_preheader(preheader: str, subject: str) -> Iterator[Advice]:
    words = preheader.strip()
    if len(words) > PREHEADER_SHOWN:
        yield Advice(
            f"La première ligne a {len(words)} caractères\u00a0: on n’en voit qu’une centaine dans la liste des messages.",
            "preheader",
        )
    if words and words.casefold() == subject.strip().casefold():
        yield Advice(
            "La première ligne répète l’objet\u00a0: dites-y ce que l’objet ne dit pas, ou laissez-la vide.",
            "preheader",
        )


def _unfinished(text: str) -> Iterator[str]:
    for found in _UNFINISHED.finditer(text):
        yield f"Il reste «\u00a0{found[0]}\u00a0» dans le texte\u00a0: est-ce fini\u202f?"
    for found in _GAP.finditer(text):
        yield f"Il reste «\u00a0[{' '.join(found[1].split())}]\u00a0» dans le texte\u00a0: est-ce à remplacer\u202f?"


def _of_links(body: str) -> Iterator[str]:
    leads_to: dict[str, str] = {}
    for words, url in markdown.links(markdown.read(body)):
        said = " ".join(words.split()).strip(" .:!?…\u00a0\u202f").casefold()
        if said.replace("'", "’") in _SAYS_NOTHING:
            yield (
                f"Le lien «\u00a0{' '.join(words.split())}\u00a0» ne dit pas où il mène\u00a0: qui écoute le message au lieu de "
                "le voir n’entend que ces mots."
            )
        elif leads_to.setdefault(said, url) != url:
            yield f"Deux liens s’appellent «\u00a0{' '.join(words.split())}\u00a0» et ne mènent pas au même endroit."
