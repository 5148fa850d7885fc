"""The real parts that tests may ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.dovecot import DovecotServer, Postbox, dovecot_server
from tests.parts.postgres import PostgresServer, postgres_server
from tests.parts.smtp_sink import Sink, smtp_sink
from tests.parts.valkey import ValkeyServer, valkey_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits longest, so that the end does not wait for it; the same order in every process."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A relay in this process that keeps what it accepts; it misbehaves as told."""
    with smtp_sink() as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey of this test alone."""
    with valkey_server() as running:
        yield running


@pytest.fixture(scope="session")
def dovecot_of_the_run() -> Iterator[DovecotServer]:
    with dovecot_server() as running:
        yield running


@pytest.fixture
def dovecot(dovecot_of_the_run: DovecotServer) -> Postbox:
    """A fresh mailbox on the Dovecot of this run."""
    return dovecot_of_the_run.fresh_postbox()


@pytest.fixture(scope="session")
def postgres_of_the_run() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def postgres(postgres_of_the_run: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database on the PostgreSQL of this run."""
    with postgres_of_the_run.fresh_database() as url:
        yield url
