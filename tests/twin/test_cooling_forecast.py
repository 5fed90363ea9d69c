"""Cooling power to come by the twin, on a real database: what it knows, how near it is, what it lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from measured import START, STEPS_PER_DAY, TRUTH, history, store

from core import db
from core.clock import ManualClock
from core.errors import NotReadyError
from core.jobs import Context
from core.settings import Settings
from core.units import W_PER_KW
from joulecast.demo import history as demo
from joulecast.demo import plant
from twin import cooling_forecast as cooling
from twin.calibrate import Calibration, calibrate, load_history, load_points, save
from twin.network import Conditions, Parameters, Setpoints, solve

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Floats

QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
ISSUED = START + 9 * DAY
"""After eight days to calibrate on and a quiet one; on the day that follows everything jumps."""


@pytest.fixture(scope="module")
def past(site: Site) -> History:
    return history(site, 8)


@pytest.fixture(scope="module")
def calibration(site: Site, past: History) -> Calibration:
    return calibrate(site, past)


def quiet_then_jump(site: Site, past: History) -> History:
    """A quiet day and one that is 9 K milder with 150 kW more load from noon on, under the same setpoints."""
    count, rng = 2 * STEPS_PER_DAY, np.random.default_rng(5)
    day = np.arange(count) / STEPS_PER_DAY
    jump = np.clip((day - 1.4) * 10, 0, 1)
    wet = 3.0 + 2.0 * np.sin(2 * np.pi * day) + 9.0 * jump
    load = 600.0 + 60.0 * np.sin(2 * np.pi * (day - 0.3)) + 150.0 * jump
    parameters = Parameters.from_design(site.plant).with_multipliers(TRUTH)
    state = solve(parameters, Conditions(load, wet + 3.0, wet), Setpoints(22.0, 10.0, 23.0))

    def noisy(values: Floats) -> Floats:
        return values * (1.0 + rng.normal(0, 0.01, count))

    return replace(
        past.part(slice(0, count)),
        start=ISSUED - DAY,
        it_kw=state.it_kw,
        facility_kw=noisy(state.facility_kw),
        chiller_kw=noisy(state.chiller_kw),
        crah_fan_kw=noisy(state.crah_fan_kw),
        pump_kw=noisy(state.pump_kw),
        tower_fan_kw=noisy(state.tower_fan_kw),
        ups_loss_kw=state.electrical_loss_kw,
        inlet_c=state.inlet_c,
        supply_air_c=state.supply_air_c,
        supply_air_setpoint_c=np.full(count, 22.0),
        chilled_water_setpoint_c=np.full(count, 10.0),
        condenser_water_setpoint_c=np.full(count, 23.0),
        dry_bulb_c=wet + 3.0,
        wet_bulb_c=wet,
    )


@pytest.fixture(scope="module")
def days(site: Site, past: History) -> History:
    return quiet_then_jump(site, past)


@pytest.fixture
def context(dsn: str, site: Site, days: History, calibration: Calibration) -> Context:
    """The quiet day is measured, the twin calibrated, and weather and load of the next day are forecast."""
    with db.connect(dsn) as conn:
        store(conn, site, days.part(slice(0, STEPS_PER_DAY)))
        save(conn, site, calibration)
    clock = ManualClock(ISSUED + timedelta(minutes=2))
    return Context(Settings(dsn=dsn), site, clock, dsn)


def tell_weather(context: Context, days: History, hours: int = 25, available: datetime = ISSUED) -> None:
    times = [ISSUED + HOUR * h for h in range(hours)]
    at = np.minimum(np.arange(hours) * 4 + STEPS_PER_DAY, 2 * STEPS_PER_DAY - 1)
    with db.connect(context.dsn) as conn:
        db.rows(
            conn,
            "ingest_insert_weather_forecast",
            site=context.site.id,
            now=available,
            issued=[available] * hours,
            valid=times,
            dry_bulb=(days.dry_bulb_c[at] + 0.3).tolist(),
            wet_bulb=(days.wet_bulb_c[at] + 0.3).tolist(),
        )


def tell_load(
    context: Context,
    kw: Floats,
    model: str = "ensemble",
    issued: datetime = ISSUED,
    step: timedelta = QUARTER,
) -> None:
    """IT power as forecast, 3 % off one way or the other at the outermost quantiles."""
    spread = {
        name: kw * W_PER_KW * (1 + 0.03 * z / 1.645)
        for name, z in zip(cooling.NAMES, cooling.SCORES, strict=True)
    }
    with db.connect(context.dsn) as conn:
        db.rows(
            conn,
            "forecast_insert",
            site=context.site.id,
            target="it_power",
            model=model,
            issued_at=issued,
            valid_at=[issued + step * i for i in range(len(kw))],
            step_s=round(step.total_seconds()),
            model_version_id=None,
            **{name: values.tolist() for name, values in spread.items()},
        )


def noted(context: Context) -> str:
    """What the twin's forecast says of the weather's spread."""
    with db.connect(context.dsn) as conn:
        row = conn.execute("SELECT note FROM forecast_note WHERE model = 'twin' AND step_s = 900").fetchone()
    assert row is not None
    return str(row["note"]["weather"])


def believed(context: Context) -> cooling.Issue:
    with db.connect(context.dsn) as conn:
        return cooling.newest_issue(conn, context.site, context.clock, QUARTER)


def stored(context: Context, step_s: int = 900) -> Floats:
    """(h, 7) what the twin said [kW]."""
    with db.connect(context.dsn) as conn:
        rows = db.rows(
            conn,
            "twin_issue",
            site=context.site.id,
            target="cooling_power",
            step_s=step_s,
            model="twin",
            issued_at=ISSUED,
        )
    return np.array([[row[name] for name in cooling.NAMES] for row in rows]) / W_PER_KW


def measured_kw(days: History) -> Floats:
    return days.chiller_kw + days.crah_fan_kw + days.pump_kw + days.tower_fan_kw


def test_a_day_on_which_everything_jumps_is_forecast_as_it_comes(context: Context, days: History) -> None:
    tell_weather(context, days)
    tell_load(context, 1.01 * days.it_kw[STEPS_PER_DAY:])
    assert cooling.forecast_site(context) == "cooling power by 15 min from ensemble of 00:00 UTC"
    found, measured = stored(context), measured_kw(days)
    truth, yesterday = measured[STEPS_PER_DAY:], measured[:STEPS_PER_DAY]
    assert found.shape == (96, 7)
    assert (np.diff(found, axis=1) >= 0).all()
    off = np.abs(found[:, cooling.MEDIAN] - truth).mean()
    assert off < 0.06 * truth.mean()
    assert off < 0.25 * np.abs(yesterday - truth).mean()
    inside = (found[:, 0] <= truth) & (truth <= found[:, -1])
    assert inside.mean() > 0.8
    assert "taken as 1.0 K either way (80 %): 0 weather forecasts can be compared" in noted(context)
    assert cooling.forecast_site(context) == "nothing to do: no new forecast of IT power"


def test_scenarios_of_the_load_are_used_where_there_are_some(context: Context, days: History) -> None:
    tell_weather(context, days)
    ahead = days.it_kw[STEPS_PER_DAY:]
    tell_load(context, ahead)
    assert believed(context).courses_kw.shape == (10, 96)
    with db.connect(context.dsn) as conn:
        db.rows(
            conn,
            "forecast_paths_insert",
            site=context.site.id,
            target="it_power",
            step_s=900,
            model="ensemble",
            issued_at=ISSUED,
            values_w=(np.outer(np.linspace(0.97, 1.03, 50), ahead) * W_PER_KW).ravel().tolist(),
            count=50,
            steps=96,
        )
    assert believed(context).courses_kw.shape == (50, 96)
    cooling.forecast_site(context)
    found = stored(context)
    assert np.abs(found[:, cooling.MEDIAN] - measured_kw(days)[STEPS_PER_DAY:]).mean() < 6.0


def test_the_chosen_model_is_believed_then_the_others_in_order(context: Context, days: History) -> None:
    ahead = days.it_kw[STEPS_PER_DAY:]
    for model in ("seasonal_naive", "mstl", "lstm"):
        tell_load(context, ahead, model)
    tell_load(context, ahead, "ensemble", ISSUED - 3 * HOUR)

    assert believed(context).model == "lstm"
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO forecast_choice VALUES (%s, 'it_power', 900, %s, 'mstl', 'best'),"
            " (%s, 'it_power', 900, %s, 'seasonal_naive', 'later')",
            (context.site.id, ISSUED, context.site.id, ISSUED + HOUR),
        )
    assert believed(context).model == "mstl"


def test_a_week_goes_on_with_the_last_days_weather_where_the_forecast_ends(
    context: Context, days: History
) -> None:
    tell_weather(context, days, hours=49)
    week = np.tile(days.it_kw[:STEPS_PER_DAY:4], 7)
    tell_load(context, week, step=HOUR)
    assert cooling.forecast_site(context) == "cooling power by 60 min from ensemble of 00:00 UTC"
    found = stored(context, 3600)
    assert found.shape == (168, 7)
    assert found[-24:] == pytest.approx(found[-48:-24])
    assert np.isfinite(found).all()


def test_weather_that_came_after_the_issue_is_not_used(context: Context, days: History) -> None:
    tell_load(context, days.it_kw[STEPS_PER_DAY:])
    tell_weather(context, days, available=ISSUED + timedelta(minutes=1))
    with pytest.raises(NotReadyError, match="no weather forecast that reaches beyond 2026-01-19 00:00 UTC"):
        cooling.forecast_site(context)


def test_what_is_missing_is_said(context: Context, days: History, site: Site) -> None:
    with pytest.raises(
        NotReadyError, match=r"by 15 min: no forecast of IT power since .*; by 60 min: no forecast"
    ):
        cooling.forecast_site(context)
    tell_weather(context, days, available=ISSUED - HOUR)
    context.clock.advance(3 * DAY)  # type: ignore[attr-defined]  # a manual one
    later = ISSUED + 3 * DAY
    tell_load(context, days.it_kw[STEPS_PER_DAY:], issued=later)
    with pytest.raises(NotReadyError, match="no weather forecast"):
        cooling.forecast_site(context)
    bare = site.meters.model_copy(update={"chiller": (), "crah_fan": (), "pump": (), "tower_fan": ()})
    without = replace(context, site=site.model_copy(update={"meters": bare}))
    with pytest.raises(NotReadyError, match="no meter of cooling power"):
        cooling.forecast_site(without)
    with db.connect(context.dsn) as conn:
        conn.execute("DELETE FROM calibration")
    with pytest.raises(NotReadyError, match="not been calibrated"):
        cooling.forecast_site(context)


@given(
    arrays(np.float64, (5, 7), elements=st.floats(0, 1e3)).map(lambda q: np.sort(q, axis=1)),
    st.floats(0, 1e3),
)
def test_an_error_on_top_widens_and_keeps_median_and_order(quantiles: Floats, sd: float) -> None:
    found = cooling.widened(quantiles, np.full(5, sd))
    assert found[:, cooling.MEDIAN] == pytest.approx(quantiles[:, cooling.MEDIAN])
    assert (np.diff(found, axis=1) >= -1e-9).all()
    assert (found[:, 0] <= quantiles[:, 0] + 1e-9).all()
    assert (found[:, -1] >= quantiles[:, -1] - 1e-9).all()


def test_an_error_on_a_certain_median_is_its_own_normal() -> None:
    found = cooling.widened(np.full((1, 7), 100.0), np.array([10.0]))
    assert found[0] == pytest.approx(100 + 10 * cooling.SCORES)


def test_a_past_day_of_the_demo_plant(dsn: str, site: Site) -> None:
    """Load as it came; what is off is the weather's forecast, hardly the twin.

    The demo's equipment is not what its design says, and the twin has seen a week of it.
    """
    end = datetime(2026, 4, 8, tzinfo=UTC)
    issued = end - DAY
    with db.connect(dsn) as conn:
        demo.write(conn, site, end - 8 * DAY, end, None)
        conn.commit()
        calibration = calibrate(site, load_points(conn, site, end - 8 * DAY, issued, QUARTER))
        before, after = (load_history(conn, site, at, at + DAY, QUARTER) for at in (issued - DAY, issued))
        issue = cooling.Issue("ensemble", issued, QUARTER, after.it_kw[None])
        found = cooling.cooling(conn, site, calibration, issue).quantiles_w[:, cooling.MEDIAN] / W_PER_KW
    measured = measured_kw(after)
    run = cooling.Run(site, calibration.twin(site.plant), before, issue)
    alone = run.cooling_kw(after.it_kw, cooling.Outdoors(after.dry_bulb_c, after.wet_bulb_c))
    assert np.abs(alone - measured).mean() < 0.01 * measured.mean()
    assert np.abs(found - measured).mean() < 0.12 * measured.mean()
    assert np.abs(found - measured).mean() < 0.8 * np.abs(measured_kw(before) - measured).mean()


@pytest.mark.parametrize("end", [datetime(2026, 4, 8, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC)])
def test_a_week_of_the_demo_plant_lies_in_its_interval(dsn: str, site: Site, end: datetime) -> None:
    """With the load known and setpoints held, nine tenths of the steps lie in the 90 % interval.

    April has the economizer come and go with the weather, July has not: neither is forecast in proportion.
    """
    assert interval_held(dsn, site, end) == pytest.approx(0.9, abs=0.08)


def interval_held(dsn: str, site: Site, end: datetime) -> float:
    """Share of the steps that lie in the 90 % interval of forecasts issued over the last week."""
    inside = []
    with db.connect(dsn) as conn:
        demo.write(conn, site, end - 30 * DAY, end - 9 * DAY, None)
        demo.write(conn, site, end - 9 * DAY, end, dict(plant.INITIAL_SETPOINTS))
        conn.commit()
        calibration = calibrate(site, load_points(conn, site, end - 28 * DAY, end - 8 * DAY, QUARTER))
        for issued in (end - 8 * DAY + n * 12 * HOUR for n in range(15)):
            after = load_history(conn, site, issued, issued + DAY, QUARTER)
            issue = cooling.Issue("ensemble", issued, QUARTER, after.it_kw[None])
            found = cooling.cooling(conn, site, calibration, issue)
            assert "weather forecasts of the last 28 days were off" in found.weather
            low, high = found.quantiles_w[:, 0] / W_PER_KW, found.quantiles_w[:, -1] / W_PER_KW
            inside.append((low <= measured_kw(after)) & (measured_kw(after) <= high))
    return float(np.mean(inside))
