"""What becomes of values that no browser of ours sends: NUL, endless texts, broken UTF-8, numbers beyond every row?"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from service.core.vocabulary import InboundState, Role
from service.setting_values import ROOT
from service.web.app import create_app
from tests.web.conftest import Browser
from tests.web.test_questions import received
from tests.web.world import SENDER, WRITER, World, wired

LONG = "é" * 100_000
# Percent-encoded as they travel: NUL, a lone surrogate, bytes that are no UTF-8, marks that turn the text around.
HOSTILE: dict[str, str] = {
    "NUL": "a%00b",
    "a lone surrogate": "%ED%A0%80",
    "no UTF-8": "%FF%FE",
    "right to left": quote("\u202etxt\u2066"),
    "long": quote(LONG),
    "many words": "+".join(f"mot{n}" for n in range(20_000)),
    "signs": quote("%_\\'\";--<script>{{7*7}}{prénom}"),
    "huge": "9" * 5000,
    "far": "9223372036854775808",
    "negative": "-1",
    "first day": "0001-01-01",
    "last day": "9999-12-31",
}
# What one value alone breaks, the refusal of another may hide.
HIDDEN = ("NUL", "long", "many words", "first day")
SEARCHED = ("on", "q", "college", "cherche", "page", "pour", "sheet", "list")
DRAFT, ASKED, AGREED, SENDING = 1, 2, 3, 4
TEXT = {"subject": "Objet", "preheader": "", "body": "Voici.", "list": "nouvelles", "version": "1"}
DEPARTURE = {"on": "2020-01-01", "reason": "retrait"}
# What a person would send from each form; then one value after the other is replaced. A new form without a line is a red test.
FORMS: dict[str, dict[str, str]] = {
    "/connexion": {"email": SENDER, "next": "/"},
    "/deconnexion": {},
    "/messages/nouveau": {"kind": "communique", "list": "nouvelles"},
    "/messages/<int:campaign_id>/repartir": {},
    "/messages/<int:campaign_id>/ecrire": {**TEXT, "act": "continuer", "pour": "1", "cherche": "x"},
    "/messages/<int:campaign_id>/remarques": TEXT,
    "/messages/<int:campaign_id>/destinataires": TEXT,
    "/messages/<int:campaign_id>/lecteurs": {**TEXT, "pour": "1", "cherche": "x"},
    "/messages/<int:campaign_id>/apercu": {**TEXT, "pour": "1", "vue": "texte"},
    "/messages/<int:campaign_id>/test": {"pour": "1"},
    "/messages/<int:campaign_id>/demander-relecture": {},
    "/messages/<int:campaign_id>/relecture": {"avis": "correction", "reason": "Une coquille", "version": "1"},
    "/messages/<int:campaign_id>/envoyer": {
        "quand": "heure",
        "date": "2099-01-01",
        "heure": "09:00",
        "sans-relecture": "1",
        "reason": "Il faut prévenir ce soir",
    },
    "/messages/<int:campaign_id>/pause": {},
    "/messages/<int:campaign_id>/reprendre": {},
    "/messages/<int:campaign_id>/arreter": {},
    "/messages/<int:campaign_id>/en-doute": {"choix": "renvoyer", "vu": "0123456789abcdef", "personne": "1"},
    "/messages/<int:campaign_id>/supprimer": {},
    "/reponses/<int:question_id>/trier": {"decision": "question", "version": "1", "bac": "a-trier"},
    "/reponses": {"cochees": "1.1", "acte": "confier", "vu": "1", "lot-personne": "1"},
    "/reponses/<int:question_id>/reprendre": {"version": "1"},
    "/reponses/<int:question_id>/reunir": {"version": "1"},
    "/reponses/<int:question_id>/demande/annuler": {"version": "1"},
    "/reponses/<int:question_id>/auteur": {"message": "1", "auteur": "oui", "version": "1"},
    "/reponses/<int:question_id>/confier": {"personne": "1", "version": "1"},
    "/reponses/<int:question_id>/publication": {"prive": "oui", "version": "1"},
    "/reponses/courrier/<int:message_id>/relire": {},
    "/reponses/themes": {"nom": "Finances"},
    "/reponses/themes/<int:theme_id>": {"nom": "Stratégie", "acte": "renommer"},
    "/reponses/<int:question_id>/theme": {"theme": "1", "version": "1"},
    "/reponses/<int:question_id>/separer": {"debut": "1", "version": "1"},
    "/reponses/<int:question_id>/demande": {
        "acte": "adresse",
        "adresse": "neuve@membre.example",
        "le": "2020-01-01",
        "version": "1",
    },
    "/reponses/<int:question_id>/note": {"note": "Vu avec le conseil"},
    "/reponses/<int:question_id>/reponse": {"reponse": "Oui, en juin.", "version": "1"},
    "/reponses/<int:question_id>/reponse/envoyer": {"version": "1", "vu": "0123456789abcdef"},
    "/reponses/autre-courrier/<int:message_id>/prendre": {},
    "/reponses/ajouter": {"canal": "telephone", "qui": "roy", "question": "Quand ?"},
    "/destinations/reprendre": {"domaine": "exemple.example", "message": "4"},
    "/equipe/matin": {"matin": "on"},
    "/listes": {"slug": "neuve", "name": "Neuve", "class": "newsletter"},
    "/societaires/import": {},
    "/societaires/import/<key>": {
        "columns": "1",
        "column-0": "nom",
        "column-1": "email",
        "sheet": "",
        "list": "nouvelles",
    },
    "/societaires/<int:member_id>/contacts/<int:contact_id>/adresse": {"email": "neuve@membre.example"},
    "/societaires/<int:member_id>/contacts/<int:contact_id>/reecrire": {},
    "/societaires/<int:member_id>/depart": DEPARTURE,
    "/societaires/<int:member_id>/depart/annuler": {},
    "/d/<token>": {"act": "leave", "List-Unsubscribe": "x"},
}
_ASKED = re.compile(r'\.get(?:list)?\("([\w-]+)"')


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A cooperative with one of each kind of row, on each database."""
    kind = "postgres" if request.param == "postgresql" else "sqlite"
    wiring = wired(tmp_path, DATABASE_URL=request.getfixturevalue(f"migrated_{kind}"))
    built = World(wiring)
    built.staff(WRITER, "Jeanne", Role.REDACTEUR)
    built.staff(SENDER, "Paul", Role.ADMIN)
    built.mailing_list()
    built.member(to="nouvelles", number="1", college="Salariés")
    for made in (built.campaign(), built.submitted(), built.submitted(), built.launched()):
        assert made.id
    built.agreed(AGREED)
    received(built, answering=built.deliveries(SENDING)[0])
    received(built, state=InboundState.LEFT_IN_PLACE)
    yield built
    wiring.engine.dispose()


@pytest.fixture
def visitor(world: World) -> Browser:
    """Paul, at pages that answer 500 to a fault instead of failing the test."""
    app = create_app(world.wiring)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client_class = Browser
    made = app.test_client()
    assert isinstance(made, Browser)
    made.sign_in()
    return made


def test_no_question_in_an_address_breaks_a_page(visitor: Browser, world: World) -> None:
    names, broken = asked_names(), []
    assert {"q", "college", "page", "cherche", "etat", "pour", "on", "reason", "sheet", "list"} <= names
    # A server takes no address longer than 4,094 bytes.
    values = HOSTILE | {
        "long": quote(LONG[:500]),
        "many words": "+".join(f"m{n}" for n in range(600)),
        "huge": "9" * 3000,
    }
    for path in addresses(visitor, world, "GET"):
        for what, value in values.items():
            questions = ["&".join(f"{name}={value[:120]}" for name in sorted(names))]
            if what in HIDDEN:
                questions += [f"{name}={value}" for name in SEARCHED]
            broken += [
                f"{path}?{one[:60]} {what}" for one in questions if visitor.get(f"{path}?{one}").status_code >= 500
            ]
    assert not broken, "\n".join(broken)


def test_no_address_beyond_what_exists_breaks_a_page(visitor: Browser, world: World) -> None:
    proof, broken = visitor.proof(), []
    for rule in visitor.application.url_map.iter_rules():
        for what, value in HOSTILE.items():
            if not rule.arguments or what in ("long", "many words"):
                continue
            path = re.sub(r"<[^>]*>", value, rule.rule)
            answer = (
                visitor.get(path) if "GET" in (rule.methods or ()) else visitor.post(path, data={"csrf_token": proof})
            )
            # 405: where only another method has a page.
            if answer.status_code not in (404, 405):
                broken.append(f"{rule.rule} {what}: {answer.status_code}")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)  # SQLite keeps anything
def test_no_value_of_a_form_breaks_its_page(visitor: Browser, world: World) -> None:
    proof, broken = visitor.proof(), []
    for path, form in forms(visitor, world):
        for name in form:
            for what, value in HOSTILE.items():
                sent = {key: quote(good) for key, good in form.items() if key != name} | {name: value}
                body = "&".join(f"{key}={each}" for key, each in sent.items()) + f"&csrf_token={proof}"
                answer = visitor.post(path, data=body.encode(), content_type="application/x-www-form-urlencoded")
                if answer.status_code >= 500:
                    broken.append(f"{path} {name} {what}: {answer.status_code}")
    assert not broken, "\n".join(broken)


def asked_names() -> set[str]:
    """Every name that a page of ours reads from what a browser sends."""
    return {
        name for path in (ROOT / "service" / "web").rglob("*.py") for name in _ASKED.findall(path.read_text("utf-8"))
    }


def forms(visitor: Browser, world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """Each form's address and what a person would send; whoever is asked to sign out is asked last."""
    app = visitor.application
    rules = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert rules == set(FORMS)
    for rule, form in FORMS.items():
        if rule != "/deconnexion":
            yield address(app, rule, visitor, world), form


def addresses(visitor: Browser, world: World, method: str) -> Iterator[str]:
    """Each page, where it exists."""
    app = visitor.application
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.endpoint not in ("static", "health.show"):
            yield address(app, rule.rule, visitor, world)


def address(app: Flask, rule: str, visitor: Browser, world: World) -> str:
    """Put what exists in the places of an address."""
    token = world.wiring.office.unsubscribe_url(world.deliveries(SENDING)[0].id, 1).rpartition("/")[2]
    campaign = {"relecture": ASKED, "envoyer": DRAFT, "pause": SENDING, "reprendre": SENDING, "arreter": SENDING}
    campaign |= {"en-doute": SENDING}
    number = campaign.get(rule.rpartition("/")[2], DRAFT)
    path = rule.replace("<int:campaign_id>", str(number)).replace("<slug>", "nouvelles").replace("<token>", token)
    if "<key>" in path:
        path = path.replace("/societaires/import/<key>", kept(visitor))
    return re.sub(r"<int:\w+>", "1", path)


def kept(visitor: Browser) -> str:
    """Send a members file, and return where its columns are asked."""
    sent = {"file": (io.BytesIO(b"Nom;Email\nRoy;roy@membre.example\n"), "membres.csv")}
    return str(visitor.send("/societaires/import", sent, content_type="multipart/form-data").location)
