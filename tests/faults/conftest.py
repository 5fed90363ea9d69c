"""Servers of one's own for each test here: they are killed and restarted in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import joulecast
from core import db
from joulecast import embedded
from joulecast.embedded_broker import BrokerKind, find_mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def database(tmp_path: Path) -> Iterator[embedded.Postgres]:
    server = embedded.Postgres(tmp_path / "database")
    with server:
        db.migrate(server.dsn)
        yield server


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[embedded.Broker]:
    """The broker that keeps its queue on disk."""
    if not find_mosquitto():
        pytest.skip("no mosquitto from 2.0.21 on this machine")
    with embedded.Broker(tmp_path / "broker", BrokerKind.MOSQUITTO) as broker:
        yield broker


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """The demo site without its write-back."""
    demo = (Path(joulecast.__file__).parent / "demo" / "site.toml").read_text(encoding="utf-8")
    path = tmp_path / "site.toml"
    path.write_text(demo, encoding="utf-8")
    return path
