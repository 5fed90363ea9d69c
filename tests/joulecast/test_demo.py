from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core import db
from core.actions import Setpoint
from core.clock import ScaledClock, SystemClock
from core.jobs import Context
from core.settings import Settings
from core.store import point_ids, series_sum
from joulecast.demo import history, live, load, plant, weather
from joulecast.demo.controller import Controller

if TYPE_CHECKING:
    from pathlib import Path

    from core.site import Site

END = datetime(2026, 3, 2, tzinfo=UTC)


def _times(days: float, step_s: float = 300.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return END.timestamp() - np.arange(days * weather.DAY_S, 0.0, -step_s)


def test_weather_is_a_plausible_year_and_the_same_every_time() -> None:
    year = weather.weather(_times(365, 3600.0))
    assert -12 < year.dry_bulb_c.min() < 0
    assert 25 < year.dry_bulb_c.max() < 36
    assert np.all(year.wet_bulb_c <= year.dry_bulb_c + 1e-6)
    np.testing.assert_array_equal(year.dry_bulb_c, weather.weather(_times(365, 3600.0)).dry_bulb_c)


def test_a_weather_forecast_is_worse_the_further_it_looks() -> None:
    valid = END.timestamp() + 3600.0 * np.arange(48)
    truth = weather.weather(valid).dry_bulb_c
    errors = np.array(
        [
            np.abs(weather.forecast(END.timestamp() - i, valid + 0.0 * i).dry_bulb_c - truth)
            for i in range(200)
        ]
    ).mean(axis=0)
    assert errors[40:].mean() > 1.5 * errors[1:12].mean() > 0


def test_load_stays_within_the_hall_and_has_a_daily_rhythm() -> None:
    times = _times(28)
    total = load.server_power_kw(times) + load.gpu_power_kw(load.gpu_utilisation(times)).sum(axis=0)
    assert 250 < total.min() < total.max() < 1000
    by_hour = [total[(times % weather.DAY_S // 3600) == hour].mean() for hour in (3, 15)]
    assert by_hour[1] - by_hour[0] > 60


def test_about_120_points_are_measured_and_the_meters_add_up(site: Site) -> None:
    times = _times(2)
    commanded = plant.past_setpoints(times, END.timestamp())
    found = plant.measure(
        plant.true_parameters(site.plant), times, commanded, commanded, np.random.default_rng(1)
    )
    assert 110 <= len(found) <= 130
    assert {str(ref) for ref in site.refs()} <= set(found)
    parts = found["ups/power"] + sum(found[str(ref)] for ref in site.meters.cooling)
    unmetered = (found["utility/facility_power"] - parts) / found["utility/facility_power"]
    assert np.all(np.abs(unmetered) < 0.06)


def test_bookings_fill_up_as_their_hours_come_and_are_then_what_the_gpus_draw() -> None:
    hours = END.timestamp() + 3600.0 * np.arange(24)
    seen = [load.booked_gpu_kw(END.timestamp() - 3600.0 * lead, hours) for lead in (96, 48, 24, 0)]
    assert not seen[0].any()
    for earlier, later in pairwise(seen):
        assert (later >= earlier).all()
        assert later.sum() > earlier.sum()
    known = load.booked_gpu_kw(hours[-1] + 3600.0, hours)
    times = END.timestamp() + 60.0 * np.arange(24 * 60)
    drawn = load.gpu_power_kw(load.gpu_utilisation(times)).sum(axis=0).reshape(24, 60).mean(axis=1)
    assert known == pytest.approx(drawn - load.GPU_NODES * load.GPU_IDLE_KW, rel=0.05, abs=3.5)  # idlers


def test_a_setpoint_is_reached_with_a_lag() -> None:
    inertia = plant.Inertia(dict(plant.INITIAL_SETPOINTS))
    wanted = {name: np.full(200, value + 1.0) for name, value in plant.INITIAL_SETPOINTS.items()}
    path = inertia.follow(wanted, 5.0)[Setpoint.SUPPLY_AIR_TEMPERATURE]
    assert 21.0 < path[0] < 21.1
    assert path[-1] == pytest.approx(22.0, abs=0.05)
    assert np.all(np.diff(path) > 0)


@pytest.fixture
def settings(dsn: str, broker_url: str, tmp_path: Path) -> Settings:
    return Settings(dsn=dsn, broker=broker_url, demo_days=8, data_dir=tmp_path)


def test_the_past_is_written_once_and_gaps_are_filled(settings: Settings, site: Site) -> None:
    assert settings.dsn
    assert isinstance(history.prepare(settings, settings.dsn), SystemClock)
    with db.connect(settings.dsn) as conn:
        ids = point_ids(conn, site.id, site.refs())
        assert len(ids) == len(site.refs())
        count = "SELECT count(*) AS n FROM reading"
        first = conn.execute(count).fetchone()
        now = datetime.now(UTC)
        series = series_sum(conn, site.id, site.meters.it, now - timedelta(days=8), now, timedelta(hours=1))
        assert series.complete_ratio > 0.98
        conn.execute("DELETE FROM reading WHERE time > now() - interval '1 day'")
        conn.execute("UPDATE reading_latest SET time = time - interval '1 day'")
    history.prepare(settings, settings.dsn)
    with db.connect(settings.dsn) as conn:
        again = conn.execute(count).fetchone()
        forecasts = conn.execute("SELECT count(*) AS n FROM weather_forecast").fetchone()
        booked = conn.execute(
            "SELECT count(*) AS n, max(valid_at - available_at) AS ahead FROM schedule WHERE kind = %s",
            (history.BOOKED,),
        ).fetchone()
    assert first
    assert again
    assert forecasts
    assert 0 <= again["n"] - first["n"] <= 2 * 130
    assert forecasts["n"] >= 8 * 4 * history.FORECAST_HOURS
    assert booked
    assert booked["n"] >= 8 * 24
    assert booked["ahead"] == timedelta(hours=history.FORECAST_HOURS - 1) - history.FORECAST_DELAY


def test_a_faster_clock_goes_on_from_the_last_reading(settings: Settings) -> None:
    assert settings.dsn
    history.prepare(settings, settings.dsn)
    ahead = datetime.now(UTC) + timedelta(hours=5)
    with db.connect(settings.dsn) as conn:
        conn.execute("UPDATE reading_latest SET time = %s WHERE point_id = 1", (ahead,))
    clock = history.prepare(settings.model_copy(update={"demo_speed": 60.0}), settings.dsn)
    assert isinstance(clock, ScaledClock)
    assert clock.speed_ratio == pytest.approx(60.0)
    assert abs(clock.now() - ahead) < timedelta(minutes=10)


def test_the_plants_own_controller_needs_nobody() -> None:
    air = plant.SETPOINT_REFS[Setpoint.SUPPLY_AIR_TEMPERATURE]
    found = Controller({air: 21.0}, 0.0)
    found.tell(air, 23.0, 0.0)
    assert (found.in_force(30.0), found.mode(air)) == ({air: 23.0}, "remote")
    found.tell(air, 40.0, 0.0)  # outside its own limits
    assert found.in_force(0.0) == {air: 23.0}
    assert (found.in_force(30.1), found.mode(air)) == ({air: 21.0}, "local")
    found.tell(air, 23.0, 100.0)
    found.beat(120.0)
    assert found.in_force(140.0) == {air: 23.0}
    found.tell(air, None, 140.0)
    assert found.in_force(140.0) == {air: 21.0}


def test_who_stands_at_the_plant_wins() -> None:
    air = plant.SETPOINT_REFS[Setpoint.SUPPLY_AIR_TEMPERATURE]
    found = Controller({air: 21.0}, 0.0)
    found.set_own(air, 50.0)  # outside
    found.set_own(air, 20.0)
    assert (found.in_force(0.0), found.mode(air)) == ({air: 20.0}, "local")
    found.tell(air, 23.0, 0.0)
    found.set_own(air, 22.0)
    found.tell(air, 24.0, 0.0)
    assert (found.in_force(0.0), found.mode(air)) == ({air: 22.0}, "override")
    found.tell(air, None, 0.0)
    assert found.mode(air) == "local"


def test_while_nobody_renews_a_lease_the_plant_goes_by_its_own_setpoints(
    settings: Settings, site: Site
) -> None:
    assert settings.dsn
    air, now = plant.SETPOINT_REFS[Setpoint.SUPPLY_AIR_TEMPERATURE], datetime.now(UTC)
    with db.connect(settings.dsn) as conn:
        conn.execute(
            "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
            " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
            " VALUES (%s, %s, %s, '[]', 'energy', 1, 2, 3, '{}', '{}', '{}', '{}')",
            (site.id, now, now),
        )
        conn.execute(
            "INSERT INTO lease (site_id, asset_id, point, recommendation_id, value, own_value, taken_at,"
            " renewed_at, expires_at) SELECT %s, %s, %s, recommendation_id, 24, 20.5, %s, %s, %s"
            " FROM recommendation",
            (site.id, *air.split("/"), now, now, now),
        )
        found = history.resumed(conn, site.id, {air: {"value": 24.0}})
        assert found[Setpoint.SUPPLY_AIR_TEMPERATURE] == pytest.approx(20.5)
        conn.execute("UPDATE lease SET released_at = now()")
        again = history.resumed(conn, site.id, {air: {"value": 24.0}})
    assert again[Setpoint.SUPPLY_AIR_TEMPERATURE] == pytest.approx(24.0)
    water = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
    assert again[water] == plant.INITIAL_SETPOINTS[water]


def test_the_live_plant_publishes_what_its_sensors_read(settings: Settings, site: Site) -> None:
    assert settings.dsn
    demo = live.DemoPlant(Context(settings, site, SystemClock(), settings.dsn))
    try:
        assert demo.step(datetime.now(UTC)) == len(plant.measure(
            plant.true_parameters(site.plant), np.array([0.0]),
            {k: np.array([v]) for k, v in plant.INITIAL_SETPOINTS.items()},
            {k: np.array([v]) for k, v in plant.INITIAL_SETPOINTS.items()}, np.random.default_rng(0),
        ))  # fmt: skip
    finally:
        demo.close()


def test_readings_go_out_and_commands_come_in_over_the_broker(settings: Settings, site: Site) -> None:
    import paho.mqtt.client as mqtt  # noqa: PLC0415  # the one test that looks at the wire
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion  # noqa: PLC0415

    assert settings.dsn
    host, port = settings.broker.removeprefix("mqtt://").split(":") if settings.broker else ("", "")
    seen: dict[str, dict[str, object]] = {}
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda _c, _u, m: seen.update({m.topic: json.loads(m.payload)})
    client.on_connect = lambda c, *_: c.subscribe([("joulecast/demo/#", 1), ("plant/demo/+/+/state", 1)])
    client.connect(host, int(port))
    client.loop_start()
    stop = threading.Event()
    context = Context(settings, site, SystemClock(), settings.dsn)
    runner = threading.Thread(target=live.run, args=(context, stop))
    runner.start()
    try:
        ahead = {"joulecast/demo/weather/$forecast", "joulecast/demo/$schedule/booked_gpu_kw"}
        _until(lambda: {"joulecast/demo/utility", *ahead} <= set(seen))
        air = "plant/demo/hall/supply_air_temperature_setpoint"
        client.publish(f"{air}/set", "22.0", qos=1)
        _until(lambda: seen.get(f"{air}/state") == {"value": 22.0, "mode": "remote"})
        client.publish(f"{air}/set", "what?", qos=1)
        client.publish(f"{air}/set", "null", qos=1)
        _until(lambda: seen[f"{air}/state"]["mode"] == "local")
    finally:
        stop.set()
        runner.join(20)
        client.disconnect()
        client.loop_stop()
    assert not runner.is_alive()


def _until(true: object, seconds: float = 30.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
