"""Energy of a period: sums that add up, gaps that stay gaps, days of the site, files with their head."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import seed
from flask import g
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.kpi import breakdown
from core.tariff import Tariff
from ui import export, view
from ui.access import auth
from ui.charts import energy as charts
from ui.components import amounts
from ui.components import energy as parts
from ui.components import report as report_parts
from ui.data import energy, later, report
from ui.data.shown import Kind, Shown, missing
from ui.pages import energy as page

if TYPE_CHECKING:
    from dash import Dash

    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site
    from ui.data import Source
    from ui.data.energy import Energy

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def mean_w(site: Site, ref: str, start: datetime, minutes: int) -> float:
    written = [seed.values(site, start + timedelta(minutes=i))[ref] for i in range(minutes)]
    return sum(written) / minutes


def energies(facility: list[float], it: list[float], start: datetime = NOON, **more: Any) -> Energy:
    given: dict[str, Any] = {
        "start": start,
        "step": HOUR,
        "facility_kwh": np.array(facility),
        "it_kwh": np.array(it),
        "spoken": np.ones(len(it)),
        "parts_kwh": {},
        "wet_bulb_c": np.full(len(it), 10.0),
        "carbon_g_per_kwh": None,
        "carbon_kind": Kind.ASSUMED,
        "grid_ratio": 0.0,
        "price_per_kwh": None,
        "water_l": missing("L", Kind.MEASURED, "not metered"),
        "unseen": (),
        "silent": (),
        "category": 2,
    }
    return energy.Energy(**(given | more))


def test_energy_is_mean_power_times_time(source: Source, site: Site, clock: ManualClock) -> None:
    start = clock.now() - 2 * HOUR
    found = energy.read(source, start, clock.now())
    assert (found.step, len(found.it_kwh), found.start) == (timedelta(minutes=15), 8, start)
    assert found.it_kwh[0] == pytest.approx(mean_w(site, "pdu/it_power", start, 15) / 1000 / 4)
    facility = mean_w(site, "utility/facility_power", start, 120) / 1000 * 2
    assert found.facility_sum_kwh == pytest.approx(facility)
    assert found.pue.value == pytest.approx(facility / (mean_w(site, "pdu/it_power", start, 120) / 1000 * 2))


def test_subsystems_and_the_unaccounted_add_up_to_the_facility(source: Source, clock: ManualClock) -> None:
    of = energy.read(source, clock.now() - 6 * HOUR, clock.now()).breakdown
    assert of.it_kwh + sum(of.overhead_kwh.values()) + of.residual_kwh == pytest.approx(of.facility_kwh)
    assert of.residual_kwh == pytest.approx(9.0 * 6, rel=1e-6)
    assert list(of.overhead_kwh) == [energy.LOSSES, "Chillers", "CRAH fans", "Pumps", "Tower fans"]


def test_a_period_longer_than_the_readings_says_how_much_of_it_there_is(
    source: Source, clock: ManualClock
) -> None:
    found = energy.read(source, clock.now() - timedelta(days=7), clock.now())
    assert found.step == QUARTER
    assert found.pue.complete_ratio == pytest.approx(26 / 168, abs=1 / 168)
    assert "% of it" in text(parts.tiles(found, "EUR", AMSTERDAM))


def test_a_meter_that_never_spoke_is_named_and_no_figure_is_made(empty_source: Source, site: Site) -> None:
    now = empty_source.now
    found = energy.read(empty_source, now - HOUR, now)
    assert found.pue.complete_ratio == 0
    assert "utility/facility_power" in found.unseen
    assert "—" in text(parts.tiles(found, "EUR", AMSTERDAM))
    assert "said nothing together" in text(parts.subsystems(found))
    assert "utility/facility_power" in text(parts.definition(found, site, AMSTERDAM))
    assert page.pue_chart(found, empty_source)["layout"]["yaxis"]["range"] == [1.0, 1.1]
    assert page.duration_chart(found, empty_source)["data"][0]["x"] == []


def test_a_meter_that_was_silent_for_the_whole_period_is_said_and_missing_in_every_sum(
    source: Source, context: Context, clock: ManualClock, site: Site
) -> None:
    start = clock.now() - 6 * HOUR
    (chiller, *_) = site.meters.chiller
    with db.connect(context.dsn) as conn:
        point = db.rows(conn, "point_ids", site=site.id, refs=[str(chiller)])[0]["point_id"]
        conn.execute("DELETE FROM reading WHERE point_id = %s AND time >= %s", (point, start))
    found = energy.read(source, start, clock.now())
    assert found.silent == (str(chiller),)
    assert f"{chiller}: silent in this period" in text(parts.definition(found, site, AMSTERDAM))
    said = text(parts.subsystems(found))
    assert "Not measured, so among the unaccounted: Chillers." in said
    assert "Every meter was there" not in said
    assert found.breakdown.residual_kwh > 9.0 * 6
    assert not np.isfinite(found.cooling_kwh).any()
    columns, rows = page.sheet(found)
    assert np.isnan(rows[0][columns.index("chillers_kwh")])
    before = energy.read(source, start - 6 * HOUR, start)
    compared = text(parts.comparison(found, before, "EUR"))
    assert re.search(r'"Cooling energy, kWh".*?"children": "(.*?)"', compared)[1] == "—"  # type: ignore[index]  # it is there
    month = report_parts.energy(replace(report.read(source, date(2026, 3, 1)), energy=found), site)
    told = {figure.name: figure for figure in month}
    assert (told["MLC"].value, told["MLC"].kind) == (None, report_parts.SILENT)
    assert (told["Chillers"].value, told["Chillers"].kind) == (None, report_parts.SILENT)
    longer = energy.read(source, start - 6 * HOUR, clock.now())
    month = report_parts.energy(replace(report.read(source, date(2026, 3, 1)), energy=longer), site)
    notes = {figure.name: figure.note.replace("\N{NARROW NO-BREAK SPACE}", " ") for figure in month}
    for name in ("MLC", "Chillers", "Pumps"):
        assert "; of 50.0 % of the period only" in notes[name], name


def test_cost_carbon_and_water_of_known_sums() -> None:
    found = energies(
        [150.0, 250.0, np.nan],
        [100.0, 200.0, 100.0],
        price_per_kwh=np.array([0.1, 0.2, 5.0]),
        carbon_g_per_kwh=np.array([300.0, 300.0, 300.0]),
    )
    assert found.cost == pytest.approx(150 * 0.1 + 250 * 0.2)
    assert found.carbon_kg == pytest.approx(400 * 0.3)
    assert found.cue.value == pytest.approx(400 * 0.3 / 300)
    assert found.cue.kind is Kind.ASSUMED
    assert found.wue.reason == "not metered"
    assert "a grid signal of more than 3%" in energies([1.0], [1.0], grid_ratio=0.03).cue.reason
    assert parts.priced(energies([1.0], [1.0]), "EUR")[2] == "no tariff in site.toml"


def test_sums_are_of_the_intervals_that_pue_is_of() -> None:
    found = energies(
        [130.0, 130.0, 130.0, np.nan],
        [100.0, np.nan, 100.0, 100.0],
        price_per_kwh=np.full(4, 0.1),
        carbon_g_per_kwh=np.full(4, 300.0),
    )
    assert (found.facility_sum_kwh, found.it_sum_kwh) == (260.0, 200.0)
    assert found.pue.value == pytest.approx(260.0 / 200.0)
    assert found.cost == pytest.approx(26.0)
    assert found.carbon_kg == pytest.approx(78.0)


@pytest.mark.parametrize(
    ("hours", "kind", "grams", "said"),
    [
        (3, Kind.ASSUMED, 330.0, "from site.toml, as the grid said it in"),
        (23, Kind.MEASURED, 200.0, "said by the grid in 9"),
        (24, Kind.MEASURED, 200.0, "said by the grid · "),
    ],
    ids=["began at the end", "nearly all", "all"],
)
def test_carbon_of_part_of_a_period_is_not_shown_as_that_of_the_period(
    source: Source, context: Context, clock: ManualClock, hours: int, kind: Kind, grams: float, said: str
) -> None:
    end = clock.now()
    with db.connect(context.dsn) as conn:
        db.rows(
            conn, "register_point", site=context.site.id, asset="grid", name="carbon_intensity", unit="g/kWh",
            role="sensor", state_class="measurement", source="seed",
        )  # fmt: skip
        (row,) = db.rows(conn, "point_ids", site=context.site.id, refs=["grid/carbon_intensity"])
        conn.execute(
            "INSERT INTO reading (time, value, point_id)"
            " SELECT t, 200, %s FROM generate_series(%s::timestamptz, %s, interval '30 min') AS t",
            (row["point_id"], end - hours * HOUR, end - timedelta(minutes=30)),
        )
    found = energy.read(source, end - 24 * HOUR, end)
    assert found.carbon_kind is kind
    unknown = 4 * (24 - hours) if kind is Kind.MEASURED else 0
    assert found.carbon_kg == pytest.approx(found.facility_kwh[unknown:].sum() * grams / 1000)
    assert said in parts.carbon_said(found)


def test_the_tariff_of_the_site_prices_its_own_hours(source: Source, clock: ManualClock) -> None:
    found = energy.read(source, clock.now() - 2 * HOUR, clock.now())  # Monday, 11:00 to 13:00 at the site
    assert found.price_per_kwh is not None
    assert set(found.price_per_kwh.tolist()) == {0.13}
    assert found.cost == pytest.approx((found.facility_sum_kwh or 0) * 0.13)
    assert Tariff().energy_price(NOON) == 0


def water(context: Context, asset: str, m3_by_minutes_ago: dict[int, float]) -> None:
    """Write what a water meter said."""
    with db.connect(context.dsn) as conn:
        db.rows(
            conn, "register_point", site=context.site.id, asset=asset, name=energy.WATER, unit="m3",
            role="sensor", state_class="total_increasing", source="seed",
        )  # fmt: skip
        (row,) = db.rows(conn, "point_ids", site=context.site.id, refs=[f"{asset}/{energy.WATER}"])
        for minutes, m3 in m3_by_minutes_ago.items():
            conn.execute(
                "INSERT INTO reading (time, value, point_id) VALUES (%s, %s, %s)",
                (context.clock.now() - timedelta(minutes=minutes), m3, row["point_id"]),
            )


def test_water_meters_are_counters_and_make_a_wue(
    source: Source, context: Context, clock: ManualClock
) -> None:
    water(context, "tower", {61: 100.0, 31: 100.5, 1: 101.2})
    found = energy.read(source, clock.now() - HOUR, clock.now())
    assert found.water_l.value == pytest.approx(1200)
    assert found.wue.value == pytest.approx(1200 / (found.it_sum_kwh or 0))
    water(context, "second-tower", {57: 7.0, 2: 7.5})
    found = energy.read(source, clock.now() - HOUR, clock.now())
    assert found.water_l.value == pytest.approx(1700), "both, the second one from its first reading on"


def test_water_that_ran_while_its_meter_was_away_is_of_no_period(
    source: Source, context: Context, clock: ManualClock
) -> None:
    water(context, "tower", {10 * 24 * 60: 0.0, 118: 100.0, 60: 100.5, 1: 101.0})
    found = energy.read(source, clock.now() - 2 * HOUR, clock.now())
    assert found.water_l.value == pytest.approx(1000)


@pytest.mark.parametrize(
    "second",
    [{60: 5.0, 1: 6.0}, {10_000: 5.0, 60: 6.0, 1: 7.0}, {119: 5.0, 60: 6.0}, {10_000: 5.0}],
    ids=["seen in the middle", "away at the start", "away at the end", "away"],
)
def test_without_one_of_the_water_meters_there_is_no_water(
    source: Source, context: Context, clock: ManualClock, second: dict[int, float]
) -> None:
    water(context, "tower", {121: 100.0, 60: 100.5, 1: 101.0})
    water(context, "second-tower", second)
    found = energy.read(source, clock.now() - 2 * HOUR, clock.now())
    assert found.water_l.value is None
    assert found.wue.reason == "second-tower/make_up_water: no readings near both ends of the period"


def test_water_is_of_the_whole_period_and_so_is_the_energy_below_it() -> None:
    litres = Shown(1500.0, "L", Kind.MEASURED)
    found = energies([130.0] * 100, [10.0] * 91 + [np.nan] * 9, water_l=litres)
    assert found.wue.value == pytest.approx(1.5)
    assert "known in 91.0 % of the period" in text(parts.tiles(found, "EUR", AMSTERDAM)).replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=str
)
def test_days_are_the_sites_own_and_have_23_24_or_25_hours(day: str, hours: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=AMSTERDAM).astimezone(UTC) - 2 * HOUR
    found = energies([1.3] * 53, [1.0] * 53, start)
    sums = {
        f"{at.astimezone(AMSTERDAM):%Y-%m-%d}": of.it_kwh for at, of in energy.by_bucket(found, AMSTERDAM)
    }
    assert sums[day] == pytest.approx(hours)


@pytest.mark.parametrize(
    ("days", "usual", "step"),
    [(31, QUARTER / 15, QUARTER), (62, QUARTER, QUARTER), (31, 2 * QUARTER, HOUR), (365, QUARTER, HOUR)],
)
def test_a_month_is_read_in_quarters_where_the_meters_speak_so_often(
    days: int, usual: timedelta, step: timedelta
) -> None:
    assert energy.step_of(NOON, NOON + timedelta(days=days), usual) == step


@pytest.mark.parametrize(
    ("spoke", "every_min", "share"),
    [("true", 15, 1.0), ("true", 5, 1.0), ("true", 1, 1.0), ("extract(minute FROM t) < 2", 1, 2 / 60)],
    ids=["every 15 min", "every 5 min", "every minute", "two minutes an hour"],
)
@pytest.mark.parametrize("rolled_up_h", [0, 50, 72], ids=["readings", "both", "rollups"])
def test_completeness_is_of_the_time_and_not_of_the_intervals(
    empty_source: Source, site: Site, spoke: str, every_min: int, share: float, rolled_up_h: int
) -> None:
    now = empty_source.now
    start = now - timedelta(days=3)
    with empty_source.connection() as conn:
        ids = seed.points(conn, site)
        for refs, watts in ((site.meters.facility, 130e3), (site.meters.it, 100e3)):
            for ref in refs:
                conn.execute(
                    "INSERT INTO reading (time, value, point_id)"  # noqa: S608  # our own words
                    " SELECT t, %s, %s FROM generate_series(%s::timestamptz, %s, %s) AS t"
                    f" WHERE {spoke}",
                    (watts, ids[str(ref)], start, now, timedelta(minutes=every_min)),
                )
        if rolled_up_h:
            until = start + rolled_up_h * HOUR
            conn.execute("SELECT rollup_start()")
            conn.execute("CALL roll_up(%s, %s)", (start, until))
            conn.execute("UPDATE rollup_dirty SET from_minute = %s", (until,))
            conn.execute("DELETE FROM reading WHERE time < %s", (until,))
    found = energy.read(empty_source, now - timedelta(days=3), now)
    assert found.pue.value == pytest.approx(1.3)
    assert found.pue.complete_ratio == pytest.approx(share, abs=0.01)


def test_days_that_begin_within_an_hour_of_utc_are_read_in_quarters() -> None:
    kolkata, quarter = ZoneInfo("Asia/Kolkata"), timedelta(minutes=15)
    start = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)
    found = energies([1.3] * 288, [0.25] * 288, start, step=quarter)
    assert [of.it_kwh for _, of in energy.by_bucket(found, kolkata)] == pytest.approx([24.0] * 3)


def test_hours_of_a_short_period_are_told_apart_where_the_clock_is_set_back() -> None:
    start = datetime(2026, 10, 25, 0, tzinfo=UTC)
    found = energies([1.3] * 12, [1.0] * 12, start, step=timedelta(minutes=15))
    buckets = energy.by_bucket(found, AMSTERDAM)
    assert [at for at, _ in buckets] == [start, start + HOUR, start + 2 * HOUR]


def test_bars_of_pue_begin_at_one_and_end_at_it() -> None:
    of = breakdown([130.0], [100.0], {"Chillers": [20.0]})
    figure = charts.pue([(NOON, of)], AMSTERDAM, NOON, by_hour=False)
    assert figure["data"][0]["x"] == ["2026-03-02"]
    bars = figure["data"][:-1]
    assert [bar["name"] for bar in bars] == ["Chillers", charts.REST]
    assert bars[0]["base"] == [1.0]
    assert bars[1]["base"][0] + bars[1]["y"][0] == pytest.approx(1.3)
    assert figure["data"][-1]["y"] == [pytest.approx(1.3)]
    json.dumps(figure, allow_nan=False)


def test_hours_of_the_other_half_of_the_year_are_at_the_offset_of_then(empty_source: Source) -> None:
    july = energies([1.3] * 6, [1.0] * 6, datetime(2025, 7, 1, 10, tzinfo=UTC))
    figure = page.pue_chart(july, empty_source)
    assert figure["data"][0]["x"][0] == "2025-07-01T12:00:00"
    assert "UTC+02:00" in figure["layout"]["xaxis"]["title"]["text"]


def test_a_load_duration_curve_falls_from_the_highest_to_the_lowest() -> None:
    figure = charts.duration(np.array([3.0, np.nan, 1.0, 2.0]), np.array([1.0]), AMSTERDAM, NOON)
    facility = figure["data"][0]
    assert (facility["y"][0], facility["y"][-1]) == (3.0, 1.0)
    assert facility["y"] == sorted(facility["y"], reverse=True)
    assert (facility["x"][0], facility["x"][-1]) == (0.0, 100.0)


def test_weather_that_is_told_once_an_hour_is_that_hours(empty_source: Source) -> None:
    wet_bulb = np.full(12, np.nan)
    wet_bulb[[0, 5]] = 8.0, 9.0
    found = energies([1.2] * 12, [1.0] * 12, step=timedelta(minutes=15), wet_bulb_c=wet_bulb)
    compared = energy.Compared(found, found, None, "not calibrated")
    drawn = page.weather_chart(compared, empty_source)["data"][0]
    assert (drawn["x"], drawn["y"]) == ([8.0, 9.0], pytest.approx([1.2, 1.2]))


def test_the_twins_curve_is_a_median_by_wet_bulb_in_the_readers_units(site: Site) -> None:
    wet_bulb, ratio = np.array([10.2, 10.4, 10.9, 15.0]), np.array([1.2, 1.3, 1.4, 9.0])
    assert charts.binned(wet_bulb, ratio) == ([pytest.approx(10.5)], [1.3])
    with view.use(view.parse("?units=ip", site)):
        figure = charts.weather(wet_bulb, ratio, (wet_bulb, ratio), AMSTERDAM, NOON)
    assert figure["data"][1]["x"] == [pytest.approx(10.5 * 1.8 + 32)]
    assert "°F" in figure["layout"]["xaxis"]["title"]["text"]
    cloud = charts.weather(np.full(5000, 10.0), np.full(5000, 1.2), None, AMSTERDAM, NOON)["data"]
    assert len(cloud) == 1
    assert len(cloud[0]["x"]) <= charts.CLOUD_POINTS


def test_sums_of_a_period_that_was_hardly_measured_are_not_compared() -> None:
    whole, part = energies([120.0] * 10, [100.0] * 10), energies([np.nan] * 8 + [120.0] * 2, [100.0] * 10)
    assert '"+960"' not in text(parts.comparison(whole, part, "EUR"))
    assert "only 20 % of one" in text(parts.comparison(whole, part, "EUR"))
    assert "Sums are not" not in text(parts.comparison(whole, whole, "EUR"))
    assert "+25.0" in text(parts.comparison(energies([150.0], [100.0]), energies([120.0], [100.0]), "EUR"))


def test_the_page_is_there_when_it_was_worked_out(source: Source) -> None:
    first = page.live(source)
    with pytest.raises(Exception, match="worked out"):
        first["energy-tiles", "children"]()
    span = page.DEFAULT
    later.wait(source, f"energy {span}")
    found = page.live(source)
    made = {target: make() for target, make in found.items()}
    assert "category 2" in text(made["energy-tiles", "children"])
    assert "not been calibrated" in text(made["energy-twin", "children"])
    assert made["energy-pue", "figure"]["data"]
    json.dumps([made[name, "figure"] for name in ("energy-pue", "energy-duration", "energy-weather")])


def test_amounts_have_a_unit_that_fits() -> None:
    assert amounts.energy_text(182.4) == "182 kWh"
    assert amounts.energy_text(18_760.0) == "18.76 MWh"
    assert amounts.energy_text(1_234_560.0).replace("\N{NARROW NO-BREAK SPACE}", "") == "1234.6 MWh"
    assert amounts.energy(None) == ("—", "kWh")
    assert amounts.energy_band(9_000, 10_000, 11_000) == "9.00 to 11.00 MWh"


def head(**more: Any) -> export.Head:
    given: dict[str, Any] = {
        "title": "t", "site": "=cmd()", "zone": AMSTERDAM, "boundary": "b", "start": NOON, "end": NOON,
        "made_at": NOON,
    }  # fmt: skip
    return export.Head(**(given | more))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_never_becomes_a_formula(start: str) -> None:
    name = f"{start}HYPERLINK(1)"
    rows = list(csv.reader(io.StringIO(export.csv_text(head(), ("name", "value"), [(name, -1.5)]))))
    assert rows[1] == ["# site", "'=cmd()"]
    assert rows[-1] == [f"'{name}", "-1.5"]


def test_times_are_in_utc_and_in_the_zone_with_its_offset() -> None:
    back = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    rows = list(csv.reader(io.StringIO(export.csv_text(head(), ("time", "a"), [(t, 1.0) for t in back]))))
    assert rows[-3][:2] == ["time_utc", "time_local"]
    assert [row[1] for row in rows[-2:]] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    assert export.guarded(float("nan")) == ""
    found = json.loads(export.json_text(head(), ("time", "a"), [(NOON, float("nan"))]))
    assert found["rows"] == [{"time": "2026-03-02T12:00:00Z", "a": None}]
    assert found["head"]["software"].startswith("joulecast ")


def test_the_csv_of_a_period_says_what_it_is(app: Dash, seeded: seed.Seeded, clock: ManualClock) -> None:
    del seeded
    found = app.server.test_client().get("/energy.csv?range=6h&tz=UTC")
    assert found.status_code == 200
    assert found.headers["Content-Disposition"].startswith('attachment; filename="demo-energy-20260302')
    rows = list(csv.reader(io.StringIO(found.get_data().decode("utf-8-sig"))))
    said = {row[0]: row[1] for row in rows if row and row[0].startswith("# ")}
    assert said["# time_zone"] == "UTC"
    assert said["# boundary"] == "PUE category 2; facility utility/facility_power; IT pdu/it_power"
    assert said["# completeness"] == "1.0000"
    assert said["# to_utc"] == f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
    body = rows[rows.index([]) + 1 :]
    assert body[0][:4] == ["time_utc", "time_local", "facility_kwh", "it_kwh"]
    assert len(body) == 1 + 24
    again = app.server.test_client().get("/energy.json?range=6h").get_json()
    assert again["rows"][0]["it_kwh"] == pytest.approx(float(body[1][3]))


def test_who_may_not_export_gets_a_sentence(app: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(auth.PERMISSIONS, "export", frozenset({auth.Role.ENGINEER}))
    who = [auth.GUEST]

    def sign_in() -> None:
        g.joulecast_user = who[0]

    app.server.before_request(sign_in)
    assert app.server.test_client().get("/energy.csv").status_code == 401
    who[0] = auth.User("Vera", auth.Role.VIEWER)
    found = app.server.test_client().get("/energy.csv")
    assert found.status_code == 403
    assert "this takes engineer" in found.get_data(as_text=True)
