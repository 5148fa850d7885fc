"""Does this whole letter say only that its writer is away, or that ours waits to be let in? French first, then English.

What a person asks or tells us must never be taken for a machine's: a question mark, or a word about voting, proxies or taking
part, makes any letter a person's.
"""

from __future__ import annotations

import re

_LONGEST = 1_500
_LINK = re.compile(r"https?://\S+|<[^<>\s]+>")
_GREETING = re.compile(
    r"\W*(?:(?:(?:bonjour|bonsoir|hello|hi|dear|madame|monsieur|mesdames|messieurs|cher|chère)\b[^\n.!,]{0,40}[\n,.!]\s*)"
    r"|(?:(?:je vous remercie|merci|thank you|thanks)[^.!\n]{0,60}(?:message|e-?mail|mail|courriel)\b[^.!\n]{0,20}[.!\n,]\s*))*\W*",
    re.IGNORECASE,
)
# A subject of one of these words may be a person's; the letter decides.
_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)*(?:absence|absent(?:\(e\)|·e|e)?|(?:en )?congés?(?: annuels?| d.été| payés)?|(?:en )?vacances|auto"
    r"|fermeture(?: annuelle| estivale| exceptionnelle| des bureaux)?|indisponib(?:le|ilité)|hors (?:du )?bureau|away)"
    r"\s*(?:[:\-–—(\[!]|$|du\b|jusqu|re\b)",
    re.IGNORECASE,
)
_NOW_AWAY = re.compile(
    r"(?:je suis|nous sommes|i am|i.m|we are)(?: (?:actuellement|en ce moment|momentanément|currently|presently|now))?,? "
    r"(?:absent(?:\(e\)|·e|e)?s?(?!\w)|en (?:congés?|vacances|déplacement|arrêt)|indisponibles?|hors (?:du|de mon) bureau"
    r"|out of (?:the |my )?office|on (?:annual |sick |parental |maternity )?(?:leave|vacation|holidays?)|away)"
    r"|(?:actuellement|currently) (?:absent(?:\(e\)|·e|e)?(?!\w)|en congés?|en vacances|out of|on (?:leave|vacation))"
    r"|(?:(?:notre|nos|le|la|les) (?:bureaux?|société|entreprise|structure|association|agence|service|locaux|équipe)|l.(?:agence|association"
    r"|entreprise|équipe))\b[^.!\n]{0,40}\b(?:est|sont) (?:actuellement |exceptionnellement )?(?:fermée?s?|en congés?)"
    r"|our offices? (?:is|are) (?:currently )?closed",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\babsent|\babsence|congé|vacances|\bferm(?:é|eture)|indisponible|hors (?:du )?bureau|déplacement|out of (?:the )?office|\bleave\b|\baway\b",
    re.IGNORECASE,
)
# What a machine adds: when its master is back, and whom to ask meanwhile.
_MEANWHILE = re.compile(
    r"de retour|mon retour|notre retour|retour (?:le|prévu)|reprendr\w+|réouvr|rouvr|réouverture|en cas d.urgence|pour toute urgence"
    r"|(?:vous pouvez|merci de|veuillez) (?:contacter|vous adresser|joindre)|prendr\w+ connaissance|ser(?:a|ont) traité|ne (?:lirai|consulte)"
    r"|jusqu.au|au \d{1,2}\b|will (?:be back|return|reply|respond)|until|upon my return|on my return|urgent matters?",
    re.IGNORECASE,
)
_OF_A_PERSON = re.compile(
    r"\b(?:pouvoirs?|procurations?|mandats?|vot(?:e|er|es|erai|erons)|représent\w*|assemblée|ordre du jour|m.inscri\w*|particip\w*"
    r"|m.excus\w*|rendez-vous|réunion|votre (?:compte-rendu|invitation|convocation))\b|\?",
    re.IGNORECASE,
)
_HELD = re.compile(
    r"(?:votre|your) (?:message|e-?mail|courriel|mail)\b.{0,120}(?:attente|bloqué|retenu|quarantaine|remis qu|parviendra|délivr|distribu"
    r"|held|pending|delivered|quarantine)|protég\w+ .{0,40}(?:anti.?spam|spam|indésirables)",
    re.IGNORECASE | re.DOTALL,
)
_PROVE = re.compile(
    r"(?:confirm|valid|vérifi|authentifi|identifi|verif|authenticat)\w*.{0,80}"
    r"(?:votre (?:adresse|identité|message|envoi|e-?mail|courriel)|que vous (?:êtes|n.êtes)|expéditeur|vous.même|yourself|your (?:address|identity"
    r"|message|e-?mail)|that you (?:are|sent))|\bvous (?:authentifier|identifier)\b|\brobot\b|\bcaptcha\b|personne (?:réelle|humaine)",
    re.IGNORECASE | re.DOTALL,
)
_CHALLENGE_SUBJECT = re.compile(
    r"^\W*(?:\[[^\]]{1,40}\]\s*)*(?!(?:re|tr|fwd?)\s*:)[^?]{0,120}?(?:attend(?:ent)? (?:votre|une) (?:vérification|validation|confirmation"
    r"|authentification)|(?:demande|requête) d.authentification|(?:vérification|authentification) (?:de l.|d.)expéditeur|sender verification"
    r"|verify your (?:e-?mail|message)|confirm your (?:e-?mail|message))",
    re.IGNORECASE,
)


def is_absence(subject: str, text: str) -> bool:
    """Says whether a letter only tells that nobody reads ours for now: its text opens with it, or its subject does."""
    if not text.strip() or len(text) > _LONGEST or _OF_A_PERSON.search(_LINK.sub(" ", text)):
        return False
    start = _GREETING.match(text)
    opens = _NOW_AWAY.match(text, start.end() if start else 0)
    named = _SUBJECT.search(subject) and _AWAY.search(text)
    return bool((opens or named) and _MEANWHILE.search(text))


def is_challenge(subject: str, text: str) -> bool:
    """Says whether a filter holds our mail back until somebody proves at a link that a person sent it."""
    if not text.strip() or len(text) > 2 * _LONGEST or "http" not in text:
        return False
    bare = _LINK.sub(" ", text)
    if "?" in bare:
        return False
    held, prove = bool(_HELD.search(bare)), bool(_PROVE.search(bare))
    return (held and prove) or (bool(_CHALLENGE_SUBJECT.search(subject)) and (held or prove))
