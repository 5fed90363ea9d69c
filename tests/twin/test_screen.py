"""Bad data are found by point and hours: masked where they are hours, refused where they last throughout."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import START, STEP, TRUTH, history, store

from core import db
from core.errors import InputError, NotReadyError
from twin.calibrate import calibrate, load_points
from twin.history import SERIES, UPS_INPUT, History, series_refs
from twin.screening import faults
from twin.screening.faults import celsius
from twin.screening.screen import GAP, Finding, screen, told
from twin.screening.shifted import EARLY, LATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Site
    from twin.plant.curves import Floats

DAYS = 12
BAD = slice(300, 420)
BAD_FROM, BAD_TO = START + STEP * 300, START + STEP * 420


def fahrenheit(celsius: Floats) -> Floats:
    return celsius * 1.8 + 32.0


def spoiled(measured: History, name: str, fault: Callable[[Floats], Floats], where: slice = BAD) -> History:
    values = getattr(measured, name).copy()
    values[where] = fault(values[where])
    return replace(measured, **{name: values})


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, DAYS)


def test_good_data_pass_as_they_are(site: Site, measured: History) -> None:
    screened = screen(site, measured)
    assert screened.findings == ()
    for name in ("it_kw", "facility_kw", "ups_loss_kw", "inlet_c", "supply_air_c", "wet_bulb_c"):
        assert getattr(screened.history, name) == pytest.approx(getattr(measured, name)), name


@pytest.mark.parametrize(
    ("name", "point", "fault", "what"),
    [
        ("wet_bulb_c", "weather/wet_bulb_temperature", lambda v: v * np.nan, GAP),
        ("wet_bulb_c", "weather/wet_bulb_temperature", lambda v: v * 0 + v[0], faults.STUCK),
        ("inlet_c", "rack-1/inlet_temperature", lambda v: v * 0 + v[0], faults.STUCK),
        ("chiller_kw", "chiller-1/power", lambda v: v * 0 + v[0], faults.STUCK),
        ("it_kw", "pdu/it_power", lambda v: v * 0 + v[0], faults.STUCK),
        ("dry_bulb_c", "weather/dry_bulb_temperature", fahrenheit, faults.FAHRENHEIT),
        ("wet_bulb_c", "weather/wet_bulb_temperature", fahrenheit, faults.FAHRENHEIT),
        ("inlet_c", "rack-1/inlet_temperature", fahrenheit, faults.FAHRENHEIT),
        ("chilled_water_setpoint_c", "chw-loop/", fahrenheit, faults.FAHRENHEIT),
        ("it_kw", "pdu/it_power", lambda v: v / 1000, faults.KILOWATTS),
        ("facility_kw", "utility/facility_power", lambda v: v / 1000, faults.KILOWATTS),
        ("chiller_kw", "chiller-1/power", lambda v: v / 1000, faults.KILOWATTS),
        ("pump_kw", "chw-pump/power", lambda v: v / 1000, faults.KILOWATTS),
        ("crah_fan_kw", "crah-1/power", lambda v: v * 1000, faults.WATTS),
        ("facility_kw", "utility/facility_power", lambda v: v * 1000, faults.WATTS),
        ("wet_bulb_c", "weather/wet_bulb_temperature", lambda v: v + 5, faults.WET),
        ("facility_kw", "utility/facility_power", lambda v: v * 0.5, faults.BELOW_IT),
        ("pump_kw", "utility/facility_power", lambda v: v + 200, faults.SUM),
    ],
)
def test_bad_hours_are_masked_with_their_point_and_their_times(
    site: Site, measured: History, name: str, point: str, fault: Callable[[Floats], Floats], what: str
) -> None:
    screened = screen(site, spoiled(measured, name, fault))
    screened.check()
    found = [finding for finding in screened.findings if finding.point.startswith(point)]
    assert [(f.what, f.start, f.end, f.steps, f.action) for f in found] == [
        (what, BAD_FROM, BAD_TO, 120, "masked")
    ]
    masked = getattr(screened.history, "facility_kw" if what == faults.SUM else name)
    assert np.isnan(masked[BAD]).all()
    assert np.isfinite(np.delete(masked, np.arange(300, 420))).all()
    assert np.isfinite(screened.history.dry_bulb_c).all() or what in {faults.WET, faults.FAHRENHEIT}


@pytest.mark.parametrize("name", ["it_kw", "facility_kw", "chiller_kw", "pump_kw"])
def test_a_spike_that_no_other_meter_sees_is_masked(site: Site, measured: History, name: str) -> None:
    one = slice(500, 501)
    found = screen(site, spoiled(measured, name, lambda v: 15 * v, one)).findings
    assert {(f.what, f.start, f.steps) for f in found} == {(faults.SPIKE, START + STEP * 500, 1)}


def test_a_load_that_all_meters_see_is_no_spike(site: Site, measured: History) -> None:
    jump = np.zeros(len(measured))
    jump[500] = 500.0
    real = replace(measured, it_kw=measured.it_kw + jump, facility_kw=measured.facility_kw + 1.2 * jump)
    assert screen(site, real).findings == ()


@pytest.mark.parametrize("name", ["facility_kw", "ups_loss_kw"])
@pytest.mark.parametrize(("steps", "what"), [(4, LATE), (-4, EARLY)])
def test_a_day_an_hour_off_is_found_in_the_power_meters(
    site: Site, measured: History, name: str, steps: int, what: str
) -> None:
    # the UPS's input, of which a history without points knows the losses only
    whole = measured.it_kw if name == "ups_loss_kw" else 0.0
    true = getattr(measured, name) + whole
    values = true.copy()
    values[480:576] = true[480 - steps : 576 - steps]
    found = screen(site, replace(measured, **{name: values - whole})).findings
    point = "ups/power" if name == "ups_loss_kw" else "utility/facility_power"
    assert what in {f.what for f in found if f.point == point}
    # shifting what is behind the UPS the other way may mend the balance as well
    assert {f.point for f in found} <= {"ups/power", "utility/facility_power"}
    assert min(f.start for f in found) <= START + timedelta(days=5)
    assert max(f.end for f in found) >= START + timedelta(days=6)
    assert sum(f.steps for f in found if f.point == point) <= 2 * 96


def test_clocks_that_change_in_the_middle_are_found(site: Site, measured: History) -> None:
    values = measured.facility_kw.copy()
    values[700:] = measured.facility_kw[696:-4]
    found = screen(site, replace(measured, facility_kw=values)).findings
    assert {f.what for f in found} == {LATE}
    assert {f.point for f in found} == {"utility/facility_power"}
    assert sum(f.steps for f in found) > 0.9 * (len(values) - 700)


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("wet_bulb_c", fahrenheit, ["weather/wet_bulb_temperature", "degF read as degC", "unit"]),
        ("inlet_c", fahrenheit, ["rack-1/inlet_temperature", "degF read as degC", "1152 steps"]),
        ("it_kw", lambda v: v / 1000, ["pdu/it_power", "kW read as W", "site.toml"]),
        ("chiller_kw", lambda v: v / 1000, ["chiller-1/power", "kW read as W"]),
        ("tower_fan_kw", lambda v: v / 1000, ["tower/power", "kW read as W"]),
        ("pump_kw", lambda v: v * 1000, ["chw-pump/power", "W read as kW"]),
        ("facility_kw", lambda v: v * 0.5, ["utility/facility_power", "below IT power", "2026-01-10 00:00"]),
        ("facility_kw", lambda v: np.roll(v, 4), ["utility/facility_power", LATE, "time zone"]),
    ],
)
def test_a_point_that_is_wrong_throughout_is_refused_in_one_sentence(
    site: Site, measured: History, name: str, fault: Callable[[Floats], Floats], words: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        calibrate(site, spoiled(measured, name, fault, slice(None)))
    for word in words:
        assert word in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_may_stand_still_is_not_stuck(site: Site, measured: History) -> None:
    day = np.arange(len(measured)) // 96
    fixed = replace(
        measured,
        pump_kw=np.where(day < 6, 14.0, 21.0),
        tower_fan_kw=np.where(day % 3 == 0, 0.0, measured.tower_fan_kw),
        chiller_kw=np.where(day % 4 == 0, 0.0, measured.chiller_kw),
        supply_air_setpoint_c=np.full(len(measured), 21.0),
        supply_air_c=np.full(len(measured), 21.0),
    )
    assert [str(f) for f in screen(site, fixed).findings if f.what == faults.STUCK] == []


def test_a_sensor_of_coarse_resolution_is_not_stuck(site: Site, measured: History) -> None:
    coarse = replace(measured, inlet_c=np.round(measured.inlet_c * 2) / 2)
    assert screen(site, coarse).findings == ()


def test_a_gateway_that_repeats_its_last_values_is_found(site: Site, measured: History) -> None:
    held = {}
    for name in SERIES:
        values = getattr(measured, name).copy()
        values[BAD] = values[300]
        held[name] = values
    screened = screen(site, History(start=START, step=STEP, **held))
    stuck = {f.point: f.steps for f in screened.findings if f.what == faults.STUCK}
    assert stuck["utility/facility_power"] == stuck["pdu/it_power"] == stuck["ups/power"] == 120
    assert not screened.history.usable[BAD].any()


@pytest.mark.parametrize("series", ["it_kw", "facility_kw"])
def test_one_of_several_meters_in_another_unit_is_told_from_the_other(
    site: Site, measured: History, series: str
) -> None:
    points = {name: {} for name in series_refs(site)}
    for name, refs in series_refs(site).items():
        values = measured.ups_loss_kw + measured.it_kw if name == UPS_INPUT else getattr(measured, name)
        points[name] = {str(refs[0]): values.copy()} if refs and np.isfinite(values).any() else {}
    whole = getattr(measured, series)
    points[series] = {"feed-a": 0.4 * whole, "feed-b": 0.6 * whole}
    points[series]["feed-b"][BAD] /= 1000
    screened = screen(site, History.of(START, STEP, points))
    assert {(f.point, f.what, f.steps) for f in screened.findings} == {("feed-b", faults.KILOWATTS, 120)}


@pytest.mark.parametrize("steps", [0, 1, 5, 24, 95])
def test_short_and_empty_histories_are_screened(site: Site, measured: History, steps: int) -> None:
    short = measured.part(slice(0, steps))
    assert len(screen(site, short).history) == steps
    for name in SERIES:
        for value in (np.nan, 0.0):
            assert len(screen(site, replace(short, **{name: np.full(steps, value)})).history) == steps


def test_before_the_first_reading_is_no_gap(site: Site, measured: History) -> None:
    nothing = np.full(96, np.nan)
    longer = {name: np.concatenate((nothing, getattr(measured, name))) for name in SERIES}
    assert screen(site, History(start=START - timedelta(days=1), step=STEP, **longer)).findings == ()


def test_many_short_gaps_are_told_together(site: Site, measured: History) -> None:
    wet = measured.wet_bulb_c.copy()
    wet[::10] = np.nan
    screened = screen(site, replace(measured, wet_bulb_c=wet))
    assert len(screened.findings) <= 10
    assert sum(finding.steps for finding in screened.findings) == int(np.isnan(wet).sum())


def test_the_rest_of_a_masked_hour_is_still_fitted(site: Site, measured: History) -> None:
    clean = calibrate(site, measured)
    found = calibrate(site, spoiled(measured, "chiller_kw", lambda v: v / 1000))
    assert found.steps_used == clean.steps_used == len(measured)
    assert [f.point for f in found.findings] == ["chiller-1/power + chiller-2/power"]
    for name in ("ups_loss", "chiller_power", "pump"):
        assert found.multipliers[name] == pytest.approx(TRUTH[name], rel=0.05), name


def test_too_little_left_says_what_was_masked(site: Site, measured: History) -> None:
    little = measured.part(slice(0, 192))
    values = little.wet_bulb_c.copy()
    values[:140] = values[0]
    with pytest.raises(NotReadyError, match=r"52 complete steps.*weather/wet_bulb_temperature stuck"):
        calibrate(site, replace(little, wet_bulb_c=values))


def test_one_point_of_many_is_told_from_its_neighbours(dsn: str, site: Site, measured: History) -> None:
    some = measured.part(slice(0, 4 * 96))
    with db.connect(dsn) as conn:
        store(conn, site, some)
        conn.execute(
            "UPDATE reading SET value = value / 1000 FROM point AS p WHERE reading.point_id = p.point_id"
            " AND p.asset_id = 'crah-2' AND time >= %s AND time < %s",
            (START + timedelta(days=1), START + timedelta(days=2)),
        )
        conn.execute(
            "UPDATE reading SET value = 29.0 FROM point AS p WHERE reading.point_id = p.point_id"
            " AND p.asset_id = 'rack-3' AND time >= %s AND time < %s",
            (START + timedelta(days=2), START + timedelta(days=3)),
        )
        found = load_points(conn, site, some.start, some.end, some.step)
    screened = screen(site, found)
    assert {(f.point, f.what, f.steps) for f in screened.findings} == {
        ("crah-2/power", faults.KILOWATTS, 96),
        ("rack-3/inlet_temperature", faults.STUCK, 96),
    }
    assert screened.history.inlet_c == pytest.approx(some.inlet_c)
    assert np.isnan(screened.history.crah_fan_kw[96:192]).all()


def test_findings_are_told_and_read_back() -> None:
    found = Finding("tower/power", faults.STUCK, BAD_FROM, BAD_TO, 120, "masked")
    assert Finding.from_json(found.to_json()) == found
    assert told([]) == ""
    assert told([found] * 4).startswith(
        "left out: tower/power stuck 2026-01-13 03:00 to 2026-01-14 09:00 UTC"
    )
    assert told([found] * 4).endswith("and 1 more")
    assert celsius(np.array([212.0])) == pytest.approx(100.0)


def test_recent_steps_count_most(site: Site, measured: History) -> None:
    drifted = replace(measured, pump_kw=measured.pump_kw * np.linspace(1.0, 1.3, len(measured)))
    short = calibrate(site, drifted, half_life=timedelta(days=1))
    long = calibrate(site, drifted, half_life=timedelta(days=200))
    at_cut = TRUTH["pump"] * (1.0 + 0.3 * 0.75)
    assert abs(short.multipliers["pump"] - at_cut) < 0.7 * abs(long.multipliers["pump"] - at_cut)
    assert short.steps_effective is not None
    assert long.steps_effective is not None
    assert short.steps_effective < 0.75 * long.steps_effective < 0.75 * 864
