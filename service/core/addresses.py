"""How is an e-mail address written on an envelope, compared with another, and remembered without being kept?"""

from __future__ import annotations

import hmac
import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

from service.core.refusals import Refusal

LOCAL_PART_OCTETS = 64  # RFC 5321 4.5.3.1.1
ADDRESS_OCTETS = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets, its two angle brackets taken off

# Marks that nobody sees and that a copy from a web page or a mail program leaves around an address.
_INVISIBLE = (
    "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_EDGES = re.compile(rf"^[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+$")
_NAMED = re.compile(r"^[^<>@]*<([^<>]*)>$")


def normalise(text: str) -> str:
    """Gives the address as it stands on the envelope: local part as typed, domain in lower case and as A-labels.

    Blanks, invisible marks, `mailto:`, angle brackets and a name before them are taken off. Reserved domains such as
    `.example` and `.test` pass. Refuses when the address could not be delivered everywhere (D10: an accent before the
    @ needs SMTPUTF8, which few operators offer), and says which part is wrong.
    """
    address = _bare(text)
    _refuse_the_usual_slips(address)
    try:
        # test_environment is the library's word for "accept .test"; no DNS is asked here.
        valid = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError as fault:
        raise _refusal(address, "n’a pas la forme d’une adresse", "vérifiez-la lettre par lettre") from fault
    local = address.rpartition("@")[
        0
    ]  # the library lowers the case of postmaster@ and its like: we keep what was typed
    normalised = f"{local}@{valid.ascii_domain}"
    if len(normalised) > ADDRESS_OCTETS:
        raise _refusal(address, f"dépasse {ADDRESS_OCTETS} caractères", "vérifiez-la")
    return normalised


def key(address: str) -> str:
    """Gives the form by which two addresses are compared: whole address in lower case, NFC."""
    return unicodedata.normalize("NFC", address.lower())


def domain_of(address: str) -> str:
    """Gives the destination domain of an address."""
    return address.rpartition("@")[2].lower()


def fingerprint(address: str, secret: bytes) -> str:
    """Gives the hexadecimal HMAC-SHA256 of the key of an address: what a suppression list keeps of it (P7)."""
    return hmac.digest(secret, key(address).encode(), "sha256").hex()


def _bare(text: str) -> str:
    address = _EDGES.sub("", unicodedata.normalize("NFC", text))
    if named := _NAMED.match(address):
        address = _EDGES.sub("", named[1])
    if address[:7].lower() == "mailto:":
        address = address[7:].partition("?")[0]
    return _EDGES.sub("", address)


def _refuse_the_usual_slips(address: str) -> None:
    local, at, domain = address.rpartition("@")
    if not address:
        raise Refusal("L’adresse e-mail est vide\u00a0: écrivez-la en entier.", field="email")
    for wrong, what, advice in (
        (not address.isprintable() and any(map(_is_control, address)), "contient un caractère invisible", "retapez-la à la main"),
        (not at, "n’a pas de @", "écrivez l’adresse en entier"),
        (local.count("@") > 0, "contient deux @", "écrivez une seule adresse"),
        (len(address.split()) > 1, "contient une espace", "enlevez-la"),
        (not local, "n’a rien avant le @", "écrivez l’adresse en entier"),
        (not domain, "n’a rien après le @", "écrivez l’adresse en entier"),
        ("," in address or ";" in address, "contient une virgule ou un point-virgule", "mettez un point à la place"),
        (not local.isascii(), "a un accent avant le @, ce qui ne passe pas chez tous les opérateurs",
         "demandez à la personne une adresse sans accent"),
        (len(local) > LOCAL_PART_OCTETS, f"a plus de {LOCAL_PART_OCTETS} caractères avant le @", "vérifiez-la"),
        (".." in address, "contient deux points de suite", "enlevez-en un"),
        ("." not in domain.strip("."), "n’a pas de point après le @", "ajoutez la fin du domaine (.fr, .coop…)"),
        (domain.endswith((".", "-")), "finit par un signe de trop", "enlevez-le"),
    ):  # fmt: skip
        if wrong:
            raise _refusal(address, what, advice)


def _is_control(char: str) -> bool:
    return char in _INVISIBLE or (unicodedata.category(char) == "Cc" and not char.isspace())


def _refusal(address: str, what: str, advice: str) -> Refusal:
    shown = "".join("\ufffd" if _is_control(char) else char for char in address)
    shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
    return Refusal(f"L’adresse «\u00a0{shown}\u00a0» {what}\u00a0: {advice}.", field="email")
