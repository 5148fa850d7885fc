"""Did the server that took this mail in find that its sender is who he says? Its Authentication-Results (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from service.core.reading import headers
from service.core.reading.parsing import Message

Result = Literal["pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "none"]

_RESULTS = frozenset(get_args(Result))
# Comments nest, and a quoted string may hold any of the signs: one pass over the letters, no pattern that could go back.
_PIECE = re.compile(r'\\.|[()";]|[^\\()";]+|\\', re.DOTALL)
_ID = re.compile(r"\s*(\S+)(?:\s+\d+)?\s*")
_METHOD = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:/\s*\d+\s*)?=\s*([A-Za-z]+)\b")
_MAIL_FROM = re.compile(r"\bsmtp\s*\.\s*mailfrom\s*=", re.IGNORECASE)
_HEADER_BYTES = 64 * 1024
_LENGTH = 16_000
_MOST_METHODS = 100


@dataclass(frozen=True, slots=True)
class Authentication:
    """What our mail server found about who sent a message; `none` where it says nothing that we may believe."""

    dmarc: Result = "none"
    dkim: Result = "none"
    spf: Result = "none"


_UNKNOWN = Authentication()


def of(message: Message, authserv_id: str) -> Authentication:
    """Gives the verdicts of our server about a message, as `read` does, from its header lines as they came.

    Not from `message.headers`: an encoded word is a lawful local part, and would become a verdict once it is decoded.
    """
    fields = headers.split(message.raw, 0, len(message.raw), _HEADER_BYTES).fields
    return read([value for name, value in fields if name == "authentication-results"], authserv_id)


def read(values: Sequence[str], authserv_id: str) -> Authentication:
    """Gives the verdicts of the topmost Authentication-Results of the server of that name; everything `none` without a name.

    `values` are those of the header, unfolded but not decoded, topmost first. Anybody may write such a header: only one that
    bears the name of our own server counts, and of several only the topmost, which that server wrote above whatever came
    with the mail (RFC 8601, 5). Of several signatures one that holds is enough; of several DMARC verdicts all must.
    """
    wanted = authserv_id.strip().lower()
    if not wanted:
        return _UNKNOWN
    for value in values:
        identity, *methods = _statements(value[:_LENGTH])
        named = _ID.fullmatch(identity)
        if named and named[1].lower() == wanted:
            return _verdicts(methods[:_MOST_METHODS])
    return _UNKNOWN


def _statements(value: str) -> list[str]:
    """Cuts a value at its semicolons, without comments; quoted strings lose their quotes and what could mislead in them."""
    found, depth, is_quoted = [""], 0, False
    for piece in _PIECE.findall(value):
        if piece == '"' and not depth:
            is_quoted = not is_quoted
        elif is_quoted:
            found[-1] += re.sub(r"[\s=;]", "_", piece.removeprefix("\\"))
        elif piece == "(":
            depth += 1
            found[-1] += " "
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif depth:
            continue
        elif piece == ";":
            found.append("")
        else:
            found[-1] += piece
    return found


def _verdicts(statements: list[str]) -> Authentication:
    said = [(found[1].lower(), _result(found[2]), text) for text in statements if (found := _METHOD.match(text))]
    dmarc = [result for method, result, _ in said if method == "dmarc"]
    dkim = [result for method, result, _ in said if method == "dkim"]
    spf = [(result, text) for method, result, text in said if method == "spf"]
    # A server may look up the name in HELO too: what counts is where the errors go.
    of_the_envelope = [result for result, text in spf if _MAIL_FROM.search(text)] or [result for result, _ in spf]
    return Authentication(
        dmarc="fail" if "fail" in dmarc else next((one for one in dmarc if one != "pass"), next(iter(dmarc), "none")),
        dkim="pass" if "pass" in dkim else next(iter(dkim), "none"),
        spf=next(iter(of_the_envelope), "none"),
    )


def _result(word: str) -> Result:
    """RFC 8601, 2.7; « hardfail » is what SPF said before RFC 5451 was replaced."""
    known = {"hardfail": "fail"}.get(word.lower(), word.lower())
    return cast(Result, known) if known in _RESULTS else "none"
