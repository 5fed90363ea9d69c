"""The page Cooling on a seeded database: numbers against what was written and what a hand reckons."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import seed
from looking import text
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.actions import Setpoint
from core.jobs import Context
from core.limits import THERMAL_CLASSES
from core.points import PointRef
from core.series import floor_time
from core.site import Asset, Site, load_site
from twin.calibration import PRIORS, Calibration, MeterError, save
from twin.network import Conditions, Parameters, Setpoints, reference_load_kw, solve
from twin.psychro import STANDARD_PRESSURE_PA
from ui import poll, view
from ui.charts import plan as drawing
from ui.charts.cooling import psychrometric
from ui.charts.plan import Plan, plan
from ui.components.cooling import machine_table, setpoint_table
from ui.data import cooling as data
from ui.data import moist, trend
from ui.data.cooling import Sort
from ui.data.source import open_source
from ui.data.twin_now import Modelled, modelled
from ui.pages import cooling as page

if TYPE_CHECKING:
    from core.clock import ManualClock
    from ui.data import Source

EXAMPLES = re.findall(
    r"```toml\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "plant.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


SOON = timedelta(seconds=1)


@pytest.fixture
def more(source: Source) -> Source:
    """The seeded source, with machines that tell everything and weather to come."""
    with db.connect(source.context.dsn) as conn:
        seed.machines(conn, source.context.site, source.now)
    return source


def written(found: Plan) -> list[str]:
    return [shape["text"] for shape in found.shapes if shape["tag"] == "text"]


def test_the_machines_are_those_of_the_site_with_what_was_measured(more: Source, site: Site) -> None:
    found = data.cooling(more)
    assert [(sort, len(found.of(sort))) for sort in Sort if found.of(sort)] == [
        (Sort.TOWER, 1), (Sort.CHILLER, 2), (Sort.ECONOMIZER, 1), (Sort.PUMP, 2), (Sort.CRAH, 4),
    ]  # fmt: skip
    assert [(pump.asset, pump.condenser) for pump in found.of(Sort.PUMP)] == [
        ("chw-pump", False),
        ("cw-pump", True),
    ]
    measured = seed.values(site, more.now)
    chiller = found.of(Sort.CHILLER)[0]
    assert chiller.power.value == pytest.approx(measured["chiller-1/power"])
    assert chiller.cop.value == pytest.approx(190_000 / measured["chiller-1/power"])
    assert chiller.load.value == pytest.approx(190 / 700)
    assert chiller.difference.value == pytest.approx(15.2 - 9.1)
    crah = found.of(Sort.CRAH)
    assert (crah[0].load.value, crah[0].load_of, crah[0].running_by) == (0.62, "fan speed", "its speed")
    assert crah[1].load.value == pytest.approx(measured["crah-2/power"] / 15_000)
    assert {machine.hall for machine in crah} == {"hall"}
    assert found.heat.value == 380_000
    assert found.free.value == 95_000


def test_the_twin_stands_beside_the_meters(more: Source, site: Site) -> None:
    assert "not been calibrated" in text(page.twin_said(modelled(more)))
    calibration = Calibration(
        created_at=more.now, period_from=more.now - timedelta(days=9), period_to=more.now,
        multipliers=dict.fromkeys(PRIORS, 1.0), names=(), covariance=(), unidentified=tuple(PRIORS),
        errors={"facility_kw": MeterError(0.0, 0.02, 9.0, 700.0)}, envelope={"dry_bulb_c": (-5.0, 0.0)},
        steps_used=100, steps_masked=0,
    )  # fmt: skip
    with db.connect(more.context.dsn) as conn:
        number = save(conn, site, calibration)
    more.forget("calibration")
    more.forget("twin now")
    found = modelled(more)
    assert isinstance(found, Modelled)
    now = seed.values(site, more.now)
    parameters = Parameters.from_design(site.plant).with_multipliers(dict.fromkeys(PRIORS, 1.0))
    load = reference_load_kw(parameters, now["pdu/it_power"] / 1000, 20.4)
    weather = Conditions(load, now["weather/dry_bulb_temperature"], now["weather/wet_bulb_temperature"])
    state = solve(parameters, weather, Setpoints(20.0, 9.0, 22.0))
    assert found.cooling_kw == pytest.approx(float(state.cooling_kw))
    assert found.chiller_cop == pytest.approx(float(state.chiller_load_kw / state.chiller_kw))
    assert found.calibration_id == number
    assert found.beyond == ("dry_bulb_c",)
    shown = text(machine_table(data.cooling(more), found))
    assert f"{float(state.chiller_kw):.3g} kW modelled" in shown
    assert f"calibration {number}" in page.twin_said(found)
    assert "beyond what it was calibrated on: dry bulb" in page.twin_said(found)


def test_what_is_dead_is_a_dash_with_its_reason(more: Source, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=5))
    found = data.cooling(more)
    assert all(machine.power.value is None for machine in found.machines)
    assert all(machine.running is None for machine in found.machines)
    shown = json.dumps(machine_table(found, "no twin"), cls=PlotlyJSONEncoder)
    assert "chiller-1/power is stale" in shown
    drawn = plan(found, more.context.site.limits.envelope)
    dead = [shape["text"] for shape in drawn.shapes if shape.get("class") == "dead"]
    assert "wet bulb —" in dead
    assert "– state unknown" in written(drawn)
    assert not any(digit in text_ for text_ in written(drawn) for digit in ("kW ", " °C"))
    tiles = page.tile_parts(more, found, "no twin")
    assert [json.dumps(value, cls=PlotlyJSONEncoder)[1:9] for value, _ in tiles] == ['"\\u2014"'] * 5


def test_a_lease_says_who_holds_what_and_whether_the_plant_follows(more: Source, site: Site) -> None:
    now = more.now
    with db.connect(more.context.dsn) as conn:
        number = seed.held(conn, site, now - timedelta(hours=1), now)
    found = data.cooling(more)
    air, water, _ = found.setpoints
    assert (air.local.value, air.ours.value, air.effective.value) == (20.0, 21.0, 20.0)
    assert (air.recommendation_id, air.names, air.by_hand) == (number, ("Ann Operator",), False)
    assert air.ignored, "the plant reports 20 and not 21"
    assert (water.recommendation_id, water.ours.value) == (None, None)
    assert water.local == water.effective
    rows = text(setpoint_table(found, more.zone, now)).split("Supply air temperature")[1]
    assert rows.startswith(" | 20.0 °C | 21.0 °C | ▲ 20.0 °C | 20.4 °C | +0.4 K | 18 to 26 °C | ")
    assert f"advice {number} |  (Ann Operator) | lease to 13:14, renewed 0 s ago" in rows
    assert "the plant's own control" in rows
    with db.connect(more.context.dsn) as conn:
        seed.one_reading(conn, site, site.setpoints[Setpoint.SUPPLY_AIR_TEMPERATURE].point, now + SOON, 21.0)
    more.forget("live")
    assert not data.cooling(more).setpoints[0].ignored


def test_advice_that_an_operator_has_set_by_hand_is_said(more: Source, site: Site) -> None:
    now = more.now
    with db.connect(more.context.dsn) as conn:
        number = seed.recommendation(conn, site, now - timedelta(hours=1), authority="advisory")
        for state in ("accepted", "precheck", "instructed", "applied", "holding"):
            seed.transition(conn, number, state, now - timedelta(minutes=50), "Ben", "as shown")
    air = data.cooling(more).setpoints[0]
    assert (air.recommendation_id, air.by_hand, air.ours.value, air.local.value) == (number, True, 21.0, 20.0)
    assert "set by hand" in text(setpoint_table(data.cooling(more), more.zone, now))


def test_a_supply_far_above_its_setpoint_is_abnormal_and_said_with_a_shape(more: Source, site: Site) -> None:
    assert site.sensors.chilled_water_supply
    with db.connect(more.context.dsn) as conn:
        seed.one_reading(conn, site, site.sensors.chilled_water_supply, more.now + SOON, 11.2)
        seed.one_reading(conn, site, site.sensors.rack_inlet[0], more.now + SOON, 27.4)
    found = data.cooling(more)
    assert [held.off for held in found.setpoints] == [False, True, False]
    drawn = plan(found, site.limits.envelope)
    marked = {shape["text"]: shape["class"] for shape in drawn.shapes if shape.get("class") in ("p2", "p3")}
    assert marked == {
        "■ supply 11.2 °C (set 9.0)": "p3",
        "▲ inlet to 27.4 °C, Rack row 1": "p2",
    }


def boxes(found: Plan) -> list[dict[str, Any]]:
    return [s for s in found.shapes if s["tag"] == "rect" and "box" in s["class"]]


def apart(found: Plan) -> bool:
    """Whether no box lies on another and all is inside of the drawing."""
    rects = [(s["x"], s["y"], s["x"] + s["width"], s["y"] + s["height"]) for s in boxes(found)]
    inside = all(a >= 0 and b >= 0 and c <= found.width and d <= found.height for a, b, c, d in rects)
    lies_on = any(
        p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]
        for i, p in enumerate(rects)
        for q in rects[i + 1 :]
    )
    return inside and not lies_on


def drawn_of(context: Context, site: Site) -> tuple[Plan, data.Cooling]:
    source = open_source(Context(context.settings, site, context.clock, context.dsn))
    found = data.cooling(source)
    drawn = plan(found, site.limits.envelope)
    machine_table(found, "none")
    setpoint_table(found, site.zone, source.now)
    assert page.live(source)["cooling-air", "figure"]()["data"]
    source.close()
    return drawn, found


def test_the_plants_of_the_guide_are_drawn_as_they_are(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(EXAMPLES[0], encoding="utf-8")
    drawn, found = drawn_of(context, load_site(path))
    assert apart(drawn)
    assert "condenser water" not in written(drawn), "its chillers are cooled by air"
    assert not found.of(Sort.TOWER)
    assert {m.sort for m in found.machines} >= {Sort.CHILLER, Sort.CRAH, Sort.PUMP, Sort.EVAPORATIVE}
    assert any("air handlers" in m.label for m in found.of(Sort.CRAH)), "the hall's own meter is its fans'"
    path.write_text(EXAMPLES[1], encoding="utf-8")
    drawn, found = drawn_of(context, load_site(path))
    assert apart(drawn)
    assert [m.asset for m in found.of(Sort.TOWER)] == ["dry-cooler"]
    assert "cdu" in [m.asset for m in found.of(Sort.CDU)]


def test_many_halls_and_machines_and_a_plant_without_chillers_still_draw(
    context: Context, site: Site
) -> None:
    extra = [
        Asset(id="hall-2", brick_class="Data_Hall", label="Hall 2"),
        *[Asset(id=f"ahu-{i}", brick_class="CRAH", parent="hall-2") for i in range(40)],
        *[Asset(id=f"pump-{i}", brick_class="Chilled_Water_Pump") for i in range(5)],
    ]
    drawn, found = drawn_of(context, site.model_copy(update={"assets": (*site.assets, *extra)}))
    assert apart(drawn)
    assert [hall.label for hall in found.halls] == ["Hall 1", "Hall 2"]
    assert {"and 34 more", "and 4 more", "Hall 2"} <= set(written(drawn))
    meters = site.meters.model_copy(update={"chiller": (), "tower_fan": (), "crah_fan": (), "pump": ()})
    sensors = site.sensors.model_copy(update={"chillers_running": (), "economizer_load": None})
    kept = tuple(a for a in site.assets if data.sort_of(a.brick_class) is None)
    bare = site.model_copy(update={"meters": meters, "sensors": sensors, "assets": kept, "setpoints": {}})
    drawn, found = drawn_of(context, bare)
    assert not boxes(drawn)
    assert not found.machines
    assert {"Outdoors", "Halls", "Hall 1"} <= set(written(drawn))


def test_only_shapes_that_the_browser_knows_are_drawn(more: Source) -> None:
    script = (Path(page.__file__).parents[1] / "assets" / "cooling.js").read_text(encoding="utf-8")
    known = set(re.findall(r'"([a-z0-9-]+)"', script.split("const ATTRIBUTES")[1].split("]);")[0]))
    drawn = plan(data.cooling(more), more.context.site.limits.envelope)
    assert {shape["tag"] for shape in drawn.shapes} <= {"rect", "line", "text", "polygon"}
    assert {name for shape in drawn.shapes for name in shape} <= known | {"tag", "text", "title"}
    assert drawing.STATES[True][0] != drawing.STATES[False][0]


def at(outline: moist.Outline, dry_c: float) -> list[float]:
    return sorted({h for c, h in zip(outline.dry_c, outline.humidity, strict=True) if c == dry_c})


def test_the_envelopes_are_those_of_the_reference_card() -> None:
    """Humidity ratios by hand from ASHRAE's saturation pressures and W = 0.621945 p / (101325 - p)."""
    recommended = moist.recommended(THERMAL_CLASSES["A1"], STANDARD_PRESSURE_PA)
    low, high = at(recommended, 27.0)
    assert low == pytest.approx(0.00175, abs=2e-5)  # dew point -9 degC: 283.9 Pa over ice
    assert high == pytest.approx(0.01065, abs=2e-5)  # dew point 15 degC: 1705.7 Pa
    assert at(recommended, 18.0)[1] == pytest.approx(0.00902, abs=3e-5)  # 70 % of 2064.7 Pa
    a1 = moist.allowable("A1", THERMAL_CLASSES["A1"], STANDARD_PRESSURE_PA)
    assert min(a1.dry_c), max(a1.dry_c) == (15.0, 32.0)
    low, high = at(a1, 32.0)
    assert low == pytest.approx(0.00235, abs=2e-5)  # 8 % of 4759 Pa, more than at a dew point of -12 degC
    assert high == pytest.approx(0.01213, abs=2e-5)  # dew point 17 degC: 1938.4 Pa
    a4 = moist.allowable("A4", THERMAL_CLASSES["A4"], STANDARD_PRESSURE_PA)
    assert at(a4, 5.0)[1] == pytest.approx(0.00486, abs=3e-5)  # 90 % of 872.6 Pa


def test_free_cooling_is_as_a_hand_reckons_it(more: Source) -> None:
    found = moist.chart(more, data.cooling(more))
    # 15.2 - (15.2 - 9.0) / 0.8 = 7.45, less an assumed approach of 4 K; part of it 1 K below what comes back
    assert found.free.full_c == pytest.approx(3.45)
    assert found.free.part_c == pytest.approx(10.2)
    assert (found.free.by, found.free.approach_from) == ("wet_bulb", "assumed")
    wet = [6.0 + 4.0 * math.sin(hour * math.pi / 12) for hour in range(1, 24)]
    assert found.hours["full"] == sum(w <= 3.45 for w in wet)
    assert found.hours["part"] == sum(3.45 < w <= 10.2 for w in wet)
    assert [one.name for one in found.free_outlines] == ["free cooling, part", "free cooling, all"]
    shown = text(page.air_said(more, found))
    assert "all below 3.5 °C wet bulb" in shown or "all below 3.4 °C wet bulb" in shown
    assert "weather forecast of 12:00" in shown


def test_the_inlets_stand_at_the_hall_humidity_or_it_is_said_that_nobody_measures_it(source: Source) -> None:
    found = moist.chart(source, data.cooling(source))
    assert found.inlets == ()
    assert "no humidity sensor in the halls" in text(page.air_said(source, found))
    figure = psychrometric(found, source.zone, source.now)
    inlets = [
        seed.values(source.context.site, source.now)[str(r)] for r in source.context.site.sensors.rack_inlet
    ]
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [
        round(min(inlets), 1),
        round(max(inlets), 1),
    ]
    with db.connect(source.context.dsn) as conn:
        seed.tell(conn, source.context.site, PointRef.parse("hall/relative_humidity"), source.now, 0.3)
    source.forget("live")
    found = moist.chart(source, data.cooling(source))
    # 30 % of 5058 Pa, the saturation pressure at the return air's 33.1 degC
    assert {round(air.humidity, 4) for air in found.inlets} == {0.0095}
    assert [air.dry_c for air in found.inlets] == pytest.approx(inlets)
    assert not psychrometric(found, source.zone, source.now)["layout"]["shapes"]


def test_a_name_is_no_markup_on_the_chart(more: Source) -> None:
    air = moist.air(20.0, 0.008, STANDARD_PRESSURE_PA, more.now, "<b>rack</b>")
    found = moist.chart(more, data.cooling(more))
    figure = psychrometric(
        moist.Chart(**{**{n: getattr(found, n) for n in found.__slots__}, "inlets": (air,)}),
        more.zone,
        more.now,
    )
    told = next(trace for trace in figure["data"] if trace.get("name") == "rack inlets")["customdata"][0]
    assert told.startswith("&lt;b>rack&lt;/b><br>20.0 °C")


def test_units_and_zone_are_the_readers(more: Source, site: Site) -> None:
    seen = view.View(ZoneInfo("UTC"), "UTC", view.Units.IP)
    with view.use(seen):
        figure = page.live(more)["cooling-air", "figure"]()
        assert figure["layout"]["xaxis"]["title"]["text"] == "dry bulb [°F]"
        assert figure["layout"]["yaxis"]["title"]["text"] == "humidity ratio [gr/lb]"
        now = next(t for t in figure["data"] if t.get("name") == "outdoors now")
        dry = seed.values(site, more.now)["weather/dry_bulb_temperature"]
        assert now["x"] == [round(dry * 1.8 + 32, 1)]
        shown = text(setpoint_table(data.cooling(more), more.zone, more.now))
        assert "68.0 °F" in shown
        assert "°C" not in shown
        trends = page.trended(more)
        assert "time in UTC, UTC+00:00" in trends["layout"]["xaxis"]["title"]["text"]
        assert trends["data"][0]["y"][-1] == pytest.approx(68.0)
        assert "12:00" in text(page.trend_said(more))


def test_the_trends_are_means_over_the_period_of_the_address(more: Source, site: Site) -> None:
    with view.use(view.parse("?range=6h", site)):
        asked = trend.period(more, page.BACK)
        assert (asked.step, asked.end - asked.start) == (timedelta(minutes=1), timedelta(hours=6))
        asked = trend.Period(asked.start, asked.end, timedelta(minutes=5), fixed=False)
        found = trend.several(more, [site.sensors.dry_bulb], asked)[str(site.sensors.dry_bulb)]
    begin = floor_time(more.now - timedelta(hours=6), timedelta(minutes=5))
    first = [
        seed.values(site, begin + timedelta(minutes=i))["weather/dry_bulb_temperature"] for i in range(5)
    ]
    assert found.values[0] == pytest.approx(sum(first) / 5)
    assert len(found) == 72
    with view.use(view.parse("?range=400d", site)):
        asked = trend.period(more, page.BACK)
        assert (asked.end - asked.start) / asked.step <= trend.POINTS_MAX
        assert page.trended(more)["data"]


def test_an_empty_database_says_what_is_missing(empty_source: Source) -> None:
    assert json.dumps(page.layout(empty_source), cls=PlotlyJSONEncoder)
    found = {key: make() for key, make in page.live(empty_source).items()}
    assert "no reading yet of utility" not in text(found["cooling-machines", "children"])
    assert "no weather forecast" in text(found["cooling-air-said", "children"])
    assert text(found["cooling-power", "children"]).startswith("—")
    assert found["cooling-trend", "figure"]["data"] == []
    assert "twin: the twin has not been calibrated" in found["cooling-twin-said", "children"]


def test_a_twin_that_fails_takes_nothing_else_with_it(more: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Source) -> Modelled:
        raise ValueError("a curve without a root")

    monkeypatch.setattr(page, "modelled", fails)
    parts = {f"{one.element}.{one.prop}": one.value for one in poll.made(more, page.PAGE)}
    assert "This panel failed" in text(parts["cooling-machines.children"])
    assert "20.0 °C" in text(parts["cooling-setpoints.children"])
    assert parts["cooling-plan-data.data"]["shapes"]


def test_nonsense_in_the_address_does_no_harm(more: Source, site: Site) -> None:
    seen = view.parse("?range=x&from=then&whatever=1", site, page.PAGE.keys)
    assert len(seen.problems) == 3
    with view.use(seen):
        assert page.trended(more)["data"]
        assert page._ranges()[1] == "24h"
    with view.use(view.parse("?range=12h", site)):
        choices, at_ = page._ranges()
        assert at_ in choices
