"""What the pages read, from a real database."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import seed

from core import db
from core.errors import ServiceError
from core.jobs import Context
from core.points import PointRef
from core.settings import Settings
from ui import api, head
from ui.data import advice, forecast, history, live, overview, status
from ui.data import source as room
from ui.data.racks import gpus
from ui.data.source import open_source

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site
    from ui.data import Source


def test_live_figures_are_the_newest_readings(source: Source, site: Site, clock: ManualClock) -> None:
    now = live.live(source)
    written = seed.values(site, clock.now())
    it = written["pdu/it_power"]
    facility = written["utility/facility_power"]
    assert now.it.value == pytest.approx(it)
    assert now.ratio.value == pytest.approx(facility / it)
    assert now.cooling.value == pytest.approx(sum(written[str(ref)] for ref in site.meters.cooling))
    assert now.data_age_s == 0
    assert now.worst is not None
    assert now.worst.inlet.value == max(written[str(ref)] for ref in site.sensors.rack_inlet)


def test_the_parts_add_up_to_the_facility_with_what_is_unaccounted(source: Source) -> None:
    now = live.live(source)
    assert sum(part.power_w for part in now.parts) == pytest.approx(now.facility.value)
    rest = now.parts[-1]
    assert not rest.metered
    assert rest.power_w == pytest.approx(9000)


def test_coolers_have_their_part_and_dead_meters_are_named_in_the_rest(
    seeded: seed.Seeded, context: Context, site: Site
) -> None:
    del seeded
    cooler = PointRef("cooler", "power")
    meters = site.meters.model_copy(update={"evaporative": (cooler,)})
    other = Context(context.settings, site.model_copy(update={"meters": meters}), context.clock, context.dsn)
    with db.connect(context.dsn) as conn:
        seed.tell(conn, site, cooler, context.clock.now(), 4000.0)
    more = open_source(other)
    parts = {part.name: part.power_w for part in live.live(more).parts}
    assert parts["Evaporative coolers"] == 4000
    assert parts["Unaccounted"] == pytest.approx(5000)
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET status = 32768 WHERE point_id IN"
            " (SELECT point_id FROM point WHERE asset_id = 'cooler' OR asset_id LIKE '%pump%')"
        )
    rest = live.live(more).parts[-1]
    assert rest.name == "Unaccounted with Pumps, Evaporative coolers: not seen"
    assert rest.power_w == pytest.approx(
        9000 + sum(seed.values(site, context.clock.now())[str(r)] for r in site.meters.pump)
    )
    more.close()


def test_stale_inputs_withhold_the_figure_and_say_which(source: Source, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=5))
    now = live.live(source)
    assert now.ratio.value is None
    assert now.ratio.reason == "utility/facility_power is stale"
    assert now.parts == ()
    assert now.data_age_s == 300


def test_a_bad_reading_withholds_the_figure(source: Source, context: Context) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET status = 32768 WHERE point_id ="
            " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')"
        )
    assert live.live(source).it.reason == "pdu/it_power is marked bad"


def paced(context: Context, step: timedelta, refs: tuple[PointRef, ...]) -> None:
    """Readings of some points in the last day and now, in steps."""
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.readings(conn, context.site, now, now)
        ids = seed.points(conn, context.site)
        for ref in refs:
            conn.execute(
                "INSERT INTO reading (time, value, point_id) SELECT t, %s, %s"
                " FROM generate_series(%s - interval '1 day', %s - %s, %s) AS t",
                (seed.values(context.site, now)[str(ref)], ids[str(ref)], now, now, step, step),
            )


def test_what_comes_every_five_minutes_is_fresh_for_three_of_its_steps(
    empty_source: Source, context: Context, clock: ManualClock
) -> None:
    meters, began = context.site.meters, clock.now()
    paced(context, timedelta(minutes=5), (*meters.facility, *meters.it))
    for minutes, fresh in ((4, True), (14, True), (16, False)):
        clock.time = began + timedelta(minutes=minutes)
        now = live.live(empty_source)
        assert now.ratio.alive is fresh
        assert now.late is not fresh
        assert bool(now.cooling.alive) is False, "of these nobody knows the pace: a minute"
        empty_source.forget("live")
        assert bool(head.stale(empty_source)) is not fresh
        by_ref = {p.ref: p for p in now.points}
        slow = tuple(by_ref[str(ref)] for ref in (*meters.facility, *meters.it))
        assert overview.quality(slow).late == (0 if fresh else len(slow))
    assert "figures are withheld" in head.stale(empty_source)


def test_hourly_weather_is_fresh_for_two_hours(
    empty_source: Source, context: Context, clock: ManualClock
) -> None:
    sensors, began = context.site.sensors, clock.now()
    paced(context, timedelta(hours=1), (sensors.dry_bulb, *sensors.rack_inlet))
    for minutes, fresh in ((14, True), (70, True), (119, True), (121, False)):
        clock.time = began + timedelta(minutes=minutes)
        by_ref = {p.ref: p for p in live.live(empty_source).points}
        assert by_ref[str(sensors.dry_bulb)].stale is not fresh
        assert by_ref[str(sensors.rack_inlet[0])].stale is (minutes > 15), "not what is within"


def test_a_slow_gpu_is_fresh_as_long(empty_source: Source, context: Context, clock: ManualClock) -> None:
    paced(context, timedelta(minutes=1), ())
    now = clock.now()
    with db.connect(context.dsn) as conn:
        for gpu in ("slow", "unknown"):
            seed.tell(conn, context.site, PointRef(gpu, "gpu_power"), now, 300.0)
        conn.execute(
            "INSERT INTO reading (time, value, point_id) SELECT t, 300, point_id FROM point,"
            " generate_series(%s - interval '1 hour', %s, interval '2 minutes') AS t WHERE asset_id = 'slow'",
            (now, now),
        )
    for minutes, power_w in ((5, 300.0), (7, None)):
        clock.time = now + timedelta(minutes=minutes)
        empty_source.forget_all()
        slow, unknown = gpus(empty_source)
        assert (slow.power_w, slow.fresh) == (power_w, power_w is not None)
        assert (unknown.power_w, unknown.fresh) == (None, False)


def test_an_empty_database_says_what_is_missing(empty_source: Source) -> None:
    now = live.live(empty_source)
    assert now.data_age_s is None
    assert "no reading yet" in now.it.reason
    assert forecast.peak(empty_source).reason == "no forecast yet"
    assert all(pue.complete_ratio == 0 for pue in history.pue_of_periods(empty_source))
    assert advice.top(advice.recommendations(empty_source)) is None
    assert status.days(empty_source) == ()


def test_pue_is_a_ratio_of_sums_with_its_completeness(source: Source, site: Site, clock: ManualClock) -> None:
    hour, day, week = history.pue_of_periods(source)
    minutes = [clock.now() - timedelta(minutes=i) for i in range(1, 61)]
    written = [seed.values(site, time) for time in minutes]
    expected = sum(v["utility/facility_power"] for v in written) / sum(v["pdu/it_power"] for v in written)
    assert hour.value == pytest.approx(expected, rel=1e-6)
    assert hour.category == 2
    assert hour.complete_ratio == 1
    assert day.complete_ratio == 1
    assert week.complete_ratio == pytest.approx(26 / 168, abs=0.001)


def test_the_kept_series_follows_new_readings(source: Source, context: Context, clock: ManualClock) -> None:
    refs, back = context.site.meters.it, timedelta(hours=12)
    first = history.series(source, refs, back)
    with db.connect(context.dsn) as conn:
        seed.readings(
            conn, context.site, clock.now() + timedelta(minutes=1), clock.now() + timedelta(minutes=17)
        )
    clock.advance(timedelta(minutes=17))
    kept = history.series(source, refs, back)
    assert kept.end == first.end + timedelta(minutes=15)
    again = open_source(context)
    read = history.series(again, refs, back)
    again.close()
    assert kept.times[-len(read) :] == read.times
    assert kept.values[-len(read) :] == pytest.approx(read.values, nan_ok=True)


def test_the_peak_is_of_the_learned_model_with_its_band(source: Source, clock: ManualClock) -> None:
    peak = forecast.peak(source)
    found = forecast.newest(source, "it_power")
    coming = [s.q50 for s in found["lstm"].steps if s.time + timedelta(minutes=15) > clock.now()]
    assert peak.value == max(coming)
    assert peak.low is not None
    assert peak.high is not None
    assert peak.low < peak.value < peak.high


def test_recommendations_with_events_and_commands(
    source: Source, context: Context, seeded: seed.Seeded
) -> None:
    found = advice.recommendations(source)
    top = advice.top(found)
    assert top is not None
    assert top.recommendation_id == seeded.proposed
    assert sum(top.attribution_kw.values()) == pytest.approx(top.saving_kw[1])
    events = advice.events(source, [r.recommendation_id for r in found])
    said = [(e.to_state, e.actor) for e in events[seeded.rejected]]
    assert said == [("proposed", "joulecast"), ("rejected", "M. Jansen")]
    assert advice.commands(source, [seeded.proposed]) == ()

    with db.connect(context.dsn) as conn:
        for state in ("accepted", "precheck"):
            seed.transition(conn, seeded.proposed, state, context.clock.now(), "Ann", "every gate passed")
        conn.execute(
            "INSERT INTO command (command_id, recommendation_id, site_id, asset_id, point, value,"
            " previous_value, created_at, expires_at) VALUES (gen_random_uuid(), %s, 'demo', 'hall',"
            " 'supply_air_temperature_setpoint', 21, 20, now(), now())",
            (seeded.proposed,),
        )
    (command,) = advice.commands(source, [seeded.proposed])
    assert (command.state, command.previous_value, command.value) == ("queued", 20, 21)
    assert command.measured_value == 20


def test_a_pinned_recommendation_stays_on_top(source: Source, seeded: seed.Seeded) -> None:
    top = advice.top(advice.recommendations(source), pinned=seeded.rejected)
    assert top is not None
    assert top.recommendation_id == seeded.rejected


def test_services_counters_and_days(source: Source) -> None:
    assert {run.job for run in status.jobs(source, "forecast")} == {"forecast.issue", "forecast.train"}
    (counter,) = status.counters(source)
    assert counter.difference == 0
    (rejected,) = status.rejected(source)
    assert rejected.payload_bytes == 2
    (unmapped,) = status.unmapped(source)
    assert unmapped.mapping == '"ENERGY.Factor" = "ASSET/POINT"'
    assert unmapped.seen == 12
    assert status.storage_mode(source) == "plain"
    assert status.days(source) == (date(2026, 3, 2), date(2026, 3, 1))


def test_the_live_figures_for_machines(source: Source) -> None:
    found = api.live_json(source)
    assert found["power_ratio"]["kind"] == "measured"
    assert found["it_power_peak_24h"]["q05"] < found["it_power_peak_24h"]["value"]
    assert [p["hours"] for p in found["pue"]] == [1, 24, 168]


def test_a_query_that_takes_too_long_is_ended_unless_it_is_long_work(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STATEMENT_S", 0.3)
    source = open_source(context)
    said = "was not done within 0.3 s and was stopped; ask for less"
    with pytest.raises(ServiceError, match=said), source.connection() as conn:
        conn.execute("SELECT pg_sleep(20)")
    with source.long_work(), source.connection() as conn:
        conn.execute("SELECT pg_sleep(0.5)")
    with pytest.raises(ServiceError, match=said), source.connection() as conn:
        conn.execute("SELECT pg_sleep(20)")
    source.close()


def test_however_much_is_read_who_somebody_is_can_be_asked(source: Source) -> None:
    with ExitStack() as busy:
        for _ in range(room.POOL_SIZE):
            busy.enter_context(source.connection())
        with source.writing() as conn:
            assert db.row(conn, "user_any") is not None


def test_a_database_that_is_away_is_one_sentence(site: Site, clock: ManualClock) -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    source = open_source(Context(Settings(dsn=dsn), site, clock, dsn))
    with pytest.raises(ServiceError, match="the database did not answer"):
        source.rows("latest", site="demo")
    source.close()
