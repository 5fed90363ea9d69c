from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast import conformal, metrics
from forecast.protocol import MEDIAN, QUANTILES

NOW = datetime(2026, 3, 2, tzinfo=UTC)
offsets = st.lists(st.floats(-5, 5), min_size=7, max_size=7)


def narrow(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth with errors of 10 W, and quantiles that believe in a fifth of that."""
    truth = 100 + 10 * np.random.default_rng(seed).standard_normal(count)
    return truth, np.tile(100 + 2 * np.array([-1.6, -1.3, -0.7, 0, 0.7, 1.3, 1.6]), (count, 1))


def test_a_held_out_time_gives_the_unit_and_moves_nothing() -> None:
    truth, quantiles = narrow(4000, 1)
    state = conformal.start(truth, quantiles)
    assert state.scale_w == pytest.approx(np.abs(truth - 100).mean())
    assert state.apply(quantiles).tolist() == quantiles.tolist()


def test_the_first_days_move_more_than_later_ones() -> None:
    missed = (0.3,) * 7
    first = conformal.Conformal(10.0).track(missed, 1.0, NOW)
    later = conformal.Conformal(10.0, days=100.0).track(missed, 1.0, NOW)
    assert first.offsets[-1] == pytest.approx(1.0 * (0.95 - 0.3))
    assert later.offsets[-1] == pytest.approx(0.2 * (0.95 - 0.3))
    assert first.offsets[MEDIAN] == 0.0
    assert (first.days, later.days) == (1.0, 101.0)


@given(offsets, st.lists(st.floats(0, 1e6), min_size=7, max_size=7))
def test_quantiles_stay_in_order_and_the_median_where_it_was(moves: list[float], values: list[float]) -> None:
    raw = np.sort(np.array(values))
    moves[MEDIAN] = 0.0
    moved = conformal.Conformal(1e4, tuple(moves)).apply(raw[None])[0]
    assert (np.diff(moved) >= 0).all()
    assert moved[MEDIAN] == raw[MEDIAN]


def test_tracking_follows_what_was_missed() -> None:
    truth, quantiles = narrow(96, 3)
    state = conformal.Conformal(scale_w=10.0)
    for day in range(30):
        truth, quantiles = narrow(96, day)
        below = tuple(metrics.at_or_below(truth, state.apply(quantiles)))
        state = state.track(below, 1.0, NOW)
    truth, quantiles = narrow(4000, 999)
    assert metrics.score(truth, quantiles, 1).cov80 < 0.35
    assert metrics.score(truth, state.apply(quantiles), 1).cov80 == pytest.approx(0.8, abs=0.08)
    assert state.scored_until == NOW.isoformat()


def test_a_new_version_goes_on_where_the_old_one_was() -> None:
    before = conformal.Conformal(20.0, (-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0), 30.0, NOW.isoformat())
    new = conformal.Conformal(10.0).after(before)
    quantiles = np.full((3, 7), 100.0)
    assert new.apply(quantiles) == pytest.approx(before.apply(quantiles))
    assert (new.days, new.scored_until) == (30.0, "")
    assert conformal.Conformal(0.0).after(before).offsets == pytest.approx(conformal.ZERO)


def test_what_is_right_stays_as_it_is() -> None:
    state = conformal.Conformal(10.0).track(QUANTILES, 1.0, NOW)
    assert state.offsets == pytest.approx(conformal.ZERO)


def test_the_state_survives_the_card() -> None:
    state = conformal.Conformal(12.5, (-1, -0.5, -0.1, 0, 0.1, 0.5, 1), 3.5, NOW.isoformat())
    assert conformal.from_dict(state.as_dict()) == state


def test_nothing_measured_changes_nothing() -> None:
    _, quantiles = narrow(10, 1)
    state = conformal.start(np.full(10, np.nan), quantiles)
    assert state.apply(quantiles) == pytest.approx(quantiles)
