"""The What-if page: answers against the twin itself, limits, the address, kept scenarios, nothing written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import seed
from flask import g
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.actions import Setpoint
from twin import whatif as room
from twin.calibrate import Calibration, calibrate, save
from twin.history import History, series_refs
from twin.network import Conditions, Setpoints, reference_load_kw, solve
from ui import view
from ui.access import auth
from ui.components import whatif as parts
from ui.data import whatif as data
from ui.data.source import open_source
from ui.pages import whatif
from ui.view import Units, View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from dash import Dash

    from core.jobs import Context
    from core.site import Site
    from ui.data import Source

SUPPLY, CHILLED = Setpoint.SUPPLY_AIR_TEMPERATURE, Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
WRITTEN = ("command", "recommendation", "recommendation_event", "lease", "advice_setting", "reading")
"""Tables that would show that something was done."""


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def seen(site: Site, units: Units = Units.SI, **more: str) -> AbstractContextManager[View]:
    return view.use(View(site.zone, units=units, more=more))


@pytest.fixture(scope="module")
def calibration(site: Site) -> Calibration:
    """Of the plant of `seed`, on four of its days."""
    start, step = datetime(2026, 2, 20, tzinfo=UTC), timedelta(minutes=15)
    rows = [seed.values(site, start + step * i) for i in range(4 * 96)]

    def series(name: str, ref: str) -> Any:
        return np.array([row[ref] for row in rows]) / (1000 if name.endswith("kw") else 1)

    points = {
        name: {str(ref): series(name, str(ref)) for ref in refs} for name, refs in series_refs(site).items()
    }
    return calibrate(site, History.of(start, step, points))


@pytest.fixture
def calibrated(context: Context, site: Site, calibration: Calibration) -> Iterator[Source]:
    """A source on a day of readings up to now, and a calibration."""
    with db.connect(context.dsn) as conn:
        now = context.clock.now()
        seed.readings(conn, site, now - timedelta(hours=26), now, timedelta(minutes=5))
        save(conn, site, calibration)
    source = open_source(context)
    yield source
    source.close()


def filled(source: Source, **wanted: Any) -> list[Any]:
    """The page's answer with some fields changed from where they stand."""
    now, sliders = data.present(source), data.sliders(source.context.site)
    given = [wanted.pop(of.key, of.shown(of.now(now))) for of in sliders]
    more = [wanted.pop(name, "") for name in ("shift_from", "shift_to", "economizer")]
    assert not {*wanted} - {"compare"}
    stood = whatif.opened(sliders, now, data.Wanted({}))
    return whatif.answers(source, sliders, wanted.get("compare"), [*given, *more], stood)


def test_the_answer_is_the_calibrated_twins(calibrated: Source, site: Site, calibration: Calibration) -> None:
    now = data.present(calibrated)
    found = data.answer(now, data.Wanted({SUPPLY: 22.0, CHILLED: 11.0}))
    plant, at = calibration.parameters(site.plant), seed.values(site, calibrated.now)
    load = reference_load_kw(plant, at["pdu/it_power"] / 1000, at["hall/supply_air_temperature"])
    weather = (at["weather/dry_bulb_temperature"], at["weather/wet_bulb_temperature"])
    before, after = (
        solve(plant, Conditions(load, *weather), Setpoints(*held)) for held in ((20, 9, 22), (22, 11, 22))
    )
    facility = found.values["facility_kw"]
    assert facility.now == pytest.approx(float(before.facility_kw))
    assert facility.then == pytest.approx(float(after.facility_kw))
    assert facility.low <= facility.then - facility.now <= facility.high
    assert facility.low < facility.high
    assert found.values["power_ratio"].then == pytest.approx(float(after.facility_kw / after.it_kw))
    cost = float(after.facility_kw) * 0.13 + float(after.water_l_per_h) / 1000 * 1.9
    assert found.values["cost_per_h"].then == pytest.approx(cost), "a Monday at 13:00"
    assert found.values["carbon_kg_per_h"].then == pytest.approx(float(after.facility_kw) * 0.33)
    for step in found.steps:
        held = {SUPPLY: 22.0, CHILLED: 11.0, Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 22.0}
        one = solve(plant, Conditions(load, *weather), Setpoints.of(held | {step.setpoint: step.to_c}))
        assert step.facility_kw == pytest.approx(float(one.facility_kw - after.facility_kw), abs=1e-6)
    assert {step.to_c for step in found.steps if step.setpoint is CHILLED} == {9.0, 12.7}, "within the limits"


def test_nothing_asked_is_nothing_changed(calibrated: Source) -> None:
    found = data.answer(data.present(calibrated), data.Wanted({}))
    assert all(value.now == value.then for value in found.values.values())
    assert found.day is not None
    assert all(value.now == value.then for value in found.day.values())
    assert found.outside == ()


def test_a_warmer_hall_breaks_its_limit_and_leaves_the_envelope(calibrated: Source, site: Site) -> None:
    figures, checks, outside, *_ = filled(calibrated, supply_air_temperature=26.0)
    assert "broken" in text(checks)
    assert "above 26.0 °C" in text(checks), "27 °C less the margin"
    assert "supply air temperature 26.0 °C (seen 20.0 °C to 20.0 °C)" in text(outside)
    assert "steady state" in text(figures)
    found = data.answer(data.present(calibrated), data.Wanted({SUPPLY: 26.0}))
    assert found.binding == "inlet"
    inlet = next(check for check in found.checks if check.name == "inlet")
    assert inlet.slack < 0 < inlet.slack_now
    assert found.values["inlet_c"].then - inlet.value == pytest.approx(0)
    with seen(site, Units.IP):
        imperial = [text(part) for part in filled(calibrated, supply_air_temperature=78.8)]
    assert "78.8 °F" in imperial[1]
    assert not any("°C" in part for part in imperial)


def test_load_that_moves_costs_by_the_hour_and_adds_none(calibrated: Source) -> None:
    wanted = data.of({"shift_kw": 50.0}, "", 8, 3)
    found = data.answer(data.present(calibrated), wanted)
    assert found.day is not None
    assert found.day["it_kwh"].then == pytest.approx(found.day["it_kwh"].now, abs=0.5)
    saved = found.day["cost"].now - found.day["cost"].then
    assert saved == pytest.approx(50 * (0.19 - 0.11) * 1.26, rel=0.05), (
        "out of the dear hour into the cheap one"
    )
    assert found.values["it_kw"].then == found.values["it_kw"].now, "neither hour is now"
    here = data.answer(data.present(calibrated), data.of({"shift_kw": 50.0}, "", 13, 3))
    assert here.values["it_kw"].now - here.values["it_kw"].then == pytest.approx(50, abs=0.5)


def test_weather_load_and_economizer_can_be_other_than_they_are(calibrated: Source, site: Site) -> None:
    now = data.present(calibrated)
    frost = {"dry_bulb": -15.0, "wet_bulb": -16.0}
    cold, without = (data.answer(now, data.Wanted(frost, economizer)) for economizer in ("", data.OFF))
    assert cold.values["cooling_kw"].then < without.values["cooling_kw"].then
    cool = {"dry_bulb": 2.0, "wet_bulb": 1.0}
    waits, used = (data.answer(now, data.Wanted(cool, economizer)) for economizer in ("", data.ON))
    assert used.values["cooling_kw"].then < waits.values["cooling_kw"].then
    assert {name for name, *_ in cold.outside} == {"dry_bulb_c", "wet_bulb_c"}
    half = data.answer(now, data.Wanted({"it_kw": 300.0}))
    assert half.values["it_kw"].then == pytest.approx(300, rel=0.001)
    bare = site.model_copy(
        update={"plant": site.plant.model_copy(update={"has_waterside_economizer": False})}
    )
    assert bare.plant.economizer is None
    keys = [of.key for of in data.sliders(site)]
    assert keys[:3] == [name.value for name in site.setpoints]
    fans = {"crah_control": "return_air", "return_air_temperature_c": 33.0}
    returned = site.model_copy(update={"plant": site.plant.model_copy(update=fans)})
    assert "return_air_c" in [of.key for of in data.sliders(returned)]
    other = room.answer(now, room.Asked(beside_c={"return_air_c": 30.0}))
    assert other.values["facility_kw"].then == other.values["facility_kw"].now, "this plant's fans hold none"
    assert keys == [of.key for of in data.sliders(site)]


def test_the_address_is_clamped_and_says_so_and_comes_back_the_same(calibrated: Source, site: Site) -> None:
    given = {
        "supply_air_temperature": "99",
        "it_kw": "lots",
        "economizer": "maybe",
        "dry_bulb": "nan",
        "shift_kw": "40",
        "shift_from": "3",
        "shift_to": "3",
    }
    with seen(site, **given):
        page = text(whatif.layout(calibrated))
    for words in (
        "Supply air temperature 99 °C in the address is outside 18 °C to 26 °C; 26 °C is taken.",
        "IT load in the address is no number, “lots”; it is left out.",
        "The economizer is on or off, not “maybe”; the weather decides.",
        "Dry bulb outside in the address is no number",
        "To move load, give two different hours from 0 to 23",
    ):
        assert words in page
    wanted = data.read(
        site, {"supply_air_temperature": "22.5", "shift_kw": "40", "shift_from": "3", "shift_to": "5"}
    )
    kept = {key: value for key, value in wanted.address.items() if value}
    assert data.read(site, kept) == wanted
    wet = data.read(site, {"dry_bulb": "10", "wet_bulb": "15"})
    assert wet.values["wet_bulb"] == 10
    address = filled(calibrated, supply_air_temperature=22.5)[-1]
    assert address["supply_air_temperature"] == "22.5"
    assert address["it_kw"] == ""
    with seen(site, Units.IP):
        assert filled(calibrated, supply_air_temperature=72.5)[-1]["supply_air_temperature"] == "22.5"


def test_scenarios_are_kept_by_name_by_whoever_is_signed_in(
    calibrated: Source, app: Dash, site: Site
) -> None:
    wanted = data.Wanted({SUPPLY: 22.0})
    with app.server.test_request_context():
        assert whatif.kept(calibrated, "warm", wanted).startswith("Sign in as")
        g.joulecast_user = auth.User("Aud Itor", auth.Role.AUDITOR)
        assert "this takes" in whatif.kept(calibrated, "warm", wanted)
        g.joulecast_user = auth.User("Ann", auth.Role.OPERATOR)
        assert whatif.kept(calibrated, "  warm  <b>night</b> ", wanted) == "Kept as warm <b>night</b>."
        assert "already" in whatif.kept(calibrated, "warm <b>night</b>", wanted)
        assert "up to 60 letters" in whatif.kept(calibrated, " ", wanted)
        assert "up to 60 letters" in whatif.kept(calibrated, "x" * 61, wanted)
        assert "nothing to keep" in whatif.kept(calibrated, "same", data.Wanted({}))
        assert whatif.kept(calibrated, "cold", data.Wanted({CHILLED: 7.0}, economizer=data.OFF)).startswith(
            "Kept"
        )
    cold, warm = data.scenarios(calibrated)
    assert (warm.name, warm.actor, warm.at, warm.asked) == (
        "warm <b>night</b>", "Ann", calibrated.now, {"supply_air_temperature": "22"},
    )  # fmt: skip
    with seen(site, compare=f"{cold.scenario_id},{warm.scenario_id},99"):
        page = whatif.layout(calibrated)
        assert "supply air temperature 22.0 °C" in text(page)
        assert "/whatif?supply_air_temperature=22" in text(page)
        assert "There is no kept scenario “99”." in text(page)
    chosen = [str(cold.scenario_id), str(warm.scenario_id), "99"]
    answer = filled(calibrated, supply_air_temperature=21.0, compare=chosen)
    side = text(answer[whatif.FILLED.index("compared")])
    for words in ("As asked above", "cold", "warm <b>night</b>", "Limits broken"):
        assert words in side
    assert answer[-1]["compare"] == ",".join(chosen)


def test_nothing_is_ever_written_but_the_question(calibrated: Source) -> None:
    def counts() -> list[Any]:
        with calibrated.connection() as conn:
            names = [
                r["t"]
                for r in conn.execute("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'joulecast'")
            ]
            return [
                (name, conn.execute(f"SELECT count(*) AS n FROM {name}").fetchone())  # type: ignore[arg-type]  # noqa: S608  # our own names
                for name in sorted(names)
            ]

    before = counts()
    assert {"command", "recommendation", "reading"} <= {name for name, _ in before}
    filled(calibrated, supply_air_temperature=24.0, shift_kw=50.0, shift_from=13, shift_to=2)
    assert counts() == before


def test_what_is_missing_is_said(empty_source: Source, source: Source, site: Site) -> None:
    assert "calibrated" in text(whatif.layout(empty_source))
    assert "The twin has not been calibrated yet" in text(whatif.layout(source))
    assert parts.changes({"shift_kw": "40", "shift_from": "3", "shift_to": "5"}) == "40 kW from 3 h to 5 h"
    assert whatif.PAGE.permission == "simulate"
    assert site.setpoints


def test_the_plant_that_moves_on_asks_nothing(calibrated: Source, context: Context, site: Site) -> None:
    sliders, now = data.sliders(site), data.present(calibrated)
    stood = whatif.opened(sliders, now, data.Wanted({"wet_bulb": 5.0}))
    fields = {of.key: stood["address"].get(of.key, stood["plant"][of.key]) for of in sliders}
    fields["chilled_water_supply_temperature"] = 8.0
    with db.connect(context.dsn) as conn:
        for ref, value in ((site.meters.it[0], 520_000.0), (site.sensors.wet_bulb, 5.0)):
            seed.one_reading(conn, site, ref, context.clock.now() + timedelta(seconds=1), value)
    calibrated.forget_all()
    assert data.present(calibrated).now.it_kw == 520
    assert abs(fields["it_kw"] - 520) > 10
    given = [*fields.values(), "", "", "", ""]
    assert whatif.wanted_of(sliders, given, stood).values == {
        "chilled_water_supply_temperature": 8.0, "wet_bulb": 5.0,
    }, "what the address asks for stays asked for"  # fmt: skip
    address = whatif.answers(calibrated, sliders, None, given, stood)[-1]
    assert {key for key, value in address.items() if value} == {
        "chilled_water_supply_temperature", "wet_bulb",
    }  # fmt: skip
    fields["wet_bulb"] = stood["plant"]["wet_bulb"]
    assert set(whatif.wanted_of(sliders, [*fields.values(), *given[-4:]], stood).values) == {
        "chilled_water_supply_temperature"
    }, "moved back to where the plant stood"
    page = text(whatif.layout(calibrated))
    assert '"plant": {"supply_air_temperature": 20.0' in page


def test_dead_readings_are_not_shown_as_of_now(calibrated: Source, context: Context, site: Site) -> None:
    sliders = data.sliders(site)
    given = [of.shown(of.now(data.present(calibrated))) for of in sliders]
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET time = %s WHERE point_id ="
            " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
            (context.clock.now() - timedelta(seconds=50),),
        )
    calibrated.forget_all()
    note = text(whatif.layout(calibrated))
    assert "as it is: measured 12:59" in note, "the oldest one's time"
    silenced = "UPDATE reading_latest SET time = time - interval '3 days'"
    for which, said in (
        ("name = 'inlet_temperature'", "The plant is not seen now: no rack inlet is fresh."),
        ("name = 'it_power'", "The plant is not seen now: pdu/it_power is stale."),
    ):
        with db.connect(context.dsn) as conn:
            conn.execute(
                f"{silenced} WHERE point_id IN (SELECT point_id FROM point WHERE {which})"  # type: ignore[arg-type]  # noqa: S608  # our own names
            )
        calibrated.forget_all()
        found = whatif.answers(calibrated, sliders, None, [*given, "", "", ""], {})
        filled = dict(zip(whatif.FILLED, found, strict=False))
        assert said in text(filled["figures"])
        assert filled["said"] == said
        assert {filled[part] for part in whatif.FILLED if part not in {"figures", "said"}} == {""}
        assert len(found) == len(whatif.FILLED) + len(sliders) + 1
        assert "whatif-figures" not in text(whatif.layout(calibrated))


def test_without_a_day_or_a_tariff_there_is_a_dash(calibrated: Source, site: Site) -> None:
    now = replace(data.present(calibrated), day=None, price_per_kwh=None, carbon_g_per_kwh=None)
    found = data.answer(now, data.Wanted({SUPPLY: 21.0}))
    assert "Too little of the last 24 hours" in text(parts.day(found, site))
    figures = text(parts.figures(found, site))
    assert "—" in figures
    assert np.isnan(found.values["cost_per_h"].then)
