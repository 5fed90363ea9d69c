"""Exports of Prometheus range queries: series by series, checked to the end before anything is written."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.clock import SystemClock
from core.errors import InputError
from ingest import prometheus_export
from ingest.history import import_file, plan_import
from ingest.mapping import MapFile

if TYPE_CHECKING:
    from pathlib import Path

    from core import db
    from core.site import Site

START = datetime(2026, 3, 1, tzinfo=UTC)
NO_DATABASE = "host=127.0.0.1 port=1 dbname=none"
POWER = "DCGM_FI_DEV_POWER_USAGE"
MAPPING = f"""
[[prometheus]]
selector = '{POWER}{{Hostname="n1"}}'
point = "gpu_power"
asset = "gpu-{{gpu}}"

[[prometheus]]
selector = "room_celsius"
point = "inlet_temperature"
unit = "degF"
asset = "room"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> MapFile:
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    return MapFile.load(tmp_path / "map.toml")


def series(values: list[Any], name: str = POWER, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, **labels}, "values": values}


def at(second: float, value: object) -> list[object]:
    return [START.timestamp() + second, value]


def export(path: Path, *every: dict[str, Any], indent: int | None = None) -> Path:
    data = {"resultType": "matrix", "result": list(every)}
    path.write_text(json.dumps({"status": "success", "data": data}, indent=indent), encoding="utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 2])
def test_import_and_again(
    tmp_path: Path, dsn: str, conn: db.Connection, plant: Site, mapping: MapFile, indent: int | None
) -> None:
    path = export(
        tmp_path / "range.json",
        series([at(0, "80.5"), at(15.5, "81")], Hostname="n1", gpu="0"),
        series([at(0, "1")], Hostname="n2", gpu="0"),
        series([at(0, "90"), at(15, "NaN")], Hostname="n1", gpu="1"),
        series([at(0, "68")], name="room_celsius"),
        indent=indent,
    )
    done = import_file(path, mapping, dsn, plant, None, SystemClock())
    assert (done.rows, done.stored, done.duplicate, done.rejected) == (5, 4, 0, 0)
    found = conn.execute("SELECT asset_id, name, time, value FROM reading_named ORDER BY 1, 3").fetchall()
    assert [(r["asset_id"], r["name"], r["time"] - START) for r in found] == [
        ("gpu-0", "gpu_power", timedelta(0)),
        ("gpu-0", "gpu_power", timedelta(seconds=15.5)),
        ("gpu-1", "gpu_power", timedelta(0)),
        ("room", "inlet_temperature", timedelta(0)),
    ]
    assert [r["value"] for r in found] == pytest.approx([80.5, 81.0, 90.0, 20.0])
    again = import_file(path, mapping, dsn, plant, None, SystemClock())
    assert (again.stored, again.duplicate) == (0, 4)


def test_what_is_no_reading_is_named(tmp_path: Path, mapping: MapFile) -> None:
    values = [at(0, "1"), at(1, "+Inf"), at(2, "much"), [0, "1"], [253402300799, "1"], [1e300, "1"]]
    path = export(
        tmp_path / "range.json",
        series(values, Hostname="n1", gpu="0"),
        series([at(0, "1")], Hostname="n1"),
    )
    found = plan_import(path, mapping, None, SystemClock())
    assert (found.readings, found.rejected) == (1, 6)
    places = {reason.split(":")[0]: reason for reason in found.reasons}
    assert "'+Inf' is no number" in places["value 2"]
    assert "'much' is no number" in places["value 3"]
    assert "1970" in places["value 4"]
    assert "future" in places["value 5"]
    assert "cannot be read" in places["value 6"]
    assert "labels" in places["value 7"]


def test_a_long_export_is_read_in_pieces(
    tmp_path: Path, mapping: MapFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus_export, "READ_CHARS", 7)
    monkeypatch.setattr(prometheus_export, "HEAD_CHARS", 70)
    every = [series([at(s, str(s)) for s in range(9)], Hostname="n1", gpu=str(i)) for i in range(9)]
    path = tmp_path / "range.json.gz"
    path.write_bytes(gzip.compress(export(tmp_path / "plain.json", *every).read_bytes()))
    found = plan_import(path, mapping, None, SystemClock())
    assert [(p.asset, p.readings) for p in found.points] == [(f"gpu-{i}", 9) for i in range(9)]


class TestWrong:
    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ('{"status":"error","error":"query timed out"}', "query timed out"),
            ('{"data":{"resultType":"vector","result":[]}}', "vector"),
            ('{"data":{"resultType":"matrix","result":[]}}', "no series"),
            ('{"data":{"resultType":"matrix","result":[7]}}', "something else"),
            (
                '{"data":{"resultType":"matrix","result":[{"metric":{},"values":[["x","1"]]}]}}',
                "something else",
            ),
            ('{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[]}]}}', "up"),
            ("{}", "no results"),
        ],
    )
    def test_exports(self, tmp_path: Path, plant: Site, mapping: MapFile, text: str, word: str) -> None:
        (tmp_path / "range.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            import_file(tmp_path / "range.json", mapping, NO_DATABASE, plant, None, SystemClock())
        assert word in str(caught.value)

    @pytest.mark.parametrize("cut", [1, 2, 3, 10, 100])
    def test_a_truncated_export_changes_nothing(
        self, tmp_path: Path, plant: Site, mapping: MapFile, cut: int
    ) -> None:
        path = export(tmp_path / "range.json", series([at(0, "1")] * 20, Hostname="n1", gpu="0"))
        path.write_text(path.read_text(encoding="utf-8").rstrip("}")[:-cut], encoding="utf-8")
        with pytest.raises(InputError, match="cut off"):
            import_file(path, mapping, NO_DATABASE, plant, None, SystemClock())

    def test_without_selectors(self, tmp_path: Path) -> None:
        path = export(tmp_path / "range.json", series([at(0, "1")]))
        for given in (None, "time=t,power=w"):
            with pytest.raises(InputError, match="--map-file"):
                plan_import(path, given, None, SystemClock())
