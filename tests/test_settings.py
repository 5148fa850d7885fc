"""What a wrong setting says: everything at once, with an example, and never a secret."""

from __future__ import annotations

import pytest

from service.settings import InvalidSettings, Need, load

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
