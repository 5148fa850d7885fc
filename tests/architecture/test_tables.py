"""Does every column say why it is kept and how long, and is every mail folder complete?"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import service.models
from service.models.base import Base, Keeping
from tests.emails.lint import FILES_OF_A_MAIL

EMAILS = Path(__file__).parents[2] / "templates" / "emails"

for _module in pkgutil.iter_modules(service.models.__path__, "service.models."):
    importlib.import_module(_module.name)


def test_every_column_has_a_purpose_and_a_retention() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    assert len(columns) > 100
    assert [str(column) for column in columns if not isinstance(column.info.get("keeping"), Keeping)] == []


def test_every_mail_folder_is_complete() -> None:
    mails = [folder for folder in EMAILS.iterdir() if folder.is_dir() and folder.name != "_layout"]
    assert mails
    missing = [f"{mail.name}/{file}" for mail in mails for file in FILES_OF_A_MAIL if not (mail / file).is_file()]
    assert missing == []
