"""What a password of the staff costs who wants to guess it."""

from __future__ import annotations

import subprocess
import sys

from argon2 import PasswordHasher, Type, extract_parameters

from service.setting_values import ROOT


def test_a_guess_costs_what_owasp_asks_as_a_minimum_of_argon2id(costly_passwords: PasswordHasher) -> None:
    """S18; the other tests of this run hash cheaply."""
    asked = (costly_passwords.memory_cost, costly_passwords.time_cost, costly_passwords.parallelism)
    assert asked == (19 * 1024, 2, 1)
    assert costly_passwords.type is Type.ID


def test_an_unknown_address_costs_as_much_as_a_known_one(costly_passwords: PasswordHasher) -> None:
    """S7: looked at in a process that nothing was changed in."""
    told = "from service.actions import staff; print(staff._NOBODY)"
    nobody = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert extract_parameters(nobody.strip()) == extract_parameters(costly_passwords.hash("somebody’s"))
