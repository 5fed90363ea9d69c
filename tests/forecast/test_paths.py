"""Joint scenarios: the forecast's own margins, errors that go together, days added up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_series import START, daily, frame
from scipy.special import ndtri

from core import db
from forecast import path_rows, paths
from forecast.frames import nothing_known
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.protocol import QUANTILE_NAMES, QUANTILES, Task

if TYPE_CHECKING:
    import pandas as pd

    from core.series import Floats
    from core.site import Site

HOURLY = Task("it_power", 3600, 24, "Europe/Amsterdam")
WEEK = Task("it_power", 3600, 168, "Europe/Amsterdam")
QUARTERS = Task("it_power", 900, 96, "Europe/Amsterdam")
NOTHING = np.empty((0, 24))


def normal(steps: int, mean: float = 5e5, sd: float = 2e4) -> Floats:
    return mean + sd * np.tile(ndtri(np.array(QUANTILES)), (steps, 1))


def remembering(days: int, steps: int, keep: float, seed: int = 0) -> Floats:
    """Errors of which each is `keep` times the one before, and news."""
    rng = np.random.default_rng(seed)
    errors = rng.standard_normal((days, steps))
    for i in range(1, steps):
        errors[:, i] = keep * errors[:, i - 1] + np.sqrt(1 - keep**2) * errors[:, i]
    return 1e4 * errors


quantile_rows = arrays(np.float64, (24, 7), elements=st.floats(0, 1e6)).map(lambda q: np.sort(q, axis=1))


@settings(max_examples=15, deadline=None)
@given(quantile_rows, st.integers(0, 2**31))
def test_every_step_keeps_the_quantiles_of_the_forecast(quantiles: Floats, seed: int) -> None:
    made = paths.scenarios(quantiles, remembering(30, 24, 0.8), 3600, seed, count=1000)
    below = np.array(QUANTILES) * 1000
    for step in range(24):
        ordered = np.sort(made[:, step])
        for rank, value in zip(below, quantiles[step], strict=True):
            assert ordered[round(rank) - 1] - 1e-6 <= value <= ordered[round(rank)] + 1e-6


@settings(max_examples=15, deadline=None)
@given(arrays(np.float64, (24, 7), elements=st.floats(-1e6, 1e6)))
def test_no_path_is_below_zero_even_where_quantiles_cross_or_are(quantiles: Floats) -> None:
    made = paths.scenarios(quantiles, NOTHING, 3600, 1)
    assert made.shape == (paths.PATHS, 24)
    assert np.isfinite(made).all()
    assert (made >= 0).all()


def test_beyond_the_outermost_quantiles_a_normal_forecast_stays_normal() -> None:
    found = paths.quantile_function(normal(1), np.array([0.001, 0.07, 0.5, 0.999]))[:, 0]
    assert found == pytest.approx(5e5 + 2e4 * ndtri(np.array([0.001, 0.07, 0.5, 0.999])), rel=1e-12)


def test_errors_that_stay_make_the_days_energy_wider_than_errors_that_come_and_go() -> None:
    wide, narrow = (
        paths.scenarios(normal(24), remembering(60, 24, keep), 3600, 3, 400).sum(axis=1).std()
        for keep in (0.97, 0.0)
    )
    assert narrow == pytest.approx(2e4 * np.sqrt(24), rel=0.3)
    assert wide > 2.5 * narrow


def test_paths_go_together_as_the_past_errors_do() -> None:
    made = paths.scenarios(normal(24), remembering(200, 24, 0.9), 3600, 3, 2000)
    shown = np.corrcoef(made.T)
    assert np.diagonal(shown, 1).mean() == pytest.approx(0.9, abs=0.05)
    assert np.diagonal(shown, 6).mean() == pytest.approx(0.9**6, abs=0.12)


def test_few_past_forecasts_leave_a_correlation_that_fades() -> None:
    shown = paths.correlation(remembering(paths.DAYS_MIN - 1, 24, 0.9), 3600)
    assert shown[0, 6] == pytest.approx(np.exp(-1))
    assert (np.diagonal(shown) == 1).all()


def test_unmeasured_and_constant_errors_are_no_news() -> None:
    errors = remembering(100, 24, 0.9)
    errors[3:9, 5:] = np.nan
    errors[:, 2] = 7.0
    errors[:, 20] = np.nan
    shown = paths.correlation(errors, 3600)
    assert np.isfinite(shown).all()
    assert np.isfinite(paths.scenarios(normal(24), errors, 3600, 1)).all()
    assert shown[10, 11] == pytest.approx(0.9, abs=0.1)


def test_an_issue_has_the_same_paths_every_time_and_another_has_others() -> None:
    issued = [START, START + timedelta(hours=1)]
    first, second = (paths.scenarios(normal(24), NOTHING, 3600, paths.seed_of(HOURLY, at)) for at in issued)
    again = paths.scenarios(normal(24), NOTHING, 3600, paths.seed_of(HOURLY, START))
    assert (first == again).all()
    assert (first != second).any()


def test_naive_errors_are_those_of_repeating_the_day_before() -> None:
    y = np.arange(24.0 * 5) ** 1.5
    y[30] = np.nan
    found = paths.naive_errors(y, HOURLY)
    assert found.shape == (4, 24)
    assert found[-1] == pytest.approx(y[96:] - y[72:96])
    assert np.flatnonzero(np.isnan(found[0])).tolist() == [6]
    assert paths.naive_errors(y[:30], HOURLY).shape == (0, 24)
    assert paths.naive_errors(np.arange(24.0 * 9), WEEK)[0, [0, 30]].tolist() == [24.0, 48.0]


def test_days_of_constant_power_add_up_and_say_what_they_leave_out() -> None:
    issued = datetime(
        2026, 3, 27, 23, tzinfo=UTC
    )  # Saturday 00:00 in Amsterdam, a day before the clocks change
    found = paths.days(np.full((50, 168), 4e5), WEEK, issued)
    energy = found["day_energy_kwh"]
    assert [row["hours"] for row in energy] == [24, 23, 24, 24, 24, 24, 24, 1]
    assert [row["partial"] for row in energy] == [False] * 7 + [True]
    assert energy[1]["day"] == "2026-03-29"
    assert [row["q50"] for row in energy] == pytest.approx([400.0 * row["hours"] for row in energy])
    assert {row["q90"] for row in found["day_peak_kw"]} == {400.0}


def test_the_peak_is_told_with_its_hour() -> None:
    course = np.full((50, 96), 4e5)
    course[:, 50] = 6e5
    course[:10, 20] = 7e5
    issued = datetime(2026, 1, 9, 23, tzinfo=UTC)
    [peak, *rest] = paths.days(course, QUARTERS, issued)["day_peak_kw"]
    assert not rest
    assert (peak["q10"], peak["q50"], peak["q90"]) == (600.0, 600.0, 700.0)
    assert peak["at"] == (issued + timedelta(hours=12)).isoformat()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 400 * 96), st.sampled_from(["Europe/Amsterdam", "America/St_Johns", "Asia/Beirut", "UTC"])
)
def test_all_days_of_an_issue_cover_it_once(quarter: int, zone: str) -> None:
    issued = START + quarter * timedelta(minutes=15)
    rows = paths.days(np.ones((3, 96)), Task("it_power", 900, 96, zone), issued)["day_energy_kwh"]
    assert sum(row["hours"] for row in rows) == 24
    assert all(later["day"] > earlier["day"] for earlier, later in pairwise(rows))


def test_an_issue_keeps_its_paths_and_learns_from_the_issues_before(dsn: str, site: Site) -> None:
    y = daily(20, timedelta(hours=1), seed=5)
    history, task = frame(y, timedelta(hours=1)), HOURLY
    forecaster = SeasonalNaive(task)
    with db.connect(dsn) as conn:
        issue = forecaster.predict(history, nothing_known())
        issued_at = issue["issued_at"].iloc[0].to_pydatetime()
        naive = path_rows.past_errors(conn, site.id, task, forecaster.name, issued_at, history)
        assert naive.shape == (19, 24)
        for days in range(1, 8):
            _store(conn, site.id, forecaster.predict(history.iloc[: -24 * days], nothing_known()))
        own = path_rows.past_errors(conn, site.id, task, forecaster.name, issued_at, history)
        assert own == pytest.approx(naive[-7:])
        said = path_rows.keep(conn, site.id, task, issue, history)
        made = path_rows.load(conn, site.id, task, forecaster.name, issued_at)
        assert made.shape == (paths.PATHS, 24)
        assert said == paths.days(made, task, issued_at)
        assert sum(row["q50"] for row in said["day_energy_kwh"]) == pytest.approx(
            issue["q50"].sum() / 1e3, rel=0.05
        )
        path_rows.save(conn, site.id, task, forecaster.name, issued_at, 2 * made)
        assert (path_rows.load(conn, site.id, task, forecaster.name, issued_at) == made).all()
        assert path_rows.load(conn, site.id, task, "lstm", issued_at).shape == (0, 24)


def _store(conn: db.Connection, site_id: str, forecast: pd.DataFrame) -> None:
    first = forecast.iloc[0]
    db.rows(
        conn,
        "forecast_insert",
        site=site_id,
        target=first["target"],
        model=first["model"],
        issued_at=first["issued_at"].to_pydatetime(),
        valid_at=[time.to_pydatetime() for time in forecast["valid_at"]],
        step_s=3600,
        model_version_id=None,
        **{name: forecast[name].to_list() for name in QUANTILE_NAMES},
    )
