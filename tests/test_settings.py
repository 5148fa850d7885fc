"""What a wrong setting says: everything at once, with an example, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.pacing import DEFAULT_RETRIES
from service.core.tokens import ReturnAddresses, address_token
from service.settings import InvalidSettings, Need, Settings, load
from service.wiring import Wiring
from tests.parts.dkim_zone import pem

EVERYTHING = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING | Need.READING | Need.WEB


def faults(**environment: str) -> list[str]:
    with pytest.raises(InvalidSettings) as refused:
        load(EVERYTHING, environment)
    return refused.value.faults


def test_every_missing_setting_is_told_at_once_with_an_example() -> None:
    told = faults()
    assert {fault.split()[0] for fault in told} == {
        "SMTP_URL",
        "SENDER",
        "IMAP_URL",
        "REPLY_TO",
        "PUBLIC_URL",
        "SECRET_KEY",
    }
    assert all("Example: " in fault for fault in told)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://user:hunter2",
        "smtp://user:hunt#er2@smtp.example.coop",
        "smtp://user:hunt/er2@smtp.example.coop",
        "smtp://us@er:hunter2@smtp.example.coop",
        "smtp://user:hunter2@smtp.example.coop:port",
        "smtp://user:hunter2@smtp.example.coop?tls=none",
        "smtp://user:hunter2@smtp.example.coop?tls=perhaps",
        "http://user:hunter2@smtp.example.coop",
    ],
)
@pytest.mark.parametrize("name", ["SMTP_URL", "IMAP_URL"])
def test_a_wrong_address_is_refused_without_its_password(name: str, url: str) -> None:
    told = "\n".join(faults(**{name: url.replace("smtp://", "imap://") if name == "IMAP_URL" else url}))
    assert f"{name} is invalid" in told
    assert "er2" not in told


def test_sender_and_reply_address_default_to_the_user_of_the_inbox() -> None:
    settings = load(
        Need.WRITING,
        {"IMAP_URL": "imaps://vie%40passerelles.example:x@imap.example.coop", "PUBLIC_URL": "https://c.example"},
    )
    assert settings.sender is not None
    assert (settings.sender.address, settings.reply_to, settings.bounce_address) == ("vie@passerelles.example",) * 3


def test_d3_each_stream_has_the_sender_and_the_way_back_of_the_usual_mail_unless_told_otherwise() -> None:
    given = {
        "SMTP_URL": "smtp://u:p@smtp.example.coop",
        "SENDER": "vie@example.coop",
        "BOUNCE_ADDRESS": "r@example.coop",
    }
    usual = load(Need.SENDING, given)
    assert usual.sender == usual.sender_statutory == usual.sender_transactional
    assert usual.bounce_address == usual.bounce_address_statutory == usual.bounce_address_transactional
    own = load(
        Need.SENDING,
        {
            **given,
            "SENDER_STATUTORY": "ag@ag.example.coop",
            "BOUNCE_ADDRESS_STATUTORY": "r@ag.example.coop",
            "SENDER_TRANSACTIONAL": "contact@example.coop",
            "BOUNCE_ADDRESS_TRANSACTIONAL": "rc@example.coop",
        },
    )
    assert own.sender is not None
    assert own.sender_statutory is not None
    assert own.sender_transactional is not None
    assert [own.sender.address, own.sender_statutory.address, own.sender_transactional.address] == [
        "vie@example.coop",
        "ag@ag.example.coop",
        "contact@example.coop",
    ]
    assert (own.bounce_address, own.bounce_address_statutory, own.bounce_address_transactional) == (
        "r@example.coop",
        "r@ag.example.coop",
        "rc@example.coop",
    )


def test_d18_who_sets_no_delays_tries_again_at_the_usual_ones() -> None:
    assert (
        load(
            Need.WRITING,
            {
                "SENDER": "vie@passerelles.example",
                "REPLY_TO": "vie@passerelles.example",
                "PUBLIC_URL": "https://c.example",
            },
        ).retries
        == DEFAULT_RETRIES
    )


def test_plain_text_is_for_this_machine_only() -> None:
    assert any("PUBLIC_URL" in fault for fault in faults(PUBLIC_URL="http://courrier.example.coop"))
    assert any("IMAP_URL is invalid" in fault for fault in faults(IMAP_URL="imap://u:p@imap.example.coop"))
    assert not any(fault.startswith("IMAP_URL") for fault in faults(IMAP_URL="imap://u:p@127.0.0.1:1143"))


def test_a_short_secret_is_refused() -> None:
    assert any("SECRET_KEY is invalid" in fault for fault in faults(SECRET_KEY="too short"))


def test_settings_show_no_secret_when_printed() -> None:
    settings = load(Need.SENDING, {"SMTP_URL": "smtp://user:hunter2@smtp.example.coop", "SECRET_KEY": "s" * 40})
    assert "hunter2" not in repr(settings) + repr(settings.smtp)
    assert "ssss" not in repr(settings)


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "dkim.pem"
    path.write_bytes(pem("ed25519-sha256"))
    return str(path)


def signing(**environment: str) -> Settings:
    given = {"SMTP_URL": "smtp://u:p@smtp.example.coop", "SENDER": "vie@example.coop", **environment}
    return load(Need.SENDING, given)


def signing_fault(**environment: str) -> str:
    with pytest.raises(InvalidSettings) as refused:
        signing(**environment)
    (fault,) = refused.value.faults
    return fault


def test_who_names_a_key_signs_for_the_domain_of_the_sender(key: str) -> None:
    signer = signing(DKIM_KEY=key, DKIM_SELECTOR="pli2026").dkim
    assert signer is not None
    assert (signer.selector, signer.domain, signer.algorithm) == ("pli2026", "example.coop", "ed25519-sha256")
    assert signing().dkim is None


def test_a_domain_with_accents_signs_as_the_dns_has_it(key: str) -> None:
    signer = signing(
        DKIM_KEY=key, DKIM_SELECTOR="S1", SENDER="vie@épicerie.example", DKIM_DOMAIN="Épicerie.example"
    ).dkim
    assert signer is not None
    assert (signer.selector, signer.domain) == ("s1", "xn--picerie-9xa.example")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"DKIM_SELECTOR": "s1"}, "DKIM_KEY is missing"),
        ({"DKIM_DOMAIN": "example.coop", "DKIM_SELECTOR": "s1"}, "DKIM_KEY is missing"),
        ({"DKIM_KEY": "KEY"}, "DKIM_SELECTOR is missing"),
        ({"DKIM_KEY": "KEY", "DKIM_SELECTOR": "deux mots"}, "DKIM_SELECTOR is invalid"),
        ({"DKIM_KEY": "KEY", "DKIM_SELECTOR": "s%d"}, "DKIM_SELECTOR is invalid"),
        ({"DKIM_KEY": "KEY", "DKIM_SELECTOR": "s1", "DKIM_DOMAIN": "a;b"}, "DKIM_DOMAIN is invalid"),
        ({"DKIM_KEY": "KEY", "DKIM_SELECTOR": "s1", "DKIM_DOMAIN": "coop"}, "DKIM_DOMAIN is invalid"),
        ({"DKIM_KEY": "/nowhere/dkim.pem", "DKIM_SELECTOR": "s1"}, "cannot be read: No such file"),
        ({"DKIM_KEY": __file__, "DKIM_SELECTOR": "s1"}, "no private key"),
    ],
)
def test_half_a_signature_is_refused_before_anything_is_sent(key: str, given: dict[str, str], says: str) -> None:
    assert says in signing_fault(**{name: value.replace("KEY", key) for name, value in given.items()})


@pytest.mark.parametrize("name", ["SENDER", "SENDER_STATUTORY", "SENDER_TRANSACTIONAL", "DKIM_DOMAIN"])
def test_d3_a_signature_that_does_not_speak_for_each_from_is_refused(key: str, name: str) -> None:
    other = "ailleurs.example" if name == "DKIM_DOMAIN" else "vie@ailleurs.example"
    given = {"DKIM_KEY": key, "DKIM_SELECTOR": "s1", "DKIM_DOMAIN": "example.coop", name: other}
    assert "DKIM_DOMAIN is invalid (a signature of " in signing_fault(**given)
    assert signing(**{**given, name: other.replace("ailleurs.example", "lettre.example.coop")}).dkim


@pytest.mark.parametrize("name", ["SENDER", "SENDER_STATUTORY", "SENDER_TRANSACTIONAL"])
@pytest.mark.parametrize("address", ["vie@gmail.com", "La Coopérative <Vie@Orange.FR>", "vie@outlook.com"])
def test_d3_a_from_at_a_public_provider_is_refused(name: str, address: str) -> None:
    assert f"{name} is invalid (mail from " in signing_fault(**{name: address})
    assert signing(**{name: "Vie <vie@orange.example>"}).sender is not None


def test_d3_a_mailbox_at_a_public_provider_is_no_sender_by_default_either() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(
            Need.SENDING,
            {"SMTP_URL": "smtp://u:p@smtp.gmail.com", "IMAP_URL": "imaps://vie%40gmail.com:p@imap.gmail.com"},
        )
    assert any("use an address of your own domain" in fault for fault in refused.value.faults)


def test_a_key_pasted_instead_of_its_file_is_refused_and_not_printed(key: str) -> None:
    held = pem("ed25519-sha256").decode()
    fault = signing_fault(DKIM_KEY=held, DKIM_SELECTOR="s1")
    assert "it holds the key itself" in fault
    assert held.splitlines()[1] not in fault


def test_the_key_is_read_by_who_sends_and_by_nobody_else() -> None:
    assert load(Need.STORES, {"DKIM_KEY": "/nowhere/dkim.pem", "DKIM_SELECTOR": "s1"}).dkim is None


TOKENS = {"SMTP_URL": "smtp://vie%40example.coop@smtp.office365.example:587?auth=xoauth2"}


def test_a_mailbox_that_takes_tokens_needs_who_gives_them() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(Need.SENDING, TOKENS)
    assert {fault.split()[0] for fault in refused.value.faults} == {"OAUTH_PROVIDER", "OAUTH_CLIENT_ID"}
    given = {**TOKENS, "OAUTH_PROVIDER": "microsoft", "OAUTH_CLIENT_ID": "id-1", "OAUTH_TENANT": "example.coop"}
    settings = load(Need.SENDING, given)
    assert settings.oauth is not None
    assert settings.oauth.token_url == "https://login.microsoftonline.com/example.coop/oauth2/v2.0/token"
    assert load(Need.SENDING, {**given, "SMTP_URL": "smtp://u:p@smtp.example.coop"}).oauth is None


@pytest.mark.parametrize("need", [Need.READING, Need.CONNECTING])
def test_an_inbox_that_takes_tokens_needs_who_gives_them_where_mail_leaves_with_a_password(need: Need) -> None:
    given = {"IMAP_URL": "imaps://vie%40example.coop@imap.example:993/INBOX?auth=xoauth2"}
    given["SMTP_URL"] = "smtp://u:p@smtp.example.coop"
    with pytest.raises(InvalidSettings) as refused:
        load(need, given)
    assert {fault.split()[0] for fault in refused.value.faults} == {"OAUTH_PROVIDER", "OAUTH_CLIENT_ID"}
    settings = load(need, {**given, "OAUTH_PROVIDER": "microsoft", "OAUTH_CLIENT_ID": "id-1"})
    assert settings.oauth is not None
    assert settings.imap is not None
    assert (settings.imap.auth, settings.imap.folder) == ("xoauth2", "INBOX")
    assert load(Need.SENDING, given).oauth is None


def test_google_has_no_client_without_a_secret() -> None:
    given = {**TOKENS, "OAUTH_PROVIDER": "google", "OAUTH_CLIENT_ID": "id-1"}
    with pytest.raises(InvalidSettings, match=r"\AOAUTH_CLIENT_SECRET is missing"):
        load(Need.SENDING, given)
    settings = load(Need.SENDING, {**given, "OAUTH_CLIENT_SECRET": "hunter2"})
    assert "hunter2" not in repr(settings.oauth)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"SMTP_URL": "smtp://smtp.example.coop?auth=xoauth2"}, "needs the mailbox as its user"),
        ({"SMTP_URL": "smtp://u:p@smtp.example.coop?auth=plain"}, "auth=plain is not"),
        ({**TOKENS, "OAUTH_PROVIDER": "none", "OAUTH_CLIENT_ID": "x"}, "OAUTH_PROVIDER is invalid"),
        ({"IMAP_URL": "imaps://imap.example.coop?auth=xoauth2"}, "IMAP_URL is invalid"),
    ],
)
def test_a_way_in_that_does_not_exist_is_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(Need.SENDING, {"SMTP_URL": "smtp://u:p@smtp.example.coop", **given})
    assert [says in fault for fault in refused.value.faults] == [True]


def test_the_folders_that_are_read_are_named_and_none_of_those_into_which_is_put_what_was_read() -> None:
    assert load(Need.STORES, {}).imap_folders == ("\\Junk",)
    assert load(Need.STORES, {"IMAP_FOLDERS": "INBOX, Forum/Questions,"}).imap_folders == ("INBOX", "Forum/Questions")
    for name in ("Traités", "INBOX.À voir", "Pli/Échecs"):
        (told,) = [one for one in faults(IMAP_FOLDERS=f"INBOX,{name}") if one.startswith("IMAP_FOLDERS")]
        assert name in told


def returns(**settings: str) -> ReturnAddresses:
    given = {"REPLY_TO": "vie@reponses.example", "SENDER": "vie@example.coop", "PUBLIC_URL": "https://c.example"}
    return Wiring(load(Need.WRITING, {**given, "SECRET_KEY": "s" * 40, **settings})).office.usual.returns


def test_d16_a_token_rides_on_both_addresses_as_the_provider_takes_it() -> None:
    token = address_token(7, b"s" * 40)
    for way, reply_to, bounce in (
        ("auto", f"vie+{token}@reponses.example", f"retours+{token}@retours.example"),
        ("minus", f"vie-{token}@reponses.example", f"retours-{token}@retours.example"),
        # Only the domain of the answers takes any address.
        ("catchall", f"{token}@reponses.example", f"retours+{token}@retours.example"),
        ("none", "vie@reponses.example", f"retours+{token}@retours.example"),
    ):
        made = returns(ADDRESSING=way, BOUNCE_ADDRESS="retours@retours.example")
        assert made.of(7) == (reply_to, bounce), way
    assert returns(ADDRESSING="catchall").of(7) == (f"{token}@reponses.example",) * 2
    assert returns(ADDRESSING="minus", ENVELOPE="fixed").of(7)[1] == "vie@reponses.example"


def test_an_address_without_room_for_a_token_is_refused_at_the_start() -> None:
    fits, too_long = f"{'a' * 37}@example.coop", f"{'a' * 38}@example.coop"
    for refused, settings in (
        (False, {"REPLY_TO": fits, "BOUNCE_ADDRESS": fits}),
        (True, {"REPLY_TO": too_long}),
        (True, {"REPLY_TO": fits, "BOUNCE_ADDRESS_STATUTORY": too_long}),
        (False, {"REPLY_TO": too_long, "ADDRESSING": "catchall"}),
        (False, {"REPLY_TO": too_long, "ADDRESSING": "none", "ENVELOPE": "fixed"}),
    ):
        assert any("too long to carry a token" in one for one in faults(**settings)) is refused, settings
