"""Does each file and each function stay short enough to be read at once?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
_READ_BY_PEOPLE = {".py", ".sh", ".mjml", ".html", ".js", ".mjs", ".c"}
# Written by a program, or by somebody else.
_NOT_OURS = ("service/migrations/versions/", "service/web/static/vendor/", "tests/emails/golden/")


def _ours() -> list[Path]:
    found = [
        path
        for folder in ("service", "workers", "templates", "tests", "bench")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in _READ_BY_PEOPLE and not path.relative_to(ROOT).as_posix().startswith(_NOT_OURS)
    ]
    return [ROOT / "pli", *found]


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in _ours()}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {_length(node)} lines"
        for path in _ours()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > LONGEST_FUNCTION
    ]
    assert too_long == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc"])
def test_no_module_hides_behind_a_name_that_says_nothing(word: str) -> None:
    assert [path for path in _ours() if path.stem == word or path.parent.name == word] == []
