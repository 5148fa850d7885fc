"""Which line did a mail program add by itself? What it was sent with, where to get the program, who looked for viruses."""

from __future__ import annotations

import re

_SENT = (
    r"(?:(?:ce )?(?:message|mail|courriel|e-?mail) (?:(?:a été|est) )?)?(?:envoyée?s?|transférée?|expédiée?)"
    r" (?:d['’]|de|du|depuis|à partir d(?:e|u|['’])|avec|via|par|grâce à)"
    r"|(?:this (?:message|e-?mail) was )?sent (?:from|with|via|by|using|on)"
    r"|diese (?:nachricht|e-?mail|mail) wurde (?:von|mit|über)"
    r"|(?:diese (?:nachricht|e-?mail|mail) wurde )?(?:gesendet|verschickt|geschickt) (?:von|mit|über|via|aus|vom)"
    r"|enviado (?:desde|con|mediante|a través de|do|da|de|a partir d[eoa]|pelo|pela|com|através d[eoa]|via|por)"
    r"|inviato (?:da|dal|dalla|dall['’]|con|tramite|via)|(?:verstuurd|verzonden|gestuurd) (?:vanaf|vanuit|met|van|via)"
    r"|skickat (?:från|med)|sendt (?:fra|med|via)|lähetetty|wysłane? (?:z|ze|za pomocą)|odesláno (?:z|ze)|отправлено (?:с|из)"
)
_POSSESSIVE = (
    r"mon|ma|mes|notre|my|our|mein(?:em|er)?|meinem|mi|mis|meu|minha|mio|mia|il mio|mijn|min|mitt|mit|mojego|mojej|mého"
    r"|un|une|an?|einem|einer|una?|um|uma|een|en|et"
)
_PROGRAM = (
    r"outlook|hotmail|bluemail|typeapp|gmail|yahoo|proton ?mail|proton|tutanota|tuta|airmail|mailbird|spark|thunderbird|k-9"
    r"|fairemail|aquamail|edison|zimbra|roundcube|infomaniak|gmx|web\.de|ionos|t-online|libero|virgilio|yandex|mail\.ru|aol"
    r"|orange|sfr|la ?poste|bouygues|laposte\.net|iphone|ipad|ipod|android|ios|windows|galaxy|samsung|huawei|xiaomi|redmi"
    r"|oppo|oneplus|pixel|blackberry|nokia|xperia|wiko|motorola|fairphone|honor|macbook|imac"
)
_THING = (
    rf"{_PROGRAM}|smartphone|smartfon|téléphone|mobiles?"
    r"|portable|tablette|tablet|handy|mobilgerät|mobiltelefon|móvil|celular|telefono|cellulare|telefoon|telemóvel|telefone"
    r"|telefon|appareil|device|dispositiv[oe]|gerät|mac|ordinateur|application|appli|app|messagerie|webmail"
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
# « Von meinem iPhone gesendet », and the languages that put the verb or an ending behind the name.
_SENT_BEHIND = re.compile(
    rf"von (?:mein\w*(?:/\w+)? (?:[^\s,]+ ){{1,4}}|.{{0,40}}(?:{_THING}).{{0,20}} )(?:gesendet|verschickt|geschickt)"
    rf"|[ée]crit (?:depuis|de|sur) (?:mon|ma|une?) .{{0,20}}?(?:{_THING}).{{0,20}}"
    rf"|(?=.*(?:{_PROGRAM}|iphon))(?:发自(?:我的)?.{{2,25}}|.{{2,25}}から送信|αποστολή από .{{2,30}}|נשלח מ.{{2,30}}|(?:تم الإرسال|[أا]رسلت) من .{{2,30}}"
    r"|(?:나의|내) .{2,25}에서 보냄|trimis de pe .{2,30}|odesláno z .{2,25}|odoslané z .{2,25}|elküldve .{2,25}r[óő]l|poslano (?:z|s|iz) .{2,25}"
    r"|lähetetty .{2,25}st[aä]|.{2,25}d[ae]n gönderildi|надіслано з .{2,25})",
    re.IGNORECASE,
)
_GET = re.compile(
    r"(?:obten(?:ir|ez)|télécharge[rz]|essaye[rz]|get|download|try|descargar|descarga|obt[eé]n(?:er|ga|ha)?|obter|baixar|baixe"
    r"|transferir|ottieni|scarica|download|hent|skaffa|hämta|last ned|pobierz|holen sie sich|laden sie|hol dir)"
    rf" (?:l.application |l.appli |o |a )?.{{0,25}}?\b(?:{_PROGRAM})\b.{{0,60}}"
    rf"|(?:{_PROGRAM}) (?:für|voor|for) .{{2,30}} (?:herunterladen|beziehen|downloaden)"
    r"|provenance\s?: courrier .{2,60}|yahoo mail\s?: (?:search, organize|recherche[rz], organise[rz]|suche|busca|cerca|zoek).{2,60}",
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
_PAPER = re.compile(
    r"(?=.*(?:imprim|print|druck|stampar|afdruk))(?:p |\W{1,3})?(?:(?:avant d.imprimer(?: ce (?:message|mail|courriel)| cet e-?mail)?, )?"
    r"(?:pensez|pensons) à l.environnement"
    r"(?:,? avant d.imprimer(?: (?:ce|cet|ces|vos|un|votre) (?:message|mail|courriel|e-?mail|document)s?)?)?"
    r"|n.imprimez (?:ce|cet) (?:message|mail|courriel|e-?mail) que si (?:c.est |cela est )?(?:vraiment )?nécessaire"
    r"|(?:please )?(?:consider|think of) the environment before printing(?: this (?:e-?mail|message|mail))?|think before you print"
    r"|(?:bitte )?denken sie an die umwelt,? bevor sie diese e-?mail (?:aus)?drucken"
    r"|(?:por favor,? )?(?:piense|piensa) en el medio ?ambiente antes de imprimir(?: este (?:mensaje|correo))?"
    r"|(?:prima di stampare,? )?pensa all.ambiente(?: prima di stampare(?: questa e-?mail)?)?"
    r"|denk aan het milieu voordat u deze e-?mail (?:afdrukt|print))",
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
    return any(
        pattern.fullmatch(text)
        for pattern in (_SENT_WITH, _SENT_BEHIND, _SENT_WITH_NAME, _GET, _EXCUSE, _VIRUS, _PAPER)
    )
