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
    r"|(?:(?:guten tag|hallo|hola|buenos d[ií]as|buenas|buongiorno|salve|gentile|beste|geachte|goedendag|goede|sehr)\b[^\n.!,]{0,40}[\n,.!]\s*)"
    r"|(?:(?:je vous remercie|merci|thank you|thanks|vielen dank|danke|(?:muchas )?gracias|grazie|bedankt|dank)\b[^.!\n]{0,60}"
    r"(?:message|e-?mail|mail|courriel|nachricht|mensaje|correo|messaggio|bericht)\b[^.!\n]{0,20}[.!\n,]\s*)"
    r"|(?:(?:j.ai|nous avons|votre (?:message|e-?mail|mail|courriel) (?:nous |m.)?(?:a|est)) (?:bien )?(?:(?:été )?reçue?|parvenue?)\b"
    r"[^.!\n]{0,40}[.!\n,]\s*))*\W*",
    re.IGNORECASE,
)
# A subject of one of these words may be a person's; the letter decides.
_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)*(?:absence(?: (?:prolongée|temporaire|momentanée|exceptionnelle))?"
    r"|absent(?:\(e\)|·e|e)?|(?:en )?congés?(?: annuels?| d.été| payés)?|(?:en )?vacances|auto"
    r"|fermeture(?: annuelle| estivale| exceptionnelle| des bureaux)?|indisponib(?:le|ilité)|hors (?:du )?bureau|away)"
    r"\s*(?:[:\-–—(\[!]|$|du\b|jusqu|re\b)"
    # Notes says it of its master by name.
    r"|^[\w.’' -]{3,60} (?:est absent(?:\(e\)|e)?|is out of the office)\.?\s*(?:\(|$)",
    re.IGNORECASE,
)
_NOW_AWAY = re.compile(
    r"(?:je suis|je serai|nous sommes|i am|i.m|we are)(?: (?:actuellement|en ce moment|momentanément|currently|presently|now))?,? "
    r"(?:absent(?:\(e\)|·e|e)?s?(?!\w)|en (?:congés?|vacances|déplacement|arrêt)|indisponibles?|hors (?:du|de mon) bureau"
    r"|out of (?:the |my )?office|on (?:annual |sick |parental |maternity )?(?:leave|vacation|holidays?)|away)"
    r"|(?:actuellement|currently) (?:absent(?:\(e\)|·e|e)?(?!\w)|en (?:congés?|vacances|arrêt|déplacement)|indisponible|out of|on (?:leave|vacation))"
    r"|en (?:congés?|vacances|déplacement|arrêt)\b(?= (?:jusqu|du|depuis|à partir|maladie|maternité|parental))"
    r"|je ne suis (?:actuellement )?pas (?:disponible|joignable|au bureau)|i will be out of (?:the )?office"
    r"|ich bin (?:(?:derzeit|momentan|aktuell|zurzeit|zur zeit|leider|noch|bis (?:zum |einschließlich )?[\d.]{1,6} ?\w{0,12}) ){0,3}"
    r"(?:nicht (?:im (?:büro|haus)|erreichbar|am platz)|im urlaub|in (?:elternzeit|mutterschutz)|abwesend|außer haus|verreist)"
    r"|(?:estoy|estaré|me encuentro) (?:actualmente )?(?:de (?:vacaciones|baja|viaje)|fuera de (?:la |mi )?oficina|ausente)"
    r"|(?:sono|sarò) (?:attualmente |momentaneamente )?(?:assente|fuori (?:ufficio|sede)|in ferie)"
    r"|ik ben (?:(?:momenteel|op dit moment|tot (?:en met )?\d{1,2} \w{1,12}) ){0,3}"
    r"(?:niet (?:op kantoor|aanwezig|bereikbaar)|afwezig|met (?:vakantie|verlof)|op vakantie)"
    r"|(?:(?:notre|nos|le|la|les) (?:bureaux?|société|entreprise|structure|association"
    r"|agence|service|locaux|équipe|cabinet|secrétariat|étude)|l.(?:agence|association"
    r"|entreprise|équipe))\b[^.!\n]{0,40}\b(?:est|sont) (?:actuellement |exceptionnellement )?(?:fermée?s?|en congés?)"
    r"|our offices? (?:is|are) (?:currently )?closed",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\babsent|\babsence|congé|vacances|\bferm(?:é|eture)|indisponible|hors (?:du )?bureau|déplacement|out of (?:the )?office|\bleave\b|\baway\b"
    r"|pas (?:disponible|au bureau)|\barrêt\b|urlaub|\bbüro\b|abwesend|erreichbar|vacaciones|oficina|ausente|assente|ferie|ufficio|afwezig|kantoor|verlof",
    re.IGNORECASE,
)
# What a machine adds: when its master is back, and whom to ask meanwhile.
_MEANWHILE = re.compile(
    r"de retour|mon retour|notre retour|retour (?:le|prévu)|reprendr\w+|réouvr|rouvr|réouverture|en cas d.urgence|pour toute urgence"
    r"|merci d.(?:adresser|écrire)|(?:vous pouvez|merci de|veuillez) (?:contacter"
    r"|vous adresser|joindre)|prendr\w+ connaissance|ser(?:a|ont) traité|ne (?:lirai|consulte)"
    r"|jusqu.au|au \d{1,2}\b|will (?:be back|return|reply|respond)|until|upon my return|on my return|urgent matters?"
    r"|ne (?:consulterai|peux|pourrai) pas|dès mon|répondr(?:ai|ons)|bis (?:zum|einschließlich)|wieder (?:erreichbar|da|im|für sie)|rückkehr|dringend\w*"
    r"|hasta (?:el|que)|mi (?:regreso|vuelta)|urgen(?:te|cia|ze)|fino al|mio (?:rientro|ritorno)|rientr\w+|tot (?:en met )?\d|\bterug\b|terugkeer",
    re.IGNORECASE,
)
_OF_A_PERSON = re.compile(
    r"\b(?:mais|but|aber|pero|maar|pouvoirs?|procurations?|mandats?|vot(?:e|er|es|é|ez|ons|erai|erons)|représent\w*|assemblée|ordre du jour|m.inscri\w*|particip\w*"
    r"|m.excus\w*|rendez-vous|réunion|compte[ -]rendu"
    r"|contre|d.accord|favorable|défavorable|oppos\w+|refus\w*|abst(?:ien|en)\w+|démission\w*|quitt\w+|candidat\w*|chang(?:e|é|er|era)"
    r"|resign\w*|quit|votre (?:invitation|convocation)|vollmacht|teilnehm\w*|stimm\w+|protokoll|verbale|verslag|join|attend|minutes)\b|\?",
    re.IGNORECASE,
)
# Commas part too: what stands behind one may be for us. Numbers and abbreviations are left whole.
_CLAUSES = re.compile(r"[.!;:,]\s+|[.!,]$")
# A line of few words without end or verb is a name, a place or a number to call: below the closing, or with capitals.
_FEW_WORDS = 5
_CLOSING = re.compile(
    r"^\W*(?:(?:bien |très )?cordialement|bien à vous|salutations|sincèrement|(?:kind |best )?regards|grüße|saludos|saluti|groet)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"\W*(?:chargée?s?|direct(?:eur|rice|ion|or)|responsable|président|vice|secréta|trésori|assistant|gérant|co-?gérant|coordin|conseill|membre|sociétaire"
    r"|adhérent|administrat|respons|service|association|coopérative|manager|head|officer|professeure?|docteure?|maître|tél|mobile|port|fax)",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"^\W*(?:oui|non|ok|pour|accord|présente?s?|absten\w*|yes|no)\b|\b(?:oui|non)\W*$", re.IGNORECASE)
_SENTENCE = re.compile(
    r"[.!;…]\s*$|\b(?:je|nous|on|il|elle|ils|elles|ça|est|sont|était|sera|seront|ont|avez|faut|doit|doivent|peut|i|is|are|was|will)\b"
    r"|\b[jn]['’]|^\W*[a-zà-ÿ]{2,}ez\b|-(?:moi|nous|les?|la)\b",
    re.IGNORECASE,
)
_OF_A_TITLE = re.compile(r"\W*(?:[^\W\d_a-zà-ÿ][\w.’'/&-]*|\w{1,3}|[dl]['’]\w+|[\d.()+/-]*)\W*")
# What a machine says that its master does, has done or will do; with any other verb he says it himself.
_DOES = re.compile(
    r"\b(?:je |j['’] ?)(?:ne |n['’]|vous |y |le |la |les |l['’]|me |m['’]|en )*+"
    r"(?!suis\b|ser|rev(?:iend|ien)|repr|répon|prend|lir|lis\b|consult|p(?:eux|ourr)|trait|remerci|(?<=vous )souhait|(?<=vous )pri|invit"
    r"|rentr|ai (?:bien |pas |actuellement |que |qu['’]un |un )*(?:reçu|pris|accès)|aur(?:ai|ais) |rest|m['’]efforc|efforc|manquer|(?:re)?contact"
    r"|rappell|ferai (?:de )?(?:mon|un|suite)|verr|accus)\w",
    re.IGNORECASE,
)
_WE_DO = re.compile(
    r"\bnous (?:ne |n['’]|vous |y |le |la |les |l['’]|nous |en )*+"
    r"(?!ser|rev|repr|répon|prend|lir|consult|pou(?:v|rr)|trait|remerci|(?<=vous )souhait|(?<=vous )pri|invit|rentr|av(?:i)?ons (?:bien )?(?:reçu|pris)"
    r"|aur|rest|efforc|manquer|(?:re)?contact|rappell|fer|verr|accus|rouvr|ouvr|ferm)\w+ons\b"
    r"|\bI (?!am\b|will (?:not )?(?:also )?(?:be|reply|respond|return|answer|get|read|check|have|review|resume|try|come|only|do)\b|have (?:limited|no|received)\b"
    r"|can(?:not|['’]t)? (?:not )?(?:be|read|reply|respond|answer|check)|shall|may |return|do not (?:read|have|check)|am)\w",
    re.IGNORECASE,
)
# It asks for little: to be called or written to, for patience, for good holidays.
_BIDS = re.compile(
    r"(?:^|(?<=[\s'’(]))(?<!vous )(?!(?:veuill|contact|écriv|adress|appel|laiss|compos|joign|cliqu|consult|hésit|recev|not|sach|ch|ass|r|n|agré"
    r"|so[yi]|utilis|répond|téléphon|report|tap|patient|tourn|pass|profit|av|pouv|ser|pourr)ez\b)[a-zà-ÿ]+ez\b"
    r"|(?:^|[.!?;:,]\s+)\W*(?!(?:Veuill|Contact|Écriv|Adress|Appel|Laiss|Compos|Joign|Cliqu|Consult|Not|Ch|Sach|Recev|Utilis|Téléphon|Report|Tap|Patient|Pass"
    r"|Profit|Agré|Soy)ez\b)[A-ZÀ-Ý][a-zà-ÿ]+ez\b(?! [A-ZÀ-Ý])"
    r"|(?<!ontactez)(?<!ppelez)(?<!crivez)(?<!oignez)(?<!aissez)-moi\b",
    re.MULTILINE,
)
# It judges nothing: what it says of an office or a mail is whether that is open, read or passed on.
_JUDGES = re.compile(
    r"\b(?:est|sont)\b(?! (?:(?:actuellement|bien|désormais|exceptionnellement|momentanément|temporairement|automatiquement|pas|plus|toujours|aussi)\b ?)*"
    r"(?:ferm|ouvert|joignab|lue?s?\b|trait|transf|transmis|consult|relev|important|surveill|reçu|parvenu|redirig|disponib|indisponib|absent|en |de retour"
    r"|à |au |hors |assur|automat|envoy|génér|suivi|vérifi|accessib|réexpédi|[,.!]))",
    re.IGNORECASE,
)
_BEGS = re.compile(
    r"\b(?:merci (?:de |d['’])|je vous (?:prie|remercie|demande) (?:de |d['’])|veuillez |prière de |vous pouvez )"
    r"(?:bien vouloir |me |nous |vous |m['’]|ne pas |l['’]|le |la |les |\w+ment |aussi "
    r"|toujours |néanmoins )*+(?!contact|joind|appel|écri|patient|not|"
    r"réitér|laiss|télépho|compos|consult|répond|prendre |retrouv|excus|agréer|croire|recevoir|utilis|[vn]ous\b|[vn]otre\b"
    r"|(?:adress|envoy|transmett|transfér|renvoy|réexpédi|soumett|rédig)\w*(?: (?:vos|votre|un|une|tou\w+|vous|directement|le message|ce message"
    r"|les? (?:demandes?|messages?|courriels?|mails?)|à|au|aux|[^\s@]+@\S+)\b| l['’]ensemble|[ ]?:))"
    r"[a-zà-ÿ]+(?:er|ir|re)\b",
    re.IGNORECASE,
)
# A machine asks nothing for its master but to be called or written to.
_ASKS = re.compile(
    r"\b(?:pourriez|pouvez.vous|je vous (?:envoie|enverrai|adresse|transmets|joins)|(?:envoyez|gardez|rappelez|dites|donnez|réservez|transmettez)\b)"
    r"|\b(?:m['’]|me |nous )(?!contacter|joindre|écrire|excuser|laisser|répondre|envoyer un )[a-zéè]+(?:er|ir|re)\b",
    re.IGNORECASE,
)
_ALSO_SAID = re.compile(
    r"message|e-?mails?|courriel|messagerie|mails?\b|répon[ds]|repl(?:y|ies)|respon[ds]|retour|return|back|contact|adress|téléphon|phone|joindre|urgen"
    r"|^\W*(?:hola|buenos d[ií]as|buenas|good (?:morning|day)|salve|sehr geehrte|hallo|guten tag|buongiorno|beste|geachte|goedendag|madame|monsieur|hi)\b"
    r"|pour tou(?:te|t)|demandes?\b|bonjour|bonsoir|hello"
    r"|dear|cordialement|salutations|regards|merci|remercie|thank|bien à vous|souhait\w+|bonne? (?:journée|fêtes?|vacances|année|semaine|été)"
    r"|compréhension|understanding|horaires?|ouvert|fermé|closed|\d{2}[ .]?\d{2}[ .]?\d{2}|@|nachricht|antwort|rückkehr|kontakt|wenden|grüße|dank"
    r"|mensaje|correo|respond|regreso|gracias|saludos|messaggio|rispond|rientro|grazie|saluti|bericht|terug|groet|bedankt",
    re.IGNORECASE,
)
_HELD = re.compile(
    r"(?:votre|your) (?:message|e-?mail|courriel|mail)\b.{0,120}(?:attente|bloqué|retenu|quarantaine|remis qu|parviendra|délivr|distribu"
    r"|held|pending|delivered|quarantine)|protég\w+ .{0,40}(?:anti.?spam|spam|indésirables)",
    re.IGNORECASE | re.DOTALL,
)
_PROVE = re.compile(
    r"(?:confirm|valid|vérifi|authentifi|identifi|verif|authenticat)\w*.{0,80}"
    r"(?:votre (?:adresse|identité|message|envoi|e-?mail|courriel)|que vous (?:êtes"
    r"|n.êtes)|expéditeur|vous.même|yourself|you are a real|your (?:address|identity"
    r"|message|e-?mail)|that you (?:are|sent))|\bvous (?:authentifier|identifier)\b|\brobot\b|\bcaptcha\b|personne (?:réelle|humaine)",
    re.IGNORECASE | re.DOTALL,
)
_BY_ANSWER = re.compile(
    r"(?:simply |just )?reply to this (?:message|e-?mail)|(?:simplement )?répond(?:re|ez) à ce (?:message|courriel|mail)",
    re.IGNORECASE,
)
_ANSWER_ABOVE = re.compile(
    r"^[^\w\n]{0,20}(?:merci de |please |pour répondre[^\n]{0,20}, )?(?:répond(?:re|ez)|écrivez|reply|type your reply|write)\b[^\n]{0,30}"
    r"(?:au-dessus de cette ligne|above this line)",
    re.IGNORECASE | re.MULTILINE,
)
_TICKET = re.compile(
    r"(?:votre|your) (?:demande|ticket|requête|request|message|incident)\W{0,3}(?:n°|no\.?|#|numéro)? ?\W?\d{3,}\W? (?:a|has) (?:bien )?(?:été|been)"
    r" (?:reçue?|enregistrée?|créée?|received|created|logged)"
    r"|(?:demande|requête|request|message)\b[^.\n]{0,80}\bticket (?:a été|has been) (?:créé|ouvert|enregistré|created|opened)\b",
    re.IGNORECASE,
)
_CHALLENGE_SUBJECT = re.compile(
    r"^\W*(?:\[[^\]]{1,40}\]\s*)*(?!(?:re|tr|fwd?)\s*:)[^?]{0,120}?(?:attend(?:ent)? (?:votre|une) (?:vérification|validation|confirmation"
    r"|authentification)|(?:demande|requête) d.authentification|(?:vérification|authentification) (?:de l."
    r"|d.)expéditeur|sender verification|requires? verification|verification required|en attente d.authentification"
    r"|verify your (?:e-?mail|message)|confirm your (?:e-?mail|message))",
    re.IGNORECASE,
)


_OF_A_MACHINE = (_NOW_AWAY, _AWAY, _MEANWHILE, _ALSO_SAID)
_OWN_WORDS = (_ASKS, _DOES, _WE_DO, _BIDS, _BEGS, _JUDGES)


def is_absence(subject: str, text: str) -> bool:
    """Says whether a letter only tells that nobody reads ours for now: its text opens with it, or its subject does.

    One sentence about anything else makes it a person's.
    """
    if not text.strip() or len(text) > _LONGEST or _OF_A_PERSON.search(_LINK.sub(" ", text)):
        return False
    if any(pattern.search(text) for pattern in _OWN_WORDS) or not _all_of_a_machine(text.split("\n")):
        return False
    start = _GREETING.match(text)
    opens = _NOW_AWAY.match(text, start.end() if start else 0)
    named = _SUBJECT.search(subject) and _AWAY.search(text)
    return bool((opens or named) and _MEANWHILE.search(text))


def is_acknowledgement(text: str) -> bool:
    """Says whether a desk's program tells that it made a ticket of our mail: by the line to answer above, or by its number."""
    return len(text) <= 4 * _LONGEST and bool(_ANSWER_ABOVE.search(text) or _TICKET.search(text))


def is_challenge(subject: str, text: str, has_link: bool = False) -> bool:
    """Says whether a filter holds our mail back until somebody proves at a link, or by an answer, that a person sent it."""
    if not text.strip() or len(text) > 2 * _LONGEST or not (has_link or "http" in text or _BY_ANSWER.search(text)):
        return False
    bare = _LINK.sub(" ", text)
    if "?" in bare:
        return False
    held, prove = bool(_HELD.search(bare)), bool(_PROVE.search(bare))
    return (held and prove) or (bool(_CHALLENGE_SUBJECT.search(subject)) and (held or prove))


def _all_of_a_machine(lines: list[str]) -> bool:
    closed = False
    for line in lines:
        ours = _is_of_a_machine(line)
        if not (ours or _is_a_name(line, closed=closed)):
            return False
        closed = closed or not ours or _CLOSING.match(line) is not None
    return True


def _is_a_name(line: str, *, closed: bool) -> bool:
    """Says whether a line stands for itself, as names, titles and numbers do; « Contre le budget » does not."""
    words = line.split()
    if len(words) > _FEW_WORDS or _SENTENCE.search(line) or _ANSWER.search(line):
        return not words
    return (closed and _ROLE.match(line) is not None) or all(_OF_A_TITLE.fullmatch(word) for word in words)


def _is_of_a_machine(line: str) -> bool:
    clauses = [clause for clause in _CLAUSES.split(line.strip()) if clause.strip()]
    return all(any(pattern.search(clause) for pattern in _OF_A_MACHINE) for clause in clauses)
