"""What `joulecast doctor` finds on real servers, and where there are none."""

from __future__ import annotations

import os
import shutil
import socket
from typing import TYPE_CHECKING

import psycopg

from core.settings import Settings
from joulecast import doctor, embedded, process
from joulecast.doctor import Finding, Verdict, check
from joulecast.embedded import RunInfo

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in check(settings)}


def test_on_real_servers(tmp_path: Path, dsn: str, broker_url: str) -> None:
    findings = found(Settings(data_dir=tmp_path, dsn=dsn, broker=broker_url))
    for what in ("python", "database", "schema", "database clock", "clock"):
        assert findings[what].state is Verdict.OK, findings[what]
    assert "PostgreSQL" in findings["database"].detail
    assert findings["time series"].state is Verdict.WARN
    assert "no TimescaleDB" in findings["time series"].detail
    assert findings["broker"].state is not Verdict.FAIL
    assert all(finding.do for finding in findings.values() if finding.state is not Verdict.OK)


def test_a_database_that_was_never_migrated(tmp_path: Path, server_dsn: str) -> None:
    schema = found(Settings(data_dir=tmp_path, dsn=server_dsn))["schema"]
    assert schema.state is Verdict.FAIL
    assert "0001" in schema.detail
    assert "joulecast migrate" in schema.do


def test_a_migration_that_was_changed(tmp_path: Path, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("UPDATE joulecast.migration SET sha256 = 'other' WHERE name LIKE '%0001%'")
    schema = found(Settings(data_dir=tmp_path, dsn=dsn))["schema"]
    assert schema.state is Verdict.FAIL
    assert "changed since" in schema.detail


def test_pages_for_other_machines_want_a_proxy_in_front(tmp_path: Path) -> None:
    bare = found(Settings(data_dir=tmp_path, ui_host="192.0.2.7"))["pages"]
    assert bare.state is Verdict.WARN
    assert bare.detail.startswith("served on 192.0.2.7:8050: other machines reach the pages without a proxy")
    assert bare.do.endswith("set JOULECAST_UI_PROXIES=1")
    for good in (Settings(data_dir=tmp_path), Settings(data_dir=tmp_path, ui_host="192.0.2.7", ui_proxies=1)):
        assert found(good)["pages"].state is Verdict.OK


def test_servers_that_do_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    findings = found(
        Settings(data_dir=tmp_path, dsn=f"postgresql://127.0.0.1:{port}/x", broker=f"mqtt://127.0.0.1:{port}")
    )
    assert findings["database"].state is Verdict.FAIL
    assert findings["broker"].state is Verdict.FAIL
    assert "JOULECAST_BROKER" in findings["broker"].do


def test_nothing_running_is_a_warning_that_says_what_to_type(tmp_path: Path) -> None:
    findings = found(Settings(data_dir=tmp_path / "absent"))
    assert findings["database"].state is Verdict.WARN
    assert "joulecast up" in findings["database"].do
    assert not (tmp_path / "absent").exists(), "looking changes nothing"


def test_a_running_up_is_found(tmp_path: Path, dsn: str, broker_url: str) -> None:
    me = os.getpid()
    spec = "2026-03-02T12:00:00+00:00/2026-03-02T12:00:00+00:00/60.0"
    embedded.remember(tmp_path, RunInfo(me, process.started(me) or "", dsn, broker_url, "", spec))
    findings = found(Settings(data_dir=tmp_path))
    assert findings["database"].state is Verdict.OK
    assert "60 times as fast" in findings["clock"].detail


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = shutil.disk_usage(tmp_path)
    for free_gb, state in ((0.5, Verdict.FAIL), (2.0, Verdict.WARN), (50.0, Verdict.OK)):
        left = real._replace(free=int(free_gb * doctor.GIGABYTE))
        monkeypatch.setattr(shutil, "disk_usage", lambda _, left=left: left)
        assert found(Settings(data_dir=tmp_path))["disk"].state is state
