"""The page Racks on a database with GPUs: numbers against what was written; thousands of GPUs are quick."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import seed
from looking import text
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.jobs import Context
from core.points import PointRef
from ui import view
from ui.components.racks import METRICS, floor_data, gpu_table
from ui.data import racks as data
from ui.data.source import open_source
from ui.pages import racks as page

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site
    from ui.data import Source

NODES = [f"gpu-node-{i:02d}" for i in range(1, 17)]
SOON = timedelta(seconds=1)


@pytest.fixture
def told(source: Source) -> Source:
    """64 GPUs, four in each node of the demo plant, eight in each rack."""
    with db.connect(source.context.dsn) as conn:
        seed.gpus(conn, source.context.site, source.now, 64, NODES)
    return source


def cells(source: Source, metric: str, picked: str = "") -> dict[str, list[Any]]:
    """The cells of the floor by rack."""
    envelope = source.context.site.limits.envelope
    found = floor_data(data.read(source), metric, picked, envelope)
    return {cell[0]: cell for _, row in found["rows"] for cell in row}


def test_a_rack_adds_its_gpus_up(told: Source) -> None:
    found = data.read(told)
    assert [rack.asset for rack in found.racks] == [f"rack-{i}" for i in range(1, 9)]
    rack = found.rack("rack-2")
    assert rack is not None
    inside = [i for i in range(64) if i % 16 in (2, 3)]  # nodes 3 and 4
    assert [gpu.asset for gpu in rack.gpus] == [f"gpu-{i:08d}" for i in inside]
    assert rack.power.value == sum(400 + i / 2 for i in inside)
    assert rack.power_from == "sum of its 8 GPUs"
    assert rack.hottest_c == max(40 + i % 45 for i in inside)
    assert (rack.throttled, rack.abnormal) == (8, 4)
    assert rack.of_cap == pytest.approx(sum(400 + i / 2 for i in inside) / (8 * 700))
    assert rack.inlet.value == pytest.approx(
        seed.values(told.context.site, told.now)["rack-2/inlet_temperature"]
    )
    assert (rack.row, rack.position) == ("A", 2)


def test_the_floor_has_rows_shades_and_marks_only_beyond_the_limits(told: Source, site: Site) -> None:
    inlets = cells(told, "inlet", "rack-3")
    assert {cell[4] for cell in inlets.values()} == {""}
    assert [cell[0] for cell in inlets.values() if cell[6]] == ["rack-3"]
    assert [cell[3] for cell in inlets.values()] == sorted(cell[3] for cell in inlets.values())
    with db.connect(told.context.dsn) as conn:
        for rack, value in ((0, 27.2), (1, 32.5)):
            seed.one_reading(conn, site, site.sensors.rack_inlet[rack], told.now + SOON, value)
    inlets = cells(told, "inlet")
    assert (inlets["rack-1"][2], inlets["rack-1"][4]) == ("▲ 27.2 °C", "hot")
    assert (inlets["rack-2"][2], inlets["rack-2"][4]) == ("◆ 32.5 °C", "critical")
    held = cells(told, "throttle")
    assert (held["rack-2"][2], held["rack-2"][4]) == ("▲ 8 of 8", "hot")
    assert (held["rack-1"][2], held["rack-1"][4]) == ("0 of 8", "")
    assert cells(told, "limit")["rack-1"][2:4] == ["—", -1], "site.toml names no limit"
    envelope = site.limits.envelope
    for name in METRICS:
        found = floor_data(data.read(told), name, "", envelope)
        assert [name for name, _ in found["rows"]] == ["Row A", "Row B"]
        assert len(found["table"]) == 8
        assert all(len(row) == 9 for row in found["table"])


def test_racks_without_a_row_stand_side_by_side_and_gpus_of_no_rack_are_listed(
    told: Source, site: Site
) -> None:
    assets = tuple(
        asset.model_copy(update={"row": "", "position": None, "parent": None}) for asset in site.assets
    )
    context = told.context
    other = Context(context.settings, site.model_copy(update={"assets": assets}), context.clock, context.dsn)
    source = open_source(other)
    found = data.read(source)
    drawn = floor_data(found, "inlet", "", site.limits.envelope)
    assert [(name, len(row)) for name, row in drawn["rows"]] == [("", 8)]
    with db.connect(context.dsn) as conn:
        conn.execute("UPDATE asset SET parent_id = NULL")
    source.forget("gpus")
    found = data.read(source)
    assert not any(rack.gpus for rack in found.racks)
    assert {row[1] for row in page.gpu_rows(found)} == {""}
    assert cells(source, "gpu")["rack-1"][2:4] == ["—", -1]
    source.close()


def test_a_rack_above_what_it_may_draw_is_marked(told: Source, site: Site) -> None:
    assets = tuple(
        asset.model_copy(update={"power_limit_kw": 3.0}) if asset.id == "rack-2" else asset
        for asset in site.assets
    )
    context = told.context
    other = Context(context.settings, site.model_copy(update={"assets": assets}), context.clock, context.dsn)
    source = open_source(other)
    watts = sum(400 + i / 2 for i in range(64) if i % 16 in (2, 3))
    assert cells(source, "limit")["rack-2"][2:5] == [f"▲ {watts / 30:.0f} %", 5, "hot"]
    assert cells(source, "power")["rack-2"][4] == "hot"
    with db.connect(context.dsn) as conn:
        seed.tell(conn, site, PointRef.parse("rack-2/power"), source.now, 2400.0)
    found = data.read(source).rack("rack-2")
    assert found is not None
    assert (found.power.value, found.power_from, found.of_limit) == (2400.0, "its own meter", 0.8)
    source.close()


def test_reasons_are_told_in_words() -> None:
    assert data.reasons_in_words(0x1 | 0x4) == "idle, power cap"
    assert data.reasons_in_words(0x40 | 0x20) == "heat (driver), heat (hardware)"
    assert data.reasons_in_words(0) == "nothing"
    assert data.reasons_in_words(0x400) == "0x400"
    assert data.reasons_in_words(None) == ""
    nvml = pytest.importorskip("pynvml")
    bits = {
        "idle": nvml.nvmlClocksEventReasonGpuIdle,
        "application clocks": nvml.nvmlClocksEventReasonApplicationsClocksSetting,
        "power cap": nvml.nvmlClocksEventReasonSwPowerCap,
        "hardware slowdown": nvml.nvmlClocksThrottleReasonHwSlowdown,
        "sync boost": nvml.nvmlClocksEventReasonSyncBoost,
        "heat (driver)": nvml.nvmlClocksEventReasonSwThermalSlowdown,
        "heat (hardware)": nvml.nvmlClocksThrottleReasonHwThermalSlowdown,
        "power brake": nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
        "display clocks": nvml.nvmlClocksEventReasonDisplayClockSetting,
    }
    assert {word: bit for bit, word in data.REASONS.items()} == bits


def test_the_panel_of_a_rack_shows_its_gpus_and_trend(told: Source, site: Site) -> None:
    with view.use(view.parse("?rack=rack-2&metric=gpu", site, page.PAGE.keys)):
        found = {key: make() for key, make in page.live(told).items()}
    assert found["racks-picked-name", "children"] == "Rack row 2"
    shown = text(found["racks-picked-gpus", "children"])
    assert "gpu-00000003 | 402 W | 700 W | 43.0 °C | 1\u202f203 MHz | 3 % | ▲ heat (hardware)" in shown
    assert "gpu-00000002 | 401 W | 700 W | 42.0 °C | 1\u202f202 MHz | 2 % | power cap" in shown
    assert "8 of 8 tell" in text(found["racks-picked", "children"])
    inlet = found["racks-trend", "figure"]["data"][0]
    assert inlet["name"] == "inlet"
    assert len([value for value in inlet["y"] if value is not None]) > 200
    assert not found["racks-trend-box", "hidden"]
    with view.use(view.parse("?rack=rack-77", site, page.PAGE.keys)):
        found = {key: make() for key, make in page.live(told).items()}
    assert "There is no rack rack-77" in text(found["racks-picked", "children"])
    assert found["racks-trend-box", "hidden"]


def test_held_back_is_of_those_that_tell(told: Source) -> None:
    with db.connect(told.context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET status = 32768 WHERE point_id IN (SELECT point_id FROM point"
            " WHERE name = 'gpu_throttle_reasons' AND asset_id = any(%s))",
            ([f"gpu-{i:08d}" for i in (2, 3, 18, 19, 34, 35)],),
        )
    told.forget_all()
    assert cells(told, "throttle")["rack-2"][2] == "▲ 2 of 2"


def test_the_trend_of_a_rack_is_one_query_and_names_the_machines_that_said_nothing(
    source: Source, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, machines = source.now, NODES[2:4]
    with db.connect(source.context.dsn) as conn:
        for node, watts in zip(machines, (300.0, 500.0), strict=True):
            seed.tell(conn, site, PointRef(node, "power"), now, watts)
            conn.execute(
                "INSERT INTO reading (time, value, point_id) SELECT t, %s, point_id FROM point,"
                " generate_series(%s - interval '3 hours', %s, interval '1 minute') AS t"
                " WHERE asset_id = %s AND name = 'power'",
                (watts, now, now, node),
            )

    def power() -> dict[str, Any]:
        source.forget_all()
        figure = page.trended(source, data.read(source).rack("rack-2"))
        return next(trace for trace in figure["data"] if trace["name"].startswith("power"))

    whole = power()
    assert (whole["name"], whole["y"][-1]) == ("power", pytest.approx(0.8))
    with db.connect(source.context.dsn) as conn:
        conn.execute(
            "UPDATE reading SET status = 32768 WHERE point_id IN"
            " (SELECT point_id FROM point WHERE asset_id = %s AND name = 'power')",
            (machines[1],),
        )
    asked: list[str] = []
    rows = type(source).rows
    monkeypatch.setattr(
        type(source), "rows", lambda of, name, **more: asked.append(name) or rows(of, name, **more)
    )
    rest = power()
    assert (rest["name"], rest["y"][-1]) == (f"power without {machines[1]}", pytest.approx(0.3))
    assert asked.count("ui_trend") == 1


def test_the_tiles_and_rows_say_what_was_written(told: Source) -> None:
    found = data.read(told)
    tiles = [(text(value), text(said)) for value, said in page.tile_parts(told, found)]
    kilowatts = sum(400 + i / 2 for i in range(64)) / 1000
    assert tiles[1][0].startswith("64")
    assert tiles[2][0].startswith(f"{kilowatts:.1f} | kW")
    assert f"{kilowatts / 44.8:.0%}".replace("%", " %") in tiles[2][1]
    assert tiles[3][0].startswith("84")
    assert tiles[4][0].startswith("32")
    assert "▲ 16 slow down" in tiles[4][1]
    rows = page.gpu_rows(found)
    assert rows[5] == ["gpu-00000005", "Rack row 3", 402, 700, 57.0, 45.0, 55.0, 1205.0, 5.0, 5.0, "idle"]
    assert rows[3][-1] == "▲ heat (hardware)"


def test_the_script_and_the_page_have_the_same_fields() -> None:
    script = (Path(page.__file__).parents[1] / "assets" / "racks.js").read_text(encoding="utf-8")
    fields = re.findall(r'"(\w+)"', script.split("const FIELDS = [")[1].split("]")[0])
    assert tuple(fields) == page.GPU_FIELDS
    assert {column["field"] for column in page.columns()} == set(fields)


def test_a_silent_gpu_has_dashes_and_is_counted_out(told: Source, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=5))
    found = data.read(told)
    assert not any(gpu.alive for gpu in found.gpus)
    assert page.gpu_rows(found)[3][2:] == [None] * 8 + ["silent"]
    tiles = [(text(value), text(said)) for value, said in page.tile_parts(told, found)]
    assert tiles[1] == ("0 | ", "of 64 known · the rest is silent")
    assert tiles[0][0].startswith("—")
    rack = found.rack("rack-1")
    assert rack is not None
    assert rack.power.value is None
    assert "silent" in text(gpu_table(rack.gpus))


def test_the_warmest_inlet_says_how_many_are_not_seen(told: Source) -> None:
    assert "not seen" not in text(page.tile_parts(told, data.read(told))[0][1])
    with db.connect(told.context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET time = time - interval '1 hour' WHERE point_id ="
            " (SELECT point_id FROM point WHERE asset_id = 'rack-8' AND name = 'inlet_temperature')"
        )
    told.forget_all()
    said = text(page.tile_parts(told, data.read(told))[0][1])
    assert "Rack row 7" in said
    assert "▲ 1 of 8 rack inlets not seen" in said


@pytest.mark.parametrize("filled", [True, False])
def test_without_gpus_it_says_how_to_collect_them(
    request: pytest.FixtureRequest, empty_source: Source, *, filled: bool
) -> None:
    if filled:
        request.getfixturevalue("seeded")
    assert json.dumps(page.layout(empty_source), cls=PlotlyJSONEncoder)
    found = {key: make() for key, make in page.live(empty_source).items()}
    assert "joulecast collect nvml" in text(found["racks-gpu-said", "children"])
    assert found["racks-gpu-box", "hidden"]
    assert "no GPU has told anything yet" in text(found["racks-gpu-count-sub", "children"])
    worst = text(found["racks-worst-sub", "children"])
    assert ("below 27 °C" if filled else "no rack inlet is fresh") in worst


def test_units_are_the_readers(told: Source, site: Site) -> None:
    with view.use(view.View(ZoneInfo("UTC"), "UTC", view.Units.IP, more={"rack": "rack-2"})):
        hottest = max(40 + i % 45 for i in range(64) if i % 16 in (0, 1))
        assert cells(told, "gpu")["rack-1"][2] == f"{hottest * 1.8 + 32:.1f} °F"
        rows = page.gpu_rows(data.read(told))
        assert rows[5][5] == pytest.approx(45 * 1.8 + 32)
        assert "Temp. [°F]" in [column["headerName"] for column in page.columns()]
        inlet = seed.values(site, told.now)["rack-2/inlet_temperature"]
        assert cells(told, "inlet")["rack-2"][2] == f"{inlet * 1.8 + 32:.1f} °F"
        figure = page.live(told)["racks-trend", "figure"]()
        assert figure["layout"]["yaxis"]["title"]["text"] == "inlet [°F]"
        assert "time in UTC, UTC+00:00" in figure["layout"]["xaxis"]["title"]["text"]


def test_two_thousand_gpus_are_quick(source: Source) -> None:
    with db.connect(source.context.dsn) as conn:
        seed.gpus(conn, source.context.site, source.now, 2000, NODES)
    taken = []
    for _ in range(5):
        source.forget("gpus")
        begun = time.perf_counter()
        found = data.read(source)
        read = time.perf_counter()
        rows = page.gpu_rows(found)
        body = json.dumps(rows, cls=PlotlyJSONEncoder)
        taken.append((read - begun, time.perf_counter() - read))
    assert len(rows) == 2000
    assert all(len(row) == len(page.GPU_FIELDS) for row in rows)
    read_s, rows_s = min(taken)
    size = f"{len(body) / 1e3:.0f} kB of rows"
    print(f"2000 GPUs: {read_s * 1e3:.0f} ms to read, {rows_s * 1e3:.0f} ms for {size}")
    assert read_s + rows_s < 2.0
