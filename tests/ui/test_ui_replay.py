"""The player of a replayed day: its numbers, its clock where the clocks change, what the address asks for."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import seed
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.actions import Setpoint
from core.clock import ManualClock
from core.jobs import Context
from core.settings import Settings
from twin.calibrate import Calibration, calibrate, save
from twin.history import History, series_refs
from ui import address, view
from ui.charts import replay as charts
from ui.components import player as parts
from ui.data import player, replay_export, status
from ui.data.replay import FACILITY
from ui.data.source import open_source
from ui.pages import replay
from ui.view import Units, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from core.site import Site
    from ui.data import Source

STEP = timedelta(minutes=5)
DAY = date(2026, 3, 1)
SUPPLY = Setpoint.SUPPLY_AIR_TEMPERATURE
SHORT, LONG = date(2026, 3, 29), date(2025, 10, 26)
"""The days on which Amsterdam's clocks change."""


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def unpacked(payload: dict[str, Any], element: str) -> np.ndarray[Any, Any]:
    packed = next(values for name, _, _, values in payload["cells"] if name == element)
    return np.frombuffer(base64.b64decode(packed), dtype="<f4")


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
def of_day(dsn: str, site: Site, calibration: Calibration) -> Iterator[Callable[[date], Source]]:
    """A source on a database with a day, some hours around it, and a calibration."""
    opened: list[Source] = []

    def make(day: date) -> Source:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=4)
        if not opened:
            with db.connect(dsn) as conn:
                seed.readings(conn, site, begin, begin + timedelta(hours=32), STEP)
                save(conn, site, calibration)
        clock = ManualClock(begin + timedelta(hours=33))
        opened.append(open_source(Context(Settings(dsn=dsn), site, clock, dsn)))
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def seen(site: Site, units: Units = Units.SI, **more: str) -> AbstractContextManager[View]:
    return view.use(View(site.zone, units=units, more=more))


def test_what_was_measured_is_at_its_step_and_in_the_readers_units(
    of_day: Callable[[date], Source], site: Site
) -> None:
    source = of_day(DAY)
    run = player.run(source, DAY, {SUPPLY: 26.0})
    at = player.index_of(run.played, "14:20", site.zone)
    assert at == 14 * 12 + 4
    time = datetime(2026, 3, 1, 13, 20, tzinfo=UTC)
    expected = seed.values(site, time)
    payload = player.payload(run.played, site.zone, site)
    facility = unpacked(payload, "replay-facility_kw-measured")
    assert facility[at] == pytest.approx(expected["utility/facility_power"] / 1000, rel=1e-5)
    inlet = max(value for ref, value in expected.items() if "inlet" in ref)
    assert unpacked(payload, "replay-inlet_c-measured")[at] == pytest.approx(inlet, rel=1e-5)
    with seen(site, Units.IP):
        imperial = player.payload(run.played, site.zone, site)
        table = text(parts.cursor_table(run.played))
    assert unpacked(imperial, "replay-inlet_c-measured")[at] == pytest.approx(inlet * 1.8 + 32, rel=1e-5)
    apart = [unpacked(each, "replay-inlet_c-difference")[at] for each in (payload, imperial)]
    assert apart[1] == pytest.approx(apart[0] * 1.8, rel=1e-4), "a difference has no zero to move"
    assert "°F" in table
    assert "°C" not in table
    energy = run.played.row("energy_kwh").lanes["measured"][-1]
    assert energy == pytest.approx(facility.sum() / 12, rel=1e-5)


def test_the_alternative_that_is_too_warm_is_said_to_break_what_held(
    of_day: Callable[[date], Source],
) -> None:
    of = player.run(of_day(DAY), DAY, {SUPPLY: 26.0}).played
    warm = of.row("inlet_c").lanes["alternative"]
    over = np.maximum(warm - 27.0, 0).sum() * 5
    assert over > 0
    assert of.row("above_limit_k_min").lanes["alternative"][-1] == pytest.approx(over)
    broken = {c.name: c.minutes["alternative"] for c in of.constraints if c.newly_broken}
    assert broken["Warmest inlet, recommended"] == (warm > 27.0).sum() * 5
    assert "would have broken" in text(parts.difference(player.run(of_day(DAY), DAY, {SUPPLY: 26.0}), "EUR"))
    bare = player.run(of_day(DAY), DAY, {})
    assert set(bare.played.row("facility_kw").lanes) == {"measured", "twin"}
    assert "Give another setpoint" in text(parts.difference(bare, "EUR"))


def test_the_same_address_gives_the_same_numbers_and_other_data_do_not(
    of_day: Callable[[date], Source], site: Site
) -> None:
    asked: tuple[Any, ...] = ("2026-03-01", {SUPPLY: 22}, (30, 18, 2))
    with seen(site, day="2026-03-01", t="14:20"):
        first, second = (replay.shown(of_day(DAY), *asked) for _ in range(2))
        assert text(first) == text(second)
        assert first[-2]["at"] == 14 * 12 + 4
        assert first[-2]["address"]["supply_air_temperature"] == "22"
        other = replay.shown(of_day(DAY), "2026-03-01", {SUPPLY: 23}, (30, 18, 2))
        assert other[-2]["numbers"] != first[-2]["numbers"]
        source = of_day(DAY)
        before = player.run(source, DAY, {}).played
        with source.connection() as conn:
            conn.execute("UPDATE reading SET value = value + 1 WHERE time = %s", (before.start + 12 * STEP,))
        assert player.run(source, DAY, {}).played is before, "it was kept"
        after = player.run(of_day(DAY), DAY, {}).played
    assert after.data_digest != before.data_digest


def test_what_happened_on_the_day_is_at_its_step(of_day: Callable[[date], Source], site: Site) -> None:
    source = of_day(DAY)
    with source.connection() as conn:
        seed.alarm(conn, site, "forecast.drift.it_power.900", datetime(2026, 3, 1, 9, 2, tzinfo=UTC))
        seed.recommendation(conn, site, datetime(2026, 3, 1, 10, 1, tzinfo=UTC))
        point = db.rows(
            conn, "point_ids", site=site.id, refs=[str(site.setpoints[SUPPLY].point)]
        )[0]["point_id"]  # fmt: skip
        conn.execute(
            "UPDATE reading SET value = 21 WHERE point_id = %s AND time >= %s",
            (point, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        )
    run = player.run(source, DAY, {})
    payload = player.payload(run.played, site.zone, site)
    assert payload["events"] == [10 * 12, 11 * 12, 13 * 12]
    told = text(parts.events(run.played, site.zone))
    for words in (
        "10:02",
        "Alarm P3: forecast of it power",
        ": proposed",
        "Supply air temperature 20.0 → 21.0 °C",
    ):
        assert words in told
    assert payload["known"] == [[0, 288]]


@pytest.mark.parametrize(("day", "hours"), [(SHORT, 23), (LONG, 25)])
def test_a_day_on_which_the_clocks_change_is_right_to_the_label(
    of_day: Callable[[date], Source], site: Site, day: date, hours: int
) -> None:
    source = of_day(day)
    of = player.run(source, day, {}).played
    assert of.count == hours * 12
    payload = player.payload(of, site.zone, site)
    (first, winter, _), (changed, summer, _) = payload["offsets"]
    assert (first, {winter, summer}) == (0, {60, 120})
    last = datetime.fromtimestamp(payload["start"] / 1000, UTC) + of.step * (of.count - 1)
    assert f"{last.astimezone(site.zone):%Y-%m-%d %H:%M}" == f"{day} 23:55"
    assert player.index_of(of, "23:55", site.zone) == of.count - 1
    assert player.index_of(of, "12:00", site.zone) == (hours - 12) * 12
    figure = charts.lanes(of, site.zone)
    axis = figure["layout"]["xaxis"]
    assert f"{hours} h" in axis["title"]["text"]
    shown = dict(zip(axis["tickvals"], axis["ticktext"], strict=True))
    start = datetime.fromisoformat(figure["data"][-1]["x0"])
    for at, name in shown.items():
        utc = of.start + (datetime.fromisoformat(at) - start)
        assert name.startswith(f"{utc.astimezone(site.zone):%H:%M}")
    assert [offset[1] for offset in player.offsets(of, UTC)] == [0]  # type: ignore[arg-type]  # a zone as well
    if hours == 23:
        assert player.index_of(of, "02:30", site.zone) is None, "there is no such time"
        assert player.index_of(of, "03:30", site.zone) == 2 * 12 + 6
    if hours == 25:
        assert changed == 36
        twice = [player.index_of(of, text, site.zone) for text in ("02:30", "02:30+02:00", "02:30+01:00")]
        assert twice == [30, 30, 42]


def test_the_address_is_read_and_what_cannot_be_had_is_said(
    of_day: Callable[[date], Source], site: Site
) -> None:
    source = of_day(DAY)
    days = status.days(source)
    with seen(
        site, day="2026-02-31", supply_air_temperature="40", shift_kw="much", speed="7", shift_to="25"
    ):  # fmt: skip
        found = replay.asked(source, days)
        page = text(replay.layout(source))
    assert found.day in {day.isoformat() for day in days}
    assert found.setpoints_c == {SUPPLY: 26.0}
    assert found.shift == (None, None, 23.0)
    assert found.speed == parts.SPEED
    for words in (
        "No day “2026-02-31” has readings",
        "Supply air temperature 40 °C in the address is outside 18 °C to 26 °C; 26 °C is taken.",
        "Load to move in the address is no number, “much”",
        "A speed is one of 1, 10, 60, 300, 600",
        "25 h in the address is outside 0 h to 23 h; 23 h is taken.",
    ):  # fmt: skip
        assert words in page
    with seen(site, Units.IP, day=f"{DAY}", supply_air_temperature="22", speed="300", t="25:99"):
        found = replay.asked(source, days)
        assert (found.day, found.speed, found.said) == (f"{DAY}", "300", ())
        assert "71.6" in text(replay.layout(source))
        said = replay.shown(source, f"{DAY}", {SUPPLY: 71.6})[-1]
    assert said == "Replayed Sun 1 Mar 2026. The day has no time “25:99”; it begins at its start."
    assert address.quoted("x" * 50).endswith("…”")


def test_a_run_is_taken_along_as_csv_and_json(of_day: Callable[[date], Source], site: Site) -> None:
    source = of_day(DAY)
    run = player.run(source, DAY, {SUPPLY: 22.0})
    saved = replay_export.file_of(source, run, "csv")
    assert saved["filename"] == "joulecast-replay-demo-2026-03-01.csv"
    lines = [line for line in csv.reader(io.StringIO(saved["content"])) if line]
    head = [line for line in lines if line[0].startswith("#")]
    columns, *rows = lines[len(head) :]
    assert len(rows) == 288
    assert any(player.badge(run.played) in line[1] for line in head)
    assert rows[0][:2] == ["2026-02-28T23:00:00Z", "2026-03-01T00:00:00+01:00"]
    at = columns.index("Facility, measured [kW]")
    measured = seed.values(site, datetime(2026, 2, 28, 23, tzinfo=UTC))["utility/facility_power"] / 1000
    assert float(rows[0][at]) == pytest.approx(measured, rel=1e-5)
    with seen(site, Units.IP):
        other = replay_export.file_of(source, run, "json")["content"]
    plain = json.loads(other)
    assert len(plain["steps"]["Warmest inlet, measured [°F]"]) == 288
    assert plain["difference_kwh_p10_p50_p90"]["Facility"][1] == pytest.approx(
        run.replayed.difference_kwh["Facility"][1]
    )


def test_an_empty_database_says_what_is_missing(empty_source: Source) -> None:
    page = text(replay.layout(empty_source))
    assert "No day has readings of both facility and IT power yet." in page
    assert "no reading yet" in str(replay.run_of(empty_source, "2026-03-01", {})) or "calibrated" in str(
        replay.run_of(empty_source, "2026-03-01", {})
    )


def test_days_that_cannot_be_are_one_sentence(empty_source: Source) -> None:
    for day in ("0001-01-01", "yesterday", None, "2026-02-30"):
        assert replay.run_of(empty_source, day, {}) == "Choose a day, and give setpoints as numbers."
    assert "earlier" in str(replay.run_of(empty_source, "9999-12-31", {}))


def test_the_sums_of_every_lane_are_of_the_steps_in_which_all_was_measured(
    of_day: Callable[[date], Source], site: Site
) -> None:
    source = of_day(DAY)
    gap = (datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 1, 10, 55, tzinfo=UTC))
    with source.connection() as conn:
        (wet_bulb,) = db.rows(conn, "point_ids", site=site.id, refs=[str(site.sensors.wet_bulb)])
        conn.execute(
            "DELETE FROM reading WHERE point_id = %s AND time BETWEEN %s AND %s", (wet_bulb["point_id"], *gap)
        )
        inlets = db.rows(conn, "point_ids", site=site.id, refs=[str(r) for r in site.sensors.rack_inlet])
        conn.execute(
            "UPDATE reading SET value = 29 WHERE point_id = ANY(%s) AND time BETWEEN %s AND %s",
            ([row["point_id"] for row in inlets], *gap),
        )
    run = player.run(source, DAY, {})
    of = run.played
    assert sum(of.usable) == 288 - 72
    sums = {lane: values[-1] for lane, values in of.row("energy_kwh").lanes.items()}
    assert sums["measured"] == pytest.approx(run.replayed.lanes["measured"].energies_kwh[FACILITY])
    assert sums["twin"] == pytest.approx(sums["measured"], rel=0.1)
    cost = {lane: values[-1] for lane, values in of.row("cost").lanes.items()}
    assert cost["twin"] == pytest.approx(cost["measured"], rel=0.1)
    assert of.row("above_limit_k_min").lanes["measured"][-1] == 0, "it was warm only when not all was"
    held = {c.name: c for c in of.constraints}["Warmest inlet, recommended"]
    assert held.minutes["measured"] == 0
    assert held.worst["measured"] < 27


def test_gaps_stay_gaps(of_day: Callable[[date], Source], site: Site) -> None:
    source = of_day(DAY)
    gap = (datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 1, 6, 55, tzinfo=UTC))
    with source.connection() as conn:
        conn.execute("DELETE FROM reading WHERE time BETWEEN %s AND %s", gap)
    of = player.run(source, DAY, {}).played
    payload = player.payload(of, site.zone, site)
    assert payload["known"] == [[0, 72], [96, 288]]
    assert np.isnan(unpacked(payload, "replay-facility_kw-twin")[80])
    figure = charts.lanes(of, site.zone)
    assert all(isinstance(trace["y"], list) for trace in figure["data"])
    assert figure["data"][-1]["y"][80] is None
