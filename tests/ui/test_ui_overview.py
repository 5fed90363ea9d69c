"""The first page: whether it is all right, its figures, what happened, where the power goes."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import seed
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.actions import Setpoint
from core.errors import ServiceError
from core.series import Series
from ui import listening, rereading, view
from ui.charts import overview as charts
from ui.components import flow, happened, spark, tiles
from ui.data import advised, later, overview, quality
from ui.data import source as room
from ui.data.live import Part, snapshot
from ui.pages import overview as page

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.jobs import Context
    from core.points import PointRef
    from core.site import Site
    from ui.data import Source

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def made(source: Source, element: str, prop: str = "children") -> str:
    return text(page.live(source)[element, prop]())


def raise_alarm(
    context: Context, message: str, priority: int, ago: timedelta = timedelta(minutes=10)
) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
            " VALUES (%s, %s, %s, %s, 'go and look', %s)",
            (context.site.id, f"test {message}", priority, message, context.clock.now() - ago),
        )


def test_all_right_with_a_recommendation_that_waits(source: Source) -> None:
    said = made(source, "overview-status")
    assert "All right" in said
    assert "1 recommendation waits" in said


def test_what_is_wrong_stands_gravest_first(source: Source, context: Context) -> None:
    raise_alarm(context, "a filter is dirty", 3)
    raise_alarm(context, "chiller 2 has tripped", 1)
    said = made(source, "overview-status")
    assert "All right" not in said
    assert said.index("chiller 2 has tripped") < said.index("a filter is dirty")
    assert "◆ P1" in said
    listed = made(source, "overview-alarms")
    assert listed.index("chiller 2") < listed.index("filter")
    assert "go and look" in listed


def test_an_alarm_that_needs_nobody_soon_leaves_it_all_right(source: Source, context: Context) -> None:
    raise_alarm(context, "a report is due", 4)
    assert "All right" in made(source, "overview-status")


def test_hold_and_an_inlet_above_its_limit_are_not_all_right(
    source: Source, context: Context, site: Site
) -> None:
    with db.connect(context.dsn) as conn:
        seed.one_reading(
            conn, site, site.sensors.rack_inlet[2], context.clock.now() + timedelta(seconds=1), 28.4
        )
        conn.execute(
            "INSERT INTO advice_setting (site_id, kind, scope, value, actor, reason, at, evidence)"
            " VALUES (%s, 'hold', '', 'on', 'Ann', 'fire drill', %s, '{}')",
            (site.id, context.clock.now()),
        )
    said = made(source, "overview-status")
    assert "Rack row 3 is 1.4 K above 27 °C" in said
    assert "HOLD since 13:00 by Ann: fire drill" in said


def test_old_data_withhold_the_figures_and_are_the_gravest(
    source: Source, clock: ManualClock, context: Context
) -> None:
    raise_alarm(context, "chiller 2 has tripped", 2)
    clock.advance(timedelta(hours=1))
    said = made(source, "overview-status")
    assert said.index("figures are withheld") < said.index("chiller 2")
    assert made(source, "kpi-power-ratio").startswith('["—"')
    assert "utility/facility_power is stale" in made(source, "kpi-power-ratio-sub")
    assert "Not shown" in made(source, "overview-flow")


def test_an_empty_database_is_explained(empty_source: Source) -> None:
    assert "no reading yet of utility/facility_power" in made(empty_source, "overview-status")
    assert "No alarm." in made(empty_source, "overview-alarms")
    assert "No point has sent anything yet" in made(empty_source, "overview-quality")
    assert "nothing verified this month" in made(empty_source, "kpi-saved-sub")
    assert made(empty_source, "kpi-it-power-spark") == '""'


def test_tiles_say_unit_time_kind_and_period(source: Source, site: Site, clock: ManualClock) -> None:
    written = seed.values(site, clock.now())
    it_kw = written["pdu/it_power"] / 1000
    assert f'"{it_kw:.0f}"' in made(source, "kpi-it-power")
    sub = made(source, "kpi-it-power-sub")
    assert "measured 13:00" in sub
    assert f"{it_kw / site.plant.it_design_kw:.0%}".replace("%", " % of design") in sub
    assert "forecast" in sub
    assert "PUE (category 2): 15 min 1.2" in made(source, "kpi-power-ratio-sub")


def test_pue_of_the_quarter_is_a_ratio_of_sums(source: Source, site: Site, clock: ManualClock) -> None:
    written = [seed.values(site, clock.now() - timedelta(minutes=i)) for i in range(1, 16)]
    expected = sum(v["utility/facility_power"] for v in written) / sum(v["pdu/it_power"] for v in written)
    assert overview.pues(source)[0].value == pytest.approx(expected, rel=1e-6)
    overview.pue_of_year(source)
    later.wait(source, "pue of the year")
    year = overview.pue_of_year(source).value
    assert year.hours == 8760
    assert year.complete_ratio == pytest.approx(26 / 8760, abs=1e-4)


def test_savings_of_the_month_add_up_and_leave_the_months_before_out(
    source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        for day, kwh in (("2026-02-28", 1000), ("2026-03-01", 100), ("2026-03-02", 50)):
            conn.execute(
                "INSERT INTO saving_day VALUES (%s, %s, %s, %s, 18500, %s, %s, %s, 10, 20, 0, 1, 1, 3, %s)",
                (site.id, day, clock.now(), clock.now(), kwh - 20, kwh, kwh + 20, clock.now()),
            )
    found = overview.saved_this_month(source)
    assert (found.days, found.p10_kwh, found.p50_kwh, found.p90_kwh, found.cost) == (2, 110, 150, 190, 20)
    assert "150" in made(source, "kpi-saved")
    assert "110 to 190 kWh, p10 to p90 · 20 EUR" in made(source, "kpi-saved-sub")


def test_cooling_stands_beside_the_twins_word_or_why_there_is_none(source: Source) -> None:
    overview.cooling_twin(source)
    later.wait(source, "cooling of the twin")
    assert "not been calibrated" in made(source, "kpi-cooling-power-sub")


def test_what_changed_names_setpoints_alarms_and_advice(source: Source, context: Context, site: Site) -> None:
    raise_alarm(context, "a filter is <b>dirty</b>", 3)
    ref = site.setpoints[Setpoint.SUPPLY_AIR_TEMPERATURE].point
    since = context.clock.now() - timedelta(minutes=30)
    with db.connect(context.dsn) as conn:
        point = seed.points(conn, site)[str(ref)]
        conn.execute("UPDATE reading SET value = 21 WHERE point_id = %s AND time >= %s", (point, since))
    found = overview.happened(source, timedelta(hours=1))
    move = next(event for event in found if event.kind == "setpoint")
    assert (move.at, move.moved_c) == (since, (20.0, 21.0))
    said = made(source, "overview-events")
    assert "Supply air temperature 20.0 → 21.0 °C" in said
    assert "Recommendation 2 was proposed" in said
    with view.use(view.parse("?units=ip&tz=UTC", site)):
        said = made(source, "overview-events")
    assert "68.0 → 69.8 °F" in said
    assert '"11:30"' in said
    marked = [t for t in page.chart(source)["data"] if t["name"] == "alarm"]
    assert "&lt;b&gt;dirty" in marked[0]["text"][0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([20, 20, 21, 21], [(2, 20, 21)]),
        ([20, 20.4, 21, 21], [(1, 20, 21)]),
        ([20, 21, 20, 20], []),
        ([np.nan, 20, np.nan, 21, 21], [(3, 20, 21)]),
        ([20, 20.01, 20.02], []),
        ([20, 20, 22], [(2, 20, 22)]),
        ([], []),
        ([np.nan], []),
    ],
)
def test_steps_of_a_setpoint(values: list[float], expected: list[tuple[int, float, float]]) -> None:
    step = timedelta(minutes=5)
    found = overview.changes(Series(NOON, step, np.array(values, dtype=float)))
    assert found == [(NOON + step * i, a, b) for i, a, b in expected]


def test_points_are_counted_once_each(source: Source, clock: ManualClock, context: Context) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET status = 32768 WHERE point_id ="
            " (SELECT point_id FROM point WHERE asset_id = 'hall' AND name = 'supply_air_temperature')"
        )
        conn.execute(
            "UPDATE reading_latest SET time = %s WHERE point_id ="
            " (SELECT point_id FROM point WHERE asset_id = 'hall' AND name = 'return_air_temperature')",
            (clock.now() - timedelta(minutes=5),),
        )
    points = snapshot(source).points
    found = overview.quality(points)
    assert (found.bad, found.late, found.all) == (1, 1, len(points))
    said = made(source, "overview-quality")
    assert "1 late" in said
    assert "1 bad" in said
    assert "1 bad and 1 late of" in made(source, "overview-status")


def silence(context: Context, *refs: PointRef) -> None:
    """Take the last hour and a half of some points away."""
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET time = time - interval '83 minutes' WHERE point_id IN"
            " (SELECT point_id FROM point WHERE asset_id || '/' || name = any(%s))",
            ([str(ref) for ref in refs],),
        )


def test_inlets_that_are_not_seen_are_not_all_right(source: Source, context: Context, site: Site) -> None:
    *rest, warmest = site.sensors.rack_inlet
    silence(context, warmest)
    status = made(source, "overview-status")
    assert "All right" not in status
    assert "1 of 8 rack inlets not seen" in status
    assert "■ P3" in status
    assert "▲ 1 of 8 rack inlets not seen" in made(source, "kpi-worst-inlet-sub")
    silence(context, *rest)
    source.forget_all()
    status = made(source, "overview-status")
    assert "8 of 8 rack inlets not seen" in status
    assert "◆ P1" in status


def test_the_range_of_the_address_sets_the_charts_steps(
    source: Source, site: Site, clock: ManualClock
) -> None:
    lengths = {}
    for search in ("?range=1h", "", "?range=7d"):
        with view.use(view.parse(search, site)):
            ratio, it = page.chart(source)["data"][:2]
        lengths[search] = len(it["x"])
        assert len(ratio["y"]) == len(it["y"])
    assert lengths == {"?range=1h": 60, "": 144, "?range=7d": 672}
    longest = view.PERIOD_MAX / overview.step_of(view.PERIOD_MAX)
    assert max(longest, *(of / step for of, step in overview.STEPS)) <= 1600
    minute = [seed.values(site, clock.now() - timedelta(minutes=60))["pdu/it_power"] / 1000]
    with view.use(view.parse("?range=1h", site)):
        assert page.chart(source)["data"][1]["y"][:1] == pytest.approx(minute)


def test_marks_are_drawn_only_where_something_happened() -> None:
    nothing = Series(NOON - timedelta(minutes=5), timedelta(minutes=5), np.array([np.nan]))
    marks = (charts.Mark(NOON, "alarm", "13:00 <b>"),)
    for given, names in (((), []), (marks, ["alarm"])):
        figure = charts.chart((nothing,) * 3, (None, None), given, NOON, NOON, ZoneInfo("UTC"))
        assert [t["name"] for t in figure["data"] if t.get("yaxis") == "y3"] == names
    json.dumps(figure, allow_nan=False)


def test_a_spark_is_a_picture_within_the_page_that_leaves_long_gaps() -> None:
    whole = unquote(spark.picture([1.0, 2.0, None, 3.0]))
    assert whole.count("<polyline") == 1
    assert spark.picture([1.0, 2.0, *[None] * 11, 3.0, 4.0]).count("<polyline") == 2
    assert spark.spark([None, None], "") == ""
    found = spark.spark([5.0, 5.0], "past hour: 5 to 5 kW")
    assert found.src.startswith("data:image/svg+xml,")
    assert found.alt == "past hour: 5 to 5 kW"


def test_the_flow_shows_what_nobody_accounts_for_even_below_nothing() -> None:
    parts = (Part("IT equipment", 80.0e3, metered=True), Part("Unaccounted", 20.0e3, metered=False))
    said = text(flow.flow(parts, ""))
    assert "100 kW" in said
    assert "20.0 %" in said
    assert "part rest" in said
    over = (Part("IT equipment", 110.0e3, metered=True), Part("Unaccounted", -10.0e3, metered=False))
    assert "say more than the facility" in text(flow.flow(over, ""))
    assert flow.bands([100.0, 0.0], [100.0, 27.0], [True, False]).count("<path") == 1


def test_a_ramp_is_a_difference_over_the_hour() -> None:
    minutes = np.linspace(600e3, 630e3, 60)
    hour = Series(NOON, timedelta(minutes=1), minutes)
    change = (minutes[-5:].mean() - minutes[:5].mean()) / 1000
    assert tiles.ramp(hour) == f"▲ +{change:.0f} kW in an hour"
    assert tiles.ramp(Series(NOON, timedelta(minutes=1), np.full(60, np.nan))) == ""
    assert tiles.ramp(Series(NOON, timedelta(minutes=1), np.full(60, 6e5))) == "level for an hour"


def test_what_takes_long_is_there_later_and_says_what_went_wrong(source: Source, clock: ManualClock) -> None:
    later.later(source, "slow", 60, lambda: 7)
    later.wait(source, "slow")
    assert later.later(source, "slow", 60, lambda: 8).value == 7
    later.later(source, "broken", 60, lambda: 1 / 0)
    later.wait(source, "broken")
    assert "log of the ui service" in later.later(source, "broken", 60, lambda: 1).reason
    clock.advance(timedelta(seconds=later.RETRY_WALL_S))
    later.later(source, "broken", 60, lambda: 1)
    later.wait(source, "broken")
    assert later.later(source, "broken", 60, lambda: 2) == later.Later(1)


def test_only_so_much_long_work_is_under_way_at_once(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    names = [f"long {i}" for i in range(room.LONG_AT_ONCE)]
    for name in names:
        later.later(source, name, 60, go.wait)
    assert later.later(source, "another", 60, lambda: 7) == later.Later(None, later.MAKING)
    later.wait(source, "another")
    assert later.later(source, "another", 60, lambda: 7).value is None, "nobody has begun it"
    monkeypatch.setattr("twin.replay.check_day", lambda *_: None)
    with pytest.raises(ServiceError, match="other long work is under way; ask again"):
        advised.advised(source, date(2026, 3, 1), date(2026, 3, 1), {})
    go.set()
    for name in names:
        later.wait(source, name)
    later.later(source, "another", 60, lambda: 7)
    later.wait(source, "another")
    assert later.later(source, "another", 60, lambda: 8).value == 7


def test_what_is_under_way_outlasts_whatever_else_is_asked_for(source: Source) -> None:
    go, began = threading.Event(), []

    def slow() -> int:
        began.append(1)
        go.wait()
        return 7

    states = (listening.state, rereading.state, quality._gauge)
    before = [state(source) for state in states]
    later.later(source, "slow", 60, slow)
    for i in range(2 * room.KEPT_MAX):
        source.kept(f"some key {i}", 60, object)
        later.later(source, f"another {i}", 60, lambda: 1)
        later.wait(source, f"another {i}")
    assert later.later(source, "slow", 60, slow).reason == later.MAKING
    go.set()
    later.wait(source, "slow")
    assert (later.later(source, "slow", 60, slow).value, began) == (7, [1])
    assert all(state(source) is was for state, was in zip(states, before, strict=True))
    assert len(source.lasting("later", dict).held) <= later.HELD_MAX


def test_words_for_every_step_that_is_told() -> None:
    assert set(overview.TOLD) == set(happened.ADVICE_WORDS)


def test_an_alarm_that_is_shelved_or_over_is_no_trouble(source: Source, context: Context) -> None:
    for message in ("a pump is loud", "a filter is dirty"):
        raise_alarm(context, message, 2)
    with db.connect(context.dsn) as conn:
        ids = {
            row["message"]: row["alarm_id"]
            for row in source.rows(
                "ui_overview_alarms", site=context.site.id, now=context.clock.now(), count=9
            )
        }
        now = context.clock.now()
        conn.execute(
            "SELECT alarm_act(%s, 'shelve', %s, 'Ann', 'known', %s)",
            (ids["a pump is loud"], now, now + timedelta(hours=1)),
        )
        conn.execute("UPDATE alarm SET cleared_at = %s WHERE alarm_id = %s", (now, ids["a filter is dirty"]))
    assert "All right" in made(source, "overview-status")
    listed = made(source, "overview-alarms")
    assert "a pump is loud" not in listed
    assert "over, not seen" in listed
    assert "Over: a filter is dirty" in made(source, "overview-events")
