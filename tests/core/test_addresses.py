"""Addresses: written on the envelope as operators take them, refused with words, compared and remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.addresses import fingerprint, key, normalise
from service.core.refusals import Refusal


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("membre@passerelles.example", "membre@passerelles.example"),
        ("a@exemple1.fr", "a@exemple1.fr"),
        ("vie@example.coop", "vie@example.coop"),
        ("boite@essai.test", "boite@essai.test"),
        ("Odile.Vasseur@Example.COOP", "Odile.Vasseur@example.coop"),
        ("Postmaster@example.coop", "Postmaster@example.coop"),
        ("a+b_c-d@example.coop", "a+b_c-d@example.coop"),
        ("o'brien@example.coop", "o'brien@example.coop"),
        ("vie@coopérative.example", "vie@xn--cooprative-e7a.example"),
        ("vie@coope\u0301rative.example", "vie@xn--cooprative-e7a.example"),
        ("vie@XN--COOPRATIVE-E7A.example", "vie@xn--cooprative-e7a.example"),
        ("\u00a0\u200bvie@example.coop\u2060 \t", "vie@example.coop"),
        ("<vie@example.coop>", "vie@example.coop"),
        ("Odile Vasseur <vie@example.coop>", "vie@example.coop"),
        ("mailto:vie@example.coop", "vie@example.coop"),
        ("<MAILTO:vie@example.coop?subject=Bonjour>", "vie@example.coop"),
    ],
)
def test_d10_an_address_is_written_as_the_envelope_takes_it(typed: str, written: str) -> None:
    assert normalise(typed) == written


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "est vide"),
        (" \u00a0\u200b", "est vide"),
        ("vie.example.coop", "n’a pas de @"),
        ("vie@", "rien après le @"),
        ("@example.coop", "rien avant le @"),
        ("vie @example.coop", "une espace"),
        ("vie\u202f@example.coop", "une espace"),
        ("vie@example.coop;ag@example.coop", "deux @"),
        ("vie@example,coop", "une virgule"),
        ("vie@example", "pas de point après le @"),
        ("vie@localhost", "pas de point après le @"),
        ("vie@example.coop.", "un signe de trop"),
        ("vie@example..coop", "deux points"),
        ("élo@example.coop", "accent avant le @"),
        ("vi\u200be@example.coop", "caractère invisible"),
        ("vi\x00e@example.coop", "caractère invisible"),
        ("vi\x07e@example.coop", "caractère invisible"),
        (f"{'a' * 65}@example.coop", "64 caractères avant le @"),
        (f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}.coop", "L’adresse"),
        ("(a)@example.coop", "n’a pas la forme"),
        ("vie@ex_emple.coop", "n’a pas la forme"),
        ("vie@[192.0.2.1]", "n’a pas la forme"),
        ("vie@192.0.2.1", "n’a pas la forme"),
        ("a.@example.coop", "n’a pas la forme"),
    ],
)
def test_an_address_nobody_could_deliver_is_refused_with_its_fault(typed: str, words: str) -> None:
    with pytest.raises(Refusal, match="L’adresse") as refused:
        normalise(typed)
    assert words in refused.value.sentence
    assert refused.value.field == "email"


@given(st.text(max_size=300))
def test_any_text_gives_an_ascii_address_within_the_limits_or_a_refusal(typed: str) -> None:
    try:
        address = normalise(typed)
    except Refusal:
        return
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
    assert len(address) <= 254


@given(st.from_regex(r"[a-zA-Z0-9]{1,12}@[a-z]{1,8}é[a-z]{1,8}\.example", fullmatch=True))
def test_normalising_twice_changes_nothing_more(typed: str) -> None:
    assert normalise(normalise(typed)) == normalise(typed)


def test_two_addresses_that_differ_in_case_alone_have_the_same_key() -> None:
    assert key("Odile@Example.COOP") == key("odile@example.coop")
    assert key("odile@example.coop") != key("odil@example.coop")


def test_a_fingerprint_depends_on_the_address_and_on_the_secret_and_hides_both() -> None:
    known = fingerprint("Vie@example.coop", b"secret")
    assert known == fingerprint("vie@EXAMPLE.coop", b"secret")
    assert known != fingerprint("vie@example.coop", b"another")
    assert known != fingerprint("ag@example.coop", b"secret")
    assert len(known) == 64
    assert int(known, 16) > 0
