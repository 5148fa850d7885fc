"""Where does the head of a message stand in a letter? De / Envoyé / À / Objet, as programs write it in many languages."""

from __future__ import annotations

import re

from service.core.reading.marks import Line, Mark

# The writing direction of Hebrew and Arabic, and blanks of no width, are no part of the words.
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

_ORIGINAL = (
    r"message d.origine|message original|message initial|mail original|mail d.origine|e-?mail d.origine|e-?mail original"
    r"|courriel d.origine|courriel original|courrier d.origine|message transféré|message transfere|message réexpédié|original(?: message)?"
    r"|original e-?mail|original appointment|forwarded message|forwarded mail|reply message|reply to message"
    r"|ursprüngliche nachricht|ursprüngliche e-?mail|originalnachricht|original-nachricht|mensaje original|mensaje reenviado"
    r"|correo original|messaggio originale|messaggio inoltrato|mensagem original|missatge original|oorspronkelijk bericht"
    r"|origineel bericht|originalmeddelande|ursprungligt meddelande|oprindelig (?:meddelelse|besked)|opprinnelig melding"
    r"|alkuperäinen viesti|oryginalna wiadomość|wiadomość oryginalna|původní (?:zpráva|e-?mail)|pôvodná správa"
    r"|eredeti üzenet|mesajul original|mesaj original|оригинальное сообщение|исходное сообщение|пересылаемое сообщение"
    r"|оригінальне повідомлення|αρχικό μήνυμα|orijinal mesaj|özgün ileti|原始邮件|原始郵件|邮件原件|元のメッセージ|원본 메시지"
)
_SEPARATOR = re.compile(rf"[\s>*]*(?:[-_=*]{{2,}}|—+)\s*(?:{_ORIGINAL})\s*(?:[-_=*]{{2,}}|—+).{{0,80}}", re.IGNORECASE)
# Horde: « ----- Message de X <x@y> ----- ».
_NAMED = re.compile(
    r"[-=]{3,}\s?(?:message d[eu]|message from|nachricht von|mensaje de|messaggio da|bericht van) .{2,100}?\s?[-=]{3,}",
    re.IGNORECASE,
)
# GroupWise: « >>> X <x@y> 26/05/2023 10:12 >>> », and no mark below.
_ENCLOSED = re.compile(r">>> .{2,100}\d{1,2}[:.]\d{2}.{0,10} >>>\s*")
_BEGIN_FORWARD = re.compile(r"(?:début du message (?:réexpédié|transféré)|begin forwarded message)\s*:", re.IGNORECASE)
# Possessive (3,}+), because a long line of dashes would be tried in every way to part it.
_RULE = re.compile(r"\s*(?:[-_]{7,}+|[-_]{3,}+ ?[\w .'’-]{1,40} ?[-_]{3,}+|_{10,}|-{20,}|={20,}|\*{20,})\s*")

_FROM = (
    r"de|from|von|van|da|från|fra|frá|od|от|від|expéditeur|mittente|afzender|absender|remitente|remetente|lähettäjä|feladó"
    r"|de la|de part|kimden|gönderen|από|saatja|nuo|מאת|من|发件人|寄件者|差出人|보낸 ?사람|từ|dari|nork"
)
_SENT = (
    r"envoyé|envoyé le|sent|gesendet|verzonden|enviado|enviado el|enviada em|enviat|inviato|skickat|sendt|wysłano|wysłane"
    r"|lähetetty|odesláno|odoslané|poslano|elküldve|trimis|expediat|saadetud|išsiųsta|отправлено|надіслано|изпратено|στάλθηκε"
    r"|gönderildi|gönderme|נשלח|تم الإرسال|发送时间|送信日時|보낸 ?날짜|đã gửi|dikirim"
)
_DAY = (
    rf"(?P<sent>{_SENT})|message du|date|datum|data|fecha|dato|päivämäärä|päiväys|dátum|дата|ημερομηνία|tarih|תאריך|التاريخ"
    r"|日期|寄件日期|日時|날짜|ngày|tanggal"
)
_TO = (
    r"à|a|to|an|aan|para|per a|till|til|do|pour|destinataire|destinatario|vastaanottaja|címzett|către|catre|komu|za|kam|kome"
    r"|кому|до|προς|kime|alıcı|saaja|adressaat|אל|إلى|收件人|收件者|宛先|받는 ?사람|đến|kepada|nori"
)
_SUBJECT = (
    r"objet|subject|sujet|betreff|onderwerp|asunto|oggetto|assunto|assumpte|ämne|emne|efni|temat|tema|předmět|predmet|tárgy"
    r"|subiect|aihe|teema|zadeva|тема|относно|θέμα|konu|נושא|الموضوع|主题|主旨|件名|제목|chủ đề|subjek|gaia"
)
_COPY = (
    r"cc|copie|copie à|bcc|cci|kopie|kopia|kopio|copia|cópia|copia per conoscenza|másolatot kap|копия|копія|κοιν|bilgi|kopya"
    r"|抄送|副本|참조|répondre à|reply-to|antwort an|responder a|importance|wichtigkeit|prioridad|urgentie|priorité|priority"
    r"|priorität|pièces? jointes?|attachments?|anlagen?|anhänge|bijlagen?|datos adjuntos|allegati"
)
_FIELD = re.compile(
    rf"[\s>*|]*(?:(?P<from>{_FROM})|(?P<day>{_DAY})|(?P<to>{_TO})|(?P<subject>{_SUBJECT})|(?P<copy>{_COPY}))"
    r"\s*(?:\*\s*)?[:：]\*?(?P<value>.*)",
    re.IGNORECASE,
)
_DATED = re.compile(r"\b(?:19|20)\d{2}\b|(?:19|20)\d{2}年|\d{1,2}[/.]\d{1,2}[/.]\d{2}|\d{1,2}\s?[:h]\s?\d{2}")
_HOUR = re.compile(r"\b\d{1,2}\s?[:.h]\s?\d{2}\b(?![./]\d)")
_TIMED = re.compile(r"(?=.*\b(?:19|20)\d{2}\b).*\b\d{1,2}\s?[:h]\s?\d{2}")
# The date of RFC 5322 (3.3), which programs write and people do not.
_WIRE_DATE = re.compile(r"\s*\w{3}, \d{1,2} \w{3} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}\b.*")
_ADDRESS = re.compile(r"(?:[^<>@]*<)?[^\s<>@]+@[^\s<>@]+>?", re.IGNORECASE)
_BLOCK_LINES = 14
_BEGINNING = 300
_CONTINUATIONS = 3


def visible(text: str) -> str:
    """Gives a text without the signs that only tell its direction, or that have no width."""
    return _UNSEEN.sub("", text)


def separates(text: str) -> bool:
    """Says whether a line is what programs put above a message they answer or pass on (« Message d’origine »)."""
    return any(pattern.fullmatch(visible(text).strip()) for pattern in (_SEPARATOR, _NAMED, _ENCLOSED, _BEGIN_FORWARD))


def encloses(text: str) -> bool:
    """Says whether a line is the head that GroupWise writes between the marks of a quote."""
    return text.startswith(">>>") and _ENCLOSED.fullmatch(text) is not None


def names_a_message(pieces: list[str], *, bold: bool) -> bool:
    """Says whether pieces of text begin as the head of a message: a sender or a day, and bold labels, a second field,
    an address or a date.

    « De : mon point de vue, non. » is a writer's.
    """
    said = " ".join(" ".join(pieces).split())
    field = _FIELD.match(_plain(said))
    if field is None or _label(field) not in {"from", "day"}:
        return False
    labels = {_label(each) for each in map(_FIELD.match, map(_plain, pieces)) if each}
    dated = _DATED if _label(field) == "day" else _TIMED
    return bold or len(labels) > 1 or "@" in said[:_BEGINNING] or dated.search(said[:_BEGINNING]) is not None


def _plain(text: str) -> str:
    return visible(text).replace("\u00a0", " ").strip()


def length(lines: list[Line], start: int) -> int:
    """Counts the lines of the head that begins here (0: none): enough fields in a row, with the values of programs, so that
    a writer's own list is none. One blank line may part two fields (Windows Mail).
    """
    seen: dict[str, str] = {}
    loose, long, sent = 0, 0, False
    for number, line in enumerate(lines[start : start + _BLOCK_LINES], 1):
        field = _FIELD.fullmatch(visible(line.text))
        if field is None and (not seen or _ends(lines, start + number, seen, loose, blank=line.blank)):
            break
        loose = 0 if field else loose + 1
        if field:
            long = number
            seen.setdefault(_label(field), field["value"])
            sent = sent or field["sent"] is not None
    return long if _heads_a_message(seen, sent=sent) else 0


def with_rule_above(lines: list[Line], number: int) -> int:
    """Finds where a head really begins: at the line of dashes above it, if there is one."""
    above = number
    while above > 0 and lines[above - 1].mark is Mark.OWN and lines[above - 1].blank:
        above -= 1
    if above == 0 or not lines[above - 1].own or not _RULE.fullmatch(lines[above - 1].text):
        return number
    return number if is_to_fill_in(lines, above - 1) else above - 1


def is_to_fill_in(lines: list[Line], number: int) -> bool:
    """Says whether a line of dashes is the blank of a form: it clings to « Nom : »."""
    return number > 0 and lines[number - 1].own and lines[number - 1].text.rstrip().endswith(":")


def _ends(lines: list[Line], following: int, seen: dict[str, str], loose: int, *, blank: bool) -> bool:
    if not blank:
        return loose == _CONTINUATIONS
    field = _FIELD.fullmatch(visible(lines[following].text)) if following < len(lines) else None
    return field is None or bool(loose) or _label(field) in seen


def _label(field: re.Match[str]) -> str:
    return next(name for name in ("from", "day", "to", "subject", "copy") if field[name] is not None)


def _heads_a_message(seen: dict[str, str], *, sent: bool) -> bool:
    """A date by itself is what people write too (« Pouvoir. De : Odile, Date : 20 mars 2026 »); programs add the hour."""
    dated = bool(_DATED.search(seen.get("day", "")))
    addressed = "@" in seen.get("from", "")
    subject = "subject" in seen
    if "from" in seen and len(seen) >= 3:
        if addressed and (dated or subject):
            return True
        if dated and subject and (sent or _HOUR.search(seen["day"])):
            return True
    return _is_short_head(seen, sent=sent)


def _is_short_head(seen: dict[str, str], *, sent: bool) -> bool:
    """Two or three fields prove a message when their values have the forms of programs: an address, a date with time."""
    names = list(seen)
    day = seen.get("day", "")
    other = seen.get("from", seen.get("to", "")).strip()
    if names[:2] in (["from", "day"], ["day", "from"], ["day", "to"]) and _ADDRESS.fullmatch(other):
        return bool(_WIRE_DATE.fullmatch(day) or ("from" in seen and _TIMED.match(day)))
    return sent and names[:3] == ["from", "day", "to"] and bool(_TIMED.match(day))
