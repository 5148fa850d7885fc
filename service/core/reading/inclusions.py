"""Is what stands below meant to be read? A letter that is passed on, and answers written into the letter, are kept."""

from __future__ import annotations

import re

from service.core.reading import closings
from service.core.reading.marks import Line, Mark, put

_QUOTED = {Mark.TAIL, Mark.QUOTE, Mark.ATTRIBUTION}
# What programs put above a letter that is passed on; those of a reply say « message d’origine » or nothing.
_FORWARD = re.compile(
    r"[-_=*]{2,}\s*(?:message transféré|message transfere|message réexpédié|courriel transféré|mail transféré|e-?mail transféré"
    r"|forwarded (?:message|mail|email)|weitergeleitete (?:nachricht|e-?mail|mail)|mensaje reenviado|messaggio inoltrato"
    r"|mensagem (?:encaminhada|reencaminhada)|doorgestuurd bericht|vidarebefordrat meddelande|videresendt (?:melding|besked)"
    r"|przekazana wiadomość)\b.{0,40}?[-_=*]{2,}.{0,80}"
    r"|(?:début du (?:message|courriel) (?:réexpédié|transféré)|begin forwarded message|anfang der weitergeleiteten nachricht"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|begin doorgestuurd bericht|início da mensagem reencaminhada)\s*:",
    re.IGNORECASE,
)
_PASSED_ON = re.compile(
    r"fyi|for your information|zur (?:info(?:rmation)?|kenntnis)|zk|para (?:su |tu )?información|per (?:tua |sua )?conoscenza"
    r"|ter info(?:rmatie)?|pour (?:votre |ton )?(?:info(?:rmation)?s?|mémoire|avis|suite à donner)|pi|à toutes fins utiles|a toutes fins utiles"
    r"|(?:je (?:vous|te) )?(?:transfère|transmets|fais suivre|réexpédie|partage)(?: (?:ci-dessous|pour info(?:rmation)?))?"
    r"(?: (?:ce|cet|le|la|cette|un|une|l.)? ?(?:message|mail|courriel|e-?mail|échange|lettre|réponse)s?"
    r"(?: (?:ci-dessous|pour info(?:rmation)?|de [\w .'’-]{2,40}|reçue?(?: \w+){0,4}))*)?"
    r"|(?:voir|cf\.?|see)(?: le)?(?: (?:message|mail|courriel|échange))?(?: (?:ci-dessous|plus bas|below|infra|transféré))",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:bonjour|bonsoir|chères?|chers?|hello|hi|hallo|dear|cher|madame|monsieur|salut|coucou|re-?bonjour)\b[^.?]{0,40}",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_]\w*(?:[ .'’-]+\w+){0,4}\.?")
_ABOUT = (
    r"(?:réponses?|réponds|répondons|répondu|commentaires?|remarques?|annotations?|annoté|ajouts?|ajouté|observations?|corrections?"
    r"|answer(?:s|ed)?|repl(?:y|ies|ied)|comments?|commented|remarks|antworte[nt]?|kommentare?|respuestas?|risposte?)"
)
_INSIDE = (
    r"(?:en (?:rouge|bleu|vert|orange|violet|rose|couleurs?|gras|majuscules|italiques?|surligné|surbrillance)"
    r"|dans (?:le|votre|ton|leur) (?:texte|corps|mail|message|courriel|e-?mail|fil)|au fil (?:du|de votre) (?:texte|message|mail|courriel)|entre (?:les|vos) lignes"
    r"|(?:sous|après) (?:chaque|chacune de vos|vos|tes|les) questions?|inline|in-line|in (?:red|blue|green|bold|colou?r|capitals)"
    r"|in (?:the|your) (?:text|mail|message|body|e-?mail)|im text|in (?:rot|blau)|en rojo|in rosso)"
)
_BELOW = r"(?:ci-dessous|ci-après|ci dessous|plus bas|en dessous|infra|below|underneath|unten|abajo|sotto)"
_ANSWERED_INSIDE = re.compile(rf"\b(?:{_ABOUT}|questions?)\b[^.?!]{{0,60}}\b{_INSIDE}\b", re.IGNORECASE)
_ANSWERED_BELOW = re.compile(
    rf"\b(?:(?:mes|nos|ma|notre|my|our|meine|unsere|mis|le mie|voici les|les)\s+{_ABOUT}|je (?:vous |te |leur )?réponds|nous (?:vous )?répondons"
    rf"|j.ai répondu)\b[^.?!]{{0,40}}\b{_BELOW}\b|^\W*(?:{_ABOUT}|(?:voir|cf\.?|see) (?:mes |my )?{_ABOUT})[^.?!]{{0,25}}\b{_BELOW}\W*$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s*(?:[-*•–—]|\d{1,2}[.)/])\s?\S")
_FEW = 6
# Nobody announces answers further down; a letter made of such lines took seconds.
_READ = 40
_LONGEST = 400


def keep(lines: list[Line]) -> list[Line]:
    """Gives back to the writer what is quoted below, where his words say that it is what he wants to tell."""
    first = next((number for number, line in enumerate(lines) if line.mark in _QUOTED and not line.blank), len(lines))
    above = [line.text.strip() for line in lines[:first] if line.own]
    if first == len(lines) or not (
        _FORWARD.fullmatch(lines[first].text.replace("\u00a0", " ").strip())
        or (lines[first].mark is Mark.TAIL and _only_passes_on(above))
        or (_is_answered_inside(above[:_READ]) and not any(line.own for line in lines[first:]))
    ):
        return lines
    result = list(lines)
    for number in range(first, len(lines)):
        if lines[number].mark in _QUOTED:
            put(Mark.OWN, result, number, number + 1)
    return result


def _only_passes_on(above: list[str]) -> bool:
    """Nothing but « Pour info » or a closing and a name: then the letter below is all there is to tell.

    A greeting by itself is an answer, if a short one.
    """
    if len(above) > _FEW:
        return False
    named = False
    for text in above:
        told = text.strip(" \t\u00a0.,;:!*_…")
        if _PASSED_ON.fullmatch(told) or closings.is_formula(text):
            named = True
        elif not (_GREETING.fullmatch(told) or (named and _NAME.fullmatch(told))):
            return False
    return named


def _is_answered_inside(above: list[str]) -> bool:
    for number, text in enumerate(above):
        if _ANSWERED_INSIDE.search(text[:_LONGEST]):
            return True
        # « Mes réponses ci-dessous : » above a list of the writer means the list.
        if _ANSWERED_BELOW.search(text[:_LONGEST]):
            below = above[number + 1 :]
            return len(below) <= _FEW and not any(map(_ITEM.match, below))
    return False
