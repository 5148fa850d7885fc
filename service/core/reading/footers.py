"""Which line did a mail program add by itself? What it was sent with, where to get the program, who looked for viruses."""

from __future__ import annotations

import re

_SENT = (
    r"(?:ce (?:message|mail|courriel|e-?mail) (?:a été|est) )?envoyée?s? (?:de|du|depuis|à partir d(?:e|u|['’])|avec|via|par|grâce à)"
    r"|(?:this (?:message|e-?mail) was )?sent (?:from|with|via|by|using|on)"
    r"|von|diese (?:nachricht|e-?mail|mail) wurde (?:von|mit|über)"
    r"|(?:diese (?:nachricht|e-?mail|mail) wurde )?(?:gesendet|verschickt|geschickt) (?:von|mit|über|via|aus|vom)"
    r"|enviado (?:desde|con|mediante|a través de|do|da|de|a partir d[eoa]|pelo|pela|com|através d[eoa]|via|por)"
    r"|inviato (?:da|dal|dalla|dall['’]|con|tramite|via)|(?:verstuurd|verzonden|gestuurd) (?:vanaf|vanuit|met|van|via)"
    r"|skickat (?:från|med)|sendt (?:fra|med|via)|lähetetty|wysłane? (?:z|ze|za pomocą)|odesláno (?:z|ze)|отправлено (?:с|из)"
)
_POSSESSIVE = (
    r"mon|ma|mes|notre|my|our|mein(?:em|er)?|meinem|mi|mis|meu|minha|mio|mia|il mio|mijn|min|mitt|mit|mojego|mojej|mého"
    r"|un|une|an?|einem|einer|una?|um|uma|een|en|et"
)
_THING = (
    r"outlook|hotmail|bluemail|typeapp|gmail|yahoo|proton ?mail|proton|tutanota|tuta|airmail|mailbird|spark|thunderbird|k-9"
    r"|fairemail|aquamail|edison|zimbra|roundcube|infomaniak|gmx|web\.de|ionos|t-online|libero|virgilio|yandex|mail\.ru|aol"
    r"|orange|sfr|la ?poste|bouygues|laposte\.net|iphone|ipad|ipod|android|ios|windows|galaxy|samsung|huawei|xiaomi|redmi"
    r"|oppo|oneplus|pixel|blackberry|nokia|xperia|wiko|motorola|fairphone|honor|smartphone|smartfon|téléphone|mobiles?"
    r"|portable|tablette|tablet|handy|mobilgerät|mobiltelefon|móvil|celular|telefono|cellulare|telefoon|telemóvel|telefone"
    r"|telefon|appareil|device|dispositiv[oe]|gerät|macbook|imac|mac|ordinateur|application|appli|app|messagerie|webmail"
    r"|messenger"
)
_SENT_WITH = re.compile(
    rf"(?:{_SENT})(?:[ \u00a0]|(?<=['’]))(?:(?:{_POSSESSIVE})(?: [^\s,;:?]+){{1,6}}|.{{0,45}}?(?<!\w)(?:{_THING})(?!\w).{{0,60}})",
    re.IGNORECASE,
)
# « Sent from TypeApp », « Envoyé avec Newton Mail »: programs that no list can know, by the form of their name.
_SENT_WITH_NAME = re.compile(
    r"(?i:sent (?:with|via|from)) [A-Z][\w.-]*[A-Z][\w.-]*(?: [A-Z][\w.-]*)?"
    r"|(?i:envoyée? (?:de|depuis|avec|via|par)) (?:.{1,30} )?(?:[A-Z]\w*[Mm]ail|Mail\w*)\b.{0,40}"
)
_GET = re.compile(
    r"(?:obten(?:ir|ez)|télécharge[rz]|essaye[rz]|get|download|try|descargar|descarga|obt[eé]n(?:er|ga|ha)?|obter|baixar|baixe"
    r"|transferir|ottieni|scarica|download|hent|skaffa|hämta|last ned|pobierz|holen sie sich|laden sie|hol dir)"
    rf" (?:l.application |l.appli |o |a )?.{{0,25}}?\b(?:{_THING})\b.{{0,60}}"
    rf"|(?:{_THING}) (?:für|voor|for) .{{2,30}} (?:herunterladen|beziehen|downloaden)"
    r"|provenance\s?: courrier .{2,60}|yahoo mail\s?: (?:search, organize|rechercher, organiser).{2,40}",
    re.IGNORECASE,
)
_EXCUSE = re.compile(
    r"(?:veuillez |merci d.|please |bitte )?(?:excuse[rz]?|pardon|entschuldigen sie)"
    r" (?:ma|la|my|the|meine|die) (?:brièveté|concision|brevity|kürze)\b.{0,30}",
    re.IGNORECASE,
)
_VIRUS = re.compile(
    r"(?:garanti )?sans virus\W{0,3}(?:www\..{3,30})?|virus-?free\W{0,3}(?:www\..{3,30})?|virenfrei\W{0,3}(?:www\..{3,30})?"
    r"|l.absence de virus dans ce (?:courrier|message|courriel).{10,120}"
    r"|this e?-?mail has been checked for viruses by .{3,60}"
    r"|(?:cet e-?mail|ce message|ce courriel) a été vérifiée? par .{0,20}(?:antivirus|avast|avg).{0,60}",
    re.IGNORECASE,
)
_LINK = re.compile(r"<https?://[^<>]*>|\[?https?://[^\s\]]+\]?")
# A writer who tells what he sent: the line is his, whatever it names.
_TOLD = re.compile(
    r"\b(?:hier|ce matin|ce soir|cet après-midi|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|mais|sans réponse|pas|reçue?s?"
    r"|arrivée?s?|yesterday|this morning|but|not|received|gestern|aber|nicht|ayer|ieri|gisteren)\b",
    re.IGNORECASE,
)
_LONGEST = 160


def is_footer(line: str) -> bool:
    """Says whether a whole line is one that a mail program adds to each letter; a question never is."""
    text = _LINK.sub("", line).strip(" \t\u00a0*_.!|[]-")
    if not text or len(text) > _LONGEST or text.endswith("?") or _TOLD.search(text):
        return False
    return any(pattern.fullmatch(text) for pattern in (_SENT_WITH, _SENT_WITH_NAME, _GET, _EXCUSE, _VIRUS))
