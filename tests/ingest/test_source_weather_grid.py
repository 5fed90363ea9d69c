"""Weather and carbon intensity from files, a typical year and an address; real files where there are any."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from test_source_prometheus import answering

from core.errors import InputError, ServiceError
from ingest.batch import read_forecast
from ingest.mapping import Mapping
from ingest.sources.grid import Grid
from ingest.sources.polling import Message, Sample
from ingest.sources.timeline import Timeline, read_csv, read_epw, read_json
from ingest.sources.weather import AGE_MAX, MAPPING, Weather

if TYPE_CHECKING:
    from pathlib import Path

    from core.site import Site

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GRID = Mapping.parse("time=timestamp,carbon_intensity=ci:g/kWh", "grid")
HOUR = timedelta(hours=1)


def wet_bulb_c(dry_bulb_c: float, humidity_ratio: float, pressure_pa: float) -> float:
    """No physics: shows that it was asked."""
    return dry_bulb_c - 10.0 * (1.0 - humidity_ratio) + 0.0 * pressure_pa


def csv_file(folder: Path, rows: str, name: str = "grid.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(rows.encode()) if name.endswith(".gz") else rows.encode())
    return path


def readings(found: list[Any]) -> list[Sample]:
    return [item for item in found if isinstance(item, Sample)]


@pytest.mark.parametrize("name", ["grid.csv", "grid.csv.gz"])
def test_the_newest_row_is_published_once_at_its_own_time(tmp_path: Path, name: str) -> None:
    rows = "timestamp,ci\n2026-03-02 11:00:00,210\n2026-03-02T12:00:00Z,220\n2026-03-02 13:00,230\n,\nx,1\n"
    line = read_csv(csv_file(tmp_path, rows, name), GRID)
    grid = Grid(lambda: line)
    assert grid.poll(NOON + timedelta(minutes=5)) == [Sample("grid", {"carbon_intensity": 220.0}, NOON)]
    assert grid.poll(NOON + timedelta(minutes=10)) == []
    assert grid.poll(NOON + HOUR)[0].time == NOON + HOUR
    assert grid.poll(NOON + 24 * HOUR) == [], "an old value is not the grid of now"


def test_a_typical_year_stands_for_every_year(tmp_path: Path) -> None:
    rows = "timestamp,ci\n2022-03-02 12:00:00,220\n2022-12-31 23:00:00,300\n2024-02-29 00:00:00,1\n"
    line = read_csv(csv_file(tmp_path, rows), GRID, typical=True)
    assert line.until(NOON, HOUR) == (NOON, {"carbon_intensity": 220.0})
    found = line.until(datetime(2026, 1, 1, 0, 30, tzinfo=UTC), 2 * HOUR)
    assert found == (datetime(2025, 12, 31, 23, tzinfo=UTC), {"carbon_intensity": 300.0})


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("", "no column"),
        ("time,ci\n", "timestamp"),
        ("timestamp,ci\n", "no row"),
        ("timestamp,ci\nx,y\n", "no row"),
    ],
)
def test_a_file_that_says_nothing(tmp_path: Path, rows: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_csv(csv_file(tmp_path, rows), GRID)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "x.csv.gz"
    broken.write_bytes(b"\x1f\x8bnonsense")
    for path in (tmp_path / "absent.csv", broken):
        with pytest.raises(InputError, match="readable file"):
            read_csv(path, GRID)
    with pytest.raises(InputError, match="LOCATION"):
        read_epw(csv_file(tmp_path, "timestamp,ci\n1,2\n", "x.epw"))


def test_an_address_gives_weather_and_forecast(site: Site) -> None:
    times = [NOON + HOUR * step for step in range(-3, 60)]
    answer = {
        "hourly": {
            "time": [f"{time:%Y-%m-%dT%H:%M}" for time in times],
            "temperature_2m": [10.0 + step for step in range(-3, 60)],
            "relative_humidity_2m": [80, 80, None, *[50] * 60],
        }
    }
    mapping = Mapping.parse(MAPPING, "weather")
    with answering(json.dumps(answer).encode()) as url:
        weather = Weather(site, lambda: read_json(url, mapping), wet_bulb_c)
        found = weather.poll(NOON + timedelta(minutes=1))
        again = weather.poll(NOON + timedelta(minutes=6))
        later = weather.poll(NOON + HOUR + timedelta(minutes=1))
    (sample,) = readings(found)
    assert sample == Sample(
        "weather",
        {"dry_bulb_temperature": 10.0, "relative_humidity": 0.5, "wet_bulb_temperature": 5.0},
        NOON,
    )
    (forecast,) = [item for item in found if isinstance(item, Message)]
    assert forecast.topic == f"joulecast/{site.id}/weather/$forecast"
    rows = read_forecast(forecast.payload)
    assert isinstance(rows, list)
    assert len(rows) == 48
    assert (rows[0].valid_at, rows[0].dry_bulb_c, rows[0].wet_bulb_c) == (NOON + HOUR, 11.0, 6.0)
    assert again == []
    assert [type(item) for item in later] == [Sample, Message]


@pytest.mark.parametrize(
    "answer", [b"no JSON", b"[]", b'{"hourly": {"time": []}}', b'{"hourly": 3}', b"[" * 100_000]
)
def test_an_address_that_answers_otherwise_is_asked_again(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(ServiceError):
        read_json(url, Mapping.parse(MAPPING, "weather"))


def test_lists_of_different_length_are_not_paired() -> None:
    answer = {"t": ["2026-03-02T12:00Z"], "ci": [1, 2]}
    mapping = Mapping.parse("time=t,carbon_intensity=ci:g/kWh", "grid")
    with answering(json.dumps(answer).encode()) as url, pytest.raises(ServiceError, match="as many"):
        read_json(url, mapping)
    with answering(b'{"t": "2026-03-02T12:00Z", "ci": 250}') as url:
        assert read_json(url, mapping) == Timeline(((NOON, {"carbon_intensity": 250.0}),))


def test_without_humidity_there_is_no_wet_bulb_and_no_forecast(site: Site) -> None:
    rows = tuple((NOON + HOUR * step, {"dry_bulb_temperature": 9.0}) for step in range(5))
    found = Weather(site, lambda: Timeline(rows), wet_bulb_c).poll(NOON)
    assert found == [Sample("weather", {"dry_bulb_temperature": 9.0}, NOON)]


def test_a_real_typical_year_of_weather(shared_data: Path) -> None:
    folder = shared_data / "weather_carbon"
    line = read_epw(folder / "USA_CO_Golden-NREL_TMY3.epw.gz")
    assert len(line.rows) == 8760
    # the first row: 1 January, hour 1 at UTC-7, -3.0 degC, dew point -4.0 degC, 92 %, 80,600 Pa
    found = line.until(datetime(2026, 1, 1, 8, 0, tzinfo=UTC), AGE_MAX)
    assert found is not None
    time, values = found
    assert time == datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
    assert values == {
        "dry_bulb_temperature": -3.0,
        "dew_point_temperature": -4.0,
        "relative_humidity": pytest.approx(0.92),
        "pressure": 80_600.0,
    }
    assert len(line.after(datetime(2026, 12, 31, 12, 0, tzinfo=UTC), timedelta(hours=48))) == 48


@pytest.mark.parametrize(
    ("name", "column", "rows", "first"),
    [
        ("carbon_intensity_NL_2022_15min.csv.gz", "carbon_intensity", 34_943, 168.139),
        ("carbon_intensity_NYISO_2022_hourly.csv.gz", "avg_CI", 8_700, 251.75),
    ],
)
def test_real_carbon_intensity(shared_data: Path, name: str, column: str, rows: int, first: float) -> None:
    mapping = Mapping.parse(f"time=timestamp,carbon_intensity={column}:g/kWh", "grid")
    line = read_csv(shared_data / "weather_carbon" / name, mapping)
    assert len(line.rows) > rows
    assert line.rows[0][1] == {"carbon_intensity": first}
