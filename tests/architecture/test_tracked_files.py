"""Does any file of the repository name a real person, this machine, or the place that packages came from?"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import require

ROOT = Path(__file__).parents[2]

# sha256 of names, in lower case and without accents, of real people in the document that Pli was asked for: no
# example, test or text holds one. First names that anybody may have are left out.
FORBIDDEN_NAMES = {
    "8f264c89cf2fd768c1e95068db8eb2dcef8c792896cd06676bd7689de2c399f2",
    "342dfff4e6f7d8d27a1fc98233de8354f440de62a57fd2d0450e0d53b7beab0c",
    "87d964742e1edcdc7c84b5715eb122a1e3715b385759a8d6b08f184a398e6ec1",
    "52c68e887b4a048d5d045566850082252a0c0d8eb25c727e2975fa38e5bed776",
    "6c39defcde1d13ad7481b77e5b5c7969e5fdbb0aeae24d333a07e15f0347d1ad",
}
# A lock or a page that names where packages come from makes somebody else's network part of the product.
REGISTRY = re.compile(r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|unpkg|jsdelivr|crates|rubygems)\.(?:org|com|io|net)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:work|root|home|Users|opt|mnt)/\w")


def test_no_file_names_a_real_person() -> None:
    assert [found for found in _lines() if _names(found.partition(": ")[2])] == []


def test_no_file_names_a_package_registry() -> None:
    assert [found for found in _lines() if REGISTRY.search(found.partition(": ")[2])] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert [found for found in _lines() if MACHINE_PATH.search(found.partition(": ")[2])] == []


@pytest.mark.parametrize("line", ["Bonjour Zéphyrin Ancelot,", "zephyrin_ancelot@exemple.example", "<b>ZÉPHYRIN</b>"])
def test_a_name_is_known_with_accents_in_capitals_and_inside_an_address(line: str) -> None:
    assert hashlib.sha256(b"zephyrin").hexdigest() in _hashes(line)


def _names(line: str) -> set[str]:
    return _hashes(line) & FORBIDDEN_NAMES


def _hashes(line: str) -> set[str]:
    bare = "".join(one for one in unicodedata.normalize("NFD", line.lower()) if not unicodedata.combining(one))
    return {hashlib.sha256(word.encode()).hexdigest() for word in re.findall(r"[^\W\d_]{4,}", bare)}


def _lines() -> Iterator[str]:
    """Give each line of each text file, tracked or about to be, as `path:number: line`."""
    require(shutil.which("git") and (ROOT / ".git").exists(), "this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(filter(None, set(listed.stdout.decode().split("\0")))):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" not in content:
            for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
                yield f"{name}:{number}: {line}"
