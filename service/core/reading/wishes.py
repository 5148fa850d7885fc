"""Does this letter ask for one thing alone, to be left off the list? Whoever says more than that gets an answer of a person."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 300
_GREETING = r"bonjour|bonsoir|salut|hello|hi|dear|chere?s?|madame|monsieur|mesdames|messieurs|a tous|a toutes|et a toutes|l equipe"
_POLITE = (
    r"merci(?: (?:beaucoup|d avance|par avance|bien))?|(?:et )?s il (?:vous|te) plait|svp|stp|please|thanks|thank you|non merci"
    r"|(?:en )?vous remerciant(?: (?:d avance|par avance))?|je vous (?:en )?remercie(?: (?:d avance|par avance))?|bonne (?:journee|soiree|reception)"
    r"|(?:bien |tres )?(?:cordialement|a vous)|salutations|regards|best regards|immediatement|des maintenant|definitivement|urgent|desormais|now"
)
_ASKING = (
    r"merci (?:de|d)(?: bien vouloir)?|veuillez(?: bien)?|(?:je|nous) vous (?:prie|prions|demande|demandons|remercie) (?:de|d)(?: bien vouloir)?"
    r"|priere de|(?:pouvez|pourriez|voulez|voudriez) vous(?: bien)?|(?:je|nous) (?:souhait|desir|voudr|veux|voul|demand)\w*(?: a)?(?: bien)?(?: de)?"
    r"|j aimerais|j aurais aime|please|could you|can you|i (?:want|wish|would like) to|demande (?:de|d)"
    r"|(?:proceder|prendre en compte)(?: a)?|bien vouloir"
)
_OF = r"(?:de|des|du|d|a|from)"
_WHOSE = r"(?:(?:l|la|le|les|cette|ce|ces|votre|vos|toutes vos|tous vos|toutes les|tous les|this|your|the|all your|any|mailing) )?"
_LIST = (
    rf"(?:(?:de|des|du|d|a|from) {_WHOSE}(?:mailing ?lists?|listes?|newsletters?|lettres?|fichiers?|bases?|mailings?|lists?|envois?|carnet"
    r"|messages?|mails?|e ?mails?|courriels?|communiques?|diffusion)"
    r"(?: (?:de |d |du )?(?:diffusion|envois?|information|infos?|contacts?|donnees|mails?|e ?mails?|adresses?|distribution|cooperative|la cooperative"
    r"|l association|messagerie))*)"
)
_MAILS = (
    r"(?:(?:de|du|des|d|vos|ces|les|cette|ce|votre|la|le|aucun|aucune|aucun de vos|tous vos|toutes vos|tous ces|your|any|any more|more|these|plus) ){0,4}"
    r"(?:messages?|mails?|e ?mails?|courriels?|courriers?|lettres?|newsletters?|communiques?|informations?|infos?|envois?|publicites?|pubs?)"
    r"(?: (?:electroniques?|d informations?|du vendredi|d infos?))?(?: (?:de|from) (?:la|votre|l|you|vous|the)?(?: ?(?:part|cooperative|association))?)?"
)
_LEAVE = r"(?:desinscri(?:re|te?s?|s|vez)|desabonn(?:er|ees?|es?|ez)|unsubscribed?)"
_TAKE_OFF = (
    r"(?:retir(?:er|ees?|es?|ez)|supprim(?:er|ees?|es?|ez)|ray(?:er|ees?|es?|ez)|enlev(?:er|ees?|es?|ez)|ot(?:er|ez)"
    r"|radi(?:er|ees?|es?|ez)|effac(?:er|ez)|remove)"
)
_MINE = r"(?:mon|ma|mes|my) (?:adresses?|e ?mail|mail|nom|contact|coordonnees|address|name)(?: (?:e ?mail|mail|electronique|de messagerie|address))?"
_WISH = (
    rf"(?:(?:me |m |nous |etre |de )*(?:{_LEAVE}|se desinscrire)(?: (?:moi|nous|me))?(?: {_LIST})?)"
    rf"|(?:(?:me |m |nous |etre )*{_TAKE_OFF}(?: (?:moi|nous|me))?(?: {_LIST}))|(?:retirez|supprimez|rayez|enlevez|remove) (?:moi|nous|me)"
    rf"|(?:(?:ma |la |une |notre )?(?:desinscription|desabonnement|unsubscribe)(?: {_LIST})?)"
    rf"|(?:{_TAKE_OFF}(?: moi)? {_MINE}(?: {_LIST})?)"
    rf"|(?:je|nous) ne (?:souhait|desir|voudr|veux|voul)\w* (?:vraiment )?(?:plus|pas) (?:rien )?(?:recevoir|etre destinataires? de)"
    rf"(?: (?:rien|{_MAILS}))?(?: de (?:vous|votre part))?"
    rf"|(?:ne )?plus (?:rien )?recevoir(?: (?:rien|{_MAILS}))?|ne (?:plus|pas) (?:m ecrire|nous ecrire|m envoyer (?:rien|{_MAILS}))"
    rf"|ne m (?:ecrivez|envoyez) plus(?: (?:rien|{_MAILS}))?|(?:d )?(?:arret|cess)(?:er|ez) (?:de )?m (?:ecrire|envoyer {_MAILS})"
    rf"|(?:arret|cess)(?:er|ez) {_MAILS}|(?:je|nous) ne (?:suis|sommes) (?:plus|pas) (?:du tout )?interessee?s? par {_MAILS}"
    rf"|i (?:no longer (?:wish|want)|do not (?:wish|want)|don t (?:wish|want)) to receive {_MAILS}|stop sending me {_MAILS}"
    rf"|stop(?: (?:(?:aux |a vos |a tous vos )?(?:mails?|e ?mails?|messages?|courriels?)))?"
    rf"|plus de (?:mails?|messages?|e ?mails?|courriels?)|(?:take|get) me off {_WHOSE}(?:mailing )?list"
)
# Phrases overlap (« merci bien », « bien à vous »): without a bound on how many, every way to part them would be tried.
_LETTER = re.compile(
    rf"(?:(?:{_GREETING}) ){{0,6}}(?:(?:{_POLITE}) ){{0,6}}(?:je )?(?:(?:{_ASKING}) ){{0,3}}(?:{_WISH})"
    rf"(?: (?:et |donc )?(?:{_POLITE}|(?:(?:{_ASKING}) ){{0,3}}(?:{_WISH}))){{0,6}}(?: (?:bien )?(?:cordialement|salutations|regards|a vous)(?: \w+){{0,3}})?"
)
_ONLY_POLITE = re.compile(rf"(?:(?:{_GREETING}|{_POLITE})(?: |$)){{0,12}}")
# Under « Désinscription » somebody may give his reason. What else he says there (a vote, a candidacy) is for a person.
_REASON = re.compile(
    r"(?:(?:parce )?que |merci de |car |en effet |donc )?(?:(?:je|nous|j) )?(?:demenag\w+|pars\b|quitte (?:la region|la ville|le pays)|n habit\w+ (?:plus|pas)"
    r"|ne (?:suis|sommes) (?:plus|pas)(?: du tout)? (?:interess\w+|concern\w+)"
    r"|n ai plus le temps|ne (?:lis|les lis|la lis) (?:plus|pas|jamais)"
    r"|(?:en )?re(?:cois|cevons) (?:beaucoup )?(?:trop|deja|en double)|prends ma retraite|suis (?:a la|en) retraite|faire le necessaire|voir (?:l )?objet"
    r"|trop de (?:mails?|e ?mails?|messages?|courriels?|lettres?)|cela ne (?:m|nous) interesse plus)(?:(?! \w+ez\b) [a-z]+){0,5}"
)
_OTHER_MATTER = re.compile(
    r"\b(?:erreur|reinscri\w*|toujours|encore|mais|sauf|marche|fonctionne|lien|comment|pourquoi|impossible|reste|mistake|but|still"
    r"|vot\w+|contre|candidat\w*|conseil|ca|demission\w*|parts?|rembours\w*|pouvoir|procuration|projets?|assemblee|cooperative|et"
    r"|ne (?:me|m) (?:desinscri|desabonn|retir|supprim)\w+ pas|(?:ne )?pas (?:me|m) (?:desinscri|desabonn|retir|supprim)\w+)\b"
)
_NAME = re.compile(r"[A-ZÀ-Ý][\w.’'-]*(?:[ ][A-ZÀ-Ý][\w.’'-]*){1,3}")
# Below the letter, on a line of its own.
_SIGNED = re.compile(r"\n\s*[A-ZÀ-Ý][\w.’'-]{0,30}(?:[ ][A-ZÀ-Ý][\w.’'-]{0,30}){0,2}\s*\Z")
_STATEMENTS = re.compile(r"[.!;,:\n]+(?=\s|$)")


def is_wish(subject: str, reply: str) -> bool:
    """Says whether a whole letter only asks to be left off the list, or its subject does and its text says nothing else.

    Under such a subject each statement is polite, the wish again, its reason or a name: anything else is for a person.
    """
    told = _plain(reply)
    if _asks(told) or _asks(_plain(_SIGNED.sub("", reply.rstrip(), count=1))):
        return True
    asked = _plain(re.sub(r"^\s*(?:(?:re|r|tr|fwd?)\s*:\s*)+", "", subject, flags=re.IGNORECASE))
    if not _asks(asked) or "?" in reply or len(told) > _LONGEST:
        return False
    if _ONLY_POLITE.fullmatch(told) or _asks(f"{asked} {told}"):
        return True
    statements = [each.strip() for each in _STATEMENTS.split(reply) if each.strip()]
    return not _OTHER_MATTER.search(told) and all(
        _is_beside_the_wish(each, last=number == len(statements)) for number, each in enumerate(statements, 1)
    )


def _is_beside_the_wish(statement: str, *, last: bool) -> bool:
    told = _plain(statement)
    if _ONLY_POLITE.fullmatch(told) or _asks(told) or _REASON.fullmatch(told):
        return True
    return last and _NAME.fullmatch(statement) is not None


def _asks(plain: str) -> bool:
    return 0 < len(plain) <= _LONGEST and bool(_LETTER.fullmatch(plain))


def _plain(text: str) -> str:
    """Words alone, without accents: « Désinscrivez-moi ! » and « desinscrivez moi » are one."""
    folded = unicodedata.normalize("NFKD", text[: 4 * _LONGEST].casefold())
    bare = "".join(each for each in folded if not unicodedata.combining(each))
    return " ".join(re.sub(r"[^\w\s]|_", " ", bare).split())
