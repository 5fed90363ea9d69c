"""The service takes up a changed `site.toml` by itself, and stays with the old one where that is wrong."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from tests_of_ingest import PATIENCE_S, counter, wait_until

from core.clock import SystemClock
from core.jobs import Context
from core.points import PointRef
from core.settings import Settings
from core.site import load_site
from core.site_edit import NewMapping, write_mapping
from ingest import rejected, worker
from ingest.mqtt import Publisher

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from core import db


def test_a_sensor_is_mapped_while_the_service_runs(
    dsn: str, conn: db.Connection, site_file: Path, broker_url: str
) -> None:
    site = load_site(site_file)
    settings = Settings(
        dsn=dsn, broker=broker_url, ingest_client_id=f"changing-{site.id}", site_file=site_file
    )
    context, stop = Context(settings, site, SystemClock(), dsn), threading.Event()
    thread = threading.Thread(target=worker.run, args=(context, stop))
    topic = f"new/{site.id}/load"
    thread.start()
    try:
        with Publisher(broker_url) as publisher:

            def arrives(stored: int) -> bool:
                publisher.publish(topic, b"4.5")
                publisher.flush()
                return counter(conn, settings.ingest_client_id)["stored"] >= stored

            wait_until(lambda: bool(conn.execute("SELECT 1 AS one FROM site").fetchone()))
            write_mapping(site_file, NewMapping(topic, "bare", PointRef("ups", "power"), "kW"))
            wait_until(lambda: arrives(1))
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    row = conn.execute("SELECT asset_id, name, value FROM reading_named").fetchone()
    assert row == {"asset_id": "ups", "name": "power", "value": 4500.0}
    assert rejected.listed(conn, rejected.Filter(), 1) == []


def test_a_description_that_is_wrong_changes_nothing(
    site_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = worker.SiteFile(site_file, load_site(site_file))
    good = site_file.read_text(encoding="utf-8")
    assert not file.changed()
    site_file.write_text(good + "\n[nonsense]\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert not file.changed()
        assert not file.changed()
    assert len(caplog.records) == 1
    assert "the old description stays in force" in caplog.text
    site_file.write_text(good + "\n# only a comment\n", encoding="utf-8")
    assert not file.changed()
    site_file.write_text(good + '\n[[topics]]\ntopic = "b"\npoint = "ups/energy"\n', encoding="utf-8")
    assert file.changed()
    assert file.site.topics[-1].topic == "b"
    site_file.unlink()
    assert not file.changed()
