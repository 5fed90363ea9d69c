"""The Forecast page: which forecast is shown, what is said of it, and whether what is said is true."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import seed
from looking import seen
from test_ui_pages import as_json, graphs
from test_ui_site import text

from core import db
from ui import format as fmt
from ui import view
from ui.components import forecast as said
from ui.data import forecast, skill
from ui.data.skill import Figures, Score
from ui.data.source import open_source
from ui.pages import forecast as page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.jobs import Context
    from ui.data import Source

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@pytest.fixture
def made(context: Context) -> datetime:
    """A database with what a forecaster leaves; when its newest issues were made."""
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.readings(conn, context.site, now - timedelta(hours=25), now, timedelta(minutes=5))
        for target in ("it_power", "cooling_power"):
            seed.model_version(conn, context.site, target, now - DAY)
        return seed.forecaster(conn, context.site, now)


@pytest.fixture
def ours(context: Context, made: datetime) -> Iterator[Source]:
    """On that database."""
    assert made == context.clock.now()
    source = open_source(context)
    yield source
    source.close()


def execute(context: Context, statement: str, *values: Any) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(statement, values)


def shown(source: Source, target: str = "it_power", grid: forecast.Grid = forecast.QUARTERS) -> str:
    """What a target's part of the page says."""
    parts = page.target_parts(source, target, grid, WEEK)
    return text([parts[name] for name, prop in page.PARTS.items() if prop == "children"])


@pytest.mark.parametrize(
    ("issued", "chosen", "order"),
    [
        ({"lstm": 0, "ensemble": 0}, None, ["ensemble", "lstm"]),
        ({"lstm": 0, "ensemble": 0, "twin": 0}, "twin", ["twin", "ensemble", "lstm"]),
        ({"ensemble": 0, "twin": 3}, "twin", ["ensemble", "twin"]),
        ({"ensemble": 5, "seasonal_naive": 3}, "ensemble", ["seasonal_naive", "ensemble"]),
        ({"theirs": 0, "persistence": 0}, None, ["persistence", "theirs"]),
        ({}, "ensemble", []),
    ],
)
def test_the_chosen_model_comes_first_then_the_usual_order_and_the_old_last(
    issued: dict[str, int], chosen: str | None, order: list[str]
) -> None:
    times = {name: NOON - hours * HOUR for name, hours in issued.items()}
    assert forecast.in_order(times, chosen, NOON - HOUR) == order


def test_the_newest_issue_of_the_chosen_model_is_shown_with_the_naive_one(
    ours: Source, context: Context, made: datetime
) -> None:
    with db.connect(context.dsn) as conn:
        for target in ("it_power", "cooling_power"):
            for model in ("ensemble", "twin", "seasonal_naive"):
                seed.one_issue(conn, context.site, made - DAY, model, target, 900, 96)
    found = forecast.picked(ours, "cooling_power")
    assert found is not None
    assert found.naive is not None
    assert (found.shown.model, found.naive.model) == ("twin", "seasonal_naive")
    assert found.shown.issued_at == found.naive.issued_at == made
    assert len(found.shown.steps) == len(found.naive.steps) == 96
    week = forecast.picked(ours, "it_power", forecast.HOURS)
    assert week is not None
    assert (week.shown.model, week.shown.step, len(week.shown.steps)) == ("ensemble", HOUR, 168)


def test_live_page_and_peak_follow_the_choice(ours: Source) -> None:
    assert list(forecast.newest(ours, "cooling_power")) == ["twin", "seasonal_naive"]
    steps = forecast.newest(ours, "it_power")["ensemble"].steps
    assert forecast.peak(ours).value == max(step.q50 for step in steps)


def test_the_page_says_which_model_why_members_peak_and_days(ours: Source) -> None:
    words = shown(ours)
    assert "ensemble" in words
    assert "made 13:00: mean of the members" in words
    assert "Pinball 2.4 kW over 14 days, the least of 5 (decided 07:00)" in words
    assert "LSTM 50 %, MSTL 50 %" in words
    assert "seasonal naive: pinball 31 % above the best over 14 days" in words
    peak = forecast.peak(ours)
    assert peak.value is not None
    assert f"{peak.value / 1000:.0f} kW at" in words
    assert "Mon 2 Mar" in words
    assert "660 to 712" in words
    assert "15:15" in words, "the peak's hour at the site"
    assert "▲ The" not in words, "nothing is wrong"


def test_cooling_names_both_ways_with_their_errors(ours: Source) -> None:
    found = skill.scores(ours, "cooling_power", forecast.QUARTERS, skill.LONGEST)
    mae = {score.model: fmt.number(score.whole.mae_w / 1000) for score in found}
    words = shown(ours, "cooling_power")
    assert f"Through the twin {mae['twin']} kW, directly (ensemble) {mae['ensemble']} kW" in words
    assert "Ensemble of" in words, "members and days are the ensemble's, not the twin's"
    assert "forecast by the ensemble" in words
    assert "Two ways" not in shown(ours)


def test_bad_data_are_a_banner_with_what_since_when_and_what_is_served(
    ours: Source, context: Context
) -> None:
    bad = {"state": "flat", "reason": "stuck at one value", "since": "2026-03-02T07:30:00+00:00"}
    change = "UPDATE forecast_note SET note = note || %s WHERE step_s = 900"
    execute(context, change, db.json({"quality": bad, "members": {"mstl": 1.0}}))
    words = shown(ours)
    assert "The forecaster falls back to MSTL: readings do not move." in words
    assert "Stuck at one value, since 08:30." in words
    cooling = shown(ours, "cooling_power")
    assert "The direct forecast falls back to MSTL, the twin is shown: readings do not move." in cooling


def test_a_chosen_model_without_a_fresh_forecast_is_said(ours: Source, context: Context) -> None:
    execute(context, "DELETE FROM forecast WHERE model = 'twin'")
    assert "The chosen model, twin, has no fresh forecast." in shown(ours, "cooling_power")


def test_an_old_forecast_is_said_to_be_old(ours: Source, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=5))
    words = shown(ours)
    assert "The newest forecast is 5 h old." in words
    assert "Nothing should rest on it." in words


def test_open_alarms_of_the_forecaster_are_on_top_and_others_are_not(ours: Source, context: Context) -> None:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.alarm(conn, context.site, "forecast.drift.it_power.900", now - 3 * HOUR)
        seed.alarm(conn, context.site, "twin.misses", now)
        seed.alarm(conn, context.site, "forecast.data.cooling_power", now)
        conn.execute("UPDATE alarm SET cleared_at = %s WHERE source LIKE 'forecast.data%%'", (now,))
    (alarm,) = skill.alarms(ours)
    assert alarm.source == "forecast.drift.it_power.900"
    first = text(page.alarm_parts(ours))
    assert "has drifted" in first
    assert "Since 10:00. Check the meters" in first


def test_scores_are_sums_over_the_window_best_first(ours: Source, context: Context) -> None:
    execute(context, "DELETE FROM forecast_score")
    row = "INSERT INTO forecast_score VALUES (%s, 'it_power', 900, %s, %s, %s, %s, %s, 0, %s, %s, 0, 1)"
    hour = context.clock.now() - 2 * HOUR
    for model, at, lead, steps, error, pinball, inside in (
        ("ensemble", hour, "0-1 h", 4, 40.0, 8.0, 4),
        ("ensemble", hour, "1-6 h", 12, 240.0, 48.0, 6),
        ("ensemble", hour - HOUR, "0-1 h", 4, 4000.0, 4000.0, 0),
        ("seasonal_naive", hour, "0-1 h", 8, 160.0, 32.0, 8),
        ("seasonal_naive", hour, "1-6 h", 12, 480.0, 96.0, 12),
        ("lstm", hour - 10 * DAY, "0-1 h", 4, 40.0, 8.0, 4),
    ):
        execute(context, row, context.site.id, model, at, lead, steps, error, pinball, inside)
    best, naive = skill.scores(ours, "it_power", forecast.QUARTERS, DAY)
    assert (best.model, naive.model) == ("ensemble", "seasonal_naive")
    assert best.whole == Figures(20, 4280 / 20, 0.5, pytest.approx(56 / (32 / 2 + 96)))
    assert best.by_lead["1-6 h"] == Figures(12, 20.0, 0.5, pytest.approx(0.5))
    assert naive.whole.pinball_ratio == 1
    found = skill.scores(ours, "it_power", forecast.QUARTERS, skill.LONGEST)
    assert {s.model: s.whole.pinball_ratio for s in found}["lstm"] is None, (
        "the naive line was not scored then"
    )


def test_days_are_the_sites(ours: Source, context: Context) -> None:
    execute(context, "DELETE FROM forecast_score")
    row = "INSERT INTO forecast_score VALUES (%s, 'it_power', 900, %s, %s, '0-1 h', 4, 1, 1, %s, %s, 1, 1)"
    late = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)  # is 1 March in Amsterdam
    for hour, pinball, inside in ((late - HOUR, 1.0, 4), (late, 3.0, 2)):
        execute(context, row, context.site.id, "ensemble", hour, pinball, inside)
        execute(context, row, context.site.id, "seasonal_naive", hour, 2.0, 4)
    assert skill.daily(ours, "it_power", forecast.QUARTERS, "ensemble") == (
        skill.DayFigures(date(2026, 2, 28), 1.0, 0.5),
        skill.DayFigures(date(2026, 3, 1), 0.5, 1.5),
    )


def scored(model: str, ratio: float | None, held: float = 0.8, mae_w: float = 1e4) -> Score:
    return Score(model, Figures(96, mae_w, held, ratio), {})


NAIVE = scored("seasonal_naive", 1.0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((scored("ensemble", 0.8), NAIVE), "The ensemble wins over 7 d: its error is 20 % below"),
        ((NAIVE, scored("ensemble", 1.25)), "naive line wins over 7 d: the ensemble's error is 25 % above"),
        ((NAIVE, scored("ensemble", 1.001)), "level over 7 d"),
        ((scored("ensemble", None), scored("seasonal_naive", None, mae_w=0)), "was exactly right over 7 d"),
        ((scored("ensemble", None),), "no seasonal-naive line over 7 d to compare the ensemble with"),
        ((NAIVE,), "The ensemble has not been scored over 7 d"),
        ((scored("ensemble", 0.8, 0.5), NAIVE), "80 % band is too narrow: it held 50 %"),
        ((scored("ensemble", 0.8, 0.95), NAIVE), "80 % band is too wide: it held 95 %"),
        ((scored("mstl", 0.6), scored("ensemble", 0.8), NAIVE), "The smallest error has the MSTL: 0.60 of"),
    ],
)  # fmt: skip
def test_which_model_wins_is_said_in_words(found: tuple[Score, ...], words: str) -> None:
    assert words in said.verdict(found, "ensemble", WEEK)


def test_a_naive_line_that_is_shown_is_judged_too() -> None:
    words = said.verdict((scored("lstm", 0.7), NAIVE), "seasonal_naive", DAY)
    assert words.startswith("The seasonal-naive line is what is shown; its mean error over 24 h is 10.0 kW.")
    assert "The smallest error has the LSTM: 0.70 of" in words


def test_scores_by_model_and_lead_mark_what_the_band_misses() -> None:
    figures = {"0-1 h": Figures(96, 1234.0, 0.7, 0.5), "1-6 h": Figures(96, 2e3, 0.9, None)}
    score = Score("ensemble", Figures(192, 1.5e3, 0.8, 0.6), figures)
    table = text(said.score_table([score], "ensemble", forecast.QUARTERS.leads))
    for cell in ("1.23", "2.00", "1.50", "0.50", "0.60", "▼70", "▲90", "80", "—"):
        assert cell in table


def test_an_explanation_has_bars_with_meanings(ours: Source) -> None:
    found = forecast.picked(ours, "it_power")
    assert found is not None
    words = text(said.explanation(found.note))
    assert "like yesterday | 70 %" in words
    assert said.LEANS_SAID in words
    assert said.DRIVERS_SAID in words
    bars = said.shares({"small": 0.1, "large": 0.9}, said._driver).children
    assert [cell.children for cell in bars[::3]] == ["large", "small"]
    assert "90 % of how far the forecast would move" in bars[0].title
    assert "does not explain itself" in text(said.explanation(forecast.Note()))


def test_a_note_may_lack_anything_and_a_day_may_be_a_part() -> None:
    assert forecast.note_of({}) == forecast.Note()
    row = {"day": "2026-03-02", "hours": 5.5, "partial": True, "q10": 1.0, "q50": 2.0, "q90": 3.0}
    (day,) = forecast.note_of({"day_energy_kwh": [row]}).days
    assert (day.part_h, day.energy_kwh, day.peak_kw) == (5.5, (1.0, 2.0, 3.0), None)
    (whole,) = forecast.note_of({"day_peak_kw": [{**row, "partial": False}]}).days
    assert (whole.part_h, whole.peak_at) == (None, None)


def test_versions_say_status_span_figures_and_why_and_how_to_roll_back(
    ours: Source, context: Context
) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute("UPDATE model_version SET status = 'retired' WHERE target = 'it_power'")
        for days in range(6):
            seed.model_version(conn, context.site, "it_power", NOON - timedelta(days=2 + days))
            conn.execute("UPDATE model_version SET status = 'retired' WHERE target = 'it_power'")
        conn.execute("UPDATE model_version SET status = 'champion' WHERE trained_at = %s", (NOON - WEEK,))
    found = [version for version in skill.versions(ours) if version.target == "it_power"]
    assert len(found) == skill.NEWEST + 1
    assert found[-1].status == "champion", "the one in force is listed however old it is"
    words = text(page.version_parts(ours, forecast.QUARTERS))
    assert words.count("there was no champion") == skill.NEWEST + 2, "nobody is on record for any"
    for part in (
        "IT power, 24 h",
        "in force",
        "retired",
        "0.652 / 0.981",
        "0.0381 / 0.0604",
        "30 d",
        "joulecast forecast rollback --target it_power --step 15",
        "joulecast forecast rollback --target cooling_power --step 15",
    ):
        assert part in words


def test_of_a_few_steps_nothing_is_said() -> None:
    few = [
        Score(model, Figures(12, 1e3, 1.0, ratio), {})
        for model, ratio in (("ensemble", 0.3), ("seasonal_naive", 1.0))
    ]
    assert said.verdict(few, "ensemble", WEEK).startswith("Too few forecasts have come true over 7 d")
    table = text(said.score_table(few, "ensemble", forecast.QUARTERS.leads))
    assert "100" in table
    assert "▲" not in table


def test_why_a_version_is_in_force_is_its_last_promotions_reason(
    ours: Source, context: Context, clock: ManualClock
) -> None:
    version = next(v for v in skill.versions(ours) if v.target == "it_power").model_version_id
    for actor, reason in (("training", "better by 4 %"), ("Ann", "the newer one drifts")):
        insert = "INSERT INTO model_promotion (model_version_id, at, actor, reason) VALUES (%s, %s, %s, %s)"
        execute(context, insert, version, NOON, actor, reason)
        clock.advance(timedelta(seconds=30))
        words = text(page.version_parts(ours, forecast.QUARTERS))
        assert reason in words
    assert "the newer one drifts (Ann)" in words
    assert "better by" not in words


def test_the_twins_note_says_what_the_weathers_spread_is_taken_from(
    ours: Source, context: Context, made: datetime
) -> None:
    note = "INSERT INTO forecast_note VALUES (%s, 'cooling_power', 900, 'twin', %s, %s)"
    said_of_it = {"weather": "as 84 weather forecasts of the last 28 days were off"}
    execute(context, note, context.site.id, made, db.json(said_of_it))
    words = shown(ours, "cooling_power")
    assert "As 84 weather forecasts of the last 28 days were off" in words
    assert "Ensemble of" in words, "the ensemble's note stays beside it"


def test_any_other_target_with_a_forecast_has_its_part(
    ours: Source, context: Context, made: datetime
) -> None:
    with db.connect(context.dsn) as conn:
        seed.one_issue(conn, context.site, made, "ensemble", "hall_1_power", 900, 96)
    assert forecast.targets(ours) == ("it_power", "cooling_power", "hall_1_power")
    layout = page.layout(ours)
    assert "forecast-chart-hall_1_power" in {g.id for g in graphs(layout)}
    words = text([layout, list(seen(ours, page.PAGE).values())])
    assert "Hall 1 power: forecast and measured" in words
    assert "Nothing has been chosen yet" in words


def test_an_empty_database_is_explained(empty_source: Source) -> None:
    words = text(list(seen(empty_source, page.PAGE).values()))
    assert words.count("No forecast yet") == 2
    assert words.count("Not scored yet") == 2
    assert "No trained model yet" in words
    assert forecast.peak(empty_source).reason == "no forecast yet"


def test_the_page_draws_again_when_there_is_something_new(
    ours: Source, context: Context, clock: ManualClock
) -> None:
    def shown(search: str = "") -> str:
        return text(list(seen(ours, page.PAGE, search).values()))

    def drawn(search: str = "") -> str:
        with view.use(view.parse(search, ours.context.site, page.PAGE.keys)):
            return as_json([make() for (name, _), make in page.live(ours).items() if "jobs" not in name])

    first = drawn()
    clock.advance(timedelta(seconds=30))
    assert drawn() == first
    assert drawn(f"?grid={list(page.GRIDS)[1]}") != first
    assert drawn(f"?window={next(iter(page.WINDOWS))}") != first
    assert shown("?grid=nonsense&window=-1"), "what the address has wrong is the default"
    for change in (
        lambda conn: seed.choice(conn, context.site, "it_power", 900, clock.now(), "lstm"),
        lambda conn: seed.alarm(conn, context.site, "forecast.drift", clock.now()),
        lambda conn: conn.execute("UPDATE model_version SET status = 'retired'"),
        lambda conn: seed.one_issue(conn, context.site, clock.now(), "lstm", "it_power", 900, 96),
    ):
        before = drawn()
        with db.connect(context.dsn) as conn:
            change(conn)
        clock.advance(timedelta(seconds=5))
        assert drawn() != before


def test_what_was_believed_earlier_is_shown_as_such(ours: Source, context: Context, made: datetime) -> None:
    with db.connect(context.dsn) as conn:
        seed.one_issue(conn, context.site, made - 5 * HOUR, "lstm", "it_power", 900, 96)
    now, then = forecast.picked(ours, "it_power"), forecast.picked(ours, "it_power", at=made - 4 * HOUR)
    assert now
    assert then
    assert then.shown.issued_at == made - 5 * HOUR < now.shown.issued_at
    words = text(list(seen(ours, page.PAGE, "?back=4").values()))
    assert "As it was believed at 0" in words
    assert "No forecast had been made by then" in text(list(seen(ours, page.PAGE, "?back=48").values()))
    for nonsense in ("-1", "x", "9" * 30, "²"):
        assert "As it was believed" not in text(list(seen(ours, page.PAGE, f"?back={nonsense}").values()))


def test_peak_of_a_forecast_that_has_run_out(ours: Source, clock: ManualClock) -> None:
    found = forecast.picked(ours, "it_power")
    assert found is not None
    clock.advance(2 * DAY)
    assert page.peak_text(ours, found, forecast.QUARTERS) == "The newest forecast has run out."


def test_the_queries_go_through_keys_and_not_through_the_table(context: Context, made: datetime) -> None:
    """However many issues there are: no sequential scan of what grows."""
    import sql  # noqa: PLC0415  # this test alone

    given = {
        "site": context.site.id, "target": "it_power", "step_s": 900, "model": "ensemble", "zone": "UTC",
        "naive": "seasonal_naive", "models": ["ensemble", "seasonal_naive"], "issued": [made, made],
        "start": made - DAY, "end": made,
    }  # fmt: skip
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO forecast"
            " SELECT site_id, target, model, issued_at - make_interval(mins => 15 * i), valid_at, step_s,"
            " q05, q10, q25, q50, q75, q90, q95 FROM forecast, generate_series(1, 40) AS i"
            " ON CONFLICT DO NOTHING"
        )
        for table in ("forecast", "forecast_note", "forecast_score"):
            conn.execute(f"ANALYZE {table}")
        for name in ("issues", "steps", "scores", "daily"):
            plan = conn.execute(f"EXPLAIN {sql.query(f'ui_forecast_{name}')}", given).fetchall()
            lines = "\n".join(row["QUERY PLAN"] for row in plan)
            assert "Seq Scan on forecast" not in lines, name
            assert "_pkey" in lines
