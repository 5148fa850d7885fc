"""A key named in the settings, and mail that a verifier accepts at the far end of the wire (D1)."""

from __future__ import annotations

from pathlib import Path

from tests.parts.dkim_zone import Zone, pem, signer_of, tags
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink


def test_d1_the_mail_that_a_relay_takes_verifies(tmp_path: Path, sink: Sink) -> None:
    key = tmp_path / "dkim.pem"
    key.write_bytes(pem("rsa-sha256"))
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, DKIM_KEY=str(key), DKIM_SELECTOR="pli2026") as pli:
        pli.seeded(members=3)
        pli.start("worker")
        pli.start("clock")
        pli.send(pli.approved_campaign(), "--wait")
        zone = Zone.of(signer_of("rsa-sha256"))
        assert [zone.verifies(one.data) for one in sink.messages] == [True] * 3
        assert {tags(one.data)["d"] for one in sink.messages} == {"passerelles.example"}
        altered = sink.messages[0].data.replace(b"List-Unsubscribe: <https://c", b"List-Unsubscribe: <https://d")
        assert altered != sink.messages[0].data
        assert not zone.verifies(altered)
